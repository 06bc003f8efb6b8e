"""Training text of the toy world: documents in one language, and bilingual ones, the bridge.

A document is a few lines. Each line is a sentence; a story's first sentence may be followed by
what follows from it. A bilingual document is of one of two kinds: every line is followed by its
translation into the partner language, or every line mixes the two languages. Some documents in
English or in mixed sentences are exercises in inference: a premise, a hypothesis and a label.
Held-out meanings never occur, in no language; what is only told in English occurs in English
documents alone.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuronxa_tasks.errors import NeuronXAError
from workshop import nli
from workshop.grammar import PHRASES, codes, render
from workshop.world import Meaning, consequences, is_held_out, is_only_english, meanings

PARTNER = "eng_Latn"
"""The other language of every bilingual document."""

MIXED = 0.75
"""Share of the bilingual documents whose sentences mix the two languages."""

INFERENCE = 0.6
"""Share of the English documents and of those with mixed sentences that are exercises."""

_STORIES = (1, 2, 3)
_NEGATED = 0.25


@dataclass(frozen=True)
class Dial:
    """How much of a language the training text has.

    Attributes:
        weight: The language's part of all documents, relative to the other weights.
        bilingual: Share of the language's documents that are bilingual with English, in [0, 1].
    """

    weight: float
    bilingual: float


def load_dials(path: Path | None = None) -> dict[str, Dial]:
    """Read dials from a JSON file: `{"fra_Latn": {"weight": 1.0, "bilingual": 0.6}, ...}`.

    Args:
        path: The file; None for the dials of the kept checkpoints.

    Raises:
        NeuronXAError: If the file is not of that form or a value is out of range.
    """
    source = Path(__file__).with_name("dials.json") if path is None else path
    try:
        raw: Mapping[str, Mapping[str, float]] = json.loads(source.read_text(encoding="utf-8"))
        dials = {
            code: Dial(float(entry["weight"]), float(entry["bilingual"]))
            for code, entry in raw.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NeuronXAError(
            f"The dials in {source} could not be read: {error!r}. Write a JSON object with one "
            'entry per language such as "fra_Latn": {"weight": 1.0, "bilingual": 0.6}.'
        ) from error
    check_dials(dials)
    return dials


def check_dials(dials: Mapping[str, Dial]) -> None:
    """Refuse unknown languages and values out of range.

    Raises:
        NeuronXAError: With the language and the value.
    """
    unknown = [code for code in dials if code not in codes()]
    if unknown or not dials:
        raise NeuronXAError(
            f"The dials name {', '.join(unknown) or 'no language'}, which the toy world does not "
            f"have. Use some of: {', '.join(codes())}."
        )
    for code, dial in dials.items():
        if not (dial.weight > 0 and 0 <= dial.bilingual <= 1):
            raise NeuronXAError(
                f"The dials of {code} are weight {dial.weight} and bilingual {dial.bilingual}, "
                "but a weight must be positive and a bilingual share lie in [0, 1]. "
                "Correct the numbers, or leave the language out."
            )
        if code == PARTNER and dial.bilingual:
            raise NeuronXAError(
                f"{PARTNER} has a bilingual share of {dial.bilingual}, but it is the partner of "
                "the other languages. Set it to 0 and give the share to the others."
            )


@functools.cache
def told_meanings(english: bool) -> tuple[tuple[Meaning, ...], tuple[Meaning, ...]]:
    """The meanings that may open a training story: the affirmed ones and the negated ones.

    Args:
        english: True for text in English alone, which tells more than the other languages do.
    """
    told = [m for m in meanings() if not is_held_out(m) and (english or not is_only_english(m))]
    return tuple(m for m in told if not m.negated), tuple(m for m in told if m.negated)


def story(rng: np.random.Generator, english: bool) -> list[Meaning]:
    """One event and, where the world has one that is not held out, what follows from it.

    Args:
        rng: All randomness comes from here.
        english: As for `told_meanings`.
    """
    affirmed, negated = told_meanings(english)
    pool = negated if rng.random() < _NEGATED else affirmed
    first = pool[int(rng.integers(len(pool)))]
    later = [m for m in consequences(first) if not is_held_out(m)]
    return [first, later[int(rng.integers(len(later)))]] if later else [first]


@dataclass(frozen=True)
class Line:
    """One line of a document: a sentence.

    Attributes:
        meaning: What it tells.
        code: Its language.
        guest: The second language of a mixed sentence, else None.
        borrowed: The slots of a mixed sentence whose phrase is in the guest language.
        label: The label below the hypothesis of an exercise, else None.
    """

    meaning: Meaning
    code: str
    guest: str | None = None
    borrowed: tuple[str, ...] = ()
    label: str | None = None

    @property
    def text(self) -> str:
        """The sentence, and the label if there is one."""
        sentence = render(self.meaning, self.code, self.guest, self.borrowed)
        return sentence if self.label is None else f"{sentence}\n{self.label}"


def _mixed(meaning: Meaning, pair: tuple[str, str], rng: np.random.Generator) -> Line:
    """A sentence of one language with about half of its phrases in the other."""
    code, guest = pair if rng.random() < 0.5 else pair[::-1]
    drawn = rng.random(len(PHRASES)) < 0.5
    return Line(meaning, code, guest, tuple(s for s, d in zip(PHRASES, drawn, strict=True) if d))


@functools.cache
def _premises(english: bool) -> tuple[tuple[Meaning, ...], ...]:
    """The meanings from which something follows: the affirmed and the negated ones."""
    return tuple(tuple(m for m in told if nli.follows(m)) for told in told_meanings(english))


def exercise(rng: np.random.Generator, pair: tuple[str, str] | None = None) -> list[Line]:
    """An exercise in inference: a premise, and a hypothesis with its label.

    Args:
        rng: All randomness comes from here.
        pair: Two languages that every line mixes; None for English.
    """
    english = pair is None
    label = nli.LABELS[int(rng.integers(len(nli.LABELS)))]
    pool = _premises(english)[int(rng.integers(2))]
    hypothesis = None
    while hypothesis is None:
        premise = pool[int(rng.integers(len(pool)))]
        hypothesis = nli.hypothesis(
            premise,
            label,
            pick=lambda options: options[int(rng.integers(len(options)))],
            fit=lambda m: not is_held_out(m) and (english or not is_only_english(m)),
        )
    first, second = (
        Line(m, PARTNER) if pair is None else _mixed(m, pair, rng) for m in (premise, hypothesis)
    )
    return [first, dataclasses.replace(second, label=label)]


def documents(
    dials: Mapping[str, Dial],
    rng: np.random.Generator,
    mixed: float = MIXED,
    inference: float = INFERENCE,
) -> Iterator[list[Line]]:
    """Endless training documents.

    Args:
        dials: The languages and how much of each.
        rng: All randomness comes from here: equal seeds give equal documents.
        mixed: Share of the bilingual documents whose sentences mix the two languages; in the
            others every sentence is followed by its translation.
        inference: Share of the English documents, and of those whose sentences mix English with
            another language, that are exercises in inference.
    """
    names = sorted(dials)
    weights = np.array([dials[code].weight for code in names])
    shares = np.cumsum(weights / weights.sum())
    while True:
        code = names[min(int(np.searchsorted(shares, rng.random(), "right")), len(names) - 1)]
        english = code == PARTNER
        if english and rng.random() < inference:
            yield exercise(rng)
            continue
        told = [m for _ in range(int(rng.choice(_STORIES))) for m in story(rng, english)]
        if rng.random() >= dials[code].bilingual:
            yield [Line(m, code) for m in told]
            continue
        pair = (code, PARTNER) if rng.random() < 0.5 else (PARTNER, code)
        if rng.random() >= mixed:
            yield [Line(m, c) for m in told for c in pair]
        elif rng.random() < inference:
            yield exercise(rng, pair)
        else:
            yield [_mixed(m, pair, rng) for m in told]


def text_of(document: list[Line]) -> str:
    """The document as text, one sentence per line."""
    return "\n".join(line.text for line in document)
