"""Rivals per sentence, from the logged samples of an alignment task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.files import read_samples

_LOGGED = {"nas": "nasca_max", "nav": "navca_max", "hidden": "mexa_max"}
"""Representation -> the metric under which the harness logs its rivals."""
_DIRECTIONS = ("row", "column", "either")


def read_rivals(path: str | Path) -> dict[str, NDArray[np.int64]]:
    """Rivals of every sentence and layer.

    Args:
        path: samples file of an alignment task.

    Returns:
        Representation (`nas`, `nav`, `hidden`) to `[3, layers, n]` int64: rivals in the row, in the
        column and in either. None in either is a hit.

    Raises:
        NeuronXAError: not the samples of an alignment task, or counts that do not fit together.
    """
    samples = read_samples(path)
    if not samples:
        raise NeuronXAError(f"The samples file {path} has no samples. Run with --log_samples.")
    found: dict[str, NDArray[np.int64]] = {}
    for representation, metric in _LOGGED.items():
        try:
            counts = np.array(
                [[sample[metric][direction] for direction in _DIRECTIONS] for sample in samples]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NeuronXAError(
                f"The samples file {path} has no rivals per layer under {metric}, so it is not of "
                "a NeuronXA task. Give samples_neuronxa_*.jsonl."
            ) from error
        n = len(samples)
        if (
            counts.ndim != 3
            or counts.dtype.kind != "i"
            or (counts < 0).any()
            or (counts >= n).any()
        ):
            raise NeuronXAError(
                f"The samples file {path} has rivals of {representation} that are no whole numbers "
                f"from 0 to {n - 1} per layer; its {n} samples are probably not all of the run. "
                "Run the task again with --log_samples."
            )
        found[representation] = counts.transpose(1, 2, 0).astype(np.int64)
    return found
