"""From a meaning to a sentence: one small engine, one lexicon file per language.

A lexicon (`lexicons/<code>.json`) holds every inflected form that is needed, and for each tense
with and without negation an order of words such as
`{when} {who} did not {does base} {what} {where}`. In braces stand slots:

* `{who}`, `{what}`, `{where}`, `{when}`: the phrase of that slot; `{who agent}`: the named form
  of that phrase (Hindi and Urdu mark the subject of a past transitive verb).
* `{does FORM}`: a form of the verb; `{does FORM who}`: the form that agrees with the tag of the
  subject; `{does FORM what}`: with the tag of the object.
* `{word NAME who}`: the same for an auxiliary of the list `words`.

A tag is one letter (s, p: singular, plural; m, f: masculine, feminine; M, F: their plurals; the
lexicon decides). The form `present.mf` serves the tags m and f, a form without a dot serves all.
`fusions` are pairs of a regular expression and its replacement, applied to the whole sentence
(French `ne achète` becomes `n'achète`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from workshop.world import Meaning, facts

_LEXICONS = Path(__file__).parent / "lexicons"
_SLOT = re.compile(r"\{([^}]*)\}")


@functools.cache
def codes() -> tuple[str, ...]:
    """FLORES-200 codes of the languages of the world: English first, then by name."""
    found = sorted(path.stem for path in _LEXICONS.glob("*.json"))
    return ("eng_Latn", *(c for c in found if c != "eng_Latn"))


@functools.cache
def lexicon(code: str) -> Mapping[str, Any]:
    """The lexicon of a language as its file tells it.

    Raises:
        NeuronXAError: If the world has no such language.
    """
    if code not in codes():
        raise NeuronXAError(
            f"The toy world has no language {code!r}, because no lexicon was written for it. "
            f"Use one of: {', '.join(codes())}."
        )
    text = (_LEXICONS / f"{code}.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def _agreeing(forms: Mapping[str, str], name: str, tag: str) -> str:
    """The one form called `name` that serves the tag."""
    fitting = [
        form
        for key, form in forms.items()
        if key == name or (key.startswith(name + ".") and tag in key[len(name) + 1 :])
    ]
    if len(fitting) != 1:
        raise NeuronXAError(
            f"The lexicon has {len(fitting)} forms {name!r} for the tag {tag!r} among "
            f"{sorted(forms)}, but a sentence needs exactly one. Correct the lexicon file."
        )
    return fitting[0]


PHRASES = ("who", "what", "where", "when")
"""The slots of a sentence that hold a phrase; the rest is the verb and its company."""


def _phrases(meaning: Meaning, code: str) -> dict[str, dict[str, str]]:
    lex = lexicon(code)
    return {
        "who": lex["who"][meaning.who]["many" if meaning.many else "one"],
        "what": lex["what"][meaning.what],
        "where": {"form": lex["where"][meaning.where]},
        "when": {"form": lex["when"][facts()["times"][meaning.when]["word"]]},
    }


def pieces(
    meaning: Meaning, code: str, guest: str | None = None, borrowed: Collection[str] = ()
) -> list[str]:
    """The phrases of the sentence in their order, before spaces, fusions and the full stop.

    Args:
        meaning: A meaning of the world.
        code: The language of the sentence: its order of words, its verb, its agreement.
        guest: A second language for a sentence in two languages, as bilinguals speak.
        borrowed: The slots, some of `PHRASES`, whose phrase comes from the guest language.
    """
    lex = lexicon(code)
    phrases = _phrases(meaning, code)
    borrowed_phrases = _phrases(meaning, guest) if guest is not None else {}
    for slot in borrowed:
        foreign = borrowed_phrases[slot]["form"]
        if not lex["space"]:
            foreign = f" {foreign} "
        # The marker of the agent (Hindi and Urdu ne) stays behind the borrowed phrase.
        marked = {
            name: f"{foreign} {phrases[slot][name].split(' ')[-1]}"
            for name in phrases[slot]
            if name not in ("form", "tag")
        }
        phrases[slot] = {**phrases[slot], "form": foreign, **marked}

    def fill(slot: str) -> str:
        kind, *rest = slot.split(" ")
        if kind in phrases:
            return str(phrases[kind][rest[0] if rest else "form"])
        forms = lex["does"][meaning.does] if kind == "does" else lex["words"]
        tag = phrases[rest[1]]["tag"] if len(rest) > 1 else ""
        return _agreeing(forms, rest[0], tag)

    order = lex["order"][meaning.tense + (" not" if meaning.negated else "")]
    parts = re.findall(r"\{[^}]*\}|[^{} ]+", order)
    found = [_SLOT.sub(lambda match: fill(match[1]), part) for part in parts]
    first = found[0].lstrip()
    return [first[:1].upper() + first[1:], *found[1:]]


def joined(parts: list[str], code: str) -> str:
    """Phrases put together as the language writes them, without the full stop."""
    lex = lexicon(code)
    text = re.sub(" +", " ", str(lex["space"]).join(parts)).strip()
    for pattern, replacement in lex.get("fusions", ()):
        text = re.sub(pattern, replacement, text)
    return text


def render(
    meaning: Meaning, code: str, guest: str | None = None, borrowed: Collection[str] = ()
) -> str:
    """The sentence that tells a meaning in a language.

    Different meanings give different sentences in every language.

    Args:
        meaning: A meaning of the world.
        code: FLORES-200 code, one of `codes()`.
        guest: A second language, see `pieces`.
        borrowed: The slots whose phrase comes from the guest language.

    Raises:
        NeuronXAError: If the world has no such language.
    """
    return joined(pieces(meaning, code, guest, borrowed), code) + str(lexicon(code)["stop"])
