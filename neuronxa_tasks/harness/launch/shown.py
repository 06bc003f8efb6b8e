"""What a run shows: warnings and bars while it goes on, then the table, then where it lies."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from neuronxa_tasks.names import BASELINES, CONTROLS, SCORES, of_a_measure

OURS = logging.getLogger("lm_eval.neuronxa")
"""What we say of the progress of a run; shown at INFO."""

_IN_OUR_TABLE = frozenset(
    {
        *SCORES,
        *(f"{score}_max" for score in SCORES),
        *BASELINES,
        *(f"{score}_{ending}" for score in SCORES for ending in CONTROLS["untrained"]),
    }
)
"""Metrics that our table shows, and what only belongs to them."""


def log_level(asked: str | None) -> int:
    """The level of the harness' log: what the user asks for, else warnings.

    Args:
        asked: The value of `--verbosity`, if there is one. LMEVAL_LOG_LEVEL goes before it, as in
            the harness.
    """
    for name in (os.environ.get("LMEVAL_LOG_LEVEL"), asked):
        level = logging.getLevelName(str(name).upper())
        if isinstance(level, int):
            return level
    return logging.WARNING


@contextmanager
def shown(level: int) -> Iterator[None]:
    """Let the harness say no more than a level; at INFO and below everything is as it is there.

    Above INFO it lists no tasks and files, has no bar for each task, and its table has no rows
    that stand in ours, with intervals and baselines beside them.

    Args:
        level: Of its log.
    """
    import lm_eval.api.task
    from lm_eval import evaluator, utils
    from tqdm import tqdm

    utils.setup_logging(level)
    logging.getLogger("lm_eval").setLevel(level)
    OURS.setLevel(min(level, logging.INFO))
    table, bar = utils.make_table, lm_eval.api.task.tqdm
    commit = evaluator.get_git_commit_hash
    if level > logging.INFO:
        utils.make_table = partial(_shorter, table)
        lm_eval.api.task.tqdm = partial(tqdm, disable=True)
        if not _in_a_repository():
            evaluator.get_git_commit_hash = _no_commit
    try:
        yield
    finally:
        utils.make_table, lm_eval.api.task.tqdm = table, bar
        evaluator.get_git_commit_hash = commit


def _in_a_repository() -> bool:
    """Elsewhere git would say `fatal`, and the harness would record no commit."""
    here = Path.cwd()
    return "GIT_DIR" in os.environ or any((p / ".git").exists() for p in (here, *here.parents))


def _no_commit() -> None:
    return None


def _shorter(table: Any, results: Mapping[str, Any], column: str = "results", **more: Any) -> str:
    """The harness' table without what ours shows; empty where nothing is left."""
    rows = {}
    for name, row in results[column].items():
        is_ours = "nasca,none" in row
        kept = {key: value for key, value in row.items() if not (is_ours and _is_ours(key))}
        if not is_ours or any("," in key for key in kept):
            rows[name] = kept
    return str(table({**results, column: rows}, column, **more)) if rows else ""


def _is_ours(key: str) -> bool:
    """Is this key of a row, `METRIC,FILTER` or `METRIC_stderr,FILTER`, in our table?"""
    metric = key.partition(",")[0].removesuffix("_stderr")
    return metric in _IN_OUR_TABLE or of_a_measure(metric)


def where(files: Sequence[Path], output: Path | None) -> str:
    """Say where the results are, and what to do next.

    Args:
        files: Results files of this run.
        output: The value of `--output_path`, if there is one.
    """
    if output is None:
        return "Nothing was saved; --output_path FOLDER keeps the results for `neuronxa report`."
    folder = shlex.quote(str(output.parent if output.suffix == ".json" else output))
    return "\n".join(
        [f"Results: {path}" for path in files] + [f"Next: neuronxa report {folder} -o report.html"]
    )
