"""What the vectors and the model say of one language pair, and the result that is made of it.

The first is made beside the model. The second needs neither model, tokenizer nor device, so that
another thread can make it during the next language's forward passes (see `overlap`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuronxa_tasks.alignment.bits_per_byte import bits_per_byte
from neuronxa_tasks.alignment.covariates import covariates, number
from neuronxa_tasks.alignment.hits import Alignment, Counts
from neuronxa_tasks.alignment.measuring import Measured
from neuronxa_tasks.alignment.profile import Profile
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
from neuronxa_tasks.resume.entries import Result
from neuronxa_tasks.schema import ControlRun, RivalsBlock, SentenceRivals, TaskBlock, TokensBlock
from neuronxa_tasks.states.vectors import Sizes
from neuronxa_tasks.text.sentence_pairs import Pairs


@dataclass(frozen=True)
class Side:
    """One of the two languages.

    Attributes:
        tokens: How many tokens were fed.
        ids: Token ids of the n sentences, see `plain_tokens`.
        sizes: Of its vectors.
        log_likelihood: Sentence -> natural logarithm of its probability; None unless asked for.
    """

    tokens: TokensBlock
    ids: Sequence[Sequence[int]]
    sizes: Sizes
    log_likelihood: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Compared:
    """One language pair in counts, numbers and text; no vector, no tensor, no tokenizer.

    Attributes:
        pairs: Its sentences and settings.
        sides: The pivot and the target.
        special: Ids of the tokenizer's special tokens.
        unknown: Id of its unknown token, if it has one.
        profile: The scores.
        occurrence: Representation -> [L, n], see `k_occurrence`.
        variants: Variant -> representation -> its alignment.
        measures: Of the pairs.
        shuffled: For each seed, from 0, what is found of wrong pairs.
        floor: For each seed what untrained weights give; None unless asked for.
    """

    pairs: Pairs
    sides: tuple[Side, Side]
    special: frozenset[int]
    unknown: int | None
    profile: Profile
    occurrence: Mapping[str, Counts]
    variants: Mapping[str, Mapping[str, Alignment]]
    measures: Measured
    shuffled: Sequence[tuple[Profile, Measured]] = ()
    floor: Sequence[ControlRun] | None = None


def result(compared: Compared) -> Result:
    """Make the samples and the block of a language pair."""
    beside = Beside()
    texts = compared.pairs.column(0), compared.pairs.column(1)
    pivot, target = compared.sides
    ids, sizes = (pivot.ids, target.ids), (pivot.sizes, target.sizes)
    add_text_baselines(beside, texts, ids, compared.special)
    found = covariates(ids, sizes, compared.occurrence, compared.unknown)
    beside.block["covariates"] = found
    add_variants(beside, compared.variants)
    add_measures(beside, compared.measures)
    if compared.floor is not None:
        add_floor(beside, compared.floor, compared.profile, compared.measures)
    if compared.shuffled:
        add_shuffled(
            beside,
            [control_run(seed, *of_seed) for seed, of_seed in enumerate(compared.shuffled)],
        )
    add_intervals(beside, compared.profile)
    if pivot.log_likelihood is not None and target.log_likelihood is not None:
        of_pivot, _ = bits_per_byte(texts[0], pivot.log_likelihood)
        of_target, interval = bits_per_byte(texts[1], target.log_likelihood)
        found["bits_per_byte"] = {"pivot": number(of_pivot), "target": number(of_target)}
        beside.block["intervals"]["bits_per_byte"] = interval
    return _samples(compared.profile, beside), {**_task_block(compared), **beside.block}


def _samples(profile: Profile, beside: Beside) -> list[SentenceRivals]:
    """Per sentence and representation the rivals of each layer, as plain integers."""
    nas, nav, hidden = (
        [
            RivalsBlock(row=row, column=column, either=either)
            for row, column, either in each.rivals.transpose(2, 0, 1).tolist()
        ]
        for each in (profile.nas, profile.nav, profile.hidden)
    )
    return [
        SentenceRivals(nas[line], nav[line], hidden[line], beside.of_line(line))
        for line in range(profile.n)
    ]


def _task_block(compared: Compared) -> TaskBlock:
    settings, profile = compared.pairs.settings, compared.profile
    pivot, target = compared.sides
    return TaskBlock(
        n=profile.n,
        corpus=settings["corpus"],
        pivot=settings["pivot"],
        target=settings["target"],
        tap=settings["tap"],
        weights=settings["weights"],
        routed_nav=settings["routed_nav"],
        source=compared.pairs.used_source(),
        tokens={"pivot": pivot.tokens, "target": target.tokens},
        nas=hits_block(profile.nas),
        nav=hits_block(profile.nav),
        hidden=hits_block(profile.hidden),
    )
