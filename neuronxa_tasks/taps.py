"""Hooks on a loaded model: placed, proved, removed.

Each hook turns the activation of its layer, [B, T, F], into weighted sums over the tokens,
[B, F], at once. No token-level activation outlives the layer that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from neuronxa_tasks.architectures import FFN, DenseNeurons, Layout, RoutedNeurons
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.experts import expert_activations, routing
from neuronxa_tasks.options import Tap

Pooled: TypeAlias = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]
"""NAS, NAV, hidden states and their signs."""


class Taps:
    """Context manager that reads NAS, NAV and hidden states of every forward pass inside it.

    Use `begin` before and `end` after each call of the decoder.

    Args:
        layout: Where the neurons are.
        tap: `gate` reads act(W_gate x), `inner` reads the input of the down projection.
        routed_nav: Multiply the NAV of a routed expert by its routing weight.
        hidden_signs: Also read where hidden states are positive.
    """

    def __init__(
        self,
        layout: Layout,
        tap: Tap = "gate",
        *,
        routed_nav: bool = False,
        hidden_signs: bool = False,
    ) -> None:
        self._layout = layout
        self._tap: Tap = tap
        self._routed_nav = routed_nav
        self._hidden_signs = hidden_signs
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._weights: dict[torch.device, Tensor] = {}
        self._states: list[list[list[tuple[Tensor, Tensor]]]] = []  # layer, part, times fired
        self._hidden: list[list[list[Tensor]]] = []  # layer, times fired, values (and signs)

    def __enter__(self) -> Taps:
        try:
            for index, ffn in enumerate(self._layout.ffns):
                for part, neurons in enumerate(ffn.neurons):
                    self._place(index, part, neurons)
            self._place_blocks()
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
        self._weights = {weights.device: weights}
        self._states = [[[] for _ in ffn.neurons] for ffn in self._layout.ffns]
        self._hidden = [[] for _ in range(len(self._layout.blocks) + 1)]

    def end(self, last: Tensor) -> Pooled:
        """Check that every hook fired once and hand over the sentence vectors.

        Args:
            last: [B, T, d], the decoder's output; after the final norm, as MEXA takes it.

        Returns:
            NAS and NAV, each one tensor [B, F] float32 per feed-forward network, and hidden
            states, one tensor [B, d] float32 per block and one more: the input of the first
            block, then the output of each. Last the weighted shares of tokens whose hidden state
            is positive, of the same shapes, or nothing.

        Raises:
            NeuronXAError: A hook fired more or less than once.
        """
        self._hidden[-1] = [self._pool_hidden(last)]
        for parts, ffn in zip(self._states, self._layout.ffns, strict=True):
            for fired, neurons in zip(parts, ffn.neurons, strict=True):
                self._prove(len(fired), ffn, neurons)
        for index, states in enumerate(self._hidden):
            if len(states) != 1:
                raise NeuronXAError(
                    f"The hidden state {index} was seen {len(states)} times in one forward pass "
                    "instead of once. The blocks of this model are not run one after the other; "
                    "run the benchmarks alone."
                )
        nas, nav = (
            [torch.cat([fired[0][kind] for fired in parts], dim=1) for parts in self._states]
            for kind in (0, 1)
        )
        hidden = [fired[0][0] for fired in self._hidden]
        signs = [fired[0][1] for fired in self._hidden] if self._hidden_signs else []
        self._states, self._hidden, self._weights = [], [], {}
        return nas, nav, hidden, signs

    def _place(self, index: int, part: int, neurons: DenseNeurons | RoutedNeurons) -> None:
        def keep(states: tuple[Tensor, Tensor]) -> None:
            self._states[index][part].append(states)

        if isinstance(neurons, RoutedNeurons):
            handle = neurons.experts.register_forward_pre_hook(
                lambda _, args, kwargs: keep(self._routed(neurons, [*args, *kwargs.values()])),
                with_kwargs=True,
            )
        elif self._tap == "inner":
            handle = neurons.down.register_forward_pre_hook(
                lambda _, args: keep(self._dense(neurons, args[0]))
            )
        else:
            handle = neurons.activation.register_forward_hook(
                lambda _, __, output: keep(self._dense(neurons, output))
            )
        self._handles.append(handle)

    def _place_blocks(self) -> None:
        first, *others = self._layout.blocks
        self._handles.append(first.register_forward_pre_hook(self._first_input, with_kwargs=True))
        # After the last block the decoder's own output counts.
        for index, block in enumerate([first, *others][:-1]):
            self._handles.append(block.register_forward_hook(self._block_output(index + 1)))

    def _first_input(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._hidden[0].append(self._pool_hidden(args[0] if args else kwargs["hidden_states"]))

    def _block_output(self, index: int) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            states = output[0] if type(output) is tuple else output
            self._hidden[index].append(self._pool_hidden(states))

        return hook

    def _pool_hidden(self, states: Tensor) -> list[Tensor]:
        pooled = [self._pool(states)]
        return [*pooled, self._pool(states > 0)] if self._hidden_signs else pooled

    def _dense(self, neurons: DenseNeurons, activation: Tensor) -> tuple[Tensor, Tensor]:
        if activation.shape[-1] != neurons.width:
            raise NeuronXAError(
                f"The tap `{self._tap}` of {neurons.name} gave {activation.shape[-1]} values per "
                f"token instead of {neurons.width}, the inputs of its down projection. A slice "
                "or a fused activation cannot be scored. Load the model without tensor "
                "parallelism and fused kernels, or run the benchmarks alone."
            )
        return self._pool(activation > 0), self._pool(activation.abs())

    def _routed(self, neurons: RoutedNeurons, values: list[Any]) -> tuple[Tensor, Tensor]:
        """NAS and NAV [B, experts * F_expert]; 0 where a token did not go to the expert."""
        tokens, index, shares = routing(neurons, values)
        weights = self._weights_on(tokens.device)
        batch = len(weights)
        # Row b has the weights of sentence b at its tokens and 0 at all others.
        of_token: Tensor = torch.block_diag(*weights)  # type: ignore[no-untyped-call]
        nas, nav = weights.new_zeros(2, batch, neurons.count, neurons.each)
        for expert, rows, places, activation in expert_activations(
            neurons, self._tap, tokens, index
        ):
            values_ = activation.abs().to(torch.float32)
            if self._routed_nav:
                values_ = values_ * shares[rows, places].abs().to(torch.float32).unsqueeze(1)
            nas[:, expert] = of_token[:, rows] @ (activation > 0).to(torch.float32)
            nav[:, expert] = of_token[:, rows] @ values_
        return nas.flatten(1), nav.flatten(1)

    def _pool(self, values: Tensor) -> Tensor:
        """Weighted sum over tokens: [B, T, F] or [B * T, F] -> [B, F] float32."""
        weights = self._weights_on(values.device)
        batch, time = weights.shape
        values = values.reshape(batch, time, values.shape[-1])  # OPT flattens batch and time
        return torch.bmm(weights.unsqueeze(1), values.to(torch.float32)).squeeze(1)

    def _weights_on(self, device: torch.device) -> Tensor:
        if device not in self._weights:  # a model spread over devices
            self._weights[device] = next(iter(self._weights.values())).to(device)
        return self._weights[device]

    def _prove(self, fired: int, ffn: FFN, neurons: DenseNeurons | RoutedNeurons) -> None:
        if fired == 1:
            return
        if isinstance(neurons, RoutedNeurons):
            module = neurons.experts
        else:
            module = neurons.down if self._tap == "inner" else neurons.activation
        why = (
            "because fused kernels or custom code bypass it. Load the model without them"
            if fired == 0
            else "so the module is shared or the block is run again. Turn off gradient "
            "checkpointing and layer sharing"
        )
        raise NeuronXAError(
            f"The tap `{self._tap}` of layer {ffn.layer} (`{neurons.name}`, "
            f"{type(module).__name__}) fired {fired} times in one forward pass instead of once, "
            f"{why}, or run the benchmarks alone."
        )

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._states, self._hidden, self._weights = [], [], {}
