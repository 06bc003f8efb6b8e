"""Mutual neighbourhoods: are a sentence's neighbours within its language the same in the other?

Formula: mean over the sentences of |N(x_i) and N(y_i)| / k, where N are the k = 10 sentences of the
same language with the largest cosine. Where several tie for the last places, each counts with the
chance to be drawn.

Source: the overlap of nearest neighbours of Huh et al. 2024, arXiv 2405.07987, section 2, as used
across languages in arXiv 2503.11280. Range: 0 to 1; chance is k / (n - 1).
"""

from __future__ import annotations

import numpy as np

from neuronxa_tasks.alignment.hits import TIE
from neuronxa_tasks.alignment.layer_pair import NEIGHBOURS, Floats, LayerPair, Measure


def values(pair: LayerPair) -> Floats:
    """[n] overlaps."""
    one, other = (_chances(each) for each in pair.cosines_within)
    return np.asarray((one * other).sum(axis=1) / NEIGHBOURS)


def _chances(cosines: Floats) -> Floats:
    """[n, n]: 1 where a sentence is a neighbour, below 1 where it ties for the last places."""
    away = cosines.copy()
    np.fill_diagonal(away, -np.inf)
    last = np.partition(away, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS][:, None]
    nearer, ties = away > last + TIE, np.abs(away - last) <= TIE
    free = NEIGHBOURS - nearer.sum(axis=1, keepdims=True)
    return np.asarray(nearer + ties * (free / ties.sum(axis=1, keepdims=True)))


MEASURE = Measure(values, least=NEIGHBOURS + 2)
