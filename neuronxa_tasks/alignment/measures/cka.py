"""Linear centred kernel alignment with the unbiased HSIC: is one language's geometry the other's?

Formula: HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K and L the [n, n] inner products of a language's
sentences with each other, and, with the diagonals of both at 0,

    HSIC(K, L) = (tr(K L) + sum(K) sum(L) / ((n-1)(n-2)) - 2 sum(K L) / (n-2)) / (n (n-3)).

Source: Kornblith et al. 2019, arXiv 1905.00414, section 3; the estimator of Song et al. 2012 (JMLR
13), equation 5. Range: 1 for equal vectors up to rotation, shift and scale, 0 in expectation for
independent ones; may fall below 0. The usual, biased estimator is near 1 for noise where there are
fewer sentences than neurons.
"""

from __future__ import annotations

import math

import numpy as np

from neuronxa_tasks.alignment.hits import TIE
from neuronxa_tasks.alignment.layer_pair import Floats, LayerPair, Measure, influence


def values(pair: LayerPair) -> Floats:
    """[n] values, the jackknife's influence; exact: sums without a sentence have a closed form."""
    one, other = (each - np.diag(each.diagonal()) for each in pair.centred)
    scale = pair.centred[0].trace() ** 2, pair.centred[1].trace() ** 2
    both, of_one, of_other = _hsic(one, other), _hsic(one, one), _hsic(other, other)
    if not (of_one[0] > TIE * scale[0] / pair.n**3 and of_other[0] > TIE * scale[1] / pair.n**3):
        return np.full(pair.n, math.nan)
    squares = of_one[1] * of_other[1]
    root = np.sqrt(np.where(squares > 0, squares, math.nan))
    return influence(both[0] / math.sqrt(of_one[0] * of_other[0]), both[1] / root)


def _hsic(one: Floats, other: Floats) -> tuple[float, Floats]:
    """HSIC of all sentences, and [n] without each of them; both matrices have no diagonal."""
    n = len(one)
    elements = (one * other).sum(axis=1)
    rows, others = one.sum(axis=1), other.sum(axis=1)
    trace, sums, product = elements.sum(), (rows.sum(), others.sum()), rows @ others

    def estimate(trace: Floats, first: Floats, second: Floats, product: Floats, n: int) -> Floats:
        mixed = first * second / ((n - 1) * (n - 2))
        return (trace + mixed - 2 * product / (n - 2)) / (n * (n - 3))

    # Without sentence i, each other row loses its entry in column i.
    product_without = product - rows * others - one @ others - other @ rows + elements
    without = estimate(
        trace - 2 * elements, sums[0] - 2 * rows, sums[1] - 2 * others, product_without, n - 1
    )
    return float(estimate(trace, *sums, product, n)), without


MEASURE = Measure(values, least=5, lowest=-1.0)
