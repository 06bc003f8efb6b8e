"""What is known of a model family, as types: where its blocks keep their feed-forward neurons."""

from __future__ import annotations

from dataclasses import dataclass

from neuronxa_tasks.states import arrivals, gates
from neuronxa_tasks.states.arrivals import ToArrivals
from neuronxa_tasks.states.gates import Gate


@dataclass(frozen=True, slots=True)
class Dense:
    """Module paths, from a block, of one feed-forward network.

    Attributes:
        activation: The module that applies the activation function. Its output is the tap
            `gate`: act(W_gate x), or act(W_in x) where there is no gate. None without a gate where
            that module is not one of the block: the input of `down` is the same.
        down: The down projection, or what stands between the product and it. Its input is the tap
            `inner`: act(W_gate x) * (W_up x), or act(W_in x) where there is no gate.
        up: The up projection, W_up x, of a gated network; if it gives twice as many values as the
            down projection takes, W_gate x comes first and W_up x second. None without a gate.
        gate: Where no module applies the activation function: the function. The output of
            `activation` is then W_gate x, alone or before W_up x.
        whole_up: Whether the output of `up` is all of W_up x; not where another matrix is added.
    """

    activation: str | None = "mlp.act_fn"
    down: str = "mlp.down_proj"
    up: str | None = "mlp.up_proj"
    gate: Gate | None = None
    whole_up: bool = True

    @property
    def gated(self) -> bool:
        """Whether gate and inner differ."""
        return self.up is not None


@dataclass(frozen=True, slots=True)
class Routed:
    """Module paths, from a block, of a mixture of experts.

    Attributes:
        experts: The module that holds the routed experts as parameters.
        shared: Further networks of the block, such as experts that see every token.
        arrivals: How it is told which tokens the experts get, from the call of the experts.
        router: The module whose call tells it instead, if the experts' own does not.
        gate: The activation function of an expert.
        entry: Parameters of the experts with W_gate and W_up, in one matrix or in two; by default
            `gate_up_proj`, and `up_proj` for experts that say that they have no gate.
        down: Parameter with W_down.
        alternate: Whether the rows of W_gate and W_up alternate in their common matrix.
        transposed: Whether matrices are [in, out]; by default what the experts say.
        stacked: Whether the matrices of the experts are one below the other in two dimensions.
    """

    experts: str = "mlp.experts"
    shared: tuple[Dense | Routed, ...] = ()
    arrivals: ToArrivals = arrivals.by_index
    router: str | None = None
    gate: Gate = gates.act_fn
    entry: tuple[str, ...] = ()
    down: str = "down_proj"
    alternate: bool = False
    transposed: bool | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One row: what the blocks of a model type hold.

    Attributes:
        layers: Path from the decoder to the list of its blocks.
        dense: In blocks with one feed-forward network.
        routed: In blocks with a mixture of experts.
        hybrid: Whether blocks without a feed-forward network are part of the design.
        decoder: Path from what transformers calls the decoder to the module that is one, where
            that is a whole language model.
        running: Path that only the blocks hold which run for a text without an image.
        streams: Dimension of the streams in the hidden state of a block, if it has several.
        unknown: Paths from a block to modules that make its neurons unknown, and why.
        joint: Why a process cannot compute some neurons without the others; empty where it can.
    """

    layers: str = "layers"
    dense: Dense | None = Dense()
    routed: Routed | None = None
    hybrid: bool = False
    decoder: str = ""
    running: str = ""
    streams: int | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    joint: str = ""
