"""Hooks on a loaded model: placed, proved, removed.

Each hook turns the activation of its layer, [B, T, F], into weighted sums over the tokens,
[B, F], at once. No token-level activation outlives the layer that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import Tap
from neuronxa_tasks.states import fused
from neuronxa_tasks.states.arrivals import Call
from neuronxa_tasks.states.experts import OwnActivations, expert_activations
from neuronxa_tasks.states.layout import DenseNeurons, Layout, RoutedNeurons
from neuronxa_tasks.states.needs import check_variants
from neuronxa_tasks.states.pooling import (
    Make,
    Tokens,
    mean,
    pool,
    sizes,
    states,
    tokens_of,
    top_decile,
)

Pooled: TypeAlias = dict[str, list[Tensor]]
"""Vectors of a batch, one tensor per layer, by their name in `SentenceVectors`."""

READ_FOR: Mapping[str, str] = MappingProxyType(
    {"hidden_sign": "signs", "top_decile": "top", "up_sign": "up"}
)
"""Variant that compares vectors of its own -> their name in `SentenceVectors`."""


class _Place(NamedTuple):
    """Where a hook is: index of the network, of its part, and `gate`, `inner` or `up`."""

    network: int
    part: int
    tap: str


class Taps:
    """Context manager that reads NAS, NAV and hidden states of every forward pass inside it.

    Use `begin` before and `end` after each call of the decoder, or of a model around it.

    Args:
        layout: Where the neurons are.
        tap: `gate` reads act(W_gate x), `inner` reads the input of the down projection.
        routed_nav: Multiply the NAV of a routed expert by its routing weight.
        variants: Also read what these compare; a variant that needs nothing is passed over.
        counts: Also count the tokens at which each neuron is active, whatever their weights.
        late: Place the hooks anew each time the decoder starts, behind those that somebody placed
            for this pass, so that their changes are read too.
        one_walk: Take the compiled kernels of `fused` where they apply.

    Raises:
        NeuronXAError: The model does not have what a variant compares.
    """

    def __init__(
        self,
        layout: Layout,
        tap: Tap = "gate",
        *,
        routed_nav: bool = False,
        variants: Collection[str] = (),
        counts: bool = False,
        late: bool = False,
        one_walk: bool = False,
    ) -> None:
        self._layout = layout
        self._tap: Tap = tap
        self._routed_nav = routed_nav
        self._also = {READ_FOR[variant] for variant in variants if variant in READ_FOR}
        self._also |= {"active"} if counts else set()
        self._makes: dict[str, Make] = {"nas": states, "nav": sizes}
        if "top" in self._also:
            self._makes["top"] = top_decile
        check_variants(layout, variants)
        self._one_walk = one_walk
        self._late = late
        self._starts: torch.utils.hooks.RemovableHandle | None = None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._own: dict[str, OwnActivations] = {}
        self._tokens: dict[torch.device, Tokens] = {}
        self._counted: dict[torch.device, Tokens] = {}  # every token with weight 1
        self._neurons: dict[_Place, list[dict[str, Tensor]]] = {}  # each time the hook fired
        self._hidden: list[list[dict[str, Tensor]]] = []  # layer, each time the hook fired

    def __enter__(self) -> Taps:
        try:
            if self._late:
                self._starts = self._layout.decoder.register_forward_pre_hook(self._start)
            else:
                self._place_all()
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

    def begin(self, weights: Tensor, real: Tensor | None = None) -> None:
        """Prepare for one forward pass.

        Args:
            weights: [B, T] float32 on the CPU, token weights; each row sums to 1, padding has 0.
            real: [B, T] on the CPU, 1 at every token and 0 at padding. Where tokens are counted.
        """
        self._forget()  # what a pass that failed has left
        self._tokens = {weights.device: tokens_of(weights)}
        if real is not None and "active" in self._also:
            self._counted = {real.device: tokens_of(real.to(torch.float32))}
        self._hidden = [[] for _ in range(len(self._layout.blocks) + 1)]

    def end(self, last: Tensor | None = None) -> Pooled:
        """Check that every hook fired once and hand over the sentence vectors.

        Args:
            last: [B, T, d], the decoder's output; after the final norm, as MEXA takes it. Late
                hooks have seen it themselves.

        Returns:
            `nas`, `nav` and, where asked for, `top`, `up` and `active`: one tensor [B, F] float32
            per feed-forward network. `hidden` and, where asked for, `signs`: one tensor [B, d]
            float32 per block and one more, the input of the first block, then the output of each.

        Raises:
            NeuronXAError: A hook fired more or less than once.
        """
        if last is not None:
            self._hidden[-1].append(self._pool_hidden(last))
        networks: list[list[dict[str, Tensor]]] = [
            [{} for _ in ffn.neurons] for ffn in self._layout.ffns
        ]
        for place, fired in self._neurons.items():
            self._prove(len(fired), place)
            networks[place.network][place.part] |= fired[0]
        for index, fired in enumerate(self._hidden):
            if len(fired) != 1:
                raise NeuronXAError(
                    f"The hidden state {index} was seen {len(fired)} times in one forward pass "
                    "instead of once. The blocks of this model are not run one after the other; "
                    "run the benchmarks alone."
                )
        whole = [
            list(map(_whole, ffn.neurons, parts))
            for ffn, parts in zip(self._layout.ffns, networks, strict=True)
        ]
        pooled = {
            name: [_joined([part[name] for part in parts]) for parts in whole]
            for name in ("nas", "nav", *sorted(self._also - {"signs"}))
        }
        for name in ("hidden", *sorted(self._also & {"signs"})):
            pooled[name] = [fired[0][name] for fired in self._hidden]
        self._forget()
        return pooled

    def _start(self, *_: Any) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._place_all()
        self._handles.append(
            self._layout.decoder.register_forward_hook(self._block_output(len(self._hidden) - 1))
        )

    def _place_all(self) -> None:
        for index, ffn in enumerate(self._layout.ffns):
            for part, neurons in enumerate(ffn.neurons):
                self._place(index, part, neurons)
        self._place_blocks()

    def _place(self, network: int, part: int, neurons: DenseNeurons | RoutedNeurons) -> None:
        def keep(tap: str) -> Callable[[dict[str, Tensor]], None]:
            place = _Place(network, part, tap)
            self._neurons.setdefault(place, [])
            return lambda vectors: self._neurons[place].append(vectors)

        add = self._handles.append
        of_tap = keep(self._tap)
        if isinstance(neurons, RoutedNeurons):
            own = self._own.setdefault(neurons.name, OwnActivations(neurons, self._tap))
            if own.module is not None and "up" not in self._also:
                add(own.module.register_forward_hook(lambda _, __, output: own.keep(output)))
            called = neurons.router or neurons.experts
            add(
                called.register_forward_hook(
                    lambda _, args, kwargs, made: of_tap(
                        self._routed(neurons, own, [*args, *kwargs.values()], made)
                    ),
                    with_kwargs=True,
                )
            )
            return
        if self._tap == "inner" or neurons.activation is None:
            add(
                neurons.down.register_forward_pre_hook(
                    lambda _, args: of_tap(self._dense(neurons, args[0]))
                )
            )
        else:
            add(
                neurons.activation.register_forward_hook(
                    lambda _, __, output: of_tap(self._dense(neurons, neurons.to_gate(output)))
                )
            )
        if "up" in self._also and neurons.up is not None:
            of_up = keep("up")
            add(
                neurons.up.register_forward_hook(
                    lambda _, __, output: of_up(self._up(neurons, output))
                )
            )

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
            states = output if isinstance(output, Tensor) else output[0]
            self._hidden[index].append(self._pool_hidden(states))

        return hook

    def _pool_hidden(self, values: Tensor) -> dict[str, Tensor]:
        streams = self._layout.streams
        if streams is not None and values.ndim == 4:  # the decoder's own output has one
            values = values.movedim(streams, -2).flatten(-2)
        tokens = self._tokens_on(values.device)
        total = fused.mean(values, tokens) if self._one_walk else None
        pooled = {"hidden": mean(values, tokens) if total is None else total}
        if "signs" in self._also:
            (pooled["signs"],) = pool(values, tokens, [states])
        return pooled

    def _dense(self, neurons: DenseNeurons, activation: Tensor) -> dict[str, Tensor]:
        if activation.shape[-1] != neurons.held:
            raise _wrong_width(self._tap, neurons, activation)
        tokens = self._tokens_on(activation.device)
        makes = dict(self._makes)
        found: dict[str, Tensor] = {}
        if neurons.slices is not None and "top" in makes:
            # A tenth of all neurons: it takes all of them to know which.
            (found["top"],) = pool(neurons.slices.whole(activation), tokens, [makes.pop("top")])
        sums = None
        if self._one_walk and list(makes) == ["nas", "nav"]:
            sums = fused.states_and_sizes(activation, tokens)
        if sums is None:
            sums = pool(activation, tokens, list(makes.values()))
        found |= dict(zip(makes, sums, strict=True))
        if "active" in self._also:
            counted = _on(self._counted, activation.device)
            (found["active"],) = pool(activation, counted, [states])
        return found

    def _up(self, neurons: DenseNeurons, output: Tensor) -> dict[str, Tensor]:
        if output.shape[-1] == 2 * neurons.held:  # gate and up in one matrix
            output = output[..., neurons.held :]
        if output.shape[-1] != neurons.held:
            raise _wrong_width("up", neurons, output)
        (sums,) = pool(output, self._tokens_on(output.device), [states])
        return {"up": sums}

    def _routed(
        self, neurons: RoutedNeurons, own: OwnActivations, values: list[Any], made: Any
    ) -> dict[str, Tensor]:
        """Vectors [B, experts * F_expert]; 0 where a token did not go to the expert."""
        given = [each for each in values if isinstance(each, Tensor)]
        kind = type(neurons.experts).__name__
        arrivals = neurons.row.arrivals(Call(neurons.name, kind, neurons.count, given, made))
        device = given[0].device
        weights = self._tokens_on(device).weights
        # Row b has the weights of sentence b at its tokens and 0 at all others.
        of_token: Tensor = torch.block_diag(*weights)  # type: ignore[no-untyped-call]
        counted: Tensor | None = None
        if "active" in self._also:
            every = _on(self._counted, device).weights
            counted = torch.block_diag(*every)  # type: ignore[no-untyped-call]
        names = [*self._makes, *sorted(self._also & {"up", "active"})]
        sums = {
            name: weights.new_zeros(len(weights), neurons.count, neurons.held) for name in names
        }
        for visit in expert_activations(neurons, self._tap, arrivals, own):
            arrival = visit.arrival
            share = of_token[:, arrival.rows]
            scratch = visit.activation.new_empty(visit.activation.shape, dtype=torch.float32)
            for name, make in self._makes.items():
                vectors = make(visit.activation, scratch)
                if name == "nav" and self._routed_nav and arrival.shares is not None:
                    vectors = vectors * arrival.shares.abs().to(torch.float32).unsqueeze(1)
                sums[name][:, arrival.expert] = share @ vectors
            if counted is not None:
                active = states(visit.activation, scratch)
                sums["active"][:, arrival.expert] = counted[:, arrival.rows] @ active
            if visit.up is not None and "up" in sums:
                sums["up"][:, arrival.expert] = share @ states(visit.up, scratch)
        return {name: each.flatten(1) for name, each in sums.items()}

    def _tokens_on(self, device: torch.device) -> Tokens:
        return _on(self._tokens, device)

    def _prove(self, fired: int, place: _Place) -> None:
        if fired == 1:
            return
        ffn = self._layout.ffns[place.network]
        neurons = ffn.neurons[place.part]
        if isinstance(neurons, RoutedNeurons):
            module: nn.Module | None = neurons.router or neurons.experts
        else:
            modules = {"gate": neurons.activation or neurons.down, "inner": neurons.down}
            module = modules.get(place.tap, neurons.up)
        why = (
            "because fused kernels or custom code bypass it. Load the model without them"
            + (", take the tap `inner`, which reads another module" * (place.tap == "gate"))
            if fired == 0
            else "so the module is shared or the block is run again. Turn off gradient "
            "checkpointing and layer sharing"
        )
        raise NeuronXAError(
            f"The tap `{place.tap}` of layer {ffn.layer} (`{neurons.name}`, "
            f"{type(module).__name__}) fired {fired} times in one forward pass instead of once, "
            f"{why}, or run the benchmarks alone."
        )

    def _remove(self) -> None:
        for handle in (*self._handles, *([self._starts] if self._starts else [])):
            handle.remove()
        self._handles.clear()
        self._starts = None
        self._neurons.clear()
        self._forget()

    def _forget(self) -> None:
        """Let go of what belongs to one forward pass."""
        self._neurons = {place: [] for place in self._neurons}
        self._hidden, self._tokens, self._counted = [], {}, {}
        for own in self._own.values():
            own.forget()


def _on(tokens: dict[torch.device, Tokens], device: torch.device) -> Tokens:
    if device not in tokens:  # an accelerator, or several
        tokens[device] = next(iter(tokens.values())).to(device)
    return tokens[device]


def _whole(neurons: DenseNeurons | RoutedNeurons, held: dict[str, Tensor]) -> dict[str, Tensor]:
    """The vectors of a network, [B, F], of those of the neurons in this process."""
    if neurons.slices is None:
        return held
    names = sorted(held.keys() - {"top"})  # which is whole already
    experts = neurons.count if isinstance(neurons, RoutedNeurons) else 1
    stacked = torch.stack([held[name] for name in names])  # one exchange for all
    slices = stacked.view(*stacked.shape[:-1], experts, -1)
    return held | dict(zip(names, neurons.slices.whole(slices).flatten(-2), strict=True))


def _joined(parts: list[Tensor]) -> Tensor:
    """The neurons of all parts of a network, [B, F]."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _wrong_width(tap: str, neurons: DenseNeurons, values: Tensor) -> NeuronXAError:
    return NeuronXAError(
        f"The tap `{tap}` of {neurons.name} gave {values.shape[-1]} values per token instead of "
        f"{neurons.held}, the inputs of its down projection in this process. A slice or a fused "
        "activation cannot be scored. Load the model without a tp_plan and fused kernels, take the "
        f"tap `{'gate' if tap == 'inner' else 'inner'}`, or run the benchmarks alone."
    )
