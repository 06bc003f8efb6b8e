"""Scoring: the sentence pairs of a process' tasks in, samples and blocks out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
from tqdm import tqdm

from neuronxa_tasks.alignment.bits_per_byte import bits_per_byte
from neuronxa_tasks.alignment.controls import derangement, shuffled, untrained
from neuronxa_tasks.alignment.covariates import covariates, k_occurrence, number
from neuronxa_tasks.alignment.measuring import measure, measured
from neuronxa_tasks.alignment.profile import Profile, profile, profile_and_views
from neuronxa_tasks.alignment.surface import plain_tokens
from neuronxa_tasks.alignment.variants import VIEWS
from neuronxa_tasks.harness.batch import batch_size
from neuronxa_tasks.harness.blocks import (
    Beside,
    add_floor,
    add_intervals,
    add_measures,
    add_shuffled,
    add_text_baselines,
    add_variants,
    control_run,
    hits_block,
)
from neuronxa_tasks.harness.log_likelihoods import float32_softmax, log_likelihoods
from neuronxa_tasks.resume.entries import Result
from neuronxa_tasks.resume.kept import Kept
from neuronxa_tasks.schema import ControlRun, RivalsBlock, SentenceRivals, TaskBlock, TokensBlock
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.forward import whole_call
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.sentence_pairs import Pairs

logger = logging.getLogger(__name__)


T = TypeVar("T")


Scored: TypeAlias = tuple[str, dict[int, SentenceRivals | None], TaskBlock | None]
"""Task, samples by line number, block; no block and None for each line of the pivot itself."""


Keep: TypeAlias = Callable[[dict[str, Any], SentenceVectors, SentenceVectors], None]
"""Is given the settings of a task and the vectors of its pivot and target."""


def score(
    lm: Any, tasks: dict[str, Pairs], kept: Kept, keep: Keep | None = None
) -> Iterator[Scored]:
    """Score tasks one after the other, in the order that needs the least work.

    Args:
        lm: A loaded `HFLM`.
        tasks: Task -> its sentence pairs, all of them.
        kept: Is given each result at once, so that it outlives this process.
        keep: Sees the vectors before they are dropped.

    Yields:
        The results of each task as soon as they are there.

    Raises:
        NeuronXAError: A score cannot be computed.
    """
    scored: dict[str, Pairs] = {}
    for name, pairs in tasks.items():
        if pairs.settings["pivot"] == pairs.settings["target"]:
            logger.warning(
                "%s has no score: its target is the pivot itself. For one, set another pivot with "
                "--metadata, or choose another task.",
                name,
            )
            yield name, dict.fromkeys(pairs.lines), None
        else:
            scored[name] = pairs
    floors = _floors(lm, scored, kept)
    # A language at a time: in one batch with others its last digits would depend on them.
    log_likelihood = lru_cache(maxsize=2)(float32_softmax(lm)(partial(log_likelihoods, lm)))
    # Two, so that the pivot's stay from one language to the next.
    tokens = lru_cache(maxsize=2)(partial(plain_tokens, lm.tokenizer))
    use = partial(_compare, lm, floors, log_likelihood, tokens, keep)
    for name, result in _each(lm, lm.model, scored, use):
        kept.keep_result(name, result)
        yield by_line(name, scored[name], result)


def by_line(name: str, pairs: Pairs, result: Result) -> Scored:
    """Put the samples of a result under the numbers of their lines."""
    samples, block = result
    return name, dict(zip(sorted(pairs.lines), samples, strict=True)), block


def _compare(
    lm: Any,
    floors: dict[str, list[ControlRun]],
    log_likelihood: Callable[[tuple[str, ...]], dict[str, float]],
    tokens: Callable[[tuple[str, ...]], list[list[int]]],
    keep: Keep | None,
    name: str,
    pairs: Pairs,
    pivot: SentenceVectors,
    target: SentenceVectors,
) -> Result:
    """Everything that is said about one language pair."""
    settings = pairs.settings
    if keep is not None:
        keep(settings, pivot, target)
    variants = {name: VIEWS[name] for name in settings["variants"] if name in VIEWS}
    seeds = range(settings["control_seeds"] if "shuffled" in settings["control"] else 0)
    orders = [derangement(len(pivot), np.random.default_rng(seed)) for seed in seeds]
    wrong = {f"shuffled {seed}": shuffled(order) for seed, order in zip(seeds, orders, strict=True)}
    result, seen, (occurrence,) = profile_and_views(pivot, target, variants | wrong, [k_occurrence])
    beside = Beside()
    texts = pairs.column(0), pairs.column(1)
    rows = tokens(texts[0]), tokens(texts[1])
    add_text_baselines(beside, texts, rows, lm.tokenizer)
    beside.block["covariates"] = covariates(rows, (pivot, target), occurrence, lm.tokenizer)
    add_variants(beside, settings["variants"], pivot, target, seen)
    measures, *of_orders = measured(settings["measures"], pivot, target, orders)
    add_measures(beside, measures)
    if name in floors:
        add_floor(beside, floors[name], result, measures)
    if orders:
        profiles = [seen[f"shuffled {seed}"] for seed in seeds]
        add_shuffled(beside, list(map(control_run, seeds, profiles, of_orders)))
    add_intervals(beside, result)
    if "bits_per_byte" in settings["covariates"]:
        (of_pivot, _), (of_target, interval) = (
            bits_per_byte(text, log_likelihood(text)) for text in texts
        )
        beside.block["covariates"]["bits_per_byte"] = {
            "pivot": number(of_pivot),
            "target": number(of_target),
        }
        beside.block["intervals"]["bits_per_byte"] = interval
    block = _task_block(pairs, pivot, target, result)
    return _samples(result, beside), {**block, **beside.block}


def _floors(lm: Any, tasks: dict[str, Pairs], kept: Kept) -> dict[str, list[ControlRun]]:
    """Score the tasks that ask for it on untrained weights, one seed after the other."""
    wanted = {
        name: pairs for name, pairs in tasks.items() if "untrained" in pairs.settings["control"]
    }
    floors: dict[str, list[ControlRun]] = {name: [] for name in wanted}
    for seed in range(max((each.settings["control_seeds"] for each in wanted.values()), default=0)):
        missing = {}
        for name, pairs in wanted.items():
            if seed < pairs.settings["control_seeds"]:
                if (found := kept.floor(name, pairs, seed)) is None:
                    missing[name] = pairs
                else:
                    floors[name].append(found)
        if not missing:
            continue
        with untrained(lm, seed) as model:
            for name, run in _each(
                lm, model, missing, partial(_floor, seed), f"Untrained weights, seed {seed}"
            ):
                kept.keep_floor(name, seed, run)
                floors[name].append(run)
    return floors


def _floor(
    seed: int, name: str, pairs: Pairs, pivot: SentenceVectors, target: SentenceVectors
) -> ControlRun:
    (measures,) = measured(pairs.settings["measures"], pivot, target)
    return control_run(seed, profile(pivot, target), measures)


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
    order = sorted(tasks, key=lambda name: (encoder_key(tasks[name]), tasks[name].column(0), name))
    encoders: dict[tuple[str, str, tuple[str, ...], bool, bool], Encoder] = {}
    held = _Held()
    with tqdm(order, desc=description, disable=lm.rank != 0, unit="lang") as progress:
        for name in progress:
            pairs = tasks[name]
            progress.set_postfix_str(pairs.settings["target"])
            key = encoder_key(pairs)
            if key not in encoders:
                encoders[key] = encoder(lm, model, *key)
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


def encoder_key(pairs: Pairs) -> tuple[str, str, tuple[str, ...], bool, bool]:
    """What of a task's settings makes its encoder: the arguments of `encoder` behind the model."""
    settings = pairs.settings
    variants = tuple(settings["variants"])
    counts = settings["lape"] or any(measure(name).counts for name in settings["measures"])
    return settings["tap"], settings["weights"], variants, settings["routed_nav"], counts


def encoder(
    lm: Any,
    model: Any,
    tap: Any = "gate",
    weights: Any = "position",
    variants: tuple[str, ...] = (),
    routed_nav: bool = False,
    counts: bool = False,
) -> Encoder:
    """Make the encoder of a run: the options of a task, the rest from the model arguments."""
    whole = whole_call(lm)
    return Encoder(
        model,
        lm.tokenizer,
        tap=tap,
        weights=weights,
        variants=variants,
        routed_nav=routed_nav,
        counts=counts,
        batch_size=batch_size(lm),
        max_length=lm.max_length,
        add_special_tokens=lm.add_bos_token,
        device=lm.device,
        call=None if whole is None else whole.call,
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
        source=pairs.used_source(),
        tokens={"pivot": _tokens(pivot), "target": _tokens(target)},
        nas=hits_block(result.nas),
        nav=hits_block(result.nav),
        hidden=hits_block(result.hidden),
    )


def _tokens(vectors: SentenceVectors) -> TokensBlock:
    return TokensBlock(total=sum(vectors.tokens), truncated=vectors.truncated)
