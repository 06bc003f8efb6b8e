"""Where the feed-forward neurons of each model family live.

Architecture knowledge is data: a new family is a row of `FAMILIES` and a line in the test list.
Nothing is inferred from module names; a family without a row is refused by name, because a hook
in the wrong place gives a number that looks like a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from torch import nn

from neuronxa_tasks.errors import NeuronXAError


@dataclass(frozen=True, slots=True)
class Dense:
    """Module paths, from a block, of one feed-forward network.

    Attributes:
        activation: The module that applies the activation function. Its output is the tap
            `gate`: act(W_gate x), or act(W_in x) where there is no gate.
        down: The down projection. Its input is the tap `inner`: act(W_gate x) * (W_up x), or
            act(W_in x) where there is no gate.
        up: The up projection, W_up x, of a gated network; if it gives twice as many values as the
            down projection takes, W_gate x comes first and W_up x second. None without a gate.
    """

    activation: str = "mlp.act_fn"
    down: str = "mlp.down_proj"
    up: str | None = "mlp.up_proj"

    @property
    def gated(self) -> bool:
        """Whether gate and inner differ."""
        return self.up is not None


@dataclass(frozen=True, slots=True)
class Routed:
    """Module paths, from a block, of a mixture of experts.

    Attributes:
        experts: The module that holds the routed experts as three-dimensional parameters and is
            called with tokens, their experts and their routing weights.
        shared: The experts that see every token.
    """

    experts: str = "mlp.experts"
    shared: Dense | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One row: what the blocks of a model type hold.

    Attributes:
        layers: Path from the decoder to the list of its blocks.
        dense: In blocks with one feed-forward network.
        routed: In blocks with a mixture of experts.
        hybrid: Whether blocks without a feed-forward network are part of the design.
    """

    layers: str = "layers"
    dense: Dense | None = Dense()
    routed: Routed | None = None
    hybrid: bool = False


def _plain(activation: str, down: str, layers: str = "layers") -> Family:
    """One input matrix and no gate."""
    return Family(layers, Dense(activation, down, up=None))


def _dense_in(folder: str) -> Dense:
    """A gated network with the usual names."""
    return Dense(f"{folder}.act_fn", f"{folder}.down_proj", f"{folder}.up_proj")


def _moe(shared: str | None = None) -> Family:
    """Experts in `mlp.experts`, in some blocks a dense network instead of them."""
    return Family(routed=Routed(shared=None if shared is None else _dense_in(shared)))


_GATED = Family()
_FUSED = Family(dense=Dense("mlp.activation_fn", up="mlp.gate_up_proj"))
_PLAIN = _plain("mlp.act_fn", "mlp.down_proj")
_GPT2 = _plain("mlp.act", "mlp.c_proj", "h")
_GPTJ = _plain("mlp.act", "mlp.fc_out", "h")
_NEOX = _plain("mlp.act", "mlp.dense_4h_to_h")
_OPT = _plain("activation_fn", "fc2")
_PHI = _plain("mlp.activation_fn", "mlp.fc2")
_FEED_FORWARD = _dense_in("feed_forward")
_GRANITE_SHARED = Dense(
    "shared_mlp.activation", "shared_mlp.output_linear", "shared_mlp.input_linear"
)
_GRANITE_MOE = Family(dense=None, routed=Routed("block_sparse_moe.experts"))

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "afmoe": _moe("mlp.shared_experts"),
        "apertus": _PLAIN,
        "arcee": _PLAIN,
        "bamba": Family(dense=_FEED_FORWARD),
        "biogpt": _OPT,
        "bloom": _plain("mlp.gelu_impl", "mlp.dense_4h_to_h", "h"),
        "codegen": _GPTJ,
        "cohere": _GATED,
        "cohere2": _GATED,
        "cohere2_moe": _moe(),
        "cwm": _GATED,
        "deepseek_v2": _moe("mlp.shared_experts"),
        "deepseek_v3": _moe("mlp.shared_experts"),
        "diffllama": _GATED,
        "dots1": _moe("mlp.shared_experts"),
        "ernie4_5": _GATED,
        "ernie4_5_moe": _moe("mlp.shared_experts"),
        "exaone4": _GATED,
        "exaone_moe": _moe("mlp.shared_experts"),
        "falcon": _plain("mlp.act", "mlp.dense_4h_to_h", "h"),
        "falcon_h1": Family(dense=_FEED_FORWARD),
        "flex_olmo": _moe(),
        "gemma": _GATED,
        "gemma2": _GATED,
        "gemma3_text": _GATED,
        "glm": _FUSED,
        "glm4": _FUSED,
        "glm4_moe": _moe("mlp.shared_experts"),
        "glm4_moe_lite": _moe("mlp.shared_experts"),
        "glm4v_text": _FUSED,
        "gpt2": _GPT2,
        "gpt_bigcode": _GPT2,
        "gpt_neo": _GPT2,
        "gpt_neox": _NEOX,
        "gpt_neox_japanese": _NEOX,
        "gpt_oss": _moe(),
        "gptj": _GPTJ,
        "granite": _GATED,
        "granite_swa": _GATED,
        "granitemoe": _GRANITE_MOE,
        "granitemoe_swa": _GRANITE_MOE,
        "granitemoehybrid": Family(
            dense=_GRANITE_SHARED, routed=Routed("block_sparse_moe.experts", _GRANITE_SHARED)
        ),
        "granitemoeshared": Family(
            dense=None, routed=Routed("block_sparse_moe.experts", _GRANITE_SHARED)
        ),
        "helium": _GATED,
        "hunyuan_v1_dense": _GATED,
        "hunyuan_v1_moe": _moe("mlp.shared_mlp"),
        "hy_v3": _moe("mlp.shared_experts"),
        "hyperclovax": _GATED,
        "internlm3": _GATED,
        "iquestcoder": _GATED,
        "jais2": _PLAIN,
        "jamba": Family(dense=_FEED_FORWARD, routed=Routed("feed_forward.experts")),
        "kimi_linear": _moe("mlp.shared_experts"),
        "laguna": _moe("mlp.shared_experts"),
        "llama": _GATED,
        "mellum": _moe(),
        "mimo_v2_flash": _moe(),
        "minicpm3": _GATED,
        "minimax": _moe(),
        "minimax_m2": _moe(),
        "ministral": _GATED,
        "ministral3": _GATED,
        "mistral": _GATED,
        "mixtral": _moe(),
        "mpt": _plain("ffn.act", "ffn.down_proj", "blocks"),
        "nanochat": _PHI,
        "nemotron": _PLAIN,
        "nemotron_h": Family(
            dense=Dense("mixer.act_fn", "mixer.down_proj", up=None),
            routed=Routed(
                "mixer.experts",
                Dense("mixer.shared_experts.act_fn", "mixer.shared_experts.down_proj", up=None),
            ),
            hybrid=True,
        ),
        "olmo": _GATED,
        "olmo2": _GATED,
        "olmo3": _GATED,
        "olmo_hybrid": _GATED,
        "olmoe": _moe(),
        "opt": _OPT,
        "persimmon": _NEOX,
        "phi": _PHI,
        "phi3": _FUSED,
        "phimoe": _moe(),
        "qwen2": _GATED,
        "qwen2_5_vl_text": _GATED,
        "qwen2_moe": _moe("mlp.shared_expert"),
        "qwen2_vl_text": _GATED,
        "qwen3": _GATED,
        "qwen3_5_moe_text": _moe("mlp.shared_expert"),
        "qwen3_5_text": _GATED,
        "qwen3_moe": _moe(),
        "qwen3_next": _moe("mlp.shared_expert"),
        "qwen3_vl_text": _GATED,
        "recurrent_gemma": Family(dense=_dense_in("mlp_block")),
        "seed_oss": _GATED,
        "smollm3": _GATED,
        "solar_open": _moe("mlp.shared_experts"),
        "stablelm": _GATED,
        "starcoder2": _plain("mlp.act", "mlp.c_proj"),
        "vaultgemma": _GATED,
        "xglm": _OPT,
        "youtu": _GATED,
    }
)
"""Rows by the `model_type` of the decoder's config."""

NO_FFN = frozenset(("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm"))
"""State-space and recurrent models, refused by name."""


@dataclass(frozen=True, slots=True)
class DenseNeurons:
    """The neurons of one feed-forward network of a loaded model.

    Attributes:
        activation: Module whose output is the tap `gate`.
        down: Module whose input is the tap `inner`.
        up: Module whose output, or the second half of it, is W_up x; None without a gate.
        width: Number of neurons.
        name: Path from the decoder, for messages.
    """

    activation: nn.Module
    down: nn.Module
    up: nn.Module | None
    width: int
    name: str

    @property
    def gated(self) -> bool:
        """Whether there is a gate and an up projection."""
        return self.up is not None


@dataclass(frozen=True, slots=True)
class RoutedNeurons:
    """The neurons of the routed experts of one block.

    Attributes:
        experts: Module that is called with tokens, their experts and routing weights.
        count: Number of experts.
        each: Neurons of one expert.
        name: Path from the decoder, for messages.
    """

    experts: nn.Module
    count: int
    each: int
    name: str

    @property
    def width(self) -> int:
        """Neurons of all experts."""
        return self.count * self.each

    @property
    def gated(self) -> bool:
        """Whether the experts have a gate and an up projection."""
        return bool(getattr(self.experts, "has_gate", True))


@dataclass(frozen=True, slots=True)
class FFN:
    """The feed-forward neurons of one block; a state vector is those of `neurons` in a row.

    Attributes:
        layer: Index of the block.
        neurons: One dense network, or the routed experts followed by the shared ones.
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
    """

    decoder: nn.Module
    blocks: tuple[nn.Module, ...]
    ffns: tuple[FFN, ...]
    model_type: str

    @property
    def widths(self) -> list[int]:
        """Neurons of each feed-forward network."""
        return [ffn.width for ffn in self.ffns]

    @property
    def layers(self) -> list[int]:
        """Index of the block of each feed-forward network; gaps where a hybrid has none."""
        return [ffn.layer for ffn in self.ffns]


def locate(model: Any) -> Layout:
    """Find the feed-forward neurons of a loaded transformers model.

    Args:
        model: A `PreTrainedModel` with a causal decoder. Of a multimodal model, the text decoder
            is used; adapters of PEFT stay in place.

    Raises:
        NeuronXAError: The architecture has no row in `FAMILIES`, is no decoder, is spread so
            that each process sees a slice of the neurons, or does not have the modules that its
            row names.
    """
    config = getattr(model, "config", None)
    found = f"{type(model).__name__} (model_type {getattr(config, 'model_type', None)!r})"
    if getattr(config, "is_encoder_decoder", False):
        raise NeuronXAError(
            f"{found} is an encoder-decoder model. NeuronXA is defined for decoders, where the "
            "last token has seen the whole sentence. Choose a causal language model, or run the "
            "benchmarks alone."
        )
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model
    model_type = str(getattr(getattr(decoder, "config", None), "model_type", None))
    if model_type in NO_FFN:
        raise NeuronXAError(
            f"{found} is a state-space or recurrent model without the feed-forward neurons that "
            "NeuronXA reads. Choose a transformer, or run the benchmarks alone."
        )
    family = FAMILIES.get(model_type)
    if family is None:
        raise NeuronXAError(
            f"It is not known where the feed-forward neurons of {found} are, so no score is "
            f"computed. Supported model types: {', '.join(sorted(FAMILIES))}. Choose one of "
            "these, run the benchmarks alone, or add a row to neuronxa_tasks/architectures.py."
        )
    _refuse_slices(model, found)
    _refuse_prompts(model, found)
    blocks = tuple(_module(decoder, family.layers, found).children())
    ffns = tuple(
        FFN(index, neurons, name)
        for index, block in enumerate(blocks)
        if (neurons := _neurons(block, family, name := f"{family.layers}.{index}", found))
    )
    return Layout(decoder, blocks, ffns, model_type)


def _refuse_slices(model: Any, found: str) -> None:
    size = getattr(model, "_tp_size", None) or 1
    if size > 1:
        raise NeuronXAError(
            f"{found} is loaded with tensor parallelism over {size} processes, so each sees a "
            "slice of the neurons and a score would be one of the slice. Load it without "
            "tp_plan; parallelize=True spreads whole layers over devices and is exact."
        )


def _refuse_prompts(model: Any, found: str) -> None:
    for adapter in (getattr(model, "peft_config", None) or {}).values():
        if getattr(adapter, "is_prompt_learning", False):
            raise NeuronXAError(
                f"{found} has a {adapter.peft_type.value} adapter, which puts learned tokens "
                "before the text outside of the decoder; a score would be one of the model "
                "without it. Use an adapter of weights such as LoRA, or run the benchmarks alone."
            )


def _neurons(
    block: nn.Module, family: Family, name: str, found: str
) -> tuple[DenseNeurons | RoutedNeurons, ...]:
    routed, dense = family.routed, family.dense
    if routed is not None and _has(block, routed.experts):
        experts = _experts(block, routed.experts, name, found)
        if routed.shared is None or _switched_off(block, routed.shared.down):
            return (experts,)
        return (experts, _dense(block, routed.shared, name, found))
    if dense is not None and (_has(block, dense.down) or not family.hybrid):
        return (_dense(block, dense, name, found),)
    if not family.hybrid and routed is not None:
        _module(block, routed.experts, found, name)
    return ()


def _dense(block: nn.Module, dense: Dense, name: str, found: str) -> DenseNeurons:
    down = _module(block, dense.down, found, name)
    return DenseNeurons(
        activation=_module(block, dense.activation, found, name),
        down=down,
        up=None if dense.up is None else _module(block, dense.up, found, name),
        width=_input_width(down, f"{name}.{dense.down}", found),
        name=f"{name}.{dense.down.rpartition('.')[0]}".rstrip("."),
    )


def _experts(block: nn.Module, path: str, name: str, found: str) -> RoutedNeurons:
    experts = block.get_submodule(path)
    entry = "gate_up_proj" if getattr(experts, "has_gate", True) else "up_proj"
    matrices = [getattr(experts, each, None) for each in (entry, "down_proj")]
    if any(
        not isinstance(each, nn.Parameter) or each.ndim != 3 or not each.is_floating_point()
        for each in matrices
    ):
        raise NeuronXAError(
            f"The experts `{name}.{path}` of {found} ({type(experts).__name__}) do not hold "
            "their weights as floating-point matrices, because they are quantised, wrapped by an "
            "adapter, or stored otherwise by another version of transformers, so their neurons "
            "cannot be read. Load the model without quantisation, merge the adapter "
            "(merge_and_unload), or run the benchmarks alone."
        )
    count, rows, columns = matrices[1].shape  # type: ignore[union-attr]
    each = rows if getattr(experts, "is_transposed", False) else columns
    return RoutedNeurons(experts, count, each, f"{name}.{path}")


def _has(block: nn.Module, path: str) -> bool:
    try:
        block.get_submodule(path)
    except AttributeError:
        return False
    return True


def _switched_off(block: nn.Module, path: str) -> bool:
    """Whether the config leaves a module out: the class then sets its attribute to None."""
    parent: Any = block
    for step in path.split("."):
        if not hasattr(parent, step):
            return False
        parent = getattr(parent, step)
        if parent is None:
            return True
    return False


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
