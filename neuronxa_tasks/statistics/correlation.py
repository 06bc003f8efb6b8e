"""Pearson's r and Spearman's rho with n, intervals and a permutation p."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    FloatArray,
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
from neuronxa_tasks.statistics.jackknife import (
    NO_JACKKNIFE,
    Jackknife,
    check_families,
    codes,
    jackknife,
    left_out,
    no_jackknife,
)
from neuronxa_tasks.statistics.resampling import NO_PERMUTATION, PermutationP, permutation_p

_PERFECT = 1e-14


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation that can be trusted as far as its n, intervals and p say.

    Attributes:
        kind: `pearson` or `spearman`.
        r: the coefficient in [-1, 1]; NaN where there is none.
        n: complete pairs used.
        n_dropped: pairs left out because a value was NaN.
        interval: Fisher interval (`fisher_interval`), exact for normal values.
        jackknife: interval from leaving out one point at a time; holds for skewed values, too.
        by_family: the same from leaving out one family at a time, where families were given.
        permutation: two-sided p by shuffling y against x.
        confidence: level of the intervals.
        reason: why r is NaN, or None.
    """

    kind: Kind
    r: float
    n: int
    n_dropped: int
    interval: Interval
    jackknife: Jackknife
    by_family: Jackknife
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
    families: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_permutations: int = 9999,
    finest: int = 0,
) -> Correlation:
    """Correlates two columns and says how sure that is.

    Pairs with a NaN are dropped and counted. Fewer than four pairs, or a constant column, give
    NaN with a reason. The p value is exact for up to eight points.

    Args:
        x: `[n]` numbers.
        y: `[n]` numbers.
        rng: source of randomness; the same state gives the same result.
        kind: `pearson` or `spearman`.
        families: `[n]` family of each point, for points that are related within a family.
        confidence: level of the intervals.
        n_permutations: random permutations where n > 8.
        finest: as in `permutation_p`.

    Raises:
        NeuronXAError: lengths differ, text or infinities in a column, or an option out of range.
    """
    check_kind(kind)
    check_confidence(confidence)
    check_resamples(n_permutations, "n_permutations")
    (used_x, used_y), kept, n_dropped = complete_rows({"x": x, "y": y})
    n = len(used_x)
    if families is not None:
        check_families(families, len(kept))
    reason = missing_reason(n, {"x": used_x, "y": used_y})
    if reason is not None:
        nothing = no_jackknife(n, reason)
        return Correlation(
            kind,
            math.nan,
            n,
            n_dropped,
            NO_INTERVAL,
            nothing,
            NO_JACKKNIFE if families is None else nothing,
            NO_PERMUTATION,
            confidence,
            reason,
        )
    r = float(rowwise_correlation(used_x, used_y, kind))
    z = math.copysign(math.inf, r) if abs(r) == 1.0 else math.atanh(r)
    by_family = NO_JACKKNIFE
    if families is not None:
        units = codes([family for family, use in zip(families, kept, strict=True) if use])
        without = left_out(used_x, used_y, units, kind=kind)
        by_family = jackknife(z, without, confidence=confidence, families=True)
    each = np.arange(n, dtype=np.int64)
    shuffled_x, shuffled_y = used_x, used_y
    if kind == "spearman":
        shuffled_x, shuffled_y = ranks(used_x), ranks(used_y)
    return Correlation(
        kind=kind,
        r=r,
        n=n,
        n_dropped=n_dropped,
        interval=fisher_interval(r, n, kind=kind, confidence=confidence),
        jackknife=jackknife(z, left_out(used_x, used_y, each, kind=kind), confidence=confidence),
        by_family=by_family,
        permutation=permutation_p(
            deviations(shuffled_x)[0], deviations(shuffled_y)[0], rng, n_permutations, finest
        ),
        confidence=confidence,
    )
