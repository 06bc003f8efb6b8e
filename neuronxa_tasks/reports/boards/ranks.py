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
        reason: why there are no intervals, or None. All ranks are then possible for all models.
    """

    means: FloatArray
    low: FloatArray
    high: FloatArray
    ranks: IntArray
    rank_low: IntArray
    rank_high: IntArray
    reason: str | None


def rank_models(
    scores: FloatArray,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> Ranking:
    """Ranks models by their mean over columns, with confidence sets for the ranks.

    All differences of two means are bootstrapped together, over the same resamples of columns, and
    studentised with their standard error. Two models are told apart where their difference exceeds
    the `confidence` quantile of the largest of all of them (max-t), so that at this level all rank
    intervals hold at once (Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks"). For few
    columns the quantile is widened as Student's t is wider than the normal distribution, and by
    sqrt(c / (c - 1)) (Hesterberg 2015, sec. 3.4). The interval of a mean is the percentile
    interval, widened in the same way; it is wider than a difference on the same columns, so that
    overlapping intervals do not mean equal models.

    Args:
        scores: `[m, c]` finite scores of m models in c columns (languages, or sentences); higher is
            better.
        rng: source of randomness.
        confidence: level of all intervals.
        n_resamples: bootstrap resamples.

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
            f"{columns} to resample, and intervals need {MIN_COLUMNS}",
        )
    drawn = _resampled_means(scores, rng, n_resamples)
    tail = float(stats.norm.cdf(_widened(float(stats.norm.ppf((1.0 - confidence) / 2.0)), columns)))
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    better = _told_apart(scores, drawn, confidence)
    return Ranking(
        means,
        low,
        high,
        ranks,
        1 + better.sum(axis=0),
        models - better.sum(axis=1),
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


def _told_apart(scores: FloatArray, drawn: FloatArray, confidence: float) -> np.ndarray:
    """`[m, m]` bool: the model of the row is better than that of the column, beyond doubt."""
    models, columns = scores.shape
    means = scores.mean(axis=1)
    differences = means[:, None] - means[None, :]
    errors = np.zeros((models, models))
    largest = np.zeros(len(drawn))
    for i in range(models):
        errors[i] = (scores[i] - scores).std(axis=1, ddof=1) / math.sqrt(columns)
        spread = errors[i] > _TIE
        if spread.any():
            deviations = np.abs(drawn[:, [i]] - drawn[:, spread] - differences[i, spread])
            largest = np.maximum(largest, (deviations / errors[i, spread]).max(axis=1))
    critical = _widened(float(np.quantile(largest, confidence)), columns)
    return np.asarray(differences > critical * errors + _TIE)
