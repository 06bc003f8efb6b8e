"""Intervals of the metrics of one language pair, by the name of the metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from numpy.typing import ArrayLike

from neuronxa_tasks.alignment.measuring import measure
from neuronxa_tasks.names import MEASURES, measure_metrics
from neuronxa_tasks.statistics.sentences import sentence_intervals


def signed(metrics: Iterable[str]) -> set[str]:
    """Those of some metrics whose values may lie below 0: differences, and some measures."""
    below = {
        metric
        for name in MEASURES
        if measure(name).lowest < 0
        for metric in measure_metrics([name])
    }
    return {
        name
        for name in metrics
        if name.endswith("_above_floor") or any(name.startswith(each) for each in below)
    }


def metric_intervals(values: Mapping[str, ArrayLike]) -> dict[str, tuple[float, float] | None]:
    """Interval of the mean over sentences of every metric; see `sentence_intervals`.

    Args:
        values: Metric -> [n] values. The mean of a measure's is bootstrapped as that of a score's:
            they are its influence, so that the measure itself never sees a sentence twice.
    """
    return sentence_intervals(values, differences=signed(values))
