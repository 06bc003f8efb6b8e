"""Ranks of models by their mean score, and how far the data can tell models apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    FloatArray,
    IntArray,
    check_confidence,
    check_resamples,
)
from neuronxa_tasks.statistics.multiplicity import holm

MIN_COLUMNS = 6
"""Fewer languages (or sentences) than this give no interval: most resamples are degenerate."""

_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class Ranking:
    """Means and ranks of m models.

    Attributes:
        means: `[m]` mean over the columns.
        low: `[m]` lower end of the interval of each mean alone; NaN where there is none.
        high: `[m]` upper end.
        ranks: `[m]` 1 + the number of models with a higher mean; equal means share a rank.
        rank_low: `[m]` 1 + the number of models that are better beyond doubt.
        rank_high: `[m]` m - the number of models that are worse beyond doubt.
        adjusted_p: `[m, m]` of each two models, see `rank_models`; NaN where there are no
            intervals.
        reason: why there are no intervals, or None. All ranks are then possible for all models.
    """

    means: FloatArray
    low: FloatArray
    high: FloatArray
    ranks: IntArray
    rank_low: IntArray
    rank_high: IntArray
    adjusted_p: FloatArray
    reason: str | None


def rank_models(
    scores: FloatArray,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> Ranking:
    """Ranks models by their mean over columns, with confidence sets for the ranks.

    Each two models are compared by Student's paired t over the columns, and two are told apart
    where Holm's adjusted p, for all pairs at once, is at most 1 - `confidence`. So at this level
    all rank intervals hold at once: the construction of Mogstad, Romano, Shaikh & Wilhelm 2024
    ("Inference for Ranks", Review of Economic Studies 91), whose bootstrap of the largest
    difference needs more columns than there are languages (it was wrong in up to a third of the
    draws with 6 of them). The interval of a mean is the percentile interval of a bootstrap over
    columns, widened as Student's t is wider than the normal distribution and by sqrt(c / (c - 1))
    (Hesterberg 2015, sec. 3.4). It is wider than a difference on the same columns, so that
    overlapping intervals do not mean equal models.

    Args:
        scores: `[m, c]` finite scores of m models in c columns (languages, or sentences); higher is
            better.
        rng: source of randomness.
        confidence: level of all intervals.
        n_resamples: bootstrap resamples, for the intervals of the means.

    Raises:
        NeuronXAError: no model or no column, or a score that is no finite number.
    """
    check_confidence(confidence)
    check_resamples(n_resamples, "n_resamples")
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or 0 in scores.shape or not np.isfinite(scores).all():
        raise NeuronXAError(
            f"The scores have the shape {scores.shape} and must be finite, [models, languages], to "
            "be ranked. Leave out what is missing before."
        )
    models, columns = scores.shape
    means = np.asarray(scores.mean(axis=1), dtype=np.float64)
    ranks = 1 + (means[None, :] > means[:, None] + _TIE).sum(axis=1)
    if columns < MIN_COLUMNS:
        nothing = np.full(models, math.nan)
        return Ranking(
            means,
            nothing,
            nothing,
            ranks,
            np.ones(models, dtype=np.int64),
            np.full(models, models, dtype=np.int64),
            np.full((models, models), math.nan),
            f"{columns} to resample, and intervals need {MIN_COLUMNS}",
        )
    drawn = _resampled_means(scores, rng, n_resamples)
    tail = float(stats.norm.cdf(_widened(float(stats.norm.ppf((1.0 - confidence) / 2.0)), columns)))
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    adjusted = _pairwise(scores)
    better = (means[:, None] > means[None, :]) & (adjusted <= 1.0 - confidence + _TIE)
    return Ranking(
        means,
        low,
        high,
        ranks,
        1 + better.sum(axis=0),
        models - better.sum(axis=1),
        adjusted,
        None,
    )


def _resampled_means(scores: FloatArray, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """`[n_resamples, m]`: means over the same resamples of columns for all models."""
    columns = scores.shape[1]
    shares = np.full(columns, 1.0 / columns)
    step = max(1, 2_000_000 // columns)
    parts = []
    for start in range(0, n_resamples, step):
        counts = rng.multinomial(columns, shares, size=min(step, n_resamples - start))
        parts.append(counts @ scores.T / columns)
    return np.concatenate(parts)


def _widened(critical: float, columns: int) -> float:
    """A normal critical value as one of Student's t, and for the bootstrap's narrowness."""
    tail = float(stats.norm.sf(abs(critical)))
    wider = float(stats.t.isf(tail, columns - 1)) * math.sqrt(columns / (columns - 1))
    return math.copysign(wider, critical)


def _pairwise(scores: FloatArray) -> FloatArray:
    """`[m, m]` Holm's adjusted p that two models have the same mean; 1 on the diagonal."""
    models, columns = scores.shape
    first, second = np.triu_indices(models, 1)
    differences = scores[first] - scores[second]
    means = differences.mean(axis=1)
    errors = differences.std(axis=1, ddof=1) / math.sqrt(columns)
    # Models that differ by the same in every column differ beyond doubt, or not at all.
    t = np.divide(
        np.abs(means),
        errors,
        out=np.where(np.abs(means) > _TIE, math.inf, 0.0),
        where=errors > _TIE,
    )
    adjusted = np.ones((models, models))
    adjusted[first, second] = adjusted[second, first] = holm(2.0 * stats.t.sf(t, columns - 1))
    return adjusted
