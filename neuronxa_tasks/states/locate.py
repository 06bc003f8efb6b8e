"""From a loaded model to its neurons, by the row of its family."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.families import FAMILIES, NO_FFN, Dense, Family
from neuronxa_tasks.states.layout import FFN, DenseNeurons, Layout, RoutedNeurons

READABLE = frozenset((torch.float16, torch.bfloat16, torch.float32))
"""Dtypes of experts' weights that can be computed with."""


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
            "these, run the benchmarks alone, or add a row to neuronxa_tasks/states/families.py."
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
    if any(not isinstance(each, nn.Parameter) or each.ndim != 3 for each in matrices):
        raise NeuronXAError(
            f"The experts `{name}.{path}` of {found} ({type(experts).__name__}) do not hold "
            "their weights as matrices, because they are quantised, wrapped by an adapter, or "
            "stored otherwise by another version of transformers, so their neurons cannot be "
            "read. Load the model without quantisation, merge the adapter (merge_and_unload), or "
            "run the benchmarks alone."
        )
    others = {each.dtype for each in matrices} - READABLE  # type: ignore[union-attr]
    if others:
        dtypes = ", ".join(sorted(str(each).removeprefix("torch.") for each in others))
        raise NeuronXAError(
            f"The experts `{name}.{path}` of {found} ({type(experts).__name__}) hold their weights "
            f"as {dtypes}: they are quantised, and only their own kernels know the scales, so "
            "their neurons cannot be read. Load the model in bfloat16, float16 or "
            "float32, or run the benchmarks alone."
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
