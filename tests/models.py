"""Tiny random models of the real classes, and a tokenizer for them. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from neuronxa_tasks.harness.tasks.alignment import PairInstance

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
VOCABULARY = 256 + 3

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,  # ten times the usual: untrained layers that do something
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_NO_GQA: dict[str, Any] = {"num_key_value_heads": 4}
_MOE: dict[str, Any] = {
    "intermediate_size": 16,
    "moe_intermediate_size": 16,
    "n_group": 1,
    "n_routed_experts": 6,
    "n_shared_experts": 1,
    "num_experts": 6,
    "num_experts_per_tok": 2,
    "num_local_experts": 6,
    "num_shared_experts": 1,
    "shared_expert_intermediate_size": 16,
    "topk_group": 1,
}
_DENSE_FIRST = _MOE | {
    "first_k_dense_replace": 1,
    "intermediate_size": 48,
    "mlp_layer_types": ["dense", "sparse"],
    "num_dense_layers": 1,
}
_LATENT: dict[str, Any] = {
    "kv_lora_rank": 16,
    "num_key_value_heads": 4,
    "q_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
}
_MAMBA: dict[str, Any] = {
    "mamba_chunk_size": 16,
    "mamba_d_head": 8,
    "mamba_d_ssm": 64,
    "mamba_d_state": 8,
    "mamba_dt_rank": 4,
    "mamba_expand": 2,
    "mamba_n_groups": 1,
    "mamba_n_heads": 8,
}
_LINEAR: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_head_dim": 8,
    "linear_key_head_dim": 8,
    "linear_num_heads": 4,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_value_head_dim": 8,
}

_MROPE: dict[str, Any] = {
    "rope_type": "default",
    "rope_theta": 10000.0,
    "mrope_section": [2, 1, 1],
}

TINY: dict[str, dict[str, Any]] = {
    "afmoe": _DENSE_FIRST,
    "apertus": {},
    "arcee": {},
    "bamba": _MAMBA | {"attn_layer_indices": [1]},
    "biogpt": {},
    "bloom": {},
    "codegen": {"rotary_dim": 8},
    "cohere": {},
    "cohere2": {},
    "cohere2_moe": _MOE,
    "cwm": {},
    "deepseek_v2": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "deepseek_v3": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "diffllama": {},
    "dots1": _DENSE_FIRST,
    "ernie4_5": {},
    "ernie4_5_moe": _DENSE_FIRST | {"moe_num_experts": 6, "moe_k": 2, "moe_num_shared_experts": 1},
    "exaone4": {},
    "exaone_moe": _DENSE_FIRST,
    "falcon": {
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
        "ffn_hidden_size": 48,
        "head_dim": None,
    },
    "falcon_h1": _MAMBA | {"mlp_multipliers": [0.7, 0.4]},
    "flex_olmo": _MOE,
    # Smaller inputs: beyond -5 the sign of GELU times `up` is a matter of rounding.
    "gemma": {"initializer_range": 0.1},
    "gemma2": {"initializer_range": 0.1},
    "gemma3_text": {},
    "glm": {},
    "glm4": {},
    "glm4_moe": _DENSE_FIRST,
    "glm4_moe_lite": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "glm4v_text": {"rope_parameters": _MROPE},
    "gpt2": {"n_inner": 48},
    "gpt_bigcode": {"n_inner": 48},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2, "window_size": 64},
    "gpt_neox": {},
    "gpt_neox_japanese": {},
    "gpt_oss": _MOE,
    "gptj": {"rotary_dim": 8, "n_inner": 48},
    "granite": {},
    "granite_swa": {},
    "granitemoe": _MOE,
    "granitemoe_swa": _MOE,
    "granitemoehybrid": _MOE
    | _MAMBA
    | {"layer_types": ["linear_attention", "full_attention"], "shared_intermediate_size": 16},
    "granitemoeshared": _MOE | {"shared_intermediate_size": 16},
    "helium": {},
    "hunyuan_v1_dense": {},
    "hunyuan_v1_moe": _MOE | {"moe_topk": 2, "num_shared_expert": 1},
    "hy_v3": _DENSE_FIRST,
    "hyperclovax": {},
    "internlm3": {},
    "iquestcoder": {},
    "jais2": {},
    "jamba": _MOE | _MAMBA | {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": _DENSE_FIRST | _LATENT | _LINEAR,
    "laguna": _DENSE_FIRST,
    "llama": {"num_hidden_layers": 4},
    "mellum": _MOE,
    "mimo_v2_flash": _DENSE_FIRST,
    "minicpm3": _LATENT | {"head_dim": None},
    "minimax": _MOE,
    "minimax_m2": _MOE,
    "ministral": {},
    "ministral3": {},
    "mistral": {"sliding_window": 64},
    "mixtral": _MOE,
    "mpt": {},
    "nanochat": {},
    "nemotron": {},
    "nemotron_h": _MOE
    | {
        "chunk_size": 16,
        "layers_block_type": ["mamba", "moe", "attention", "mlp"],
        "mamba_head_dim": 8,
        "mamba_num_heads": 8,
        "moe_shared_expert_intermediate_size": 16,
        "n_groups": 1,
        "num_hidden_layers": 4,
        "ssm_state_size": 8,
    },
    "olmo": _NO_GQA,
    "olmo2": _NO_GQA,
    "olmo3": _NO_GQA,
    "olmo_hybrid": _LINEAR | _NO_GQA,
    "olmoe": _MOE,
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.2, "dropout": 0.0},
    "persimmon": {},
    "phi": {},
    "phi3": {},
    "phimoe": _MOE,
    "qwen2": {},
    "qwen2_5_vl_text": {"rope_parameters": _MROPE},
    "qwen2_moe": _MOE,
    "qwen2_vl_text": {"rope_parameters": _MROPE},
    "qwen3": {},
    "qwen3_5_moe_text": _MOE | _LINEAR,
    "qwen3_5_text": _LINEAR,
    "qwen3_moe": _MOE,
    "qwen3_next": _MOE | _LINEAR,
    "qwen3_vl_text": {"rope_parameters": _MROPE},
    "recurrent_gemma": {"num_hidden_layers": 3, "lru_width": 32, "intermediate_size": 96},
    "seed_oss": {},
    "smollm3": {},
    "solar_open": _MOE,
    "stablelm": {},
    "starcoder2": {},
    "vaultgemma": {},
    "xglm": {"ffn_dim": 48, "init_std": 0.2},
    "youtu": _LATENT | {"head_dim": None},
}
"""What each model type needs beside or instead of `_COMMON`; None drops a key."""

KINDS = (
    "bloom",  # activation of its own class
    "deepseek_v3",  # dense first block, then shared experts
    "falcon",
    "glm",  # gate and up in one matrix
    "gpt2",  # Conv1D
    "gpt_oss",  # experts with biases, gate and up alternate
    "llama",
    "mixtral",
    "nemotron_h",  # blocks without an FFN, experts without a gate
    "opt",  # modules in the block itself, batch and time flattened
    "qwen3_next",  # linear attention
)
"""One family of each kind, for tests that say nothing about a single family."""


def tiny_config(model_type: str, **overrides: Any) -> PreTrainedConfig:
    """Config of a model with about 50,000 parameters."""
    given = _COMMON | TINY[model_type] | overrides
    return AutoConfig.for_model(
        model_type, **{key: value for key, value in given.items() if value is not None}
    )


def build(config: PreTrainedConfig, seed: int = 0) -> PreTrainedModel:
    """Random float32 model in evaluation mode.

    Biases and norms are drawn too: their usual start, 0 and 1, would hide that one was forgotten.
    """
    torch.manual_seed(seed)
    # The text decoders of multimodal models have no language-model class of their own.
    auto = AutoModelForCausalLM if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING else AutoModel
    model = auto.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model.eval()


def tiny_model(model_type: str, seed: int = 0, **overrides: Any) -> PreTrainedModel:
    """Random model of a family."""
    return build(tiny_config(model_type, **overrides), seed)


def byte_tokenizer(
    *, bos: bool = False, pad: bool = True, max_length: int = 1024
) -> PreTrainedTokenizerFast:
    """Tokenizer with one token per UTF-8 byte.

    Args:
        bos: Put `<s>` before each text, as LLaMA's tokenizer does.
        pad: Have a padding token.
        max_length: `model_max_length`.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([PAD, BOS, EOS, *alphabet])}
    tokenizer = Tokenizer(tokenizer_models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", special_tokens=[(BOS, vocabulary[BOS])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD if pad else None,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=max_length,
    )


def alignment_requests(
    pivot: Sequence[str], target: Sequence[str], task: str = "task", **settings: Any
) -> list[PairInstance]:
    """Requests of one task, as the harness hands them over."""
    options = {
        "corpus": "mini", "pivot": "eng_Latn", "target": "deu_Latn", "tap": "gate",
        "weights": "position", "routed_nav": False, "control": [], "control_seeds": 1,
        "variants": [], "measures": [], "pairs": "", "covariates": [], **settings,
    }  # fmt: skip
    return [
        PairInstance(
            request_type="neuron_states",
            doc={},
            arguments=(*pair, options),
            idx=0,
            metadata=(task, line, 1),
            source={"kind": "test"},
        )
        for line, pair in enumerate(zip(pivot, target, strict=True))
    ]
