"""Overlap of active neurons: are the same neurons active in the text of both languages?

Formula: |A and B| / |A or B| (Jaccard), A and B the neurons that are active at more than half of
the tokens of the pivot's and of the target's sentences; active is an activation above 0, every
token counts once, special tokens too.

Source: overlap of active neurons as in Wang et al. 2024, arXiv 2406.13229, and arXiv 2508.17078;
their thresholds differ, and so does this one. Range: 0 to 1. It does not know which sentences are
translations of each other, so that `shuffled` is the same number: neurons that are active in any
text make most of it, which the untrained floor shows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neuronxa_tasks.alignment.layer_pair import Active, Floats, LayerPair, Measure, influence

ACTIVE = 0.5
"""Share of tokens above which a neuron is active in a language."""


def values(pair: LayerPair) -> Floats:
    """[n] values, the jackknife's influence; exact."""
    (one, one_without), (other, other_without) = map(_sets, pair.active)
    without = _jaccard(one_without, other_without).cpu().numpy()
    return influence(float(_jaccard(one, other)), without)


def _sets(active: Active) -> tuple[Tensor, Tensor]:
    """[F], which neurons are active; and [n, F], which are without each sentence."""
    counts, tokens = active
    if counts.device.type == "mps":  # has no float64
        counts = counts.cpu()
    # Whole numbers below 2^24: float32 holds them, and their sums as float64.
    total = counts.sum(dim=0, dtype=torch.float64)
    left = (tokens.sum() - tokens).to(counts.device)
    return (
        total > ACTIVE * float(tokens.sum()),
        total - counts.to(torch.float64) > ACTIVE * left.unsqueeze(1),
    )


def _jaccard(one: Tensor, other: Tensor) -> Tensor:
    """Over the last axis; NaN where neither has a neuron."""
    either = (one | other).sum(dim=-1)
    both = (one & other).sum(dim=-1).to(torch.float64)
    return torch.where(either > 0, both / either.clamp_min(1), math.nan)


MEASURE = Measure(values, least=2, representations=("nas",), counts=True)
