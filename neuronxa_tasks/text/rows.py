"""Sentences from tables: files of JSON lines or parquet, and rows of the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError, one_line
from neuronxa_tasks.text.lines import read_lines

COLUMNS = ("text", "sentence")
"""Where the sentence stands: in FLORES+, and in the older copies of FLORES-200 on the Hub."""
ID = "id"
"""Number of the line in the release; the order of the rows is not promised."""


def sentences(rows: Iterable[Mapping[str, Any]], what: str) -> Iterator[str]:
    """The sentences of a table in the order of the release, without surrounding white space.

    Args:
        rows: Column -> value. Without a column `id` they are taken in their order.
        what: The table, for errors.

    Raises:
        NeuronXAError: There is no column with sentences, a sentence is missing, or two rows have
            the same id.
    """
    table = list(rows)
    columns = set[str]().union(*table) if table else {COLUMNS[0]}
    column = next((name for name in COLUMNS if name in columns), None)
    if column is None:
        raise NeuronXAError(
            f"{what} has no column `text` or `sentence`, but {', '.join(sorted(columns)[:8])}. "
            "Rename the column with the sentences, or make a text file with one per line."
        )
    if ID in columns:
        numbers = [str(row.get(ID)) for row in table]
        wrong = next((each for each in numbers if not re.fullmatch("[0-9]{1,18}", each)), None)
        if wrong is not None or len(set(numbers)) < len(numbers):
            raise NeuronXAError(
                f"{what} has "
                + (f"the id {wrong[:40]}" if wrong is not None else "an id more than once")
                + ", so the order of its sentences is not known. Give each row the number of its "
                "line, or leave the column out."
            )
        table.sort(key=lambda row: int(row[ID]))
    for number, row in enumerate(table, 1):
        if not isinstance(row.get(column), str):
            raise NeuronXAError(
                f"Row {number} of {what} has no text in the column `{column}`, but "
                f"{row.get(column)!r}. Remove the row from every language of the corpus."
            )
        yield row[column].strip()


def read_rows(path: Path) -> Iterator[str]:
    """Sentences of a file `.jsonl` or `.parquet`; see `sentences`.

    Raises:
        NeuronXAError: The file is something else, or damaged; or see `sentences`.
        OSError: It cannot be read.
    """
    read = _json_lines if path.suffix == ".jsonl" else _parquet
    yield from sentences(read(path), str(path))


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(read_lines(path), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise NeuronXAError(
                f"Line {number} of {path} is no JSON: {one_line(error)}. Each line needs one "
                "object, such as {" + f'"{ID}": 1, "{COLUMNS[0]}": "A sentence."' + "}."
            ) from None
        if not isinstance(row, dict):
            raise NeuronXAError(
                f"Line {number} of {path} is no JSON object but {line[:40]!r}. Each line needs one."
            )
        yield row


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow  # comes with datasets
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if not set(names).isdisjoint(COLUMNS):
                names = [name for name in names if name in (*COLUMNS, ID)]
            yield from file.read(columns=names).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise NeuronXAError(
            f"{path} is no readable parquet file: {one_line(error)}. Download it again; a file of "
            "a few hundred bytes may stand for one in Git LFS: `git lfs pull`."
        ) from None
