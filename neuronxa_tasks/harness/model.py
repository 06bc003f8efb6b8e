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
from typing import Any, TypeAlias

import torch
from accelerate import Accelerator
from lm_eval.models.huggingface import HFLM

from neuronxa_tasks.harness.batch import batch_size, nothing_said
from neuronxa_tasks.harness.matrices import matrices
from neuronxa_tasks.harness.means import mean_blocks
from neuronxa_tasks.harness.printed_table import recorded
from neuronxa_tasks.harness.processes import (
    check_rank,
    follows,
    gather,
    of_the_first,
    share,
    together,
)
from neuronxa_tasks.harness.quantised import bits_config
from neuronxa_tasks.harness.scoring import Keep, by_line, encoder, score
from neuronxa_tasks.harness.specific import specific
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.resume.kept import (
    FOLDER_ARGUMENT,
    MODE_ARGUMENT,
    choose,
    kept_results,
    progress,
)
from neuronxa_tasks.schema import (
    SCHEMA,
    LapeBlock,
    MeanBlock,
    ModelBlock,
    NeuronXABlock,
    PairsBlock,
    SentenceRivals,
    TaskBlock,
)
from neuronxa_tasks.states.random_weights import random_weights
from neuronxa_tasks.text.sentence_pairs import Pairs, Texts

logger = logging.getLogger(__name__)

FEW = 50
"""Sentence pairs below which a score is too coarse to report; a warning is given."""

ENGLISH = "eng_Latn"

_RECORD = "_neuronxa_block"

Samples: TypeAlias = dict[str, dict[int, SentenceRivals | None]]
Results: TypeAlias = tuple[Samples, dict[str, TaskBlock], set[str]]
"""Samples by task and line, blocks by task, and the tasks of which something was on disk."""


class NeuronXALM(HFLM):  # type: ignore[misc]
    """`HFLM` that also answers `neuron_states`. In all else it is `HFLM`.

    The alias in the harness is `hf-neuronxa`; all model arguments are those of `hf`. Under
    `torchrun` and `accelerate launch` it also works on CPUs and over several machines, where
    `hf` would see one process, or the same rank twice. Two arguments are its own:
    `neuronxa_resume` (on, off, refresh) and `neuronxa_resume_dir`, for results that are kept.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choose(self, kwargs.pop(MODE_ARGUMENT, None), kwargs.pop(FOLDER_ARGUMENT, None))
        if kwargs.get("device") is None:  # else HFLM would take CUDA, be it there or not
            kwargs["device"] = "cuda" if torch.cuda.is_available() else "cpu"
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

    def _create_model(self, *args: Any, quantization_config: Any = None, **kwargs: Any) -> None:
        bits = bits_config(kwargs)  # takes its arguments out
        super()._create_model(*args, quantization_config=bits or quantization_config, **kwargs)

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
    check_rank(lm)
    random = random_weights(lm.model)
    if random:
        logger.warning(
            "%d weights of this model seem not to come from its checkpoint but from chance, such "
            "as %s. Its scores, here and in every benchmark, mean nothing unless you know why. "
            "Look at the load report above.",
            len(random),
            ", ".join(random[:3]),
        )
    tasks = _exchange(lm, _by_task(requests))
    _warn_if_few(tasks)
    _warn_without_english(tasks)
    model = _model_block(lm, len(random))
    shared = partial(together, lm)
    stored = {} if follows(lm) else tasks  # of processes with the same vectors one is enough
    with (
        matrices(stored, shared, lm.rank, lm.world_size) as all_pairs,
        specific(stored, shared, lm.rank) as of_languages,
    ):

        def keep(*of_task: Any) -> None:
            all_pairs.keep(*of_task)
            of_languages.keep(*of_task)

        samples, blocks, kept = _results(lm, tasks, model["fingerprint"], keep)
        pairs, lape = all_pairs.compare(lm.device), of_languages.find()
    _record(lm, model, blocks, mean_blocks(tasks, samples), pairs, lape, kept)
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
    for part in gather(lm, tasks):
        for name, pairs in part.items():
            merged.setdefault(name, Pairs(pairs.settings, pairs.source)).lines.update(pairs.lines)
    return merged


def _results(lm: Any, tasks: dict[str, Pairs], weights: str, keep: Keep) -> Results:
    """Score what is not on disk, each process its share, and bring all together."""
    texts = Texts(lm.tokenizer)
    kept = kept_results(lm, tasks, texts, weights, encoder(lm, lm.model), absent=follows(lm))
    # What all languages need together is not on disk: they have to be encoded.
    on_disk = {
        name: result
        for name, pairs in tasks.items()
        if not (pairs.settings["pairs"] or pairs.settings["lape"])
        and (result := kept.result(name, pairs)) is not None
    }
    found = of_the_first(lm, on_disk)
    of_others: set[str] = set()
    everywhere: set[str] = set()
    for rank, names in enumerate(gather(lm, set(found))):  # machines need not share the folder
        of_others |= names if rank < lm.rank else set()
        everywhere |= names
    if everywhere:
        progress.info(
            "%d of %d languages were scored before and are on disk; %s=refresh scores them anew.",
            len(everywhere),
            len(tasks),
            MODE_ARGUMENT,
        )
    costs = {name: _cost(tasks[name], texts) for name in tasks if name not in everywhere}
    mine = share(costs, lm.world_size)[lm.rank]

    def work() -> Results:
        scored = [by_line(name, tasks[name], found[name]) for name in found.keys() - of_others]
        scored += score(lm, {name: tasks[name] for name in mine}, kept, keep)
        return (
            {name: samples for name, samples, _ in scored},
            {name: block for name, _, block in scored if block is not None},
            kept.used,
        )

    samples: Samples = {}
    blocks: dict[str, TaskBlock] = {}
    used: set[str] = set()
    for other_samples, other_blocks, other_used in together(lm, work):
        samples |= other_samples
        blocks |= other_blocks
        used |= other_used
    kept.close()
    return samples, blocks, used


def _cost(pairs: Pairs, texts: Texts) -> int:
    """Tokens to encode for a task; those of the pivot are encoded once and cost all the same."""
    settings = pairs.settings
    if settings["pivot"] == settings["target"]:
        return 0
    passes: int = 1 + settings["control_seeds"] * ("untrained" in settings["control"])
    return passes * texts.tokens(pairs.column(1))


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


def _warn_without_english(tasks: dict[str, Pairs]) -> None:
    """Groups have no English, which is their usual pivot; with another one it is missing."""
    for name, pairs in sorted(tasks.items()):
        corpus, target = pairs.settings["corpus"], pairs.settings["target"]
        others = [each.settings for each in tasks.values() if each.settings["corpus"] == corpus]
        if (
            pairs.settings["pivot"] == target != ENGLISH  # the pivot's own task: a group
            and name.endswith(target)
            and ENGLISH not in {each["target"] for each in others}
        ):
            logger.warning(
                "The pivot is %s and English is not among the targets, because groups leave it "
                "out. Add the task %s to --tasks to have it.",
                target,
                name.removesuffix(target) + ENGLISH,
            )


def _record(
    lm: Any,
    model: ModelBlock,
    blocks: dict[str, TaskBlock],
    means: list[MeanBlock],
    pairs: list[PairsBlock],
    lape: list[LapeBlock],
    kept: set[str],
) -> None:
    block = NeuronXABlock(
        schema=SCHEMA,
        model=model,
        versions={
            name: version(name)
            for name in ("neuronxa-tasks", "lm_eval", "torch", "transformers", "tokenizers")
        },
        tasks=dict(sorted(blocks.items())),
        means=means,
        kept=sorted(kept),
    )
    if pairs:
        block["pairs"] = pairs
    if nothing_said(lm):
        block["auto_batch"] = batch_size(lm)
    if lape:
        block["lape"] = lape
    if numba := encoder(lm, lm.model).numba:
        block["versions"]["numba"] = numba
    setattr(lm, _RECORD, block)
    recorded(block)


def _model_block(lm: Any, random: int) -> ModelBlock:
    layout = encoder(lm, lm.model).layout
    model = lm.model
    config = model.config.get_text_config()
    block = ModelBlock(
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
        random_weights=random,
    )
    if layout.processes > 1:
        block["tensor_parallel"] = layout.processes
    return block
