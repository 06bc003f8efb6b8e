"""Which models of one board may be compared: those that answered the same items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuronxa_tasks.reports.boards.tables import Cells
from neuronxa_tasks.results.run_facts import UNLOGGED


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
            if UNLOGGED in cell.text or UNLOGGED in there.text:
                return (
                    f"{model} and {other} scored {language} on chosen samples, and without logged "
                    "samples nobody can tell whether they are the same"
                )
            return f"{model} and {other} scored {language} on different sentences"
    return None
