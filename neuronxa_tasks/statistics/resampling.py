"""Bootstrap and permutation of rows: indices, intervals, p values.

Where `scipy.stats.bootstrap` has an interval, it is this one (the tests compare them). Ours is kept
because scipy's is NaN as soon as one resample has no statistic, which here is left out and counted,
and because it copies what `correlation.resampled_correlation` counts (with ranks 5 times as slow).
`permutation_test` doubles the smaller tail, where p here is the share with |r*| >= |r|, and its
exact tests take 80 times as long.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from neuronxa_tasks.statistics.columns import FloatArray, IntArray

EXACT_ITEMS = 8
"""Up to this many points all n! orders are tried (40,320); above, random ones."""
EXACT_SIGNS = 14
"""Up to this many items all 2^n exchanges are tried (16,384); above, random ones."""

# Numbers held at once by one step; bounds the memory, not the result of a single statistic.
_CHUNK = 1_000_000

# Fewer extreme shuffles than this are too few to know p by.
_FEW = 10

# Two statistics closer than this count as equal, so that rounding cannot split ties.
_TIE = 1e-12

PermutationMethod = Literal["exact", "monte carlo", "none"]


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """Interval from resampling with replacement.

    Attributes:
        low: lower end; NaN where there is no interval.
        high: upper end.
        method: `percentile`; `bound` where all values are equal, so that resampling sees no spread
            and the ends are exact bounds; or `none`.
        n_resamples: resamples drawn.
        n_degenerate: resamples left out because the statistic does not exist in them.
    """

    low: float
    high: float
    method: Literal["percentile", "bound", "none"]
    n_resamples: int
    n_degenerate: int


NO_BOOTSTRAP = BootstrapInterval(math.nan, math.nan, "none", 0, 0)


@dataclass(frozen=True, slots=True)
class PermutationP:
    """Two-sided p value by permutation.

    Attributes:
        p: share of permutations at least as extreme; NaN where there is none.
        method: `exact` (all permutations), `monte carlo` ((b + 1) / (m + 1)) or `none`.
        n_permutations: permutations tried.
    """

    p: float
    method: PermutationMethod
    n_permutations: int


NO_PERMUTATION = PermutationP(math.nan, "none", 0)


def _chunks(total: int, width: int) -> Iterator[int]:
    step = max(1, _CHUNK // max(1, width))
    while total > 0:
        yield min(step, total)
        total -= step


def bootstrap_distribution(
    n: int,
    statistic: Callable[[IntArray], FloatArray],
    rng: np.random.Generator,
    n_resamples: int,
) -> FloatArray:
    """Statistic of resamples of n rows.

    Args:
        n: number of rows.
        statistic: gets row indices `[m, n]`, gives one number per resample `[m]`, or a row of
            numbers `[m, k]`.
        rng: source of randomness.
        n_resamples: number of resamples.

    Returns:
        `[n_resamples]` or `[n_resamples, k]` float64; NaN where the statistic does not exist.
    """
    parts = [
        statistic(rng.integers(0, n, size=(count, n), dtype=np.int64))
        for count in _chunks(n_resamples, n)
    ]
    return np.concatenate(parts)


def percentile_interval(distribution: FloatArray, confidence: float) -> BootstrapInterval:
    """Percentile interval of a bootstrap distribution (Efron & Tibshirani 1993, ch. 13).

    Args:
        distribution: `[m]`; NaN are left out and counted.
        confidence: two-sided level.
    """
    usable = distribution[~np.isnan(distribution)]
    n_degenerate = len(distribution) - len(usable)
    if len(usable) == 0:
        return BootstrapInterval(math.nan, math.nan, "none", len(distribution), n_degenerate)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(usable, [tail, 1.0 - tail])
    return BootstrapInterval(float(low), float(high), "percentile", len(distribution), n_degenerate)


@lru_cache(maxsize=EXACT_ITEMS)
def _all_orders(n: int) -> IntArray:
    orders = np.array(list(itertools.permutations(range(n))), dtype=np.int64)
    orders.setflags(write=False)
    return orders


def _extreme(values: FloatArray, observed: float) -> int:
    return int((np.abs(values) >= abs(observed) - _TIE).sum())


def permutation_p(
    x: FloatArray,
    y: FloatArray,
    rng: np.random.Generator,
    n_permutations: int,
    finest: int = 0,
) -> PermutationP:
    """Two-sided p of the inner product of two unit rows when y is shuffled against x.

    For centred unit rows the inner product is Pearson's r. p is the share of orders of y with
    |r*| >= |r|: over all n! orders for n <= 8, otherwise (b + 1) / (m + 1) over m random ones
    (Phipson & Smyth 2010), which is never 0.

    Args:
        x: `[n]` centred, length 1.
        y: `[n]` centred, length 1.
        rng: source of randomness; not touched by the exact count.
        n_permutations: number of random orders.
        finest: see `shuffled_p`.
    """
    n = len(x)
    observed = float(x @ y)
    if n <= EXACT_ITEMS:
        orders = _all_orders(n)
        return PermutationP(_extreme(y[orders] @ x, observed) / len(orders), "exact", len(orders))

    def extreme(count: int) -> int:
        found = 0
        for size in _chunks(count, n):
            shuffled = rng.permuted(np.broadcast_to(y, (size, n)), axis=1)
            found += _extreme(shuffled @ x, observed)
        return found

    return shuffled_p(extreme, n_permutations, finest)


def shuffled_p(extreme: Callable[[int], int], n_permutations: int, finest: int = 0) -> PermutationP:
    """P of random shuffles: more of them where few are as extreme as the data.

    The smallest p of m shuffles is 1 / (m + 1), and Holm's correction multiplies it by the number
    of tests. Where fewer than ten of the first shuffles are as extreme, shuffling goes on up to
    `finest`. That keeps the level: p is at most u only where the p of all shuffles is, or, for u
    above 11 / (m + 1), where the p of the first ones is (a two-stage form of Besag & Clifford
    1991, Biometrika 78).

    Args:
        extreme: makes so many shuffles and counts those at least as extreme as the data.
        n_permutations: shuffles of every test.
        finest: shuffles where p is small; at most `n_permutations` changes nothing.
    """
    done, found = n_permutations, extreme(n_permutations)
    if finest > done and found < _FEW:
        found += extreme(finest - done)
        done = finest
    return PermutationP((found + 1) / (done + 1), "monte carlo", done)


def exchange_p(
    differences: FloatArray, rng: np.random.Generator, n_permutations: int
) -> PermutationP:
    """Two-sided p of a sum of differences whose signs are exchangeable.

    p is the share of sign patterns s with |sum s_i d_i| >= |sum d_i|: all 2^n for up to 14
    differences other than 0, otherwise (b + 1) / (m + 1) over m random ones.

    Args:
        differences: `[n]`, any unit; zeros change nothing. No items at all give no p.
        rng: source of randomness; not touched by the exact count.
        n_permutations: number of random sign patterns.
    """
    if len(differences) == 0:
        return NO_PERMUTATION
    size = float(np.abs(differences).max())
    # Scaled to 1, so that the tolerance for ties means the same in every unit.
    moving = differences[differences != 0.0] / (size or 1.0)
    observed = float(moving.sum())
    n = len(moving)
    if n <= EXACT_SIGNS:
        patterns = (np.arange(2**n)[:, None] >> np.arange(n)[None, :]) & 1
        values = (1.0 - 2.0 * patterns) @ moving
        return PermutationP(_extreme(values, observed) / 2**n, "exact", 2**n)
    extreme = 0
    for count in _chunks(n_permutations, n):
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(count, n), dtype=np.int8)
        extreme += _extreme(signs @ moving, observed)
    return PermutationP((extreme + 1) / (n_permutations + 1), "monte carlo", n_permutations)
