"""Pearson's r and Spearman's rho with n, intervals and a permutation p."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    FloatArray,
    IntArray,
    check_confidence,
    check_resamples,
    complete_rows,
    deviations,
)
from neuronxa_tasks.statistics.fisher import (
    NO_INTERVAL,
    Interval,
    Kind,
    check_kind,
    fisher_interval,
)
from neuronxa_tasks.statistics.resampling import (
    NO_BOOTSTRAP,
    NO_PERMUTATION,
    BootstrapInterval,
    PermutationP,
    bca_interval,
    bootstrap_distribution,
    jackknife,
    permutation_p,
)

_PERFECT = 1e-14

_MANY, _WIDE = 1000, 300
"""Numbers in all resamples from which on counting pays, and points up to which it does."""

_LOSES, _NEARLY = 1e-3, 1e-9
"""A variance this small beside its mean square, and an r this near to 1, are computed anew."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation that can be trusted as far as its n, intervals and p say.

    Attributes:
        kind: `pearson` or `spearman`.
        r: the coefficient in [-1, 1]; NaN where there is none.
        n: complete pairs used.
        n_dropped: pairs left out because a value was NaN.
        interval: Fisher interval (`fisher_interval`).
        bootstrap: interval from resampling pairs; none where |r| = 1, which every resample repeats.
        permutation: two-sided p by shuffling y against x.
        confidence: level of both intervals.
        reason: why r is NaN, or None.
    """

    kind: Kind
    r: float
    n: int
    n_dropped: int
    interval: Interval
    bootstrap: BootstrapInterval
    permutation: PermutationP
    confidence: float
    reason: str | None = None


def ranks(rows: FloatArray) -> FloatArray:
    """Ranks along the last axis, ties sharing their mean rank, `[..., n]` float64."""
    return np.asarray(stats.rankdata(rows, axis=-1), dtype=np.float64)


def rowwise_correlation(x: FloatArray, y: FloatArray, kind: Kind = "pearson") -> FloatArray:
    """Correlation of each row of x with the same row of y.

    Args:
        x: `[..., n]` float64 without NaN.
        y: same shape.
        kind: `pearson`, or `spearman` (ranks are formed inside each row).

    Returns:
        `[...]` float64 in [-1, 1]; NaN where one of the two rows is constant.
    """
    if kind == "spearman":
        x, y = ranks(x), ranks(y)
    (unit_x, flat_x), (unit_y, flat_y) = deviations(x), deviations(y)
    r = (unit_x * unit_y).sum(axis=-1)
    # A perfect line must give 1, not 1 - 1e-16, whose Fisher z would be a large finite number.
    r = np.where(np.abs(r) > 1.0 - _PERFECT, np.sign(r), r)
    return np.asarray(np.where(flat_x | flat_y, math.nan, r), dtype=np.float64)


def resampled_correlation(
    x: FloatArray, y: FloatArray, rows: IntArray, kind: Kind = "pearson"
) -> FloatArray:
    """Correlation of each resample: `rowwise_correlation(x[rows], y[rows], kind)`, faster.

    A resample is counted, not copied: how often each point is in it. All sums are then products
    of the counts with a few columns; so are ranks, which count the points below. What is nearly
    constant or nearly perfect in this way, where sums lose digits, is computed anew.

    Args:
        x: `[n]` float64; points that no resample has may be NaN.
        y: `[n]`, likewise.
        rows: `[m, k]` indices into x and y.
        kind: as in `rowwise_correlation`.

    Returns:
        `[m]` float64 in [-1, 1]; NaN where x or y of a resample is constant.
    """
    m, k = rows.shape
    n = len(x)
    if m * k < _MANY or n > _WIDE:
        return rowwise_correlation(x[rows], y[rows], kind)
    places = rows + n * np.arange(m, dtype=np.int64)[:, None]
    counts = np.bincount(places.ravel(), minlength=m * n).reshape(m, n).astype(np.float64)
    there = counts.any(axis=0)
    counts, columns = np.ascontiguousarray(counts[:, there]), (x[there], y[there])
    if kind == "spearman":
        a, b = (_centred_ranks(column, counts, k) for column in columns)
        weighted = counts * a
        ab, aa, bb = (weighted * b).sum(1), (weighted * a).sum(1), (counts * b * b).sum(1)
        poor = (aa == 0) | (bb == 0)  # ranks are halves of integers: their sums are exact
    else:
        (a, _), (b, _) = (deviations(column) for column in columns)
        sums = counts @ np.stack([a, b, a * b, a * a, b * b], axis=1)
        mean_a, mean_b = sums[:, 0] / k, sums[:, 1] / k
        ab = sums[:, 2] - mean_a * sums[:, 1]
        aa = sums[:, 3] - mean_a * sums[:, 0]
        bb = sums[:, 4] - mean_b * sums[:, 1]
        poor = (aa <= _LOSES * sums[:, 3]) | (bb <= _LOSES * sums[:, 4])
    r = np.divide(ab, np.sqrt(np.abs(aa * bb)), out=np.zeros(m), where=~poor)
    poor |= np.abs(r) > 1.0 - _NEARLY
    again = rows[poor]
    r[poor] = rowwise_correlation(x[again], y[again], kind)
    return np.asarray(r, dtype=np.float64)


def _centred_ranks(column: FloatArray, counts: FloatArray, k: int) -> FloatArray:
    """The rank that each point has, or would have, in each resample, less the mean rank.

    Args:
        column: `[n]` values.
        counts: `[m, n]` how often each point is in a resample.
        k: points in a resample.
    """
    below = (column[:, None] < column[None, :]) + 0.5 * (column[:, None] == column[None, :])
    return np.asarray(counts @ below - k / 2.0, dtype=np.float64)


def missing_reason(n: int, columns: dict[str, FloatArray]) -> str | None:
    """Why these complete columns give no correlation, or None if they do.

    Args:
        n: number of complete rows.
        columns: name to `[n]` values.
    """
    if n < MIN_POINTS:
        return f"only {n} complete points; a correlation needs at least {MIN_POINTS}"
    for name, column in columns.items():
        if bool(deviations(column[None, :])[1][0]):
            return f"{name} has the same value in all {n} points"
    return None


def correlation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    rng: np.random.Generator,
    kind: Kind = "pearson",
    confidence: float = 0.95,
    n_resamples: int = 9999,
    n_permutations: int = 9999,
) -> Correlation:
    """Correlates two columns and says how sure that is.

    Pairs with a NaN are dropped and counted. Fewer than four pairs, or a constant column, give
    NaN with a reason. The bootstrap resamples pairs (BCa, percentile where BCa has no answer);
    resamples in which a column is constant are left out and counted. The p value is exact for up
    to eight points.

    Args:
        x: `[n]` numbers.
        y: `[n]` numbers.
        rng: source of randomness; the same state gives the same result.
        kind: `pearson` or `spearman`.
        confidence: level of the intervals.
        n_resamples: bootstrap resamples.
        n_permutations: random permutations where n > 8.

    Raises:
        NeuronXAError: lengths differ, text or infinities in a column, or an option out of range.
    """
    check_kind(kind)
    check_confidence(confidence)
    check_resamples(n_resamples, "n_resamples")
    check_resamples(n_permutations, "n_permutations")
    (used_x, used_y), _, n_dropped = complete_rows({"x": x, "y": y})
    n = len(used_x)
    reason = missing_reason(n, {"x": used_x, "y": used_y})
    if reason is not None:
        return Correlation(
            kind,
            math.nan,
            n,
            n_dropped,
            NO_INTERVAL,
            NO_BOOTSTRAP,
            NO_PERMUTATION,
            confidence,
            reason,
        )
    r = float(rowwise_correlation(used_x, used_y, kind))

    def statistic(rows: IntArray) -> FloatArray:
        return resampled_correlation(used_x, used_y, rows, kind)

    bootstrap = NO_BOOTSTRAP
    if abs(r) < 1.0:
        distribution = bootstrap_distribution(n, statistic, rng, n_resamples)
        bootstrap = bca_interval(distribution, r, jackknife(n, statistic), confidence)
    shuffled_x, shuffled_y = used_x, used_y
    if kind == "spearman":
        shuffled_x, shuffled_y = ranks(used_x), ranks(used_y)
    return Correlation(
        kind=kind,
        r=r,
        n=n,
        n_dropped=n_dropped,
        interval=fisher_interval(r, n, kind=kind, confidence=confidence),
        bootstrap=bootstrap,
        permutation=permutation_p(
            deviations(shuffled_x)[0], deviations(shuffled_y)[0], rng, n_permutations
        ),
        confidence=confidence,
    )
