"""The feed-forward neurons of a loaded model, as types."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from neuronxa_tasks.states.gates import Gate
from neuronxa_tasks.states.rows import Routed
from neuronxa_tasks.states.slices import Slices


@dataclass(frozen=True, slots=True)
class DenseNeurons:
    """The neurons of one feed-forward network of a loaded model.

    Attributes:
        activation: Module whose output is the tap `gate`, or what `gate` makes it of; None where
            both taps are the input of `down`.
        down: Module whose input is the tap `inner`.
        up: Module whose output, or the second half of it, is W_up x; None without a gate.
        width: Number of neurons.
        name: Path from the decoder, for messages.
        gate: Function that makes the tap `gate` of W_gate x, if no module does.
        owner: Module that holds the network, for `gate`.
        whole_up: Whether the output of `up` is all of W_up x.
        slices: How several processes hold the neurons together; None where this one has all.
    """

    activation: nn.Module | None
    down: nn.Module
    up: nn.Module | None
    width: int
    name: str
    gate: Gate | None = None
    owner: nn.Module | None = None
    whole_up: bool = True
    slices: Slices | None = None

    @property
    def gated(self) -> bool:
        """Whether there is a gate and an up projection."""
        return self.up is not None

    @property
    def held(self) -> int:
        """Number of neurons in this process."""
        return self.width if self.slices is None else self.width // self.slices.count

    def to_gate(self, output: Tensor) -> Tensor:
        """The tap `gate`, [..., held], of what `activation` gives out."""
        if self.gate is None:
            return output
        if output.shape[-1] == 2 * self.held:  # W_gate x and W_up x in one matrix
            output = output[..., : self.held]
        return self.gate(self.owner, output)


@dataclass(frozen=True, slots=True)
class RoutedNeurons:
    """The neurons of the routed experts of one block.

    Attributes:
        experts: Module that holds the weights of the experts.
        count: Number of experts.
        each: Neurons of one expert.
        name: Path from the decoder, for messages.
        row: How the weights are stored and which tokens come.
        router: Module whose call tells which tokens come, if not that of `experts`.
        slices: How several processes hold the neurons of each expert together; None where this
            one has all.
    """

    experts: nn.Module
    count: int
    each: int
    name: str
    row: Routed
    router: nn.Module | None = None
    slices: Slices | None = None

    @property
    def width(self) -> int:
        """Neurons of all experts."""
        return self.count * self.each

    @property
    def held(self) -> int:
        """Neurons of one expert in this process."""
        return self.each if self.slices is None else self.each // self.slices.count

    @property
    def gated(self) -> bool:
        """Whether the experts have a gate and an up projection."""
        return bool(getattr(self.experts, "has_gate", True))


@dataclass(frozen=True, slots=True)
class FFN:
    """The feed-forward neurons of one block; a state vector is those of `neurons` in a row.

    Attributes:
        layer: Index of the block among those that run.
        neurons: One dense network, or the routed experts followed by the block's other networks.
        name: Path of the block from the decoder, for messages.
    """

    layer: int
    neurons: tuple[DenseNeurons | RoutedNeurons, ...]
    name: str

    @property
    def width(self) -> int:
        """Number of neurons, F."""
        return sum(part.width for part in self.neurons)


@dataclass(frozen=True, slots=True)
class Layout:
    """A loaded model seen as a decoder.

    Attributes:
        decoder: The module that runs all blocks.
        blocks: The blocks; the output of each is the hidden state after it.
        ffns: The feed-forward networks, in the order of the blocks that have one.
        model_type: Type of the decoder, which is inside the model if that is multimodal.
        streams: Dimension of the streams in the hidden state of a block, [B, T, d] with one more;
            None if there is one stream.
        processes: How many run each forward pass together, by tensor parallelism.
    """

    decoder: nn.Module
    blocks: tuple[nn.Module, ...]
    ffns: tuple[FFN, ...]
    model_type: str
    streams: int | None = None
    processes: int = 1

    @property
    def widths(self) -> list[int]:
        """Neurons of each feed-forward network."""
        return [ffn.width for ffn in self.ffns]

    @property
    def layers(self) -> list[int]:
        """Index of the block of each feed-forward network; gaps where a hybrid has none."""
        return [ffn.layer for ffn in self.ffns]
