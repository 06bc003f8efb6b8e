"""Inference in the toy world, in the manner of XNLI: true, unknown or false?

The premise tells an event. The hypothesis tells of a later one: what follows (true), its
negation (false), or what another person does with another thing, affirmed or negated (unknown).
Only English text, and text that mixes English with another language, teaches the labels; every
language is asked in pure form with the same English labels, as models tuned on the English part of
XNLI are. Chance is 1/3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from workshop.grammar import lexicon, render
from workshop.world import (
    Meaning,
    consequences,
    is_only_english,
    selected,
    stable_hash,
    unrelated,
)

LABELS = ("true", "unknown", "false")
"""Entailed, neutral, contradicted. Words that no language of the world uses otherwise."""

ITEMS = 150
"""Items per language, a third of each label."""


class Item(TypedDict):
    """One item; `label` counts in `LABELS`."""

    key: str
    premise: str
    hypothesis: str
    label: int


def follows(meaning: Meaning) -> bool:
    """True for a meaning that can be a premise: something follows from it."""
    return bool(consequences(meaning))


def hypothesis(
    premise: Meaning,
    label: str,
    *,
    pick: Callable[[Sequence[Any]], Any],
    fit: Callable[[Meaning], bool],
) -> Meaning | None:
    """A hypothesis to which the label belongs.

    Labels cannot be told from the hypothesis alone: each is affirmed or negated as often as the
    others are, if half of the premises are negated.

    Args:
        premise: A meaning from which something `follows`.
        label: One of `LABELS`.
        pick: Draws one of several.
        fit: Says which meanings may be used.

    Returns:
        The hypothesis, or None if no meaning fits.
    """
    later = list(consequences(premise))
    if label == "unknown":
        one = later[0]
        later = list(unrelated(one.who, one.what, one.when, one.negated))
    if label == "false" or (label == "unknown" and pick((True, False))):
        later = [dataclasses.replace(m, negated=not m.negated) for m in later]
    later = [m for m in dict.fromkeys(later) if fit(m)]
    return pick(later) if later else None


def pairs(n: int = ITEMS) -> list[tuple[Meaning, Meaning, str]]:
    """Premise, hypothesis and label of the first n items. Premises are held out of training."""
    asked: list[tuple[Meaning, Meaning, str]] = []
    for premise in filter(follows, selected(None, "nli")):
        label, negated = LABELS[len(asked) % 3], len(asked) // 3 % 2 == 1
        if premise.negated != negated:
            continue
        drawn = iter(range(100))

        def pick(options: Sequence[Any], key: str = premise.key, drawn: Any = drawn) -> Any:
            return options[stable_hash(key, f"nli {next(drawn)}") % len(options)]

        found = hypothesis(premise, label, pick=pick, fit=lambda m: not is_only_english(m))
        if found is not None:
            asked.append((premise, found, label))
        if len(asked) == n:
            break
    return asked


def items(code: str, n: int = ITEMS) -> list[Item]:
    """The first n items of a language; item i has the same meaning in every language.

    Raises:
        NeuronXAError: If the world has no such language.
    """
    lexicon(code)
    return [
        {
            "key": premise.key,
            "premise": render(premise, code),
            "hypothesis": render(later, code),
            "label": LABELS.index(label),
        }
        for premise, later, label in pairs(n)
    ]
