"""Margin: how much nearer is the true translation than its nearest rivals?

Formula: mean over the sentences of the cosine of the true pair less the mean cosine of its k = 10
nearest rivals, half of it among the targets and half among the pivots.

Source: the margin `distance` of Artetxe & Schwenk 2019, arXiv 1811.01136, section 3, which takes
k = 4 and counts the true partner among the neighbours. Range: -2 to 1; below 0 by chance, since
the rivals are the nearest of all.
"""

from __future__ import annotations

import numpy as np

from neuronxa_tasks.alignment.layer_pair import NEIGHBOURS, Floats, LayerPair, Measure


def values(pair: LayerPair) -> Floats:
    """[n] margins."""
    others = pair.cosines.copy()
    np.fill_diagonal(others, -np.inf)
    row, column = (
        np.partition(each, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
        for each in (others, others.T)
    )
    return np.asarray(pair.cosines.diagonal() - (row + column) / 2)


MEASURE = Measure(values, least=NEIGHBOURS + 1, lowest=-2.0)
