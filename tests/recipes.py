"""Which family has which feed-forward network: the recipe of `naive.py` for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from formulas import (
    States,
    StatesOf,
    all_experts,
    conv1d,
    dbrx,
    expert_of,
    fused,
    gated,
    gated_by,
    gelu_erf,
    gelu_tanh,
    gpt_oss_expert,
    jetmoe,
    limited,
    limited_expert,
    llama4,
    minimax_m3,
    minimax_m3_expert,
    plain,
    relu,
    relu2,
    relu2_expert,
    silu,
    silu_expert,
    silu_expert_transposed,
    softcapped_expert,
    sparse_gelu,
    xielu,
    zamba2,
)
from torch import Tensor


@dataclass(frozen=True)
class Recipe:
    """How the activations of the FFNs of a family follow from their input.

    Attributes:
        dense: Path from the block to a module that receives the FFN's input, and the formula.
        experts: Path to the routed experts, and the formula for one of them:
            (experts, number, x [d]) -> gate and inner, each [F_expert].
        shared: As `dense`, for the other networks of a block with experts.
        blocks: Path from the base model to the blocks.
        idle: Path that only blocks hold which do not run for a text.
        streams: Dimension of the streams in the hidden state of a block.
        own_last: Whether the last of transformers' hidden states is not the decoder's output.
    """

    dense: tuple[str, StatesOf] | None = None
    experts: tuple[str, Callable[[Any, int, Tensor], States]] | None = None
    shared: tuple[tuple[str, StatesOf], ...] = ()
    blocks: str = "layers"
    idle: str | None = None
    streams: int | None = None
    own_last: bool = False


def moe(shared: str | None = None) -> Recipe:
    return Recipe(
        dense=gated(silu),
        experts=("mlp.experts", silu_expert),
        shared=() if shared is None else (gated(silu, at=shared),),
    )


USUAL = Recipe(gated(silu))
"""LLaMA's FFN, and that of every family without a recipe of its own."""
_FUSED = Recipe(fused(silu))
_GELU_TANH = Recipe(gated(gelu_tanh))
_RELU2 = Recipe(plain(relu2))
_FEED_FORWARD = Recipe(gated(silu, at="feed_forward"))
_LFM = Recipe(gated_by(silu, "feed_forward", ("w1", "w3")))
_GRANITE_SHARED = fused(silu, "shared_mlp.input_linear")
_GRANITE_EXPERTS = ("block_sparse_moe.experts", silu_expert)

RECIPES: dict[str, Recipe] = {
    "afmoe": moe("mlp.shared_experts"),
    "apertus": Recipe(("mlp.up_proj", xielu)),
    "arcee": _RELU2,
    "aria_text": Recipe(
        experts=("mlp.experts", silu_expert_transposed), shared=(gated(silu, "mlp.shared_experts"),)
    ),
    "axk1": moe("mlp.shared_experts"),
    "axk2": moe("mlp.shared_experts"),
    "bailing_hybrid": moe("mlp.shared_experts"),
    "bamba": _FEED_FORWARD,
    "beam": moe(),
    "biogpt": Recipe(plain(gelu_erf, "fc1")),
    "bitnet": Recipe(gated(relu2)),
    "bloom": Recipe(plain(gelu_tanh, "mlp.dense_h_to_4h"), blocks="h"),
    "codegen": Recipe(plain(gelu_tanh, "mlp.fc_in"), blocks="h"),
    "cohere2_moe": moe(),
    "ctrl": Recipe(plain(relu, "ffn.0"), blocks="h"),
    "dbrx": Recipe(("ffn", dbrx), blocks="blocks"),
    "deepseek_v2": moe("mlp.shared_experts"),
    "deepseek_v3": moe("mlp.shared_experts"),
    "deepseek_v32": moe("mlp.shared_experts"),
    "deepseek_v4": Recipe(
        experts=("mlp.experts", limited_expert("limit")),
        shared=(limited("mlp.shared_experts"),),
        streams=2,
    ),
    "dots1": moe("mlp.shared_experts"),
    "dots3_note_text": moe("mlp.shared_experts"),
    "ernie4_5_moe": moe("mlp.shared_experts"),
    "exaone_moe": moe("mlp.shared_experts"),
    "falcon": Recipe(plain(gelu_erf, "mlp.dense_h_to_4h"), blocks="h"),
    "falcon_h1": Recipe(gated(silu, at="feed_forward", scale=0.7)),
    "flex_olmo": moe(),
    "flint": moe("mlp.shared_expert"),
    "gemma": _GELU_TANH,
    "gemma2": _GELU_TANH,
    "gemma3_text": _GELU_TANH,
    "gemma3n_text": Recipe(("mlp.up_proj", sparse_gelu), streams=0, own_last=True),
    "gemma4_text": Recipe(gated(gelu_tanh), ("experts", expert_of(gelu_tanh)), (gated(gelu_tanh),)),
    "gemma4_unified_text": _GELU_TANH,
    "git": Recipe(plain(gelu_erf, "intermediate.dense"), blocks="encoder.layer"),
    "glm": _FUSED,
    "glm4": _FUSED,
    "glm4_moe": moe("mlp.shared_experts"),
    "glm4_moe_lite": moe("mlp.shared_experts"),
    "glm4v_text": _FUSED,
    "glm_moe_dsa": moe("mlp.shared_experts"),
    "gpt2": Recipe(conv1d(gelu_tanh), blocks="h"),
    "gpt_bigcode": Recipe(plain(gelu_tanh, "mlp.c_fc"), blocks="h"),
    "gpt_neo": Recipe(plain(gelu_tanh, "mlp.c_fc"), blocks="h"),
    "gpt_neox": Recipe(plain(gelu_erf, "mlp.dense_h_to_4h")),
    "gpt_neox_japanese": Recipe(plain(gelu_erf, "mlp.dense_h_to_4h")),
    "gpt_oss": Recipe(experts=("mlp.experts", gpt_oss_expert)),
    "gptj": Recipe(plain(gelu_tanh, "mlp.fc_in"), blocks="h"),
    "granitemoe": Recipe(experts=_GRANITE_EXPERTS),
    "granitemoe_swa": Recipe(experts=_GRANITE_EXPERTS),
    "granitemoehybrid": Recipe(experts=_GRANITE_EXPERTS, shared=(_GRANITE_SHARED,)),
    "granitemoeshared": Recipe(experts=_GRANITE_EXPERTS, shared=(_GRANITE_SHARED,)),
    "hunyuan_v1_moe": moe("mlp.shared_mlp"),
    "hy_v3": moe("mlp.shared_experts"),
    "hy_v4": Recipe(
        gated(silu),
        ("mlp.experts", limited_expert("swiglu_limit")),
        (gated(silu, "mlp.shared_experts"),),
        streams=2,
    ),
    "inkling2_text": Recipe(experts=("mlp.experts", softcapped_expert(0.5, 0.7))),
    "inkling_text": Recipe(
        gated(silu), ("mlp.experts", silu_expert), (("mlp.shared_experts", all_experts),)
    ),
    "jais2": _RELU2,
    "jamba": Recipe(gated(silu, at="feed_forward"), ("feed_forward.experts", silu_expert)),
    "jetmoe": Recipe(("mlp", jetmoe)),
    "kimi_linear": moe("mlp.shared_experts"),
    "kolibri1": moe("mlp.shared_experts"),
    "laguna": moe("mlp.shared_experts"),
    "lfm2": _LFM,
    "lfm2_moe": Recipe(_LFM.dense, ("feed_forward.experts", silu_expert)),
    "lfm3": _LFM,
    "llama4_text": Recipe(("feed_forward", llama4), blocks="model.layers"),
    "longcat_flash": Recipe(
        experts=("mlp.experts", silu_expert), shared=(gated(silu, "mlps.0"), gated(silu, "mlps.1"))
    ),
    "mellum": moe(),
    "mimo_v2_flash": moe(),
    "minimax": moe(),
    "minimax_m2": moe(),
    "minimax_m3_vl_text": Recipe(
        minimax_m3("mlp"),
        ("mlp.experts", minimax_m3_expert),
        (minimax_m3("mlp.shared_experts"),),
    ),
    "mixtral": moe(),
    "mllama_text_model": Recipe(gated(silu), blocks="model.layers", idle="cross_attn"),
    "modernbert-decoder": Recipe(fused(gelu_erf, "mlp.Wi")),
    "moshi": Recipe(fused(silu, "mlp.fc1")),
    "mpt": Recipe(plain(gelu_erf, "ffn.up_proj"), blocks="blocks"),
    "nanochat": Recipe(plain(relu2, "mlp.fc1")),
    "nemotron": _RELU2,
    "nemotron_h": Recipe(
        plain(relu2, "mixer.up_proj"),
        ("mixer.experts", relu2_expert),
        (plain(relu2, "mixer.shared_experts.up_proj"),),
    ),
    "olmoe": moe(),
    "openai-gpt": Recipe(conv1d(gelu_tanh), blocks="h"),
    "opt": Recipe(plain(relu, "fc1"), blocks="decoder.layers"),
    "persimmon": Recipe(plain(relu2, "mlp.dense_h_to_4h")),
    "phi": Recipe(plain(gelu_tanh, "mlp.fc1")),
    "phi3": _FUSED,
    "phi4_multimodal": _FUSED,
    "phimoe": moe(),
    "qwen2_moe": moe("mlp.shared_expert"),
    "qwen3_5_moe_text": moe("mlp.shared_expert"),
    "qwen3_moe": moe(),
    "qwen3_next": moe("mlp.shared_expert"),
    "qwen4_exp_text": moe("mlp.shared_expert"),
    "recurrent_gemma": Recipe(gated(gelu_tanh, at="mlp_block")),
    "solar_open": moe("mlp.shared_experts"),
    "starcoder2": Recipe(plain(gelu_tanh, "mlp.c_fc")),
    "vaultgemma": _GELU_TANH,
    "xglm": Recipe(plain(gelu_erf, "fc1")),
    "zamba": Recipe(gated(gelu_erf, "shared_transf.feed_forward")),
    "zamba2": Recipe(("shared_transformer.feed_forward", zamba2)),
    "zaya": moe(),
}
