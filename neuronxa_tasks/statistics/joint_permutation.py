"""One p value for the correlation of several models over the same languages."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuronxa_tasks.statistics import MIN_POINTS, PermutationP
from neuronxa_tasks.statistics.columns import deviations
from neuronxa_tasks.statistics.resampling import EXACT_ITEMS, NO_PERMUTATION

# Two means closer than this count as equal, so that rounding cannot split ties.
_TIE = 1e-12
_CHUNK = 512


def joint_permutation(
    x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator, n_permutations: int = 9999
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

    def extreme(orders: NDArray[np.int64]) -> int:
        # [models, orders, languages] against [models, languages]
        sums = np.einsum("mol,ml->o", unit_y[:, orders], unit_x)
        return int((np.abs(sums) >= observed).sum())

    count = 0
    if n <= EXACT_ITEMS:
        every = itertools.permutations(range(n))
        while chunk := list(itertools.islice(every, _CHUNK)):
            count += extreme(np.array(chunk, dtype=np.int64))
        total = math.factorial(n)
        return PermutationP(count / total, "exact", total)
    left = n_permutations
    while left > 0:
        size = min(left, _CHUNK)
        orders = rng.permuted(np.tile(np.arange(n, dtype=np.int64), (size, 1)), axis=1)
        count += extreme(orders)
        left -= size
    return PermutationP((count + 1) / (n_permutations + 1), "monte carlo", n_permutations)
