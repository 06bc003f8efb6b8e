"""Knowledge of the toy world that was taught in English alone, asked in every language.

The form is that of the cloze (four endings, chance 0.25), but the sentence is of a kind that
training text tells of this person in English and in no other language, such as what the doctor
eats. All three wrong endings are things of the same kind that the action takes and that this
person never uses. In English the item asks what was taught; in another language it asks whether
knowledge crossed, since that language is silent about the right things and the wrong ones alike.
"""

from __future__ import annotations

import dataclasses

from workshop.cloze import ENDINGS, Item, habit_breaking, item
from workshop.grammar import lexicon
from workshop.world import Meaning, facts, selected

ITEMS = 200
"""Items per language: twice those of the cloze, since what is measured here is near chance."""


def wrong_things(meaning: Meaning) -> list[str]:
    """Up to `ENDINGS - 1` things of the kind that the action takes and the person never uses.

    Those that most others use, as in the cloze.
    """
    kind = facts()["kinds"][facts()["people"][meaning.who]["only_english"]]
    return [thing for thing in habit_breaking(meaning) if thing in kind][: ENDINGS - 1]


def items(code: str, n: int = ITEMS) -> list[Item]:
    """The first n items of a language; item i has the same meaning in every language.

    Meanings whose action leaves fewer than three wrong things are passed over.

    Raises:
        NeuronXAError: If the world has no such language.
    """
    lexicon(code)
    asked: list[Item] = []
    for meaning in selected(None, "knowledge", only_english=True):
        if len(asked) == n:
            break
        wrong = wrong_things(meaning)
        if len(wrong) == ENDINGS - 1:
            told = [dataclasses.replace(meaning, what=thing) for thing in wrong]
            asked.append(item(meaning, code, told))
    return asked
