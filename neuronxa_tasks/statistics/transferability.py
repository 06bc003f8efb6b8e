"""Transferability: how much of the English accuracy reaches another language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from neuronxa_tasks.errors import NeuronXAError

CHANCE: Mapping[str, float] = MappingProxyType(
    {
        "xnli": 1 / 3,
        "xstorycloze": 1 / 2,
        "belebele": 1 / 4,
        "m_mmlu": 1 / 4,
        "xcopa": 1 / 2,
        "xwinograd": 1 / 2,
        "pawsx": 1 / 2,
        "sib200": 1 / 7,
    }
)
"""Accuracy of guessing, for benchmarks whose items all have the same number of choices."""

Z = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


class Transferability(NamedTuple):
    """A ratio of accuracies above chance.

    Attributes:
        value: 1 where the language is as good as English, 0 where it is at chance; it can be
            below 0 and above 1. NaN where it cannot be computed.
        n: Number of items of the language.
        reason: Why `value` is NaN; empty where it is a number.
    """

    value: float
    n: int
    reason: str


def transferability(
    accuracy: float, english: float, chance: float, n: int, n_english: int | None = None
) -> Transferability:
    """Return (accuracy - chance) / (english - chance).

    A denominator near zero makes the ratio arbitrary, so English must be better than guessing:
    by more than 1.96 standard errors of an accuracy at chance, sqrt(chance (1 - chance) / n).

    Args:
        accuracy: Of the language, in 0..1.
        english: Of English, on the same benchmark.
        chance: Accuracy of guessing, between 0 and 1; see `CHANCE`.
        n: Number of items behind `accuracy`.
        n_english: Number of items behind `english`; n where it is None.

    Raises:
        NeuronXAError: An accuracy outside 0..1, a chance outside of it, or no items.
    """
    total = n if n_english is None else n_english
    for name, value in (("accuracy", accuracy), ("English accuracy", english)):
        if not (math.isnan(value) or 0 <= value <= 1):
            raise NeuronXAError(
                f"The {name} is {value}; it must be a share between 0 and 1. Divide percent by 100."
            )
    if not 0 < chance < 1:
        raise NeuronXAError(f"chance is {chance}; it must lie between 0 and 1, such as 1/3.")
    if n < 0 or total < 0:
        raise NeuronXAError(
            f"n is {min(n, total)}; it is a number of items and cannot be negative."
        )
    if math.isnan(accuracy) or n == 0:
        return Transferability(math.nan, n, "the language has no accuracy")
    if math.isnan(english) or total == 0:
        return Transferability(math.nan, n, "English has no accuracy")
    margin = Z * math.sqrt(chance * (1 - chance) / total)
    if english - chance <= margin:
        reason = (
            f"English ({english:.3f}) is not above chance ({chance:.3f}) by more than "
            f"{margin:.3f}, the 1.96 standard errors of {total} items"
        )
        return Transferability(math.nan, n, reason)
    return Transferability((accuracy - chance) / (english - chance), n, "")
