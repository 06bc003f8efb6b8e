"""Where the feed-forward neurons of each model family live.

Architecture knowledge is data: a new family is a row of `FAMILIES` and a line in the test list.
Nothing is inferred from module names; a family without a row is refused by name, because a hook
in the wrong place gives a number that looks like a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from torch import nn

from neuronxa_tasks.errors import NeuronXAError


@dataclass(frozen=True, slots=True)
class Family:
    """Module paths of one family.

    Attributes:
        layers: Path from the decoder to the list of its blocks.
        activation: Path from a block to the module that applies the activation function. Its
            output is the tap `gate`: act(W_gate x), or act(W_in x) where there is no gate.
        down: Path from a block to the down projection. Its input is the tap `inner`:
            act(W_gate x) * (W_up x), or act(W_in x) where there is no gate.
        gated: Whether gate and inner differ.
    """

    layers: str = "layers"
    activation: str = "mlp.act_fn"
    down: str = "mlp.down_proj"
    gated: bool = True


_GATED = Family()
_FUSED = replace(_GATED, activation="mlp.activation_fn")  # gate and up in one matrix

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "bloom": Family("h", "mlp.gelu_impl", "mlp.dense_4h_to_h", gated=False),
        "falcon": Family("h", "mlp.act", "mlp.dense_4h_to_h", gated=False),
        "glm": _FUSED,
        "glm4": _FUSED,
        "gpt2": Family("h", "mlp.act", "mlp.c_proj", gated=False),
        "gpt_neox": Family("layers", "mlp.act", "mlp.dense_4h_to_h", gated=False),
        "llama": _GATED,
        "mistral": _GATED,
        "olmo": _GATED,
        "olmo2": _GATED,
        "opt": Family("layers", "activation_fn", "fc2", gated=False),
        "qwen2": _GATED,
        "qwen3": _GATED,
    }
)
"""Rows by `config.model_type`."""


@dataclass(frozen=True, slots=True)
class FFN:
    """The feed-forward network of one block of a loaded model.

    Attributes:
        block: The decoder block; its output is the hidden state after it.
        activation: Module whose output is the tap `gate`.
        down: Module whose input is the tap `inner`.
        width: Number of neurons, F.
        name: Path of the block from the decoder, for messages.
    """

    block: nn.Module
    activation: nn.Module
    down: nn.Module
    width: int
    name: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A loaded model seen as a decoder with L feed-forward networks."""

    decoder: nn.Module
    ffns: tuple[FFN, ...]
    model_type: str
    gated: bool

    @property
    def widths(self) -> list[int]:
        """Neurons per layer, L integers."""
        return [ffn.width for ffn in self.ffns]


def locate(model: Any) -> Layout:
    """Find the feed-forward neurons of a loaded transformers model.

    Args:
        model: A `PreTrainedModel` with a causal decoder.

    Raises:
        NeuronXAError: The architecture has no row in `FAMILIES`, is an encoder-decoder, or does
            not have the modules that its row names.
    """
    config = getattr(model, "config", None)
    model_type = getattr(config, "model_type", None)
    found = f"{type(model).__name__} (model_type {model_type!r})"
    if getattr(config, "is_encoder_decoder", False):
        raise NeuronXAError(
            f"{found} is an encoder-decoder model. NeuronXA is defined for decoders, where the "
            "last token has seen the whole sentence. Choose a causal language model, or run the "
            "benchmarks alone."
        )
    family = FAMILIES.get(str(model_type))
    if family is None:
        raise NeuronXAError(
            f"It is not known where the feed-forward neurons of {found} are, so no score is "
            f"computed. Supported model types: {', '.join(sorted(FAMILIES))}. Choose one of "
            "these, run the benchmarks alone, or add a row to neuronxa_tasks/architectures.py."
        )
    decoder = model.get_decoder()
    blocks = _module(decoder, family.layers, found)
    ffns = tuple(
        _ffn(block, family, f"{family.layers}.{index}", found)
        for index, block in enumerate(blocks.children())
    )
    return Layout(decoder, ffns, str(model_type), family.gated)


def _ffn(block: nn.Module, family: Family, name: str, found: str) -> FFN:
    down = _module(block, family.down, found, name)
    return FFN(
        block=block,
        activation=_module(block, family.activation, found, name),
        down=down,
        width=_input_width(down, f"{name}.{family.down}", found),
        name=name,
    )


def _module(parent: nn.Module, path: str, found: str, prefix: str = "") -> nn.Module:
    try:
        return parent.get_submodule(path)
    except AttributeError:
        where = f"{prefix}.{path}" if prefix else path
        has = ", ".join(name for name, _ in parent.named_children()) or "nothing"
        raise NeuronXAError(
            f"{found} has no module `{where}` (there are: {has}), so its neurons cannot be read. "
            "Custom code or another version of transformers may have renamed it. Load the "
            "model with the transformers classes, or run the benchmarks alone."
        ) from None


def _input_width(down: nn.Module, name: str, found: str) -> int:
    width = getattr(down, "in_features", None)
    if width is None and type(down).__name__ == "Conv1D":  # GPT-2: weight is [in, out]
        width = down.get_parameter("weight").shape[0]
    if not isinstance(width, int):
        raise NeuronXAError(
            f"The down projection `{name}` of {found} is a {type(down).__name__}, whose number "
            "of inputs is not known. Load the model without this replacement of its layers, or "
            "run the benchmarks alone."
        )
    return width
