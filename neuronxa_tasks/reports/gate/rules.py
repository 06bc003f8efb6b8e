"""What a gate asks for, from TOML: every key is known, or refused by name."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text import languages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

GROUPINGS = ("script", "family", "genus")
CORRECTIONS = ("holm", "bh", "none")


@dataclass(frozen=True, slots=True)
class Limits:
    """What may differ by metric.

    Attributes:
        min_effect: smallest drop that counts, however small its p.
        max_drop: largest drop that may pass, however large its p; None for any.
        min_score: lowest score of the candidate in a language; None for any.
    """

    min_effect: float = 0.01
    max_drop: float | None = None
    min_score: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """A gate.

    Attributes:
        alpha: chance that the tests fail a candidate that is as good as the baseline.
        correction: for the number of tests: `holm`, `bh` or `none`.
        limits: of metrics without limits of their own.
        metrics: that are looked at; empty for `nasca` and the usual one of each benchmark.
        groups: further groups of languages: `script`, `family`, `genus`.
        must_not_regress: language keys with a family of tests of their own, in which no drop is too
            small.
        ignore: tasks, benchmarks and languages that are left out; `*` and `?` as in file names.
        allow_missing: whether the candidate may lack a task of the baseline.
        per_metric: limits of single metrics.
    """

    alpha: float = 0.05
    correction: str = "holm"
    limits: Limits = field(default_factory=Limits)
    metrics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    must_not_regress: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_missing: bool = False
    per_metric: Mapping[str, Limits] = field(default_factory=dict)

    def of(self, metric: str) -> Limits:
        """The limits of a metric."""
        return self.per_metric.get(metric, self.limits)


_LIMITS = tuple(each.name for each in fields(Limits))
_KEYS = (
    "alpha",
    "correction",
    *_LIMITS,
    "metrics",
    "groups",
    "must_not_regress",
    "ignore",
    "allow_missing",
    "metric",
)


def read_rules(path: str | Path) -> Rules:
    """Reads rules from a TOML file.

    Raises:
        NeuronXAError: the file is missing or no TOML, a key is unknown, or a value is out of range.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except OSError as error:
        raise NeuronXAError(
            f"{path} cannot be read ({error.strerror}). Check the path of --config."
        ) from error
    except (ValueError, RecursionError) as error:
        raise NeuronXAError(
            f"{path} is no TOML: {error}. Correct it; docs/gate.md has an example."
        ) from error
    return parse_rules(content, str(path))


def parse_rules(content: Mapping[str, Any], where: str = "the rules") -> Rules:
    """Checks rules.

    Args:
        content: what TOML says.
        where: how messages call it.

    Raises:
        NeuronXAError: an unknown key (close ones are named), or a value out of range.
    """
    _known(content, _KEYS, where)
    limits = _limits(content, Limits(), where)
    sections = content.get("metric", {})
    if not isinstance(sections, dict) or not all(isinstance(s, dict) for s in sections.values()):
        raise NeuronXAError(
            f"{where}: `metric` holds sections, one per metric. Write for example [metric.acc]."
        )
    per_metric = {}
    for name, section in sections.items():
        place = f"{where}, [metric.{name}]"
        _known(section, _LIMITS, place)
        per_metric[name] = _limits(section, limits, place)
    correction = content.get("correction", "holm")
    if correction not in CORRECTIONS:
        raise NeuronXAError(
            f"{where}: correction is {correction!r}, but it is one of {', '.join(CORRECTIONS)}. "
            "Holm bounds the chance of any false alarm."
        )
    alpha = _number(content.get("alpha", 0.05), "alpha", where)
    if not 0.0 < alpha < 1.0:
        raise NeuronXAError(
            f"{where}: alpha is {alpha:g}, but it is a probability between 0 and 1. Write 0.05."
        )
    groups = _texts(content, "groups", where)
    for group in groups:
        _one_of(group, GROUPINGS, f"{where}: groups")
    allow_missing = content.get("allow_missing", False)
    if not isinstance(allow_missing, bool):
        raise NeuronXAError(
            f"{where}: allow_missing is {allow_missing!r}, but it is true or false. Write one."
        )
    return Rules(
        alpha=alpha,
        correction=correction,
        limits=limits,
        metrics=_texts(content, "metrics", where),
        groups=groups,
        must_not_regress=tuple(
            languages.resolve(text).code for text in _texts(content, "must_not_regress", where)
        ),
        ignore=_texts(content, "ignore", where),
        allow_missing=allow_missing,
        per_metric=per_metric,
    )


def _limits(content: Mapping[str, Any], default: Limits, where: str) -> Limits:
    given: dict[str, Any] = {}
    for name in _LIMITS:
        value = content.get(name, getattr(default, name))
        given[name] = value if value is None else _number(value, name, where)
        if value is not None and given[name] < 0.0:
            raise NeuronXAError(
                f"{where}: {name} is {value:g}, but it is a share of items from 0. Two points are "
                "0.02."
            )
    return Limits(**given)


def _known(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in content:
        _one_of(key, known, f"{where}: the key")


def _one_of(text: str, known: tuple[str, ...], where: str) -> None:
    if text in known:
        return
    close = difflib.get_close_matches(text, known, n=2)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"Known are {', '.join(known)}."
    raise NeuronXAError(f"{where} {text!r} is not known, so it would have no effect. {hint}")


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise NeuronXAError(f"{where}: {name} is {value!r}, but it is a number. Write one.")
    return float(value)


def _texts(content: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    found = content.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise NeuronXAError(
            f'{where}: {name} is {found!r}, but it is a list of texts. Write ["one", "two"].'
        )
    return tuple(found)
