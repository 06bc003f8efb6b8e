"""Procrustes: how well does one rotation carry one language onto the other?

Formula: 1 - d^2 / 2, where d is the distance of the centred vectors, each language scaled to
Frobenius norm 1, after the best orthogonal map: the nuclear norm of X'Y over |X| |Y|. It is
computed from [n, n] matrices: with X X' = A A' and Y Y' = B B' it is the nuclear norm of A'B.

Source: Schoenemann 1966 (Psychometrika 31); as a measure of networks Williams et al. 2021, arXiv
2110.14739. Range: 0 to 1; 1 for equal vectors up to rotation, shift and scale. With fewer sentences
than neurons a rotation fits noise too, so that it is far above 0 for independent vectors: read it
beside the control `shuffled`.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import lapack, svd

from neuronxa_tasks.alignment.hits import TIE
from neuronxa_tasks.alignment.layer_pair import Floats, LayerPair, Measure


def values(pair: LayerPair) -> Floats:
    """[n] values, the influence with the best rotation held: its change is of second order."""
    one, other = pair.centred
    sizes = one.diagonal(), other.diagonal()
    if not (sizes[0].sum() > 0 and sizes[1].sum() > 0):
        return np.full(pair.n, math.nan)
    first, second = _root(one), _root(other)
    left, singular, right = svd(first.T @ second, full_matrices=False, check_finite=False)
    nuclear = float(singular.sum())
    value = nuclear / math.sqrt(sizes[0].sum() * sizes[1].sum())
    if nuclear <= 0.0:
        return np.zeros(pair.n)
    # The nuclear norm is a sum over sentences: x_i R y_i' with the best rotation R.
    shares = ((first @ left) * (second @ right.T)).sum(axis=1) / nuclear
    spread = [each / each.sum() / 2 for each in sizes]
    return np.asarray(value * (1 + pair.n * (shares - spread[0] - spread[1])))


def _root(products: Floats) -> Floats:
    """A [n, rank] with A A' = products, by a Cholesky decomposition with pivots."""
    tolerance = TIE * float(products.diagonal().max())
    factor, pivots, rank, _ = lapack.dpstrf(products, lower=1, tol=tolerance)
    root = np.zeros((len(products), rank))
    root[pivots - 1] = np.tril(factor)[:, :rank]
    return root


MEASURE = Measure(values, least=4)
