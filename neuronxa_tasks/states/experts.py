"""Activations of a mixture of experts, recomputed from the experts' inputs.

transformers has several implementations of the experts (`eager`, `batched_mm`, `grouped_mm`, and
fused kernels), none of which gives out the activations in a common order. All are called with the
same three arguments. So the first half of each expert is computed again from these and the
experts' own weights, one expert after the other; the model's output stays untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import Tap
from neuronxa_tasks.states.layout import RoutedNeurons


@dataclass(frozen=True, slots=True)
class Visit:
    """What one expert made of the m tokens that were routed to it.

    Attributes:
        expert: Its number.
        rows: [m] integers, the rows of the tokens.
        places: [m] integers, the expert's place among the k experts of the token.
        activation: [m, F_expert], the tap.
        up: [m, F_expert], the output of the up projection; None without a gate.
    """

    expert: int
    rows: Tensor
    places: Tensor
    activation: Tensor
    up: Tensor | None


def expert_activations(
    neurons: RoutedNeurons, tap: Tap, tokens: Tensor, index: Tensor
) -> Iterator[Visit]:
    """Compute the activations of each expert for the tokens that were routed to it.

    Args:
        neurons: The experts.
        tap: `gate` for act(W_gate x), `inner` for the input of the down projection.
        tokens: [S, d], what the experts were called with.
        index: [S, k] integers, the experts of each token.

    Yields:
        For each expert with tokens what it made of them.

    Raises:
        NeuronXAError: The experts' weights are offloaded.
    """
    experts: Any = neurons.experts
    transposed = getattr(experts, "is_transposed", False)
    entry = "gate_up_proj" if neurons.gated else "up_proj"
    matrices = getattr(experts, entry)
    biases = getattr(experts, f"{entry}_bias", None)
    if matrices.is_meta:
        raise NeuronXAError(
            f"The weights of the experts `{neurons.name}` are offloaded, so their neurons cannot "
            "be read. Give the model more memory (max_memory, more devices), or run the "
            "benchmarks alone."
        )
    for expert in sorted(set(index.flatten().tolist())):
        if expert >= neurons.count:  # stands for "no expert"
            continue
        rows, places = torch.where(index == expert)
        matrix = matrices[expert]
        projected = tokens[rows].to(matrix.dtype) @ (matrix if transposed else matrix.T)
        if biases is not None:
            projected = projected + biases[expert]
        if neurons.gated:
            activation, up = _apply(experts, tap, projected)
        else:
            activation, up = experts.act_fn(projected), None
        yield Visit(expert, rows, places, activation, up)


def _apply(experts: Any, tap: Tap, projected: Tensor) -> tuple[Tensor, Tensor]:
    """Gate or inner of the input projection [m, 2 F], and its up branch."""
    usual = hasattr(experts, "act_fn")
    # In gpt-oss gate and up alternate; act(g) = g * sigmoid(alpha g) of the clamped gate.
    gate, up = projected.chunk(2, dim=-1) if usual else (projected[..., ::2], projected[..., 1::2])
    if tap == "inner":
        activation = experts._apply_gate(projected)
    elif usual:
        activation = experts.act_fn(gate)
    else:
        gate = gate.clamp(max=experts.limit)
        activation = gate * torch.sigmoid(gate * experts.alpha)
    return activation, up


def routing(neurons: RoutedNeurons, values: list[Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Tell apart the arguments that the experts were called with.

    Returns:
        Tokens [S, d], experts of each token [S, k] (integers), routing weights [S, k].

    Raises:
        NeuronXAError: The call has another form.
    """
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) == 3:
        tokens, index, weights = tensors
        if not index.is_floating_point() and index.shape == weights.shape and index.ndim == 2:
            return tokens.reshape(-1, tokens.shape[-1]), index, weights
    raise NeuronXAError(
        f"The experts `{neurons.name}` ({type(neurons.experts).__name__}) were called with "
        f"{[tuple(each.shape) for each in tensors]} instead of tokens, their experts and their "
        "routing weights. Another version of transformers may have changed this. Use a tested "
        "one (constraints.txt), or run the benchmarks alone."
    )
