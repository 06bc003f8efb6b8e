"""Difference of two correlations that share a variable and the languages."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    check_confidence,
    check_resamples,
    complete_rows,
    deviations,
)
from neuronxa_tasks.statistics.correlation import missing_reason, ranks, rowwise_correlation
from neuronxa_tasks.statistics.fisher import NO_INTERVAL, Interval, Kind, check_kind
from neuronxa_tasks.statistics.jackknife import difference_interval, left_out
from neuronxa_tasks.statistics.resampling import NO_PERMUTATION, PermutationP, exchange_p

# Rounded correlations may miss a valid matrix by this much in the determinant.
_DETERMINANT_SLACK = 1e-3


@dataclass(frozen=True, slots=True)
class WilliamsTest:
    """Williams' t for two dependent correlations with one variable in common.

    Attributes:
        t: the statistic; NaN where there is none.
        df: degrees of freedom, n - 3.
        p: two-sided.
        reason: why t is NaN, or None.
    """

    t: float
    df: int
    p: float
    reason: str | None = None


def williams_test(r_jk: float, r_jh: float, r_kh: float, n: int) -> WilliamsTest:
    """Tests whether r_jk and r_jh differ, given r_kh, on the same n points.

    t = (r_jk - r_jh) sqrt((n - 1)(1 + r_kh) / (2 |R| (n - 1)/(n - 3) + m^2 (1 - r_kh)^3)), where
    m = (r_jk + r_jh) / 2 and |R| = 1 - r_jk^2 - r_jh^2 - r_kh^2 + 2 r_jk r_jh r_kh, with n - 3
    degrees of freedom (Williams 1959, JRSS B 21, p. 396; Steiger 1980, Psychological Bulletin 87,
    who recommends it).

    Args:
        r_jk: correlation of the shared variable j with k.
        r_jh: correlation of j with h.
        r_kh: correlation of k with h.
        n: number of points.

    Raises:
        NeuronXAError: a value outside [-1, 1], or three values that no data can have together.
    """
    for name, r in (("r_jk", r_jk), ("r_jh", r_jh), ("r_kh", r_kh)):
        if abs(r) > 1.0:
            raise NeuronXAError(
                f"{name} is {r!r}, but correlations lie in [-1, 1]. "
                "Check that it is not a covariance or a percentage."
            )
    df = n - 3
    if any(math.isnan(r) for r in (r_jk, r_jh, r_kh)):
        return WilliamsTest(math.nan, df, math.nan, "one of the three correlations is missing")
    if n < MIN_POINTS:
        reason = f"only {n} complete points; Williams' t needs at least {MIN_POINTS}"
        return WilliamsTest(math.nan, df, math.nan, reason)
    determinant = 1.0 - r_jk**2 - r_jh**2 - r_kh**2 + 2.0 * r_jk * r_jh * r_kh
    if determinant < -_DETERMINANT_SLACK:
        raise NeuronXAError(
            f"No data have the correlations {r_jk:.4g}, {r_jh:.4g} and {r_kh:.4g} together (the "
            f"determinant of their matrix is {determinant:.4g}, below 0). "
            "Compute all three on the same rows."
        )
    determinant = max(determinant, 0.0)
    if 1.0 - r_kh < 1e-12:
        reason = "the two compared variables are the same up to a linear change"
        return WilliamsTest(math.nan, df, math.nan, reason)
    middle = (r_jk + r_jh) / 2.0
    below = 2.0 * determinant * (n - 1) / (n - 3) + middle**2 * (1.0 - r_kh) ** 3
    if below <= 0.0:
        return WilliamsTest(math.nan, df, math.nan, "the three correlations leave no error term")
    t = (r_jk - r_jh) * math.sqrt((n - 1) * (1.0 + r_kh) / below)
    return WilliamsTest(t, df, float(2.0 * stats.t.sf(abs(t), df)))


@dataclass(frozen=True, slots=True)
class DependentDifference:
    """Difference of two correlations with the same outcome on the same points.

    Attributes:
        kind: `pearson` or `spearman`.
        r_first: correlation of the outcome with the first variable.
        r_second: with the second.
        r_between: of the two variables with each other.
        difference: r_first - r_second; NaN where one is missing.
        n: complete triples.
        n_dropped: triples left out because a value was NaN.
        williams: Williams' t (for `spearman` taken on ranks, an approximation).
        interval: of the difference, from leaving out one point at a time.
        permutation: p when the standardised two variables are exchanged at random per point.
        confidence: level of the interval.
        reason: why the difference is NaN, or None.
    """

    kind: Kind
    r_first: float
    r_second: float
    r_between: float
    difference: float
    n: int
    n_dropped: int
    williams: WilliamsTest
    interval: Interval
    permutation: PermutationP
    confidence: float
    reason: str | None = None


def compare_correlations(
    outcome: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    kind: Kind = "pearson",
    confidence: float = 0.95,
    n_permutations: int = 9999,
) -> DependentDifference:
    """Asks whether `first` or `second` correlates more with `outcome`.

    Three answers stand side by side: Williams' t, which takes values for normal; an interval of
    the difference from leaving out one triple at a time (`difference_interval`), which does not;
    and a paired permutation: both variables are standardised (or ranked and standardised), so that
    each r is the inner product with the outcome, and exchanged per point.

    Args:
        outcome: `[n]`, for example accuracy.
        first: `[n]`, for example NASCA.
        second: `[n]`, for example MEXA.
        rng: source of randomness.
        kind: `pearson` or `spearman`.
        confidence: level of the interval.
        n_permutations: random exchanges where more than 14 points differ.

    Raises:
        NeuronXAError: lengths differ, text or infinities in a column, or an option out of range.
    """
    check_kind(kind)
    check_confidence(confidence)
    check_resamples(n_permutations, "n_permutations")
    (y, a, b), _, n_dropped = complete_rows({"outcome": outcome, "first": first, "second": second})
    n = len(y)
    reason = missing_reason(n, {"outcome": y, "first": a, "second": b})
    if reason is not None:
        nan = math.nan
        return DependentDifference(
            kind,
            nan,
            nan,
            nan,
            nan,
            n,
            n_dropped,
            WilliamsTest(nan, n - 3, nan, reason),
            NO_INTERVAL,
            NO_PERMUTATION,
            confidence,
            reason,
        )

    r_first = float(rowwise_correlation(y, a, kind))
    r_second = float(rowwise_correlation(y, b, kind))
    r_between = float(rowwise_correlation(a, b, kind))
    each = np.arange(n, dtype=np.int64)
    sides = [
        (_fisher(r), left_out(y, column, each, kind=kind))
        for r, column in ((r_first, a), (r_second, b))
    ]
    unit_y, unit_a, unit_b = (
        deviations(ranks(column) if kind == "spearman" else column)[0] for column in (y, a, b)
    )
    return DependentDifference(
        kind=kind,
        r_first=r_first,
        r_second=r_second,
        r_between=r_between,
        difference=r_first - r_second,
        n=n,
        n_dropped=n_dropped,
        williams=williams_test(r_first, r_second, r_between, n),
        interval=difference_interval(sides[0], sides[1], confidence=confidence)[0],
        permutation=exchange_p(unit_y * (unit_a - unit_b), rng, n_permutations),
        confidence=confidence,
    )


def _fisher(r: float) -> float:
    return math.copysign(math.inf, r) if abs(r) == 1.0 else math.atanh(r)
