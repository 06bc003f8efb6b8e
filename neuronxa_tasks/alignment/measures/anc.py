"""Average neuron-wise correlation: do the same neurons rise for the same sentences?

Formula: mean over neurons f of the Pearson correlation, over the n sentence pairs, of the value of
f in the pivot with its value in the target. A neuron that is constant in either language has no
correlation and does not count.

Source: Del & Fishel 2022, arXiv 2212.01924, section 3. Range: -1 to 1; 1 for equal vectors. Neurons
are matched by their place, so a rotation changes it.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from neuronxa_tasks.alignment.hits import TIE
from neuronxa_tasks.alignment.layer_pair import Floats, LayerPair, Measure, influence


def values(pair: LayerPair) -> Floats:
    """[n] values, the jackknife's influence; exact: sums without a sentence have a closed form."""
    sizes = [torch.linalg.vector_norm(each, dim=0) for each in pair.vectors]
    one, other = (each - each.mean(dim=0) for each in pair.vectors)
    norms = [torch.linalg.vector_norm(each, dim=0) for each in (one, other)]
    varies = (norms[0] > TINY * sizes[0]) & (norms[1] > TINY * sizes[1])
    if not bool(varies.any()):
        return np.full(pair.n, np.nan)
    if not bool(varies.all()):
        one, other = one[:, varies], other[:, varies]
        norms = [each[varies] for each in norms]
    one.div_(norms[0])
    other.div_(norms[1])
    products = one * other
    found = products.sum(dim=0)
    # In place from here on: these are [n, F], and memory is what takes the time.
    share = pair.n / (pair.n - 1)
    left_one = one.square_().mul_(-share).add_(1)
    left_other = other.square_().mul_(-share).add_(1)
    left = (left_one > TIE) & (left_other > TIE)
    without = products.mul_(-share).add_(found).div_(left_one.mul_(left_other).sqrt_())
    if not bool(left.all()):
        without = without.masked_fill_(~left, 0.0)
    means = without.sum(dim=1) / left.sum(dim=1)
    return influence(float(found.mean()), means.cpu().numpy())


TINY = math.sqrt(TIE)
"""Of a neuron's norm, below which its spread is rounding."""


MEASURE = Measure(values, least=4, lowest=-1.0)
