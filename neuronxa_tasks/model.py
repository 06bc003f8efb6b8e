"""The model: how `HFLM` answers the request type `neuron_states`.

The harness hands over the requests of all tasks at once, so that the pivot is encoded once for
all languages of a run. Under data parallelism every process holds a stride of the sentences; the
texts are exchanged and each process scores whole languages, because a sentence needs all its
rivals in one place.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from lm_eval.models.huggingface import HFLM
from tqdm import tqdm

from neuronxa_tasks.beside import (
    Beside,
    ControlRun,
    add_floor,
    add_intervals,
    add_shuffled,
    add_text_baselines,
    add_variants,
    control_run,
    hits_block,
)
from neuronxa_tasks.controls import shuffled_profile, untrained
from neuronxa_tasks.covariates import covariates
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.fingerprint import fingerprint
from neuronxa_tasks.loading import random_weights
from neuronxa_tasks.schema import (
    SCHEMA,
    ModelBlock,
    NeuronXABlock,
    RivalsBlock,
    SentenceRivals,
    TaskBlock,
    TokensBlock,
)
from neuronxa_tasks.states import Encoder, Profile, SentenceVectors, profile

logger = logging.getLogger(__name__)

FEW = 50
"""Sentence pairs below which a score is too coarse to report; a warning is given."""

DEFAULT_BATCH = 32
_RECORD = "_neuronxa_block"

T = TypeVar("T")


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


@dataclass
class Pairs:
    """The sentence pairs of one task: line number -> (pivot, target)."""

    settings: dict[str, Any]
    source: dict[str, Any]
    lines: dict[int, tuple[str, str]] = field(default_factory=dict)

    def column(self, index: int) -> tuple[str, ...]:
        """Return the pivot (0) or target (1) sentences in the order of the lines."""
        return tuple(self.lines[line][index] for line in sorted(self.lines))


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
    try:
        for name, result, block in _score(lm, {name: tasks[name] for name in mine}):
            samples[name] = result
            if block is not None:
                blocks[name] = block
    except NeuronXAError as caught:
        error = caught  # after the others know: a silent process would leave them waiting
    for other_samples, other_blocks, other_error in _gather(lm, (samples, blocks, error)):
        if other_error is not None:
            raise other_error
        samples |= other_samples
        blocks |= other_blocks
    _record(lm, blocks)
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


def _score(lm: Any, tasks: dict[str, Pairs]) -> Any:
    """Yield (task, samples by line, block) for each task of this process."""
    scored = {}
    for name, pairs in tasks.items():
        if pairs.settings["pivot"] == pairs.settings["target"]:
            logger.info("%s: the target is the pivot itself; it has no score.", name)
            yield name, dict.fromkeys(pairs.lines), None
        else:
            scored[name] = pairs
    floors = _floors(lm, scored)

    def score(
        name: str, pairs: Pairs, pivot: SentenceVectors, target: SentenceVectors
    ) -> tuple[list[SentenceRivals], TaskBlock]:
        result = profile(pivot, target)
        beside = Beside()
        texts = pairs.column(0), pairs.column(1)
        add_text_baselines(beside, *texts, lm.tokenizer)
        beside.block["covariates"] = covariates(texts, (pivot, target), lm.tokenizer)
        add_variants(beside, pairs.settings["variants"], pivot, target)
        if name in floors:
            add_floor(beside, floors[name], result)
        if "shuffled" in pairs.settings["control"]:
            add_shuffled(
                beside,
                [
                    control_run(seed, shuffled_profile(pivot, target, np.random.default_rng(seed)))
                    for seed in range(pairs.settings["control_seeds"])
                ],
            )
        add_intervals(beside, result)
        block = _task_block(pairs, pivot, target, result)
        return _samples(result, beside), {**block, **beside.block}

    for name, (samples, block) in _each(lm, lm.model, scored, score):
        yield name, dict(zip(sorted(scored[name].lines), samples, strict=True)), block


def _floors(lm: Any, tasks: dict[str, Pairs]) -> dict[str, list[ControlRun]]:
    """Score the tasks that ask for it on untrained weights, one seed after the other."""
    wanted = {
        name: pairs for name, pairs in tasks.items() if "untrained" in pairs.settings["control"]
    }
    floors: dict[str, list[ControlRun]] = {name: [] for name in wanted}
    for seed in range(max((each.settings["control_seeds"] for each in wanted.values()), default=0)):
        chosen = {
            name: pairs for name, pairs in wanted.items() if seed < pairs.settings["control_seeds"]
        }
        with untrained(lm, seed) as model:
            for name, run in _each(
                lm, model, chosen, partial(_floor, seed), f"Untrained weights, seed {seed}"
            ):
                floors[name].append(run)
    return floors


def _floor(
    seed: int, name: str, pairs: Pairs, pivot: SentenceVectors, target: SentenceVectors
) -> ControlRun:
    return control_run(seed, profile(pivot, target))


Use = Callable[[str, Pairs, SentenceVectors, SentenceVectors], T]


def _each(
    lm: Any,
    model: Any,
    tasks: dict[str, Pairs],
    use: Use[T],
    description: str = "NeuronXA languages",
) -> Iterator[tuple[str, T]]:
    """Yield each task with what `use` makes of it and its vectors (task, pairs, pivot, target).

    At most the pivot's vectors and one target's are in memory.
    """
    # Tasks with one pivot text follow each other, so that it is encoded once.
    order = sorted(tasks, key=lambda name: (_encoder_key(tasks[name]), tasks[name].column(0), name))
    encoders: dict[tuple[str, str, bool, bool], Encoder] = {}
    held = _Held()
    with tqdm(order, desc=description, disable=lm.rank != 0, unit="lang") as progress:
        for name in progress:
            pairs = tasks[name]
            progress.set_postfix_str(pairs.settings["target"])
            key = _encoder_key(pairs)
            if key not in encoders:
                encoders[key] = _encoder(lm, model, *key)
            held.hold(encoders[key], pairs.column(0))
            # The target's vectors have no name here: they are gone when `use` returns.
            yield name, use(name, pairs, held.vectors, encoders[key](pairs.column(1)))


class _Held:
    """The pivot's vectors, kept for the tasks that share them."""

    vectors: SentenceVectors
    _key: Any = None

    def hold(self, encode: Encoder, sentences: tuple[str, ...]) -> None:
        key = (encode, sentences)
        if self._key == key:
            return
        if self._key is not None:
            del self.vectors  # before the new ones take their memory
        self._key, self.vectors = key, encode(sentences)


def _encoder_key(pairs: Pairs) -> tuple[str, str, bool, bool]:
    settings = pairs.settings
    signs = "hidden_sign" in settings["variants"]
    return settings["tap"], settings["weights"], signs, settings["routed_nav"]


def _encoder(
    lm: Any,
    model: Any,
    tap: Any = "gate",
    weights: Any = "position",
    hidden_signs: bool = False,
    routed_nav: bool = False,
) -> Encoder:
    batch = lm.batch_size
    if not isinstance(batch, int):  # "auto": start high; the encoder halves when memory runs out
        batch = lm.max_batch_size or DEFAULT_BATCH
    return Encoder(
        model,
        lm.tokenizer,
        tap=tap,
        weights=weights,
        hidden_signs=hidden_signs,
        routed_nav=routed_nav,
        batch_size=batch,
        max_length=lm.max_length,
        add_special_tokens=lm.add_bos_token,
    )


def _samples(result: Profile, beside: Beside) -> list[SentenceRivals]:
    """Per sentence and representation the rivals of each layer, as plain integers."""
    nas, nav, hidden = (
        [
            RivalsBlock(row=row, column=column, either=either)
            for row, column, either in each.rivals.transpose(2, 0, 1).tolist()
        ]
        for each in (result.nas, result.nav, result.hidden)
    )
    return [
        SentenceRivals(nas[line], nav[line], hidden[line], beside.of_line(line))
        for line in range(result.n)
    ]


def _task_block(
    pairs: Pairs, pivot: SentenceVectors, target: SentenceVectors, result: Profile
) -> TaskBlock:
    settings = pairs.settings
    return TaskBlock(
        n=result.n,
        corpus=settings["corpus"],
        pivot=settings["pivot"],
        target=settings["target"],
        tap=settings["tap"],
        weights=settings["weights"],
        routed_nav=settings["routed_nav"],
        source=pairs.source,
        tokens={"pivot": _tokens(pivot), "target": _tokens(target)},
        nas=hits_block(result.nas),
        nav=hits_block(result.nav),
        hidden=hits_block(result.hidden),
    )


def _tokens(vectors: SentenceVectors) -> TokensBlock:
    return TokensBlock(total=sum(vectors.tokens), truncated=vectors.truncated)


def _record(lm: Any, blocks: dict[str, TaskBlock]) -> None:
    block = NeuronXABlock(
        schema=SCHEMA,
        model=_model_block(lm),
        versions={
            name: version(name)
            for name in ("neuronxa-tasks", "lm_eval", "torch", "transformers", "tokenizers")
        },
        tasks=dict(sorted(blocks.items())),
    )
    setattr(lm, _RECORD, block)


def _model_block(lm: Any) -> ModelBlock:
    encoder = _encoder(lm, lm.model)
    model = lm.model
    config = model.config.get_text_config()
    return ModelBlock(
        fingerprint=fingerprint(model),
        class_name=type(model).__name__,
        model_type=encoder.layout.model_type,
        dtype=str(model.dtype).removeprefix("torch."),
        device=torch.device(lm.device).type,
        layers=len(encoder.layout.blocks),
        ffn_layers=encoder.layout.layers,
        neurons=encoder.layout.widths,
        hidden_size=int(config.hidden_size),
        max_length=int(lm.max_length),
        add_bos_token=lm.add_bos_token,
        remote_code=type(model).__module__.startswith("transformers_modules"),
    )
