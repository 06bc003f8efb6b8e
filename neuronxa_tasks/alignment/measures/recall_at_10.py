"""Recall at 10: is the true translation among the 10 nearest sentences?

Formula: mean over the sentences, and over both directions, of whether fewer than k = 10 others are
as near as the true partner, by cosine. (Recall at 1 is in every results file: the hits `forward`
and `backward`.)

Source: the usual measure of retrieval; of sentences across languages e.g. Artetxe & Schwenk 2019,
arXiv 1812.10464. Range: 0 to 1; chance is k / n.
"""

from __future__ import annotations

import numpy as np

from neuronxa_tasks.alignment.layer_pair import NEIGHBOURS, Floats, LayerPair, Measure


def values(pair: LayerPair) -> Floats:
    """[n] of 0, 1/2 or 1."""
    row, column = pair.rivals
    return np.asarray(((row < NEIGHBOURS) * 1.0 + (column < NEIGHBOURS)) / 2)


MEASURE = Measure(values, least=NEIGHBOURS + 1)
