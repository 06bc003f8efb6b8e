"""Configurations of tiny models, one of each family."""

from __future__ import annotations

from typing import Any

VOCABULARY = 256 + 3
"""One token per byte, and three special ones."""

COMMON: dict[str, Any] = {
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
_INDEXED: dict[str, Any] = {
    "head_dim": None,
    "index_head_dim": 16,
    "index_n_heads": 4,
    "index_topk": 1024,  # as in the real ones, more than a sentence has
}
_CONV: dict[str, Any] = {"layer_types": ["conv", "full_attention"]}
_WINDOW: dict[str, Any] = {
    "rel_extent": 64,
    "swa_head_dim": 8,
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 2,
}
_GEMMA4: dict[str, Any] = {
    "global_head_dim": 8,
    "hidden_size_per_layer_input": 8,
    "layer_types": ["sliding_attention", "full_attention"],
    "vocab_size_per_layer_input": VOCABULARY,
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
    "aria_text": _MOE | {"moe_num_experts": 6, "moe_topk": 2, "moe_num_shared_experts": 1},
    "axk1": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "axk2": _DENSE_FIRST | _LATENT | {"head_dim": None, "gated_norm_rank": 8},
    "bailing_hybrid": _DENSE_FIRST | _LATENT | _LINEAR | {"head_dim": None},
    "bamba": _MAMBA | {"attn_layer_indices": [1]},
    "beam": _DENSE_FIRST,
    "biogpt": {},
    "bitnet": {},
    "bloom": {},
    "codegen": {"rotary_dim": 8},
    "cohere": {},
    "cohere2": {},
    "cohere2_moe": _MOE,
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {
            each: {"rope_type": "default", "rope_theta": 10000.0}
            for each in ("sliding_attention", "full_attention")
        },
    },
    "ctrl": {"dff": 48},
    "cwm": {},
    "dbrx": {
        "d_model": 32,
        "n_heads": 4,
        "n_layers": 2,
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {
            "hidden_size": 32,
            "ffn_hidden_size": 16,
            "moe_num_experts": 6,
            "moe_top_k": 2,
            "ffn_act_fn": {"name": "silu"},
        },
    },
    "deepseek_v2": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "deepseek_v3": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "deepseek_v32": _DENSE_FIRST | _LATENT | _INDEXED,
    "deepseek_v4": _MOE
    | _INDEXED
    | {
        "compress_rates": {"compressed_sparse_attention": 2, "heavily_compressed_attention": 4},
        "head_dim": 16,
        "layer_types": ["heavily_compressed_attention", "compressed_sparse_attention"],
        "mlp_layer_types": ["hash_moe", "moe"],
        "o_groups": 2,
        "o_lora_rank": 8,
        "q_lora_rank": 16,
        "swiglu_limit": 0.5,
    },
    "diffllama": {},
    "doge": {},
    "dots1": _DENSE_FIRST,
    "dots3_note_text": _DENSE_FIRST | _LATENT | _INDEXED | {"shared_experts_intermediate_size": 16},
    "emu3_text_model": {},
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
    "flint": _MOE | {"mlp_only_layers": [0]},
    # Smaller inputs: beyond -5 the sign of GELU times `up` is a matter of rounding.
    "gemma": {"initializer_range": 0.1},
    "gemma2": {"initializer_range": 0.1},
    "gemma3_text": {},
    "gemma3n_text": {
        "activation_sparsity_pattern": [0.8, 0.0, 0.8],
        "hidden_size_per_layer_input": 8,
        "laurel_rank": 8,
        "layer_types": ["sliding_attention", "full_attention", "full_attention"],
        "num_hidden_layers": 3,
        "num_kv_shared_layers": 1,
        "vocab_size_per_layer_input": VOCABULARY,
    },
    "gemma4_text": _GEMMA4 | _MOE | {"enable_moe_block": True, "top_k_experts": 2},
    "gemma4_unified_text": _GEMMA4,
    "git": {
        "vision_config": {
            "hidden_size": 32,
            "image_size": 16,
            "intermediate_size": 16,
            "num_attention_heads": 4,
            "num_hidden_layers": 1,
            "patch_size": 8,
        }
    },
    "glm": {},
    "glm4": {},
    "glm4_moe": _DENSE_FIRST,
    "glm4_moe_lite": _DENSE_FIRST | _LATENT | {"head_dim": None},
    "glm4v_text": {"rope_parameters": _MROPE},
    "glm_moe_dsa": _DENSE_FIRST | _LATENT | _INDEXED,
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
    "hy_v4": _DENSE_FIRST | _LATENT | _INDEXED | {"swiglu_limit": 0.5},
    "hyperclovax": {},
    "inkling2_text": _MOE | _WINDOW | {"mlp_gate_softcap": 0.5, "mlp_up_softcap": 0.7},
    "inkling_text": _DENSE_FIRST | _WINDOW | {"n_shared_experts": 2},
    "internlm3": {},
    "iquestcoder": {},
    "jais2": {},
    "jamba": _MOE | _MAMBA | {"attn_layer_period": 2, "attn_layer_offset": 1},
    "jetmoe": _MOE | {"kv_channels": 8},
    "kimi_linear": _DENSE_FIRST | _LATENT | _LINEAR,
    "kolibri1": _MOE,
    "laguna": _DENSE_FIRST,
    "lfm2": _CONV | {"block_multiple_of": 16},
    "lfm2_moe": _DENSE_FIRST | _CONV,
    "lfm3": _CONV,
    "llama": {"num_hidden_layers": 4},
    "llama4_text": _MOE
    | {
        "interleave_moe_layer_step": 2,
        "intermediate_size_mlp": 48,
        "moe_layers": [1],
    },
    "longcat_flash": _LATENT
    | {
        "expert_ffn_hidden_size": 16,
        "ffn_hidden_size": 48,
        "moe_topk": 2,
        "n_routed_experts": 6,
        "num_hidden_layers": None,
        "num_layers": 2,
        "qk_head_dim": 16,
        "zero_expert_num": 2,
    },
    "mellum": _MOE,
    "mimo_v2_flash": _DENSE_FIRST,
    "minicpm3": _LATENT | {"head_dim": None},
    "minimax": _MOE,
    "minimax_m2": _MOE,
    "minimax_m3_vl_text": _DENSE_FIRST
    | {
        "dense_intermediate_size": 48,
        "shared_intermediate_size": 16,
        "swiglu_limit": 1.5,
    },
    "ministral": {},
    "ministral3": {},
    "mistral": {"sliding_window": 64},
    "mixtral": _MOE,
    "mllama_text_model": {"cross_attention_layers": [1], "num_hidden_layers": 3},
    "modernbert-decoder": {},
    "moshi": {"ffn_dim": 96},
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
    "openai-gpt": {},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.2, "dropout": 0.0},
    "persimmon": {},
    "phi": {},
    "phi3": {},
    "phi4_multimodal": {
        "audio_config": {
            "ext_pw_out_channel": 16,
            "depthwise_separable_out_channel": 16,
            "hidden_size": 16,
            "intermediate_size": 16,
            "nemo_conv_channels": 16,
            "num_attention_heads": 2,
            "num_blocks": 2,
        },
        "vision_config": {
            "crop_size": 28,
            "hidden_size": 16,
            "image_size": 28,
            "intermediate_size": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
        },
    },
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
    "qwen4_exp_text": _MOE
    | _LINEAR
    | {
        "hc_lowrank": 8,
        "indexer_budget": 8,
        "indexer_compress_ratio": 2,
        "indexer_head_dim": 8,
        "indexer_kv_heads": 1,
        "indexer_n_heads": 2,
        "layer_types": ["linear_attention", "indexed_attention"],
    },
    "recurrent_gemma": {"num_hidden_layers": 3, "lru_width": 32, "intermediate_size": 96},
    "seed_oss": {},
    "smollm3": {},
    "solar_open": _MOE,
    "stablelm": {},
    "starcoder2": {},
    "vaultgemma": {},
    "xglm": {"ffn_dim": 48, "init_std": 0.2},
    "youtu": _LATENT | {"head_dim": None},
    "zamba": _NO_GQA
    | _MAMBA
    | {
        "head_dim": None,
        "layers_block_type": ["linear_attention", "hybrid", "hybrid"],
        "num_hidden_layers": 3,
    },
    "zamba2": _NO_GQA
    | _MAMBA
    | {
        "adapter_rank": 4,
        "head_dim": None,
        "layers_block_type": ["linear_attention", "hybrid", "hybrid", "hybrid"],
        "mamba_headdim": 8,
        "n_mamba_heads": 8,
        "num_hidden_layers": 4,
        "num_mem_blocks": 2,
    },
    "zaya": _MOE | {"num_experts_per_tok": 1, "router_hidden_size": 16},
}
"""What each model type needs beside or instead of `COMMON`; None drops a key."""
