"""Columns of a board's table: its languages, or groups of them."""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.boards.entries import Board, Entry
from neuronxa_tasks.results import read_covariates
from neuronxa_tasks.text import languages

LANGUAGE = "language"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Column:
    """Some languages under one name.

    Attributes:
        name: code of a language, or label of a group.
        languages: its languages; of a group those that count in the mean.
    """

    name: str
    languages: tuple[str, ...]

    def value(self, entry: Entry) -> float:
        """Mean of a model over the column's languages; NaN where it lacks one of them."""
        return self.mean(entry.scores)

    def mean(self, scores: Mapping[str, float]) -> float:
        """Mean of scores by language; NaN where one of the languages has none."""
        if not self.languages or any(code not in scores for code in self.languages):
            return math.nan
        return math.fsum(scores[code] for code in self.languages) / len(self.languages)


@dataclass(frozen=True, slots=True)
class Grouping:
    """How languages are put together.

    Attributes:
        name: `language`, `script`, `family`, `genus`, or a column of a table.
        labels: language to label; empty for `language`.
        notes: what was left out of the tables, one sentence each.
    """

    name: str
    labels: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def columns(self, board: Board) -> tuple[Column, ...]:
        """The columns of a board, by name.

        Groups hold only languages that all ranked models have, so that a group is the same for all.
        """
        if self.name == LANGUAGE:
            return tuple(Column(code, (code,)) for code in board.languages)
        members: dict[str, list[str]] = defaultdict(list)
        for code in board.complete:
            members[self.labels.get(code, UNKNOWN)].append(code)
        return tuple(Column(label, tuple(codes)) for label, codes in sorted(members.items()))


def grouping(name: str, tables: Sequence[str | Path] = ()) -> Grouping:
    """Finds a grouping by its name.

    Args:
        name: `language`, `script`, `family`, `genus`, or a column of one of the tables.
        tables: CSV files, see `results.read_covariates`; whole numbers are labels, too.

    Raises:
        NeuronXAError: no such column, or one with numbers that are no classes.
    """
    rows = languages.languages()
    known: dict[str, Mapping[str, str]] = {
        LANGUAGE: {},
        "script": {row.code: row.script for row in rows},
        "family": {row.code: row.family for row in rows},
        "genus": {row.code: row.genus for row in rows},
    }
    notes: list[str] = []
    for table in tables:
        found, unmapped = read_covariates(table)
        if unmapped:
            notes.append(f"{table}: no known language: {', '.join(unmapped)}.")
        for column, cells in found.items():
            if column in known and column == name:
                raise NeuronXAError(
                    f"{table} has a column {column!r}, but there is a grouping of that name "
                    "already. Rename the column."
                )
            numbers = [value for value in cells.values() if isinstance(value, float)]
            if column == name and any(value != int(value) for value in numbers):
                raise NeuronXAError(
                    f"The column {name!r} of {table} holds numbers such as {numbers[0]:g}, which "
                    "are no classes. Write a class (such as high, mid, low) for every language."
                )
            known.setdefault(
                column,
                {
                    code: f"{value:g}" if isinstance(value, float) else str(value)
                    for code, value in cells.items()
                },
            )
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f" Close: {', '.join(close)}." if close else ""
        raise NeuronXAError(
            f"--by is {name!r}, which is no grouping.{hint} Known are {', '.join(known)}; columns "
            "of a CSV file come with --covariates."
        )
    return Grouping(name, known[name], tuple(notes))


def wanted_languages(given: Sequence[str]) -> tuple[str, ...] | None:
    """Language keys of codes, names and benchmarks; None where nothing was given.

    Args:
        given: languages such as `swh_Latn`, `sw`, and benchmarks such as `xnli`, which stand for
            all their languages.

    Raises:
        NeuronXAError: neither a language nor a benchmark.
    """
    keys: dict[str, None] = {}
    for text in given:
        for part in filter(None, (part.strip() for part in text.split(","))):
            if part in languages.BENCHMARKS:
                of_benchmark = languages.benchmark_languages(part).values()
                keys |= dict.fromkeys(row.code for row in of_benchmark)
            else:
                keys[languages.resolve(part).code] = None
    return tuple(keys) or None
