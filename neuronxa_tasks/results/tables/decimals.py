"""Numbers as people write them in tables: `0.45`, `0,45`, `1,234,567`, `NA`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Decimal = Literal[".", ","]
"""The sign before the decimals; the other one may stand between thousands."""

MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "missing", "-", "--", "–", "—", "?", "."}
)
"""What stands for no number, in small letters."""

_SPACES = re.compile(r"(?<=\d)[ '\u00a0\u2009\u202f\u2019](?=\d{3}(?!\d))")


def _pattern(decimal: str, between: str) -> re.Pattern[str]:
    return re.compile(
        # Thousands never begin with a zero, so `0,531` can only have a decimal comma.
        rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:{between}\d{{3}})+)?(?:{decimal}\d*)?(?:[eE][+-]?\d+)?"
    )


_PATTERNS: dict[Decimal, re.Pattern[str]] = {
    ".": _pattern(r"\.", ","),
    ",": _pattern(",", r"\."),
}


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.strip().casefold() in MISSING


def number_in(text: str, decimal: Decimal) -> float | None:
    """The number of a cell, or None where it holds none in this way of writing."""
    plain = _SPACES.sub("", text.strip().replace("\u2212", "-"))
    if not _PATTERNS[decimal].fullmatch(plain) or not any(sign.isdigit() for sign in plain):
        return None
    if not plain.isascii():  # \d is any digit; other digits are not a table's usual numbers
        return None
    between = "," if decimal == "." else "."
    try:
        return float(plain.replace(between, "").replace(",", "."))
    except ValueError:
        return None


def ways(text: str) -> dict[Decimal, float]:
    """Every way to read a cell as a number."""
    return {
        decimal: number for decimal in _PATTERNS if (number := number_in(text, decimal)) is not None
    }


def decimal_of(cells: Iterable[str]) -> tuple[Decimal | None, str | None]:
    """How the numbers among some cells are written, as far as they show it.

    `7,1` shows a decimal comma, `1,000,000` and `0.5` show a decimal point; `12` shows nothing, and
    `1,234` could be either. Cells that are no number in any way do not count.

    Returns:
        The decimal sign that all numbers allow, None where they allow both or neither; and a cell
        that would mean something else with the other sign, where nothing decides.
    """
    possible: set[Decimal] = set(_PATTERNS)
    unclear: str | None = None
    for text in cells:
        found = ways(text)
        if not found:
            continue
        possible &= set(found)
        if len(set(found.values())) > 1:
            unclear = unclear or text
    if len(possible) == 1:
        return next(iter(possible)), None
    # A point alone is read as the usual decimal point.
    return None, unclear if unclear is not None and "," in unclear else None
