"""Tiny random models of the real classes, and a tokenizer for them. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tiny_configs import COMMON, TINY
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    Emu3ForCausalLM,
    MllamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from neuronxa_tasks.harness.tasks.alignment import PairInstance

PAD, BOS, EOS = "<pad>", "<s>", "</s>"

_CLASSES: dict[str, type[PreTrainedModel]] = {
    "emu3_text_model": Emu3ForCausalLM,
    "mllama_text_model": MllamaForCausalLM,
}
"""Classes of text decoders that are in none of transformers' mappings."""

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
    given = COMMON | TINY[model_type] | overrides
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
    if config.model_type in _CLASSES:
        model = _CLASSES[config.model_type]._from_config(config, dtype=torch.float32)
    else:
        model = auto.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
        for name, table in model.named_buffers():
            if name.endswith("tid2eid"):  # DeepSeek V4: the experts of each token, zero at first
                scores = torch.rand(len(table), 6)
                table.copy_(scores.argsort(dim=1)[:, : table.shape[1]])
    return model.eval()


def tiny_model(model_type: str, seed: int = 0, **overrides: Any) -> PreTrainedModel:
    """Random model of a family."""
    return build(tiny_config(model_type, **overrides), seed)


def blocks_that_run(model: PreTrainedModel) -> int:
    """Number of blocks that a text goes through."""
    if model.config.model_type == "longcat_flash":  # counts its attention modules, two a block
        return int(model.config.num_layers)
    idle = getattr(model.config, "cross_attention_layers", None) or ()  # mllama: for images
    return int(model.config.num_hidden_layers) - len(idle)


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
        "variants": [], "measures": [], "lape": False, "pairs": "", "covariates": [], **settings,
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
