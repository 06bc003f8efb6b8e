"""Did every weight of a loaded model come from its checkpoint?"""

from __future__ import annotations

from torch import nn


def random_weights(model: nn.Module) -> list[str]:
    """Names of the weights that transformers drew at random because the checkpoint lacks them.

    A file with missing tensors, or one that is read as another architecture (llama.cpp writes
    Mixtral as `llama`), gives a model that runs and means nothing; transformers only logs it.
    It marks every weight that it loaded. The mark is private, so this list is a reason to look,
    not a proof: a model that carries no mark at all (made from a config) gives an empty list, and
    adapters and offloaded weights are left out.

    Returns:
        Names of parameters, in the order of the model.
    """
    if hasattr(model, "peft_config"):
        return []
    weights = [
        (name, each) for name, each in model.named_parameters() if each.device.type != "meta"
    ]
    unmarked = [name for name, each in weights if not getattr(each, "_is_hf_initialized", False)]
    return unmarked if len(unmarked) < len(weights) else []
