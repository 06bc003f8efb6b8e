"""Where the feed-forward neurons of each model family live.

Architecture knowledge is data: a new family is a row of `FAMILIES` and a line in the test list.
Nothing is inferred from module names; a family without a row is refused by name, because a hook
in the wrong place gives a number that looks like a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from neuronxa_tasks.states import arrivals, gates
from neuronxa_tasks.states.rows import Dense, Family, Routed


def _plain(activation: str, down: str, layers: str = "layers") -> Family:
    """One input matrix and no gate."""
    return Family(layers, Dense(activation, down, up=None))


def _dense_in(folder: str) -> Dense:
    """A gated network with the usual names."""
    return Dense(f"{folder}.act_fn", f"{folder}.down_proj", f"{folder}.up_proj")


def _moe(shared: str | None = None) -> Family:
    """Experts in `mlp.experts`, in some blocks a dense network instead of them."""
    return Family(routed=Routed(shared=() if shared is None else (_dense_in(shared),)))


def _minimax_m3(folder: str) -> Dense:
    """Gate and up in one matrix, and no module for the activation function."""
    both = f"{folder}.gate_up_proj"
    return Dense(both, f"{folder}.down_proj", both, gates.swish_clamped)


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
_GEMMA4 = Family(routed=Routed("experts", (Dense(),)))
_LFM2 = Family(
    dense=Dense("feed_forward.w1", "feed_forward.w2", "feed_forward.w3", gate=gates.silu)
)
_LLAMA4 = Dense("feed_forward.activation_fn", "feed_forward.down_proj", "feed_forward.up_proj")
_GRANITE_MOE = Family(dense=None, routed=Routed("block_sparse_moe.experts"))

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "afmoe": _moe("mlp.shared_experts"),
        "apertus": _PLAIN,
        "arcee": _PLAIN,
        "aria_text": _moe("mlp.shared_experts"),
        "axk1": _moe("mlp.shared_experts"),
        "axk2": _moe("mlp.shared_experts"),
        "bailing_hybrid": _moe("mlp.shared_experts"),
        "bamba": Family(dense=_FEED_FORWARD),
        "beam": Family(routed=Routed(gate=gates.act_fn_float)),
        "biogpt": _OPT,
        "bitnet": Family(dense=Dense(down="mlp.ffn_sub_norm")),
        "bloom": _plain("mlp.gelu_impl", "mlp.dense_4h_to_h", "h"),
        "codegen": _GPTJ,
        "cohere": _GATED,
        "cohere2": _GATED,
        "cohere2_moe": _moe(),
        "cohere_compass_text": _GATED,
        "ctrl": _plain("ffn.1", "ffn.2", "h"),
        "cwm": _GATED,
        "dbrx": Family(
            dense=None,
            routed=Routed(
                "ffn.experts",
                gate=gates.glu_activation,
                entry=("mlp.w1", "mlp.v1"),
                down="mlp.w2",
                transposed=False,
                stacked=True,
            ),
            layers="blocks",
        ),
        "deepseek_v2": _moe("mlp.shared_experts"),
        "deepseek_v3": _moe("mlp.shared_experts"),
        "deepseek_v32": _moe("mlp.shared_experts"),
        "deepseek_v4": Family(
            routed=Routed(shared=(_dense_in("mlp.shared_experts"),), gate=gates.act_fn_clamped),
            streams=2,
        ),
        "diffllama": _GATED,
        "doge": Family(
            unknown=(
                (
                    "mlp.router_gate",
                    "picks experts of one neuron each by scores that mix the tokens of a batch "
                    "(is_moe=True), so that no neuron has a state of its own.",
                ),
            )
        ),
        "dots1": _moe("mlp.shared_experts"),
        "dots3_note_text": _moe("mlp.shared_experts"),
        "emu3_text_model": _GATED,
        "ernie4_5": _GATED,
        "ernie4_5_moe": _moe("mlp.shared_experts"),
        "exaone4": _GATED,
        "exaone_moe": _moe("mlp.shared_experts"),
        "falcon": _plain("mlp.act", "mlp.dense_4h_to_h", "h"),
        "falcon_h1": Family(dense=_FEED_FORWARD),
        "flex_olmo": _moe(),
        "flint": _moe("mlp.shared_expert"),
        "gemma": _GATED,
        "gemma2": _GATED,
        "gemma3_text": _GATED,
        "gemma3n_text": Family(
            streams=0,
            joint="keeps the neurons above a cutoff, from the mean and deviation of all of them",
        ),
        "gemma4_text": _GEMMA4,
        "gemma4_unified_text": _GATED,
        "git": _plain("intermediate.intermediate_act_fn", "output.dense", "encoder.layer"),
        "glm": _FUSED,
        "glm4": _FUSED,
        "glm4_moe": _moe("mlp.shared_experts"),
        "glm4_moe_lite": _moe("mlp.shared_experts"),
        "glm4v_text": _FUSED,
        "glm_moe_dsa": _moe("mlp.shared_experts"),
        "gpt2": _GPT2,
        "gpt_bigcode": _GPT2,
        "gpt_neo": _GPT2,
        "gpt_neox": _NEOX,
        "gpt_neox_japanese": _NEOX,
        "gpt_oss": Family(routed=Routed(gate=gates.gpt_oss, alternate=True)),
        "gptj": _GPTJ,
        "granite": _GATED,
        "granite_swa": _GATED,
        "granitemoe": _GRANITE_MOE,
        "granitemoe_swa": _GRANITE_MOE,
        "granitemoehybrid": Family(
            dense=_GRANITE_SHARED, routed=Routed("block_sparse_moe.experts", (_GRANITE_SHARED,))
        ),
        "granitemoeshared": Family(
            dense=None, routed=Routed("block_sparse_moe.experts", (_GRANITE_SHARED,))
        ),
        "helium": _GATED,
        "hunyuan_v1_dense": _GATED,
        "hunyuan_v1_moe": _moe("mlp.shared_mlp"),
        "hy_v3": _moe("mlp.shared_experts"),
        "hy_v4": Family(
            routed=Routed(shared=(_dense_in("mlp.shared_experts"),), gate=gates.silu_clamped),
            streams=2,
        ),
        "hyperclovax": _GATED,
        "inkling2_text": Family(dense=None, routed=Routed(gate=gates.softcapped)),
        "inkling_text": Family(
            routed=Routed(
                shared=(
                    Routed(
                        "mlp.shared_experts",
                        arrivals=arrivals.every_token,
                        entry=("gate_proj", "up_proj"),
                    ),
                )
            )
        ),
        "internlm3": _GATED,
        "iquestcoder": _GATED,
        "jais2": _PLAIN,
        "jamba": Family(dense=_FEED_FORWARD, routed=Routed("feed_forward.experts")),
        "jetmoe": Family(
            dense=None,
            routed=Routed(
                "mlp",
                arrivals=arrivals.by_sorting,
                router="mlp.router",
                gate=gates.activation,
                entry=("input_linear.weight",),
                down="output_linear.weight",
            ),
        ),
        "kimi_linear": _moe("mlp.shared_experts"),
        "kolibri1": _moe("mlp.shared_experts"),
        "laguna": _moe("mlp.shared_experts"),
        "lfm2": _LFM2,
        "lfm2_moe": Family(dense=_LFM2.dense, routed=Routed("feed_forward.experts")),
        "lfm3": _LFM2,
        "llama": _GATED,
        "llama4_text": Family(
            dense=_LLAMA4,
            routed=Routed(
                "feed_forward.experts",
                (
                    Dense(
                        "feed_forward.shared_expert.activation_fn",
                        "feed_forward.shared_expert.down_proj",
                        "feed_forward.shared_expert.up_proj",
                    ),
                ),
                arrivals=arrivals.weighted_copies,
                transposed=True,
            ),
            decoder="model",
        ),
        "longcat_flash": Family(
            dense=None, routed=Routed(shared=(_dense_in("mlps.0"), _dense_in("mlps.1")))
        ),
        "mellum": _moe(),
        "mimo_v2_flash": _moe(),
        "minicpm3": _GATED,
        "minimax": _moe(),
        "minimax_m2": _moe(),
        "minimax_m3_vl_text": Family(
            dense=_minimax_m3("mlp"),
            routed=Routed(shared=(_minimax_m3("mlp.shared_experts"),), gate=gates.swish_clamped),
        ),
        "ministral": _GATED,
        "ministral3": _GATED,
        "mistral": _GATED,
        "mixtral": _moe(),
        "mllama_text_model": Family(running="self_attn", decoder="model"),
        "modernbert-decoder": Family(dense=Dense("mlp.act", "mlp.Wo", "mlp.Wi")),
        "moshi": Family(dense=Dense("mlp.activation_fn", "mlp.fc2", "mlp.fc1")),
        "mpt": _plain("ffn.act", "ffn.down_proj", "blocks"),
        "nanochat": _PHI,
        "nemotron": _PLAIN,
        "nemotron_h": Family(
            dense=Dense("mixer.act_fn", "mixer.down_proj", up=None),
            routed=Routed(
                "mixer.experts",
                (Dense("mixer.shared_experts.act_fn", "mixer.shared_experts.down_proj", up=None),),
            ),
            hybrid=True,
        ),
        "olmo": _GATED,
        "olmo2": _GATED,
        "olmo3": _GATED,
        "olmo_hybrid": _GATED,
        "olmoe": _moe(),
        "openai-gpt": Family("h", Dense(None, "mlp.c_proj", up=None)),
        "opt": _OPT,
        "persimmon": _NEOX,
        "phi": _PHI,
        "phi3": _FUSED,
        "phi4_multimodal": _FUSED,
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
        "qwen4_exp_text": _moe("mlp.shared_expert"),
        "recurrent_gemma": Family(dense=_dense_in("mlp_block")),
        "seed_oss": _GATED,
        "smollm3": _GATED,
        "solar_open": _moe("mlp.shared_experts"),
        "stablelm": _GATED,
        "starcoder2": _plain("mlp.act", "mlp.c_proj"),
        "vaultgemma": _GATED,
        "xglm": _OPT,
        "youtu": _GATED,
        "zamba": Family(dense=_dense_in("shared_transf.feed_forward"), hybrid=True),
        "zamba2": Family(
            dense=Dense(
                "shared_transformer.feed_forward.act_fn",
                "shared_transformer.feed_forward.down_proj",
                "shared_transformer.feed_forward.gate_up_proj",
                whole_up=False,
            ),
            hybrid=True,
        ),
        "zaya": Family(dense=None, routed=Routed()),
    }
)
"""Rows by the `model_type` of the decoder's config."""
