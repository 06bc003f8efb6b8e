"""Sentence vectors: what a model makes of n sentences, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronxa_tasks.states.reading import fetch_all


class Sizes(NamedTuple):
    """How dense and how long the vectors of each layer are.

    Attributes:
        density: [L] float64, the mean of all NAS.
        nav: [L] float64, the mean Euclidean norm of the NAV vectors.
        hidden: [L + 1] float64, that of the hidden states.
    """

    density: NDArray[Any]
    nav: NDArray[Any]
    hidden: NDArray[Any]


@dataclass(frozen=True)
class SentenceVectors:
    """Vectors of n sentences, per layer, on the device that computed them or in main memory.

    Attributes:
        nas: L tensors [n, F_l] float32 in [0, 1], weighted means of neuron states. In a mixture of
            experts, the neurons of all routed experts, then those of the shared ones.
        nav: L tensors [n, F_l] float32, >= 0, weighted means of absolute activations.
        hidden: One tensor [n, d] float32 per block and one more, weighted means of hidden states;
            the last one after the final norm.
        tokens: Tokens per sentence as they were fed, special tokens included.
        truncated: How many sentences were longer than the context and lost their end.
        signs: As `hidden`, weighted shares of tokens whose hidden state is positive: what NAS is
            to neurons. For the variant `hidden_sign`, else empty.
        top: As `nas`, weighted shares of tokens at which a neuron is among the highest tenth of its
            network. For the variant `top_decile`, else empty.
        up: As `nas`, weighted shares of tokens at which the up projection is positive. For the
            variant `up_sign`, else empty.
        active: As `nas`, the number of tokens at which a neuron's activation is positive, whatever
            their weights. For measures of activation probabilities, else empty.
    """

    nas: tuple[Tensor, ...]
    nav: tuple[Tensor, ...]
    hidden: tuple[Tensor, ...]
    tokens: tuple[int, ...]
    truncated: int
    signs: tuple[Tensor, ...] = ()
    top: tuple[Tensor, ...] = ()
    up: tuple[Tensor, ...] = ()
    active: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def sizes(self) -> Sizes:
        """Density and norms, computed when first asked for."""
        density = [each.mean(dtype=torch.float64) for each in self.nas]
        nav, hidden = (
            [torch.linalg.vector_norm(each, dim=1).mean().double() for each in layers]
            for layers in (self.nav, self.hidden)
        )
        return Sizes(*fetch_all([density, nav, hidden]))
