"""Tiny random models of the real classes, and a tokenizer for them. Nothing is downloaded."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

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

TINY: dict[str, dict[str, Any]] = {
    "bloom": {"n_layer": 3, "n_head": 4},
    "falcon": {
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
        "ffn_hidden_size": 48,
        "head_dim": None,
    },
    "glm": {},
    "glm4": {},
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_inner": 48, "n_positions": 1024},
    "gpt_neox": {},
    "llama": {"num_hidden_layers": 4},
    "mistral": {"sliding_window": 64},
    "olmo": _NO_GQA,
    "olmo2": _NO_GQA,
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.2, "dropout": 0.0},
    "qwen2": {},
    "qwen3": {},
}
"""What each model type needs beside or instead of `_COMMON`; None drops a key."""


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
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
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
