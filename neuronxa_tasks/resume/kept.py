"""Going on where a run was stopped: which languages of a run are on disk, and keeping new ones."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.names import one_of
from neuronxa_tasks.resume.cache import MODES, Mode, ScoreCache
from neuronxa_tasks.resume.entries import Layers, Result, floor_of, result_of
from neuronxa_tasks.resume.identity import Unnameable, run_identity, task_identity
from neuronxa_tasks.schema import ControlRun
from neuronxa_tasks.text.sentence_pairs import Pairs, Texts

progress = logging.getLogger("lm_eval.neuronxa")
"""Below warnings, only loggers of the harness are heard."""

MODE_ARGUMENT, FOLDER_ARGUMENT = "neuronxa_resume", "neuronxa_resume_dir"
_CHOICE = "_neuronxa_resume"

T = TypeVar("T")


def choose(lm: Any, mode: Any, folder: Any) -> None:
    """Set what the model arguments say; None leaves it to the environment.

    Raises:
        NeuronXAError: An unknown mode.
    """
    setattr(lm, _CHOICE, (mode, folder))
    _chosen(lm)


def _chosen(lm: Any) -> tuple[Mode, Path]:
    """The model arguments, else NEURONXA_RESUME and NEURONXA_RESUME_DIR, else on."""
    mode, folder = vars(lm).get(_CHOICE, (None, None))
    name = MODE_ARGUMENT
    if mode is None:
        mode, name = os.environ.get("NEURONXA_RESUME") or "on", "NEURONXA_RESUME"
    if isinstance(mode, bool):  # what YAML makes of on and off
        mode = "on" if mode else "off"
    one_of(name, mode, MODES)
    folder = folder or os.environ.get("NEURONXA_RESUME_DIR") or cache_folder() / "scores"
    return cast(Mode, mode), Path(str(folder)).expanduser()


class Kept:
    """Results of the languages of a run, as far as they are on disk.

    Args:
        cache: Where they are.
        names: Task -> the name of its result; tasks without one are neither found nor kept.
        layers: Of the model.

    Attributes:
        used: Tasks of which something was found.
    """

    def __init__(self, cache: ScoreCache, names: Mapping[str, str], layers: Layers) -> None:
        self._cache = cache
        self._names = names
        self._layers = layers
        self.used: set[str] = set()

    def result(self, task: str, pairs: Pairs) -> Result | None:
        """Find the result of a task."""
        return self._get(task, "score", lambda found: result_of(found, pairs, self._layers))

    def keep_result(self, task: str, result: Result) -> None:
        """Keep the result of a task."""
        samples, block = result
        rows = [[each.nas, each.nav, each.hidden, each.beside] for each in samples]
        self._put({"samples": rows, "block": {**block, "source": None}}, task, "score")

    def floor(self, task: str, pairs: Pairs, seed: int) -> ControlRun | None:
        """Find the result of a task on untrained weights."""
        return self._get(
            task, f"untrained {seed}", lambda found: floor_of(found, pairs, seed, self._layers)
        )

    def keep_floor(self, task: str, seed: int, run: ControlRun) -> None:
        """Keep the result of a task on untrained weights."""
        shares = {name: each.tolist() for name, each in run.shares.items()}
        self._put({"block": run.block, "shares": shares}, task, f"untrained {seed}")

    def close(self) -> None:
        """Hold the folder to its size."""
        self._cache.trim()

    def _get(self, task: str, part: str, read: Callable[[Any], T]) -> T | None:
        if task not in self._names:
            return None
        found = self._cache.get(self._names[task], part, read=read)
        if found is not None:
            self.used.add(task)
        return found

    def _put(self, content: Any, task: str, part: str) -> None:
        if task in self._names:
            self._cache.put(content, self._names[task], part)


def kept_results(
    lm: Any,
    tasks: Mapping[str, Pairs],
    texts: Texts,
    weights: str,
    encoder: Any,
    *,
    absent: bool = False,
) -> Kept:
    """Look where the results of a run's tasks would be.

    Args:
        lm: A loaded `HFLM`.
        tasks: Task -> its sentence pairs.
        texts: Of the model's tokenizer.
        weights: `fingerprint` of the model.
        encoder: An unused encoder of the run.
        absent: Find and keep nothing, because another process does it.
    """
    mode, folder = _chosen(lm)
    layout = encoder.layout
    ffns = len(layout.ffns)
    layers = {"nas": ffns, "nav": ffns, "hidden": len(layout.blocks) + 1}
    if mode == "off" or absent:
        return Kept(ScoreCache(None), {}, layers)
    run = run_identity(lm, weights, encoder)
    if isinstance(run, Unnameable):
        progress.info("Results are not kept for this model: %s.", run.reason)
        return Kept(ScoreCache(None), {}, layers)
    names = {
        task: task_identity(run, pairs.settings, [texts.digest(pairs.column(i)) for i in (0, 1)])
        for task, pairs in tasks.items()
    }
    return Kept(ScoreCache(folder, mode), names, layers)
