"""What the task configs of the toy world call to get their items.

The items are files, `items/<benchmark>/<code>.jsonl`, one JSON object a line. The world's grammar
wrote them: `results/world/workshop/generate.py` of the repository.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:
    import datasets

_FOLDER = Path(__file__).resolve().parent / "items"


def load(*, world_benchmark: str, world_language: str, **_: Any) -> dict[str, datasets.Dataset]:
    """The items as a data set with one split (`custom_dataset` of the task configs).

    Args:
        world_benchmark: `cloze`, `knowledge`, `story` or `nli`.
        world_language: FLORES-200 code.
        **_: The harness hands over the metadata of the run; these tasks have no options.

    Raises:
        NeuronXAError: If the world has no such benchmark or language.
    """
    import datasets

    return {"test": datasets.Dataset.from_list(items(world_benchmark, world_language))}


def items(benchmark: str, code: str) -> list[dict[str, Any]]:
    """The items of a benchmark in a language; item i has the same meaning in every language.

    Args:
        benchmark: See `load`.
        code: FLORES-200 code.

    Returns:
        For each item `key`, which names what it is about, and `context`, `endings` and `gold`, or
        for `nli` `premise`, `hypothesis` and `label`. `gold` and `label` count from 0.

    Raises:
        NeuronXAError: If the world has no such benchmark or language.
    """
    benchmarks = sorted(path.name for path in _FOLDER.iterdir())
    if benchmark not in benchmarks:
        raise NeuronXAError(
            f"The toy world has no benchmark {benchmark!r}, because no items of it were written. "
            f"Use one of: {', '.join(benchmarks)}."
        )
    codes = sorted(path.stem for path in (_FOLDER / benchmark).iterdir())
    if code not in codes:
        raise NeuronXAError(
            f"The toy world has no language {code!r}, because no items of {benchmark} were "
            f"written in it. Use one of: {', '.join(codes)}."
        )
    with (_FOLDER / benchmark / f"{code}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
