"""Where the feed-forward neurons of each model family live.

Architecture knowledge is data: a new family is a row of `FAMILIES` and a line in the test list.
Nothing is inferred from module names; a family without a row is refused by name, because a hook
in the wrong place gives a number that looks like a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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
