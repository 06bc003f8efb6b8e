"""Does a benchmark move with an alignment score while a model is trained?"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neuronxa_tasks.reports.sweep.trends import MEAN, Trends
from neuronxa_tasks.statistics.columns import FloatArray
from neuronxa_tasks.statistics.correlation import missing_reason, rowwise_correlation


@dataclass(frozen=True, slots=True)
class OverSteps:
    """Correlation of a score with a benchmark over the checkpoints of one series.

    There is no interval and no p: both would need independent points, and checkpoints of one run
    are not independent. Two lines that both rise have a high r, whatever drives them; the
    correlation of their changes has no common rise left in it.

    Attributes:
        alignment: `neuronxa_flores`, ...
        score: `nasca`, `navca` or `mexa`.
        benchmark: `xnli`, ...
        metric: `acc`, ...
        language: a language of both, or `mean`: the mean over the languages of both, or the
            benchmark's only value against the mean of the score.
        languages: how many the mean is over; 1 for a language.
        n: checkpoints.
        r: Pearson's r in [-1, 1]; NaN where there is none.
        rho: Spearman's.
        n_changes: pairs of neighbouring checkpoints.
        r_changes: Pearson's r of the changes from one checkpoint to the next.
        reason: why r is NaN; empty where it is not.
        reason_changes: why r_changes is NaN.
    """

    alignment: str
    score: str
    benchmark: str
    metric: str
    language: str
    languages: int
    n: int
    r: float
    rho: float
    n_changes: int
    r_changes: float
    reason: str
    reason_changes: str

    def record(self) -> dict[str, Any]:
        """Column to value."""
        return asdict(self)


def correlate_over_steps(trends: Trends) -> list[OverSteps]:
    """Correlates each score with each benchmark: the means first, then each language."""
    lines = trends.lines
    steps = trends.steps

    def column(benchmark: str, metric: str, language: str) -> FloatArray:
        line = lines[(benchmark, metric, language)]
        return np.array([line[s].value if s in line else math.nan for s in steps])

    def languages(benchmark: str, metric: str) -> list[str]:
        return [
            key[2]
            for key in lines
            if key[:2] == (benchmark, metric) and key[2] not in ("", MEAN, *trends.pivots)
        ]

    found: list[OverSteps] = []
    for alignment, score in trends.metrics("alignment"):
        scored = languages(alignment, score)
        for benchmark, metric in trends.metrics("benchmark"):
            tested = languages(benchmark, metric)
            both = [code for code in scored if code in tested]
            names = (alignment, score, benchmark, metric)
            if both:
                x = np.mean([column(alignment, score, code) for code in both], axis=0)
                y = np.mean([column(benchmark, metric, code) for code in both], axis=0)
                found.append(_over_steps(names, MEAN, len(both), x, y))
            elif not tested:  # one value without a language, or in the pivot alone
                x = np.mean([column(alignment, score, code) for code in scored], axis=0)
                y = column(benchmark, metric, trends.main_language(benchmark, metric))
                found.append(_over_steps(names, MEAN, len(scored), x, y))
            found += [
                _over_steps(
                    names, code, 1, column(alignment, score, code), column(benchmark, metric, code)
                )
                for code in (both if len(both) > 1 else [])
            ]
    return found


def _over_steps(
    names: tuple[str, str, str, str],
    language: str,
    languages: int,
    x: FloatArray,
    y: FloatArray,
) -> OverSteps:
    there = ~(np.isnan(x) | np.isnan(y))
    used_x, used_y = x[there], y[there]
    # A change is between neighbours of the series; a gap has none on either side.
    moved = there[1:] & there[:-1]
    change_x, change_y = np.diff(x)[moved], np.diff(y)[moved]
    reason = missing_reason(len(used_x), {names[1]: used_x, names[3]: used_y})
    changes = {f"the change of {names[1]}": change_x, f"the change of {names[3]}": change_y}
    reason_changes = missing_reason(len(change_x), changes)
    return OverSteps(
        *names,
        language,
        languages,
        len(used_x),
        math.nan if reason else float(rowwise_correlation(used_x, used_y)),
        math.nan if reason else float(rowwise_correlation(used_x, used_y, "spearman")),
        len(change_x),
        math.nan if reason_changes else float(rowwise_correlation(change_x, change_y)),
        reason or "",
        reason_changes or "",
    )
