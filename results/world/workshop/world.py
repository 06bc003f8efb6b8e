"""What can happen in the toy world: meanings, without any language.

A meaning says who does (or does not do) what to what, where and when. The facts of the world are
in `world.json`: what each person does, likes and where that person is, which things an action
takes, and what follows from what. They are the structure that a model can learn. `grammar.py`
turns a meaning into a sentence.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError

HELD_OUT_ONE_IN = 8
"""One meaning in this many is never told in training."""

NAMES = ("sara", "daniel")
"""People with a name: they have no plural."""


@dataclass(frozen=True, order=True)
class Meaning:
    """Who does what to what, where and when.

    Attributes:
        who: A person of `world.json`, e.g. `farmer`.
        many: True for the plural (`the farmers`).
        does: An action, e.g. `buy`.
        what: A thing, e.g. `bread`.
        where: A place, e.g. `market`.
        when: A time, e.g. `yesterday`; it sets the tense. `then_past` and `then_future` are the
            times of a sentence that says what followed.
        negated: True for "did not".
    """

    who: str
    many: bool
    does: str
    what: str
    where: str
    when: str
    negated: bool

    @property
    def tense(self) -> str:
        """`past`, `present` or `future`, set by the time."""
        return str(facts()["times"][self.when]["tense"])

    @property
    def key(self) -> str:
        """A stable name of the meaning; equal meanings have equal keys."""
        number = "many" if self.many else "one"
        truth = "not" if self.negated else "yes"
        return " ".join((self.who, number, truth, self.does, self.what, self.where, self.when))


@functools.cache
def facts() -> Mapping[str, Any]:
    """The facts of the world as `world.json` tells them."""
    text = Path(__file__).with_name("world.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def stable_hash(text: str, salt: str = "") -> int:
    """A number that depends on the text and the salt alone, not on the process or the machine.

    Returns:
        An integer in [0, 2**64).
    """
    digest = hashlib.sha256(f"{salt}|{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def is_held_out(meaning: Meaning) -> bool:
    """True for the meanings that no training text tells, in no language (1 in 8)."""
    return stable_hash(meaning.key, "held out") % HELD_OUT_ONE_IN == 0


def is_only_english(meaning: Meaning) -> bool:
    """True for what the training text tells in English alone, never in another language.

    For each person it is one kind of thing, food or goods: what this person does with such things
    other languages do not say, neither with the right things nor with wrong ones. Whether a model
    applies it in another language shows whether knowledge crosses from language to language.
    """
    kind = facts()["people"][meaning.who]["only_english"]
    return meaning.what in facts()["kinds"][kind]


def things_of(who: str, does: str) -> tuple[str, ...]:
    """What this person does this with: the things liked among those the action takes."""
    likes = facts()["people"][who]["likes"]
    return tuple(t for t in facts()["actions"][does]["things"] if t in likes)


def places_of(who: str, does: str) -> tuple[str, ...]:
    """Where this person does this: the person's own places and the action's usual place."""
    own = facts()["people"][who]["places"]
    usual = facts()["actions"][does]["place"]
    return (*own, usual) if usual not in own else tuple(own)


def numbers_of(who: str) -> tuple[bool, ...]:
    """The values that `many` can take: a named person is one."""
    return (False,) if who in NAMES else (False, True)


def told_times() -> tuple[str, ...]:
    """The times that a first sentence can have (not `then`)."""
    return tuple(t for t, f in facts()["times"].items() if f["word"] != "then")


@functools.cache
def meanings() -> tuple[Meaning, ...]:
    """All meanings that can open a story, held-out ones included, in a fixed order."""
    return tuple(_meanings())


def _meanings() -> Iterator[Meaning]:
    for who, person in facts()["people"].items():
        for many in numbers_of(who):
            for does in person["does"]:
                for what in things_of(who, does):
                    for where in places_of(who, does):
                        for when in told_times():
                            for negated in (False, True):
                                yield Meaning(who, many, does, what, where, when, negated)


def consequences(meaning: Meaning) -> tuple[Meaning, ...]:
    """What follows: the same person, the same thing, the next action; one per possible place.

    Who buys bread eats it; who does not buy it does not eat it. Nothing follows in the present
    tense (habits have no "then"), and some actions end a story.

    Returns:
        Meanings that differ in the place alone; empty if nothing follows.
    """
    if meaning.tense == "present" or meaning.when.startswith("then"):
        return ()
    rules = facts()["follows"].get(meaning.does, {})
    does = rules.get(meaning.what, rules.get("*"))
    if does is None or meaning.what not in facts()["actions"][does]["things"]:
        return ()
    return tuple(
        dataclasses.replace(meaning, does=does, where=where, when=f"then_{meaning.tense}")
        for where in places_of(meaning.who, does)
    )


@functools.cache
def later_meanings() -> tuple[Meaning, ...]:
    """All meanings that follow from some other one, in a fixed order."""
    return tuple(dict.fromkeys(later for m in meanings() for later in consequences(m)))


@functools.cache
def _alike(slot: str) -> Mapping[Meaning, tuple[Meaning, ...]]:
    found: dict[Meaning, list[Meaning]] = {}
    for later in later_meanings():
        found.setdefault(_without(later, slot), []).append(later)
    return {key: tuple(those) for key, those in found.items()}


def _without(meaning: Meaning, slot: str) -> Meaning:
    blank: dict[str, Any] = {"where": "", slot: ""}
    return dataclasses.replace(meaning, **blank)


def alternatives(later: Meaning, slot: str) -> tuple[Meaning, ...]:
    """What follows from something else: meanings that differ in one slot and perhaps in the place.

    Args:
        later: One of `later_meanings()`.
        slot: `who`, `does` or `what`.

    Returns:
        Some of `later_meanings()`; empty if the world has no such meaning.
    """
    same = _alike(slot).get(_without(later, slot), ())
    return tuple(m for m in same if getattr(m, slot) != getattr(later, slot))


@functools.cache
def unrelated(who: str, what: str, when: str, negated: bool) -> tuple[Meaning, ...]:
    """What follows at that time from something that another person does with another thing."""
    return tuple(
        m
        for m in later_meanings()
        if m.who != who and m.what != what and (m.when, m.negated) == (when, negated)
    )


@functools.cache
def selected(n: int | None, salt: str, *, only_english: bool = False) -> tuple[Meaning, ...]:
    """The first n held-out meanings in the order that the salt's hash gives.

    Args:
        n: How many; None for all.
        salt: Names the selection; the same salt gives the same meanings for ever.
        only_english: Choose among the meanings that are told in English alone, instead of
            among those that are told in every language.

    Raises:
        NeuronXAError: If fewer than n such meanings are held out.
    """
    held = [m for m in meanings() if is_held_out(m) and is_only_english(m) == only_english]
    if n is not None and not 0 <= n <= len(held):
        raise NeuronXAError(
            f"{n} held-out meanings were asked for, but the world has {len(held)} of that kind. "
            f"Ask for 0 to {len(held)}."
        )
    return tuple(sorted(held, key=lambda m: (stable_hash(m.key, salt), m.key))[:n])
