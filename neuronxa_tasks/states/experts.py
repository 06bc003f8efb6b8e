"""Activations of a mixture of experts: read where the experts show them, else recomputed.

transformers has several implementations of the experts (`eager`, `batched_mm`, `grouped_mm`, and
fused kernels). All are called with the same three arguments. `grouped_mm`, the default, and
`batched_mm` call the experts' activation module once, on all tokens in an order that follows from
these arguments: its output is the tap `gate`. Anywhere else, and for other taps, the first half of
each expert is computed again from its input and its weights, one expert after the other. The
model's output stays untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

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


class OwnActivations:
    """What the activation module of some experts gave out in this pass.

    Args:
        neurons: The experts.
        tap: Only `gate` is what the module gives out.
    """

    def __init__(self, neurons: RoutedNeurons, tap: Tap) -> None:
        found = getattr(neurons.experts, "act_fn", None)
        # Where there is `is_concatenated`, transformers dispatches by the config.
        known = hasattr(neurons.experts, "is_concatenated") and isinstance(found, nn.Module)
        self._neurons = neurons
        self._outputs: list[Tensor] = []
        self.proved = False
        self.module = found if known and tap == "gate" else None

    def keep(self, output: Tensor) -> None:
        """Take what the module gave out."""
        self._outputs.append(output)

    def take(self, index: Tensor, order: Tensor) -> Tensor | None:
        """Hand over the rows of all experts, one expert after the other.

        Args:
            index: [S, k] integers, the experts of each token.
            order: [S * k] integers, what sorts the flat `index`.

        Returns:
            [S * k, F_expert]; None where the implementation is another one.
        """
        outputs, self._outputs = self._outputs, []
        way = getattr(getattr(self._neurons.experts, "config", None), "_experts_implementation", "")
        if self.module is None or way not in ("grouped_mm", "batched_mm") or len(outputs) != 1:
            return None
        (rows,) = outputs
        if rows.shape != (index.numel(), self._neurons.each):
            return None
        return rows if way == "grouped_mm" else rows[order]

    def prove(self, rows: Tensor, expected: Tensor) -> bool:
        """Compare some rows with recomputed ones; if they differ, no rows are handed over again.

        Args:
            rows: [m, F_expert].
            expected: [m, F_expert].
        """
        tolerance = 0.05 * expected.abs().max()  # products of two kernels, maybe in bfloat16
        self.proved = bool(((rows - expected).abs() <= tolerance).all())
        if not self.proved:
            self.module = None
        return self.proved


def expert_activations(
    neurons: RoutedNeurons,
    tap: Tap,
    tokens: Tensor,
    index: Tensor,
    own: OwnActivations | None = None,
) -> Iterator[Visit]:
    """Find the activations of each expert for the tokens that were routed to it.

    An accelerator is waited for once, for the number of tokens of each expert.

    Args:
        neurons: The experts.
        tap: `gate` for act(W_gate x), `inner` for the input of the down projection.
        tokens: [S, d], what the experts were called with.
        index: [S, k] integers, the experts of each token.
        own: What their activation module gave out; without the output of the up projection.

    Yields:
        For each expert with tokens what it made of them.

    Raises:
        NeuronXAError: The experts' weights are offloaded.
    """
    # As `grouped_mm` sorts: equal calls leave tokens of one expert in equal order.
    ordered, order = torch.sort(index.flatten())
    # Numbers from `count` on stand for "no expert" and come last.
    bounds = torch.arange(neurons.count + 1, device=index.device, dtype=index.dtype)
    spans = list(pairwise(torch.searchsorted(ordered, bounds).tolist()))
    found = own.take(index, order) if own is not None else None
    for expert, (start, stop) in enumerate(spans):
        if start == stop:
            continue
        chosen = order[start:stop]
        rows, places = chosen // index.shape[1], chosen % index.shape[1]
        if found is None or own is None or not own.proved:
            activation, up = _recomputed(neurons, tap, expert, tokens[rows])
            if (
                found is not None
                and own is not None
                and not own.prove(found[start:stop], activation)
            ):
                found = None
        else:
            activation, up = found[start:stop], None
        yield Visit(expert, rows, places, activation, up)


def _recomputed(
    neurons: RoutedNeurons, tap: Tap, expert: int, tokens: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The tap of one expert and the output of its up projection, for tokens [m, d]."""
    experts: Any = neurons.experts
    entry = "gate_up_proj" if neurons.gated else "up_proj"
    matrices = getattr(experts, entry)
    biases = getattr(experts, f"{entry}_bias", None)
    if matrices.is_meta:
        raise NeuronXAError(
            f"The weights of the experts `{neurons.name}` are offloaded, so their neurons cannot "
            "be read. Give the model more memory (max_memory, more devices), or run the "
            "benchmarks alone."
        )
    matrix = matrices[expert]
    transposed = getattr(experts, "is_transposed", False)
    projected = tokens.to(matrix.dtype) @ (matrix if transposed else matrix.T)
    if biases is not None:
        projected = projected + biases[expert]
    if neurons.gated:
        return _apply(experts, tap, projected)
    return experts.act_fn(projected), None


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
