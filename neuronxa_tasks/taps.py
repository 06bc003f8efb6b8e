"""Hooks on a loaded model: placed, proved, removed.

Each hook turns the activation of its layer, [B, T, F], into weighted sums over the tokens,
[B, F], at once. No token-level activation outlives the layer that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from neuronxa_tasks.architectures import FFN, Layout
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.options import Tap


class Taps:
    """Context manager that reads NAS, NAV and hidden states of every forward pass inside it.

    Use `begin` before and `end` after each call of the decoder.

    Args:
        layout: Where the neurons are.
        tap: `gate` reads act(W_gate x), `inner` reads the input of the down projection.
    """

    def __init__(self, layout: Layout, tap: Tap = "gate") -> None:
        self._layout = layout
        self._tap = tap
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._weights: dict[torch.device, Tensor] = {}
        self._nas: list[list[Tensor]] = []
        self._nav: list[list[Tensor]] = []
        self._hidden: list[list[Tensor]] = []

    def __enter__(self) -> Taps:
        try:
            for index, ffn in enumerate(self._layout.ffns):
                self._place(index, ffn)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def begin(self, weights: Tensor) -> None:
        """Prepare for one forward pass.

        Args:
            weights: [B, T] float32, token weights; each row sums to 1, padding has 0.
        """
        layers = len(self._layout.ffns)
        self._weights = {weights.device: weights}
        self._nas = [[] for _ in range(layers)]
        self._nav = [[] for _ in range(layers)]
        self._hidden = [[] for _ in range(layers + 1)]

    def end(self, last: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Check that every hook fired once and hand over the sentence vectors.

        Args:
            last: [B, T, d], the decoder's output; after the final norm, as MEXA takes it.

        Returns:
            NAS and NAV, each L tensors [B, F] float32, and hidden states, L + 1 tensors [B, d]
            float32: the input of the first block, then the output of each.

        Raises:
            NeuronXAError: A hook fired more or less than once.
        """
        self._hidden[-1] = [self._pool(last)]
        for index, ffn in enumerate(self._layout.ffns):
            self._prove(len(self._nas[index]), index, ffn)
        for index, states in enumerate(self._hidden):
            if len(states) != 1:
                raise NeuronXAError(
                    f"The hidden state {index} was seen {len(states)} times in one forward pass "
                    "instead of once. The blocks of this model are not run one after the other; "
                    "run the benchmarks alone."
                )
        taken = tuple([each[0] for each in group] for group in (self._nas, self._nav, self._hidden))
        self._nas, self._nav, self._hidden, self._weights = [], [], [], {}
        return taken  # type: ignore[return-value]

    def _place(self, index: int, ffn: FFN) -> None:
        def read(activation: Any) -> None:
            self._read(index, ffn, activation)

        if self._tap == "inner":
            handle = ffn.down.register_forward_pre_hook(lambda _, args: read(args[0]))
        else:
            handle = ffn.activation.register_forward_hook(lambda _, __, output: read(output))
        self._handles.append(handle)
        if index == 0:
            self._handles.append(
                ffn.block.register_forward_pre_hook(self._first_input, with_kwargs=True)
            )
        if index < len(self._layout.ffns) - 1:  # after the last block the decoder's output counts
            self._handles.append(ffn.block.register_forward_hook(self._block_output(index + 1)))

    def _first_input(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._hidden[0].append(self._pool(args[0] if args else kwargs["hidden_states"]))

    def _block_output(self, index: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            self._hidden[index].append(self._pool(output[0] if type(output) is tuple else output))

        return hook

    def _read(self, index: int, ffn: FFN, activation: Tensor) -> None:
        if activation.shape[-1] != ffn.width:
            raise NeuronXAError(
                f"The tap `{self._tap}` of {ffn.name} gave {activation.shape[-1]} values per "
                f"token instead of {ffn.width}, the inputs of its down projection. A slice or a "
                "fused activation cannot be scored. Load the model without tensor parallelism "
                "and fused kernels, or run the benchmarks alone."
            )
        self._nas[index].append(self._pool(activation > 0))
        self._nav[index].append(self._pool(activation.abs()))

    def _pool(self, values: Tensor) -> Tensor:
        """Weighted sum over tokens: [B, T, F] or [B * T, F] -> [B, F] float32."""
        weights = self._weights.get(values.device)
        if weights is None:  # a model spread over devices
            weights = next(iter(self._weights.values())).to(values.device)
            self._weights[values.device] = weights
        batch, time = weights.shape
        values = values.reshape(batch, time, values.shape[-1])  # OPT flattens batch and time
        return torch.bmm(weights.unsqueeze(1), values.to(torch.float32)).squeeze(1)

    def _prove(self, fired: int, index: int, ffn: FFN) -> None:
        if fired == 1:
            return
        module = ffn.down if self._tap == "inner" else ffn.activation
        why = (
            "because fused kernels or custom code bypass it. Load the model without them"
            if fired == 0
            else "so the module is shared or the block is run again. Turn off gradient "
            "checkpointing and layer sharing"
        )
        raise NeuronXAError(
            f"The tap `{self._tap}` of layer {index} (`{ffn.name}`, {type(module).__name__}) "
            f"fired {fired} times in one forward pass instead of once, {why}, or run the "
            "benchmarks alone."
        )

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._nas, self._nav, self._hidden, self._weights = [], [], [], {}
