"""Average neuron-wise correlation: do the same neurons rise for the same sentences?

Formula: mean over neurons f of the Pearson correlation, over the n sentence pairs, of the value of
f in the pivot with its value in the target. A neuron that is constant in either language has no
correlation and does not count.

Source: Del & Fishel 2022, arXiv 2212.01924, section 3. Range: -1 to 1; 1 for equal vectors. Neurons
are matched by their place, so a rotation changes it.
"""

from __future__ import annotations

import numpy as np
import torch

from neuronxa_tasks.alignment.hits import TIE
from neuronxa_tasks.alignment.layer_pair import Floats, LayerPair, Measure, influence


def values(pair: LayerPair) -> Floats:
    """[n] values, the jackknife's influence; exact: sums without a sentence have a closed form."""
    one, other = (each - each.mean(dim=0) for each in pair.vectors)
    sizes = [(each**2).sum(dim=0) for each in pair.vectors]
    squares = [(each**2).sum(dim=0) for each in (one, other)]
    varies = (squares[0] > TIE * sizes[0]) & (squares[1] > TIE * sizes[1])
    one, other = one[:, varies], other[:, varies]
    if one.shape[1] == 0:
        return np.full(pair.n, np.nan)
    of_one, of_other = squares[0][varies], squares[1][varies]
    both = (one * other).sum(dim=0)
    share = pair.n / (pair.n - 1)
    left_one, left_other = of_one - share * one**2, of_other - share * other**2
    left = (left_one > TIE * of_one) & (left_other > TIE * of_other)
    found = (both - share * one * other) / (left_one * left_other).clamp_min(0).sqrt()
    without = torch.where(left, found, 0.0).sum(dim=1) / left.sum(dim=1)
    value = float((both / (of_one * of_other).sqrt()).mean())
    return influence(value, without.cpu().numpy())


MEASURE = Measure(values, least=4, lowest=-1.0)
