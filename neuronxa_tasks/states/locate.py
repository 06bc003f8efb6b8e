"""From a loaded model to its neurons, by the row of its family."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.experts import entries, parameter, transposed
from neuronxa_tasks.states.families import FAMILIES
from neuronxa_tasks.states.layout import FFN, DenseNeurons, Layout, RoutedNeurons
from neuronxa_tasks.states.refused import REFUSED
from neuronxa_tasks.states.rows import Dense, Family, Routed
from neuronxa_tasks.states.slices import Plan

READABLE = frozenset((torch.float16, torch.bfloat16, torch.float32))
"""Dtypes of experts' weights that can be computed with."""


def locate(model: Any) -> Layout:
    """Find the feed-forward neurons of a loaded transformers model.

    Args:
        model: A `PreTrainedModel` with a causal decoder. Of a multimodal model, the text decoder
            is used; adapters of PEFT stay in place.

    Raises:
        NeuronXAError: The architecture has no row in `FAMILIES`, is no decoder, is spread over
            processes in a way that is not read (see `slices`), or does not have the modules that
            its row names.
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
    if not hasattr(decoder, "config"):  # ModernBERT calls its language-model head a decoder
        decoder = getattr(model, "base_model", model)
    model_type = str(getattr(getattr(decoder, "config", None), "model_type", None))
    if model_type in REFUSED:
        raise NeuronXAError(
            f"{found} {REFUSED[model_type].sentence} Choose another causal language model, or run "
            "the benchmarks alone."
        )
    family = FAMILIES.get(model_type)
    if family is None:
        raise NeuronXAError(
            f"It is not known where the feed-forward neurons of {found} are, so no score is "
            f"computed. Supported model types: {', '.join(sorted(FAMILIES))}. Choose one of "
            "these, run the benchmarks alone, or add a row to neuronxa_tasks/states/families.py."
        )
    _refuse_prompts(model, found)
    plan = Plan(model, found)
    if family.decoder and _has(decoder, family.decoder):
        decoder = decoder.get_submodule(family.decoder)
    blocks = {
        f"{family.layers}.{name}": block
        for name, block in _module(decoder, family.layers, found).named_children()
        if not family.running or _has(block, family.running)
    }
    ffns = tuple(
        FFN(index, neurons, name)
        for index, (name, block) in enumerate(blocks.items())
        if (neurons := _neurons(block, family, name, found, plan))
    )
    plan.check_joint([part for ffn in ffns for part in ffn.neurons], family.joint)
    return Layout(decoder, tuple(blocks.values()), ffns, model_type, family.streams, plan.processes)


def _refuse_prompts(model: Any, found: str) -> None:
    for adapter in (getattr(model, "peft_config", None) or {}).values():
        if getattr(adapter, "is_prompt_learning", False):
            raise NeuronXAError(
                f"{found} has a {adapter.peft_type.value} adapter, which puts learned tokens "
                "before the text outside of the decoder; a score would be one of the model "
                "without it. Use an adapter of weights such as LoRA, or run the benchmarks alone."
            )


def _neurons(
    block: nn.Module, family: Family, name: str, found: str, plan: Plan
) -> tuple[DenseNeurons | RoutedNeurons, ...]:
    for path, why in family.unknown:
        if _has(block, path):
            raise NeuronXAError(
                f"The block `{name}` of {found} {why} Choose another causal language model, or "
                "run the benchmarks alone."
            )
    routed, dense = family.routed, family.dense
    if routed is not None and _has(block, routed.experts):
        return tuple(
            _experts(block, each, name, found, plan)
            if isinstance(each, Routed)
            else _dense(block, each, name, found, plan)
            for each in (routed, *routed.shared)
            if not _switched_off(block, each.experts if isinstance(each, Routed) else each.down)
        )
    if dense is not None and (_has(block, dense.down) or not family.hybrid):
        return (_dense(block, dense, name, found, plan),)
    if not family.hybrid and routed is not None:
        _module(block, routed.experts, found, name)
    return ()


def _dense(block: nn.Module, dense: Dense, name: str, found: str, plan: Plan) -> DenseNeurons:
    down = _module(block, dense.down, found, name)
    folder = dense.down.rpartition(".")[0]
    path = f"{name}.{folder}".rstrip(".")
    width = _input_width(down, f"{name}.{dense.down}", found)
    return DenseNeurons(
        activation=(
            None if dense.activation is None else _module(block, dense.activation, found, name)
        ),
        down=down,
        up=None if dense.up is None else _module(block, dense.up, found, name),
        width=width,
        name=path,
        gate=dense.gate,
        owner=block.get_submodule(folder),
        whole_up=dense.whole_up,
        slices=plan.slices(down, width, path),
    )


def _experts(block: nn.Module, row: Routed, name: str, found: str, plan: Plan) -> RoutedNeurons:
    path = row.experts
    experts = _module(block, path, found, name)
    into = {each: parameter(experts, each) for each in entries(experts, row)}
    matrices = [*into.values(), parameter(experts, row.down)]
    wanted = 2 if row.stacked else 3
    if any(not isinstance(each, nn.Parameter) or each.ndim != wanted for each in matrices):
        raise NeuronXAError(
            f"The experts `{name}.{path}` of {found} ({type(experts).__name__}) do not hold "
            "their weights as matrices, because they are quantised, wrapped by an adapter, or "
            "stored otherwise by another version of transformers, so their neurons cannot be "
            "read. Load the model without quantisation, merge the adapter (merge_and_unload), or "
            "run the benchmarks alone."
        )
    others = {each.dtype for each in matrices} - READABLE
    if others:
        dtypes = ", ".join(sorted(str(each).removeprefix("torch.") for each in others))
        raise NeuronXAError(
            f"The experts `{name}.{path}` of {found} ({type(experts).__name__}) hold their weights "
            f"as {dtypes}: they are quantised, and only their own kernels know the scales, so "
            "their neurons cannot be read. Load the model in bfloat16, float16 or "
            "float32, or run the benchmarks alone."
        )
    down = matrices[-1]
    if row.stacked:
        count: int = experts.num_experts  # type: ignore[assignment]
        each = len(down) // count
    else:
        count, rows, columns = down.shape
        each = rows if transposed(experts, row) else columns
    router = None if row.router is None else _module(block, row.router, found, name)
    biases = {f"{entry}_bias": parameter(experts, f"{entry}_bias") for entry in into}
    slices = plan.of_experts(
        into | {entry: bias for entry, bias in biases.items() if bias is not None},
        down,
        across=transposed(experts, row),
        packed=len(into) == 1 and not row.alternate and bool(getattr(experts, "has_gate", True)),
        name=f"{name}.{path}",
    )
    return RoutedNeurons(experts, count, each, f"{name}.{path}", row, router, slices)


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
    weight = getattr(down, "weight", None)
    if width is None and isinstance(weight, nn.Parameter) and weight.ndim == 1:  # a norm
        width = len(weight)
    if not isinstance(width, int):
        raise NeuronXAError(
            f"The down projection `{name}` of {found} is a {type(down).__name__}, whose number "
            "of inputs is not known. Load the model without this replacement of its layers, or "
            "run the benchmarks alone."
        )
    return width
