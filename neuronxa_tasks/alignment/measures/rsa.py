"""Representational similarity: are the same sentences close to each other in both languages?

Formula: Spearman's correlation of the upper triangles of the two [n, n] matrices of cosines within
each language.

Source: Kriegeskorte et al. 2008 (Frontiers in Systems Neuroscience 2). Range: -1 to 1; 1 for equal
vectors up to rotation, 0 in expectation for independent ones.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from neuronxa_tasks.alignment.layer_pair import Floats, LayerPair, Measure, influence

_DECIMALS = 12
"""Cosines are equal to so many decimals, as in `hits.TIE`."""


def values(pair: LayerPair) -> Floats:
    """[n] values, the jackknife's influence; the pairs of sentences keep their ranks."""
    one, other = (_ranks(each) for each in pair.cosines_within)
    count = pair.n * (pair.n - 1) / 2
    sums = [each.sum(axis=1) for each in (one, other, one**2, other**2, one * other)]
    value = _pearson([each.sum() / 2 for each in sums], count)
    without = _pearson([each.sum() / 2 - each for each in sums], count - (pair.n - 1))
    return influence(float(value), without)


def _ranks(cosines: Floats) -> Floats:
    """[n, n] symmetric: the rank of each two sentences less the mean rank; diagonal 0."""
    upper = _upper(len(cosines))
    ranks = rankdata(np.round(cosines[upper], _DECIMALS))
    matrix = np.zeros_like(cosines)
    matrix[upper] = ranks - ranks.mean()
    return np.asarray(matrix + matrix.T)


@lru_cache(maxsize=2)
def _upper(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.triu_indices(n, 1)


def _pearson(sums: list[Floats], count: float) -> Floats:
    """Correlation from the sums of x, y, x^2, y^2 and x y; NaN where one does not vary."""
    x, y, xx, yy, xy = sums
    spread = (xx - x * x / count) * (yy - y * y / count)
    root = np.sqrt(np.where(spread > 0, spread, math.nan))
    return np.asarray((xy - x * y / count) / root)


MEASURE = Measure(values, least=5, lowest=-1.0)
