"""The five architectures of the toy world's models, all of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuronxa_tasks.errors import NeuronXAError
from workshop.tokenizer import LONGEST

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_COMMON: dict[str, Any] = {
    "hidden_size": 96,
    # Four layers of 384 neurons aligned the languages later and less: results/world/README.md.
    "intermediate_size": 320,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": LONGEST,
    "tie_word_embeddings": True,
    # The usual 0.02 is meant for wide models; at this width learning begins faster with more.
    "initializer_range": 0.05,
}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama", **_COMMON},
    "qwen3": {"model_type": "qwen3", **_COMMON, "head_dim": 24},
    # Without a window a Mistral would be the Llama, weight for weight.
    "mistral": {"model_type": "mistral", **_COMMON, "head_dim": 24, "sliding_window": 32},
    "glm4": {"model_type": "glm4", **_COMMON, "head_dim": 24},
    "olmo2": {"model_type": "olmo2", **_COMMON},
}
"""What can be trained: name -> arguments of `transformers.AutoConfig.for_model`."""


def arguments_of(arch: str) -> dict[str, Any]:
    """The row of the table.

    Raises:
        NeuronXAError: If the architecture is unknown.
    """
    if arch not in ARCHITECTURES:
        raise NeuronXAError(
            f"The architecture {arch!r} is unknown to the training script, because it has no row "
            f"in its table. Use one of: {', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[arch]


def make_model(arch: str, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """An untrained model of one of `ARCHITECTURES`.

    Raises:
        NeuronXAError: If the architecture is unknown.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        **arguments_of(arch),
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model
