"""The cloze of the toy world: which ending fits? A multiple-choice task with four endings.

A held-out sentence is cut before its object. One ending is what the world tells; the others have
another object and break a regularity that all training text keeps: first things that the action
takes but this person never uses (the teacher drinks tea, not milk), then things that the action
never takes (nobody drinks a chair). The items are the same in every language; chance is 0.25.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypedDict

from neuronxa_tasks.demo.grammar import joined, lexicon, pieces, render
from neuronxa_tasks.demo.world import Meaning, facts, selected, stable_hash

if TYPE_CHECKING:
    import datasets

ITEMS = 200
"""Items per language."""

ENDINGS = 4
"""Endings per item, one of them right: chance is 1 / ENDINGS."""

_HABIT_BREAKING = 2


class Item(TypedDict):
    """One cloze item. `context + endings[gold]` is a sentence of the world."""

    key: str
    context: str
    endings: list[str]
    gold: int


def _shuffled(things: list[str], salt: str) -> list[str]:
    return sorted(things, key=lambda thing: (stable_hash(thing, salt), thing))


def habit_breaking(meaning: Meaning) -> list[str]:
    """Things that the action takes but that this person never uses, in a fixed random order."""
    takes = facts()["actions"][meaning.does]["things"]
    likes = facts()["people"][meaning.who]["likes"]
    return _shuffled([t for t in takes if t not in likes], f"habit {meaning.key}")


def sense_breaking(meaning: Meaning) -> list[str]:
    """Things that the action never takes, in a fixed random order."""
    takes = facts()["actions"][meaning.does]["things"]
    everything = {thing for person in facts()["people"].values() for thing in person["likes"]}
    return _shuffled([t for t in everything if t not in takes], f"sense {meaning.key}")


def wrong_things(meaning: Meaning) -> list[str]:
    """Objects that break the world's regularities in this sentence, `ENDINGS - 1` of them."""
    return [*habit_breaking(meaning)[:_HABIT_BREAKING], *sense_breaking(meaning)][: ENDINGS - 1]


def item(meaning: Meaning, code: str, wrong_whats: list[str]) -> Item:
    """An item about a meaning in a language, with the wrong objects given.

    Context and endings are cut where the sentences of the four endings begin to differ, between
    two phrases; an ending carries the space before it.
    """
    right, *wrong = (
        dataclasses.replace(meaning, what=thing) for thing in (meaning.what, *wrong_whats)
    )
    gold = stable_hash(meaning.key, "place of the right ending") % (len(wrong) + 1)
    told = [*wrong[:gold], right, *wrong[gold:]]
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
    return [item(meaning, code, wrong_things(meaning)) for meaning in selected(n, "cloze")]


def load(*, world_language: str, **_: Any) -> dict[str, datasets.Dataset]:
    """What the task configs call (`custom_dataset`): the items as a data set with one split.

    Args:
        world_language: FLORES-200 code.
        **_: The harness hands over the metadata of the run; the cloze has no options.
    """
    import datasets

    return {"test": datasets.Dataset.from_list([dict(i) for i in items(world_language)])}
