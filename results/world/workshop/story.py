"""How does the story go on? Two endings, in the manner of XStoryCloze.

The context is an event, held out of training. The right ending is what follows from it by the
world's rules. The wrong one is what follows from something else: the negation, the same by another
person, the same with another thing, or another act of the same person with the same thing. Both
endings are sentences that the world can tell. The items are the same in every language; chance is
0.5.
"""

from __future__ import annotations

import dataclasses
import itertools

from workshop.cloze import Item
from workshop.grammar import lexicon, render
from workshop.world import (
    Meaning,
    alternatives,
    consequences,
    is_only_english,
    selected,
    stable_hash,
)

ITEMS = 100
"""Items per language."""

ENDINGS = 2
"""Endings per item, one of them right: chance is 1 / ENDINGS."""

KINDS = ("negated", "who", "what", "does")
"""What is wrong with the wrong ending; each kind has as many items."""


def wrong_endings(right: Meaning, kind: str) -> list[Meaning]:
    """Endings that differ from the right one as the kind says, at the same place if possible.

    Args:
        right: What follows.
        kind: One of `KINDS`.
    """
    if kind == "negated":
        return [dataclasses.replace(right, negated=not right.negated)]
    # All languages tell of these, so that no ending is strange for being told in English alone.
    found = [m for m in alternatives(right, kind) if not is_only_english(m)]
    return [m for m in found if m.where == right.where] or found


def stories(n: int = ITEMS) -> list[tuple[Meaning, Meaning, Meaning, str]]:
    """Event, right ending, wrong ending and kind of the first n items."""
    asked: list[tuple[Meaning, Meaning, Meaning, str]] = []
    kinds = itertools.cycle(KINDS)
    kind = next(kinds)
    for event in selected(None, "story"):
        if len(asked) == n:
            break
        told = [(right, w) for right in consequences(event) for w in wrong_endings(right, kind)]
        if told:
            right, wrong = told[stable_hash(event.key, "endings") % len(told)]
            asked.append((event, right, wrong, kind))
            kind = next(kinds)
    return asked


def items(code: str, n: int = ITEMS) -> list[Item]:
    """The first n items of a language; item i has the same meaning in every language.

    Raises:
        NeuronXAError: If the world has no such language.
    """
    lexicon(code)
    out: list[Item] = []
    for event, right, wrong, _ in stories(n):
        gold = stable_hash(event.key, "place of the right ending") % ENDINGS
        endings = [render(right, code), render(wrong, code)]
        out.append(
            {
                "key": event.key,
                "context": render(event, code),
                "endings": endings[::-1] if gold else endings,
                "gold": gold,
            }
        )
    return out
