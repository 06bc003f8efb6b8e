"""Which of two scores correlates more with an outcome, over several models at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.statistics import MIN_POINTS, BootstrapInterval
from neuronxa_tasks.statistics.columns import FloatArray, IntArray
from neuronxa_tasks.statistics.correlation import resampled_correlation, rowwise_correlation
from neuronxa_tasks.statistics.resampling import (
    NO_BOOTSTRAP,
    bootstrap_distribution,
    percentile_interval,
)


@dataclass(frozen=True, slots=True)
class JointDifference:
    """Difference of two Fisher-z averages over the same models and languages.

    Attributes:
        difference: first average - second average; NaN where there is none.
        models: number of models.
        n: languages, the same for every model.
        bootstrap: interval of the difference, languages resampled for all models at once.
    """

    difference: float
    models: int
    n: int
    bootstrap: BootstrapInterval


def joint_difference(
    outcome: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> JointDifference:
    """Compares two scores over all models, on the languages that every model has.

    Each model's two correlations are turned into Fisher's z, averaged over models with equal
    weights (n is the same for all), and turned back. A resample in which a model has fewer than
    four different languages, a constant column or |r| = 1 goes on without that model.

    Args:
        outcome: `[models, languages]` numbers; NaN where a model has no value.
        first: same shape.
        second: same shape.
        rng: source of randomness.
        confidence: level of the interval.
        n_resamples: bootstrap resamples.

    Returns:
        NaN with fewer than four shared languages, without a model, or where a correlation does not
        exist or is exactly 1 or -1.
    """
    y, a, b = (np.asarray(table, dtype=np.float64) for table in (outcome, first, second))
    shared = ~(np.isnan(y) | np.isnan(a) | np.isnan(b)).any(axis=0)
    y, a, b = y[:, shared], a[:, shared], b[:, shared]
    models, n = y.shape
    if models == 0 or n < MIN_POINTS:
        return JointDifference(math.nan, models, n, NO_BOOTSTRAP)

    def statistic(rows: IntArray) -> FloatArray:
        ordered = np.sort(rows, axis=1)
        different = 1 + (np.diff(ordered, axis=1) > 0).sum(axis=1)
        sums = np.zeros((2, len(rows)))
        count = np.zeros(len(rows))
        for k in range(models):
            r = np.stack([resampled_correlation(x[k], y[k], rows) for x in (a, b)])
            usable = (np.abs(r) < 1.0).all(axis=0) & (different >= MIN_POINTS)
            sums[:, usable] += np.arctanh(r[:, usable])
            count += usable
        z = np.divide(sums, count, out=np.full_like(sums, math.nan), where=count > 0)
        return np.asarray(np.tanh(z[0]) - np.tanh(z[1]), dtype=np.float64)

    everything = np.arange(n, dtype=np.int64)[None, :]
    r = np.stack([rowwise_correlation(x, y) for x in (a, b)])
    if not (np.abs(r) < 1.0).all():
        return JointDifference(math.nan, models, n, NO_BOOTSTRAP)
    return JointDifference(
        difference=float(statistic(everything)[0]),
        models=models,
        n=n,
        bootstrap=percentile_interval(
            bootstrap_distribution(n, statistic, rng, n_resamples), confidence
        ),
    )
