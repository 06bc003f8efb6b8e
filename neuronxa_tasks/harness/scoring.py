"""Scoring: the sentence pairs of a process' tasks in, samples and blocks out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache, partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
from tqdm import tqdm

from neuronxa_tasks.alignment.controls import derangement, shuffled, untrained
from neuronxa_tasks.alignment.covariates import k_occurrence
from neuronxa_tasks.alignment.measuring import measure, measured
from neuronxa_tasks.alignment.profile import profile, profile_and_views
from neuronxa_tasks.alignment.surface import plain_tokens
from neuronxa_tasks.alignment.variants import VIEWS, variant_alignments
from neuronxa_tasks.harness.batch import batch_size
from neuronxa_tasks.harness.blocks import control_run
from neuronxa_tasks.harness.compared import Compared, Side, result
from neuronxa_tasks.harness.log_likelihoods import float32_softmax, log_likelihoods
from neuronxa_tasks.harness.overlap import overlapped
from neuronxa_tasks.harness.processes import follows
from neuronxa_tasks.resume.entries import Result
from neuronxa_tasks.resume.kept import Kept
from neuronxa_tasks.schema import ControlRun, SentenceRivals, TaskBlock, TokensBlock
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

    def finish(of_task: tuple[str, Compared]) -> Scored:
        name, compared = of_task
        made = result(compared)
        kept.keep_result(name, made)
        return by_line(name, scored[name], made)

    yield from overlapped(_each(lm, lm.model, scored, use), finish)


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
) -> Compared:
    """All that needs the vectors of a language pair, the model or its tokenizer."""
    settings = pairs.settings
    if keep is not None:
        keep(settings, pivot, target)
    variants = {name: VIEWS[name] for name in settings["variants"] if name in VIEWS}
    seeds = range(settings["control_seeds"] if "shuffled" in settings["control"] else 0)
    orders = [derangement(len(pivot), np.random.default_rng(seed)) for seed in seeds]
    wrong = {f"shuffled {seed}": shuffled(order) for seed, order in zip(seeds, orders, strict=True)}
    found, seen, (occurrence,) = profile_and_views(pivot, target, variants | wrong, [k_occurrence])
    measures, *of_orders = measured(settings["measures"], pivot, target, orders)

    def side(sentences: tuple[str, ...], vectors: SentenceVectors) -> Side:
        likely = log_likelihood(sentences) if "bits_per_byte" in settings["covariates"] else None
        total = TokensBlock(total=sum(vectors.tokens), truncated=vectors.truncated)
        return Side(total, tokens(sentences), vectors.sizes, likely)

    return Compared(
        pairs=pairs,
        sides=(side(pairs.column(0), pivot), side(pairs.column(1), target)),
        # A fast tokenizer must not be asked by two threads at once, not even for these.
        special=frozenset(lm.tokenizer.all_special_ids),
        unknown=lm.tokenizer.unk_token_id,
        profile=found,
        occurrence=occurrence,
        variants={
            variant: variant_alignments(variant, pivot, target, seen)
            for variant in settings["variants"]
        },
        measures=measures,
        shuffled=[
            (seen[f"shuffled {seed}"], of_order)
            for seed, of_order in zip(seeds, of_orders, strict=True)
        ],
        floor=floors.get(name),
    )


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
) -> Generator[tuple[str, T], None, None]:
    """Yield each task with what `use` makes of it and its vectors (task, pairs, pivot, target).

    At most the pivot's vectors and one target's are in memory.
    """
    # Tasks with one pivot text follow each other, so that it is encoded once.
    order = sorted(tasks, key=lambda name: (encoder_key(tasks[name]), tasks[name].column(0), name))
    encoders: dict[tuple[str, str, tuple[str, ...], bool, bool], Encoder] = {}
    held = _Held()
    with tqdm(
        order, desc=description, disable=lm.rank != 0 or follows(lm), unit="lang"
    ) as progress:
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
