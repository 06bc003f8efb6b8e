"""The model: how `HFLM` answers the request type `neuron_states`.

The harness hands over the requests of all tasks at once, so that the pivot is encoded once for
all languages of a run. Under data parallelism every process holds a stride of the sentences; the
texts are exchanged and each process scores whole languages, because a sentence needs all its
rivals in one place.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
from accelerate import Accelerator
from lm_eval.models.huggingface import HFLM

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.fingerprint import fingerprint
from neuronxa_tasks.loading import random_weights
from neuronxa_tasks.matrices import matrices
from neuronxa_tasks.means import mean_blocks
from neuronxa_tasks.schema import (
    SCHEMA,
    MeanBlock,
    ModelBlock,
    NeuronXABlock,
    PairsBlock,
    SentenceRivals,
    TaskBlock,
)
from neuronxa_tasks.scoring import Pairs, encoder, score
from neuronxa_tasks.summary import recorded

logger = logging.getLogger(__name__)

FEW = 50
"""Sentence pairs below which a score is too coarse to report; a warning is given."""

_RECORD = "_neuronxa_block"


class NeuronXALM(HFLM):  # type: ignore[misc]
    """`HFLM` that also answers `neuron_states`. In all else it is `HFLM`.

    The alias in the harness is `hf-neuronxa`; all model arguments are those of `hf`. Under
    `torchrun` and `accelerate launch` it also works on CPUs and over several machines, where
    `hf` would see one process, or the same rank twice.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        parallel = processes > 1 and not kwargs.get("tp_plan") and not kwargs.get("parallelize")
        on_cpu = not torch.accelerator.is_available() or str(kwargs.get("device")) == "cpu"
        if parallel and on_cpu:
            os.environ.setdefault("ACCELERATE_USE_CPU", "true")  # read when accelerate starts
        super().__init__(*args, **kwargs)
        if parallel and on_cpu and not hasattr(self, "accelerator"):
            self.accelerator = Accelerator()
        if parallel and hasattr(self, "accelerator"):
            self._rank = self.accelerator.process_index
            self._world_size = self.accelerator.num_processes

    def neuron_states(self, requests: Sequence[Any]) -> list[SentenceRivals | None]:
        """Answer the alignment requests of a run; see `neuron_states`."""
        return neuron_states(self, requests)

    def get_model_info(self) -> dict[str, Any]:
        """Return the harness' facts about the model and the block `neuronxa`."""
        return {**super().get_model_info(), **results_block(self)}


def neuron_states(lm: Any, requests: Sequence[Any]) -> list[SentenceRivals | None]:
    """Score all alignment requests of a run.

    Args:
        lm: A loaded `HFLM`.
        requests: Instances with the arguments (pivot text, target text, settings), of any number
            of tasks.

    Returns:
        For each request the rivals of its sentence; None where the target is the pivot.

    Raises:
        NeuronXAError: The architecture is not known, or a score cannot be computed.
    """
    _check_rank(lm)
    if names := random_weights(lm.model):
        logger.warning(
            "%d weights of this model seem not to come from its checkpoint but from chance, such "
            "as %s. Its scores, here and in every benchmark, mean nothing unless you know why. "
            "Look at the load report above.",
            len(names),
            ", ".join(names[:3]),
        )
    tasks = _exchange(lm, _by_task(requests))
    _warn_if_few(tasks)
    mine = sorted(tasks)[lm.rank :: lm.world_size]
    error: NeuronXAError | None = None
    samples: dict[str, dict[int, SentenceRivals | None]] = {}
    blocks: dict[str, TaskBlock] = {}
    gather = partial(_gather, lm)
    with matrices(tasks, gather, lm.rank) as all_pairs:
        try:
            for name, result, block in score(
                lm, {name: tasks[name] for name in mine}, all_pairs.keep
            ):
                samples[name] = result
                if block is not None:
                    blocks[name] = block
        except NeuronXAError as caught:
            error = caught  # after the others know: a silent process would leave them waiting
        for other_samples, other_blocks, other_error in gather((samples, blocks, error)):
            if other_error is not None:
                raise other_error
            samples |= other_samples
            blocks |= other_blocks
        pairs = all_pairs.compare(lm.device, gather, lm.rank)
    _record(lm, blocks, mean_blocks(tasks, samples), pairs)
    return [samples[request.task_name][request.doc_id] for request in requests]


def results_block(lm: Any) -> dict[str, NeuronXABlock]:
    """Return the entry `neuronxa` for `results["config"]`; empty if no such task has run."""
    block = vars(lm).get(_RECORD)
    return {} if block is None else {"neuronxa": block}


def _by_task(requests: Sequence[Any]) -> dict[str, Pairs]:
    tasks: dict[str, Pairs] = {}
    for request in requests:
        pivot, target, settings = request.args
        pairs = tasks.setdefault(request.task_name, Pairs(settings, request.source))
        pairs.lines[request.doc_id] = (pivot, target)  # the harness repeats some to pad a rank
    return tasks


def _exchange(lm: Any, tasks: dict[str, Pairs]) -> dict[str, Pairs]:
    """Bring all lines of each task together; every process then has all texts."""
    merged: dict[str, Pairs] = {}
    for part in _gather(lm, tasks):
        for name, pairs in part.items():
            merged.setdefault(name, Pairs(pairs.settings, pairs.source)).lines.update(pairs.lines)
    return merged


def _check_rank(lm: Any) -> None:
    if lm.world_size > 1 and torch.distributed.get_rank() != lm.rank:
        raise NeuronXAError(
            f"Process {torch.distributed.get_rank()} of {lm.world_size} was given the sentences of "
            f"rank {lm.rank}, because --model hf counts the processes of each machine anew. Some "
            "sentences would be scored twice and others never. Use --model hf-neuronxa."
        )


def _gather(lm: Any, value: Any) -> list[Any]:
    if lm.world_size == 1:
        return [value]
    everything: list[Any] = [None] * lm.world_size
    torch.distributed.all_gather_object(everything, value)
    return everything


def _warn_if_few(tasks: dict[str, Pairs]) -> None:
    few = min((len(pairs.lines) for pairs in tasks.values()), default=FEW)
    if few < FEW:
        logger.warning(
            "Alignment is computed from %d sentence pairs. The chance level is 1/(2n-1) = %.3f and "
            "one pair is worth %.3f, so use at least %d, better the usual 100.",
            few,
            1 / (2 * few - 1),
            1 / few,
            FEW,
        )


def _record(
    lm: Any, blocks: dict[str, TaskBlock], means: list[MeanBlock], pairs: list[PairsBlock]
) -> None:
    block = NeuronXABlock(
        schema=SCHEMA,
        model=_model_block(lm),
        versions={
            name: version(name)
            for name in ("neuronxa-tasks", "lm_eval", "torch", "transformers", "tokenizers")
        },
        tasks=dict(sorted(blocks.items())),
        means=means,
    )
    if pairs:
        block["pairs"] = pairs
    setattr(lm, _RECORD, block)
    recorded(block)


def _model_block(lm: Any) -> ModelBlock:
    layout = encoder(lm, lm.model).layout
    model = lm.model
    config = model.config.get_text_config()
    return ModelBlock(
        fingerprint=fingerprint(model),
        class_name=type(model).__name__,
        model_type=layout.model_type,
        dtype=str(model.dtype).removeprefix("torch."),
        device=torch.device(lm.device).type,
        layers=len(layout.blocks),
        ffn_layers=layout.layers,
        neurons=layout.widths,
        hidden_size=int(config.hidden_size),
        max_length=int(lm.max_length),
        add_bos_token=lm.add_bos_token,
        remote_code=type(model).__module__.startswith("transformers_modules"),
    )
