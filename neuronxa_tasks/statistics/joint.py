"""A p of the mean correlation of all models, and the difference of two scores over all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.statistics.columns import MIN_POINTS, FloatArray, IntArray, deviations
from neuronxa_tasks.statistics.correlation import rowwise_correlation
from neuronxa_tasks.statistics.fisher import NO_INTERVAL, Interval
from neuronxa_tasks.statistics.jackknife import codes, difference_interval, left_out, standard_error
from neuronxa_tasks.statistics.resampling import (
    EXACT_ITEMS,
    NO_PERMUTATION,
    PermutationP,
    shuffled_p,
)

# Two means closer than this count as equal, so that rounding cannot split ties.
_TIE = 1e-12
_CHUNK = 512


def joint_permutation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    rng: np.random.Generator,
    n_permutations: int = 9999,
    finest: int = 0,
) -> PermutationP:
    """Two-sided p of the mean over models of Pearson's r, when languages are shuffled.

    All models get the same order of y's languages, so that what they share (a language that is
    easy for all of them) stays shared and does not count as evidence once per model. p is exact
    over all orders for up to eight languages, otherwise (b + 1) / (m + 1) over m random ones.

    Args:
        x: `[models, languages]` numbers; NaN where a model has no value.
        y: same shape.
        rng: source of randomness; not touched by the exact count.
        n_permutations: random orders where there are more than eight languages.
        finest: see `shuffled_p`.

    Returns:
        No p where a value is missing (languages could then not change places), with fewer than
        four languages, without a model, or where a row is constant.
    """
    table_x, table_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    models, n = table_x.shape
    if models == 0 or n < MIN_POINTS or np.isnan(table_x).any() or np.isnan(table_y).any():
        return NO_PERMUTATION
    (unit_x, flat_x), (unit_y, flat_y) = deviations(table_x), deviations(table_y)
    if flat_x.any() or flat_y.any():
        return NO_PERMUTATION
    observed = abs(float((unit_x * unit_y).sum())) - models * _TIE

    def extreme(orders: IntArray) -> int:
        # [models, orders, languages] against [models, languages]
        sums = np.einsum("mol,ml->o", unit_y[:, orders], unit_x)
        return int((np.abs(sums) >= observed).sum())

    if n <= EXACT_ITEMS:
        count = 0
        every = itertools.permutations(range(n))
        while chunk := list(itertools.islice(every, _CHUNK)):
            count += extreme(np.array(chunk, dtype=np.int64))
        total = math.factorial(n)
        return PermutationP(count / total, "exact", total)

    def shuffled(left: int) -> int:
        count = 0
        while left > 0:
            size = min(left, _CHUNK)
            orders = rng.permuted(np.tile(np.arange(n, dtype=np.int64), (size, 1)), axis=1)
            count += extreme(orders)
            left -= size
        return count

    return shuffled_p(shuffled, n_permutations, finest)


@dataclass(frozen=True, slots=True)
class JointDifference:
    """Difference of two Fisher-z averages over the same models and languages.

    Attributes:
        difference: first average - second average; NaN where there is none.
        models: number of models.
        n: languages, the same for every model.
        interval: of the difference, from leaving out one language in all models at once.
        by_family: the same for one family of languages, where families were given.
        p: two-sided, of Student's t of the difference of the two z with one language left out at a
            time: below 1 - confidence exactly where `interval` leaves 0 out. NaN without one.
    """

    difference: float
    models: int
    n: int
    interval: Interval
    by_family: Interval
    p: float = math.nan


def joint_difference(
    outcome: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    families: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> JointDifference:
    """Compares two scores over all models, on the languages that every model has.

    Each model's two correlations are turned into Fisher's z, averaged over models with equal
    weights (n is the same for all), and turned back; see `difference_interval`.

    Args:
        outcome: `[models, languages]` numbers; NaN where a model has no value.
        first: same shape.
        second: same shape.
        families: `[languages]` family of each language.
        confidence: level of the intervals.

    Returns:
        NaN with fewer than four shared languages, without a model, or where a correlation does not
        exist or is exactly 1 or -1.
    """
    y, a, b = (np.asarray(table, dtype=np.float64) for table in (outcome, first, second))
    missing = np.isnan(y) | np.isnan(a) | np.isnan(b)
    shared = np.asarray(~missing.any(axis=0))
    y, a, b = y[:, shared], a[:, shared], b[:, shared]
    models, n = y.shape
    if models == 0 or n < MIN_POINTS:
        return JointDifference(math.nan, models, n, NO_INTERVAL, NO_INTERVAL)
    r = np.stack([rowwise_correlation(x, y) for x in (a, b)])
    if not (np.abs(r) < 1.0).all():
        return JointDifference(math.nan, models, n, NO_INTERVAL, NO_INTERVAL)
    z = np.arctanh(r).mean(axis=1)

    def sides(units: IntArray) -> list[tuple[float, FloatArray]]:
        with np.errstate(invalid="ignore"):  # a z without a unit may be infinite, of either sign
            return [
                (float(z[i]), np.mean([left_out(x[m], y[m], units) for m in range(models)], axis=0))
                for i, x in enumerate((a, b))
            ]

    by_language = sides(np.arange(n, dtype=np.int64))
    by_family = NO_INTERVAL
    if families is not None:
        kept = [family for family, use in zip(families, list(shared), strict=True) if use]
        by_family, _ = difference_interval(
            *sides(codes(kept)), confidence=confidence, families=True
        )
    return JointDifference(
        difference=float(np.tanh(z[0]) - np.tanh(z[1])),
        models=models,
        n=n,
        interval=difference_interval(*by_language, confidence=confidence)[0],
        by_family=by_family,
        p=_p(*by_language),
    )


def _p(first: tuple[float, FloatArray], second: tuple[float, FloatArray]) -> float:
    """Of the difference of two z, each with its values without one language."""
    for z, without in (first, second):
        if standard_error(z, without)[1] is not None:
            return math.nan
    apart = first[0] - second[0]
    error, reason = standard_error(apart, first[1] - second[1])
    if reason is not None or error <= 0.0:
        return math.nan
    return float(2.0 * stats.t.sf(abs(apart) / error, len(first[1]) - 1))
