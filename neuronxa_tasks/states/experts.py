"""Activations of a mixture of experts: read where the experts show them, else recomputed.

transformers has several implementations of the experts (`eager`, `batched_mm`, `grouped_mm`, and
fused kernels). All are called with the same arguments. `grouped_mm`, the default, and
`batched_mm` call the experts' activation module once, on all tokens in an order that follows from
these arguments: its output is the tap `gate`. Anywhere else, and for other taps, the first half of
each expert is computed again from its input and its weights, one expert after the other. The
model's output stays untouched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import Tap
from neuronxa_tasks.states import gates
from neuronxa_tasks.states.arrivals import Arrival, Arrivals
from neuronxa_tasks.states.dtensors import is_dtensor
from neuronxa_tasks.states.layout import RoutedNeurons
from neuronxa_tasks.states.rows import Routed

GIVEN_OUT = (gates.act_fn, gates.act_fn_clamped, gates.act_fn_float)
"""Gates that are what the experts' activation module gives out."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one expert made of the m tokens that were routed to it.

    Attributes:
        arrival: Which expert, which tokens.
        activation: [m, F_expert], the tap.
        up: [m, F_expert], the output of the up projection; None without a gate.
    """

    arrival: Arrival
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
        known = known and neurons.row.gate in GIVEN_OUT
        self.module = found if known and tap == "gate" else None

    def keep(self, output: Tensor) -> None:
        """Take what the module gave out."""
        self._outputs.append(output)

    def forget(self) -> None:
        """Let go of what the module gave out, to a recomputation or in a pass that failed."""
        self._outputs.clear()

    def take(self, order: Tensor | None) -> Tensor | None:
        """Hand over the rows of all experts, one expert after the other.

        Args:
            order: [S * k] integers, what sorts the experts of the tokens; None where that is not
                how they are told.

        Returns:
            [S * k, F_expert]; None where the implementation is another one.
        """
        outputs, self._outputs = self._outputs, []
        way = getattr(getattr(self._neurons.experts, "config", None), "_experts_implementation", "")
        if self.module is None or way not in ("grouped_mm", "batched_mm") or len(outputs) != 1:
            return None
        (rows,) = outputs
        if order is None or rows.shape != (len(order), self._neurons.held):
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


def entries(experts: nn.Module, row: Routed) -> tuple[str, ...]:
    """Names of the parameters that hold W_gate and W_up."""
    if row.entry:
        return row.entry
    return ("gate_up_proj" if getattr(experts, "has_gate", True) else "up_proj",)


def parameter(experts: nn.Module, path: str) -> Any:
    """What is at a path, None if there is nothing."""
    found: Any = experts
    for step in path.split("."):
        found = getattr(found, step, None)
    return found


def transposed(experts: nn.Module, row: Routed) -> bool:
    """Whether the matrices are [in, out]."""
    if row.transposed is None:
        return bool(getattr(experts, "is_transposed", False))
    return row.transposed


def expert_activations(
    neurons: RoutedNeurons, tap: Tap, arrivals: Arrivals, own: OwnActivations | None = None
) -> Iterator[Visit]:
    """Find the activations of each expert for the tokens that were routed to it.

    Args:
        neurons: The experts.
        tap: `gate` for act(W_gate x), `inner` for the input of the down projection.
        arrivals: The tokens of each expert.
        own: What their activation module gave out; without the output of the up projection.

    Yields:
        For each expert with tokens what it made of them.

    Raises:
        NeuronXAError: The experts' weights are offloaded.
    """
    found = own.take(arrivals.order) if own is not None else None
    for arrival in arrivals.each:
        span = slice(arrival.start, arrival.start + len(arrival.rows))
        if found is None or own is None or not own.proved:
            activation, up = _recomputed(neurons, tap, arrival.expert, arrival.inputs)
            if found is not None and own is not None and not own.prove(found[span], activation):
                found = None
        else:
            activation, up = found[span], None
        yield Visit(arrival, activation, up)
    if own is not None:
        own.forget()  # a recomputation asks the same module


def _recomputed(
    neurons: RoutedNeurons, tap: Tap, expert: int, tokens: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The tap of one expert and the output of its up projection, for tokens [m, d]."""
    experts, row = neurons.experts, neurons.row
    projected = []
    for name in entries(experts, row):
        matrices, biases = parameter(experts, name), parameter(experts, f"{name}_bias")
        if is_dtensor(matrices):  # the part of this process
            matrices = matrices.to_local()
        if matrices.is_meta:
            raise NeuronXAError(
                f"The weights of the experts `{neurons.name}` are offloaded, so their neurons "
                "cannot be read. Give the model more memory (max_memory, more devices), or run "
                "the benchmarks alone."
            )
        if row.stacked:
            matrices = matrices.view(neurons.count, neurons.each, -1)
        matrix = matrices[expert]
        made = tokens.to(matrix.dtype) @ (matrix if transposed(experts, row) else matrix.T)
        projected.append(made if biases is None else made + biases[expert])
    return _apply(neurons, tap, projected)


def _apply(
    neurons: RoutedNeurons, tap: Tap, projected: list[Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Gate or inner of the input projection, and its up branch.

    Args:
        neurons: The experts.
        tap: Which of the two.
        projected: [m, 2 F], or W_gate x and W_up x, or W_in x, each [m, F].
    """
    experts: Any = neurons.experts
    if not neurons.gated:
        return neurons.row.gate(experts, projected[0]), None
    if len(projected) == 2:
        gate, up = projected
    elif neurons.row.alternate:
        gate, up = projected[0][..., ::2], projected[0][..., 1::2]
    else:
        gate, up = projected[0].chunk(2, dim=-1)
    if tap == "gate":
        return neurons.row.gate(experts, gate), up
    if hasattr(experts, "_apply_gate"):  # theirs, with all that is done to `up`
        return experts._apply_gate(torch.cat(projected, dim=-1)), up
    return neurons.row.gate(experts, gate) * up, up
