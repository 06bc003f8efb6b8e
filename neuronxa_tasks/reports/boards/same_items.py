"""Which models of one board may be compared: those that answered the same items."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One score of one model in one language.

    Attributes:
        value: the score.
        stderr: its standard error, NaN where it is not known.
        n: items or sentence pairs, None where it is not known.
        text: hash of the sentences, empty where it is not known.
        source: results file.
        task: task of the harness.
    """

    value: float
    stderr: float = math.nan
    n: int | None = None
    text: str = ""
    source: str = ""
    task: str = ""


Cells = Mapping[str, Cell]
"""Language to cell, of one model."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Models that may be compared with each other, and why not with the others.

    Attributes:
        models: in the order given.
        reason: None for the first group.
    """

    models: tuple[str, ...]
    reason: str | None


def split_models(cells: Mapping[str, Cells]) -> list[Apart]:
    """Groups models so that no two of a group differ in the items of a language.

    A model joins the first group that it fits; what is not known fits everything.

    Args:
        cells: model to language to cell.
    """
    groups: list[tuple[list[str], str | None]] = []
    for model, of_model in cells.items():
        first_reason: str | None = None
        for members, _ in groups:
            reason = next(
                (found for other in members if (found := _conflict(other, cells, model, of_model))),
                None,
            )
            if reason is None:
                members.append(model)
                break
            first_reason = first_reason or reason
        else:
            groups.append(([model], first_reason))
    return [Apart(tuple(members), reason) for members, reason in groups]


def _conflict(other: str, cells: Mapping[str, Cells], model: str, of_model: Cells) -> str | None:
    for language, cell in of_model.items():
        there = cells[other].get(language)
        if there is None:
            continue
        if None not in (cell.n, there.n) and cell.n != there.n:
            return f"{model} has n = {cell.n} in {language}, {other} has n = {there.n}"
        if cell.text and there.text and cell.text != there.text:
            return f"{model} and {other} scored {language} on different sentences"
    return None
