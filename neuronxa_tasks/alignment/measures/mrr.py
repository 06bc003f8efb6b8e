"""Mean reciprocal rank: how high is the true translation among all sentences?

Formula: mean over the sentences, and over both directions, of 1 / rank of the true partner by
cosine. A sentence that is equally near stands before it, as in the scores.

Source: the usual measure of retrieval (Voorhees 1999, TREC-8); of sentences across languages e.g.
Artetxe & Schwenk 2019, arXiv 1812.10464. Range: 0 to 1; chance is (1 + 1/2 + ... + 1/n) / n.
"""

from __future__ import annotations

import numpy as np

from neuronxa_tasks.alignment.layer_pair import Floats, LayerPair, Measure


def values(pair: LayerPair) -> Floats:
    """[n] means of the two reciprocal ranks."""
    row, column = pair.rivals
    return np.asarray((1 / (1 + row) + 1 / (1 + column)) / 2)


MEASURE = Measure(values, least=2)
