"""Intervals of the metrics of one language pair, by the name of the metric."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from neuronxa_tasks.statistics.sentences import sentence_intervals


def metric_intervals(values: Mapping[str, ArrayLike]) -> dict[str, tuple[float, float] | None]:
    """Interval of the mean over sentences of every metric; see `sentence_intervals`.

    Args:
        values: Metric -> [n] values. Scores above their floor are differences.
    """
    differences = {name for name in values if name.endswith("_above_floor")}
    return sentence_intervals(values, differences=differences)
