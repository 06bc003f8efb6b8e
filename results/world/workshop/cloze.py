"""The cloze of the toy world: which ending fits? A multiple-choice task with four endings.

A held-out sentence is cut before its object and place. One ending is what the world tells; the
others have another object, another place, or both, and break a regularity that all training text
keeps: this person does this with other things and at other places. The wrong object and place are
those which most of the other people have, so that the action alone speaks for the wrong endings
and only who and action together for the right one. The items are the same in every language;
chance is 0.25.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

from workshop.grammar import joined, lexicon, pieces, render
from workshop.world import Meaning, facts, places_of, selected, stable_hash, things_of

ITEMS = 100
"""Items per language."""

ENDINGS = 4
"""Endings per item, one of them right: chance is 1 / ENDINGS."""


class Item(TypedDict):
    """One cloze item. `context + endings[gold]` is a sentence of the world."""

    key: str
    context: str
    endings: list[str]
    gold: int


def habit_breaking(meaning: Meaning) -> list[str]:
    """Things that the action takes but that this person never uses, the usual ones first.

    In the order of how many people use them so; equal ones in a fixed random order.
    """
    takes = facts()["actions"][meaning.does]["things"]
    likes = facts()["people"][meaning.who]["likes"]
    users = Counter(t for who in _doers(meaning.does) for t in things_of(who, meaning.does))
    return _ranked([t for t in takes if t not in likes], users, meaning)


def strange_places(meaning: Meaning) -> list[str]:
    """Places where others do this but this person never does, the usual ones first."""
    doers = Counter(p for who in _doers(meaning.does) for p in places_of(who, meaning.does))
    own = places_of(meaning.who, meaning.does)
    return _ranked([place for place in doers if place not in own], doers, meaning)


def _doers(does: str) -> list[str]:
    return [who for who, person in facts()["people"].items() if does in person["does"]]


def _ranked(options: list[str], often: Mapping[str, int], meaning: Meaning) -> list[str]:
    return sorted(options, key=lambda o: (-often.get(o, 0), stable_hash(meaning.key, o), o))


def wrong_meanings(meaning: Meaning) -> list[Meaning]:
    """The sentence with another object, with another place, and with both."""
    what, where = habit_breaking(meaning)[0], strange_places(meaning)[0]
    return [
        dataclasses.replace(meaning, what=what),
        dataclasses.replace(meaning, where=where),
        dataclasses.replace(meaning, what=what, where=where),
    ]


def item(meaning: Meaning, code: str, wrong: list[Meaning]) -> Item:
    """An item about a meaning in a language.

    Context and endings are cut where the sentences of the endings begin to differ, between two
    phrases; an ending carries the space before it.

    Args:
        meaning: What the world tells.
        code: FLORES-200 code.
        wrong: What the wrong endings make of it.
    """
    gold = stable_hash(meaning.key, "place of the right ending") % (len(wrong) + 1)
    told = [*wrong[:gold], meaning, *wrong[gold:]]
    parts = [pieces(m, code) for m in told]
    same = 0
    while all(p[same] == parts[0][same] for p in parts):
        same += 1
    context = joined(parts[0][:same], code)
    return {
        "key": meaning.key,
        "context": context,
        "endings": [render(m, code)[len(context) :] for m in told],
        "gold": gold,
    }


def items(code: str, n: int = ITEMS) -> list[Item]:
    """The first n items of a language; item i has the same meaning in every language.

    Raises:
        NeuronXAError: If the world has no such language or fewer held-out meanings.
    """
    lexicon(code)
    return [item(meaning, code, wrong_meanings(meaning)) for meaning in selected(n, "cloze")]
