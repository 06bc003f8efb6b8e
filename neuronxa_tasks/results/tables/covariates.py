"""Covariates of languages from a table: columns of numbers, or of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.naming.task_names import language_of
from neuronxa_tasks.results.tables.cells import Table, read_table
from neuronxa_tasks.results.tables.decimals import Decimal, decimal_of, is_missing, number_in, ways

LANGUAGE = ("language", "lang", "bcp_47", "code")
"""Names of the column with the language; the first that is there counts."""


def read_covariates(path: str | Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Covariates of languages: a column `language` and any further ones.

    A column holds numbers where all its cells do, apart from those that say that there is no value
    (empty, `NA`, `-`). They may have a decimal comma or thousands, alike in the whole column. A
    column without numbers holds labels.

    Args:
        path: table, see `read_table`.

    Returns:
        Column to language key to value (float, or text; missing cells are left out), and the
        languages that could not be mapped.

    Raises:
        NeuronXAError: see `read_table`; or no `language` column, no other column, a language twice,
            or a column with numbers and text, or with numbers that could mean two things.
    """
    table = read_table(path)
    column = table.column(*LANGUAGE)
    others = [name for name in table.header if name != column]
    if column is None or not others:
        raise NeuronXAError(
            f"{path} needs a column `language` and at least one covariate beside it (its columns "
            f"are {', '.join(table.header)}). Add what is missing."
        )
    lines: dict[str, int] = {}
    unmapped: list[str] = []
    cells: dict[str, dict[str, str]] = {name: {} for name in others}
    for line, row in table.rows:
        language = language_of(row[column], "")
        if language is None:
            unmapped.append(row[column])
            continue
        if language in lines:
            raise NeuronXAError(
                f"{path} has {language} in line {lines[language]} and again in line {line} "
                f"(as {row[column]!r}). Keep one of them."
            )
        lines[language] = line
        for name in others:
            if not is_missing(row[name]):
                cells[name][language] = row[name]
    return {name: _values(table, name, found, lines) for name, found in cells.items()}, unmapped


def _values(
    table: Table, name: str, cells: Mapping[str, str], lines: Mapping[str, int]
) -> dict[str, Any]:
    """The numbers of a column, or its labels where it has no number."""
    texts = [language for language, text in cells.items() if not ways(text)]
    if len(texts) == len(cells):
        return dict(cells)
    decimal = _decimal(table, name, cells)
    numbers = {language: number_in(text, decimal) for language, text in cells.items()}
    bad = [language for language, number in numbers.items() if number is None]
    if not bad:
        return dict(numbers)
    if len(bad) > len(cells) / 2:  # labels, a few of which are written as numbers
        return dict(cells)
    example = bad[0]
    raise NeuronXAError(
        f"{table.path}, line {lines[example]}: {name} is {cells[example]!r}, but "
        f"{len(cells) - len(bad)} other cells of the column hold numbers with a decimal "
        f"{'point' if decimal == '.' else 'comma'}. Correct it, leave it empty where there is no "
        "value, or put a letter before all of them if they are labels."
    )


def _decimal(table: Table, name: str, cells: Mapping[str, str]) -> Decimal:
    """How a column writes its numbers; where it does not show it, how the table does."""
    found, unclear = decimal_of(cells.values())
    if found is None and unclear is not None:
        found, _ = decimal_of(text for _, row in table.rows for text in row.values())
        if found is None:
            raise NeuronXAError(
                f"{table.path}: {name} is {unclear!r} in a language, which could be thousands or "
                "decimals. Write it without a comma."
            )
    return found or "."
