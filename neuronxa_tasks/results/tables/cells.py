"""Tables of others as text cells: CSV and TSV, whatever separates their cells."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.whole_file import GZIP, whole_file

SUFFIXES = (".csv", ".tsv", ".tab")
SEPARATORS = (",", ";", "\t")
_CALLED = {",": "comma", ";": "semicolon", "\t": "tab"}
COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text cells.

    Attributes:
        path: where it lies.
        sha256: of its bytes, unpacked.
        header: column names, as written.
        rows: line number and cells by column.
        notes: what was passed over, one sentence each.
    """

    path: Path
    sha256: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    notes: tuple[str, ...] = ()

    def column(self, *names: str) -> str | None:
        """The first of some columns that is there, as it is written; capitals do not matter."""
        written = {column.casefold(): column for column in self.header}
        return next((written[name] for name in names if name in written), None)


def is_table(path: str | Path) -> bool:
    """Whether a name is that of a table: `.csv`, `.tsv` or `.tab`, packed as `.gz` or not."""
    name = str(path).lower().removesuffix(GZIP)
    return name.endswith(SUFFIXES)


def looks_like_table(text: str) -> bool:
    """Whether a text that is no JSON has a first line with several cells."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return "{" not in first and any(first.count(sign) > 1 for sign in SEPARATORS)


def read_table(path: str | Path) -> Table:
    """Reads a table with a header line, UTF-8 with or without a byte-order mark.

    Cells are separated by commas, semicolons or tabs: by what gives the header most cells. Lines
    that begin with `#` are comments. A name that ends in `.gz` is unpacked.

    Raises:
        NeuronXAError: the file is missing, not UTF-8, has no rows, a column twice, or a line with
            another number of cells.
    """
    path = Path(path)
    data = whole_file(path, "Check the path and its permissions.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NeuronXAError(
            f"{path} is no UTF-8 text (byte {error.start}), so its names would be misread. "
            "Save it as UTF-8."
        ) from error
    numbered, comments = _without_comments(text)
    try:
        separator = _separator(line for _, line in numbered)
        lines = list(_cells(numbered, separator))
    except csv.Error as error:
        raise NeuronXAError(f"{path} is no table ({error}). Check its quotation marks.") from error
    if len(lines) < 2:
        raise NeuronXAError(
            f"{path} has no row below its header. Give a CSV file with a header line and rows."
        )
    header = tuple(cell.strip() for cell in lines[0][1])
    twice = [name for name, n in Counter(cell.casefold() for cell in header).items() if n > 1]
    if twice:
        raise NeuronXAError(
            f"{path} has the column {twice[0]!r} twice, so it is not clear which counts. "
            "Rename one."
        )
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise _uneven(path, line, cells, header, separator)
        rows.append((line, dict(zip(header, (cell.strip() for cell in cells), strict=True))))
    later = sum(line > lines[0][0] for line in comments)
    notes = (
        [
            f"{path}: {later} line(s) below the header begin with {COMMENT} and were taken for "
            "comments."
        ]
        if later
        else []
    )
    return Table(path, hashlib.sha256(data).hexdigest(), header, tuple(rows), tuple(notes))


def _without_comments(text: str) -> tuple[list[tuple[int, str]], list[int]]:
    """Numbered lines, and the numbers of those that are comments; none inside quotation marks."""
    kept: list[tuple[int, str]] = []
    comments: list[int] = []
    inside = False
    # `splitlines` would also cut at the line separators that some names hold.
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if not inside and line.startswith(COMMENT):
            comments.append(number)
            continue
        if not kept and line.lower().startswith("sep=") and len(line.strip()) <= len("sep=;"):
            continue  # a spreadsheet's own first line
        kept.append((number, line))
        inside ^= line.count('"') % 2 == 1
    return kept, comments


def _separator(lines: Iterator[str]) -> str:
    first = next((line for line in lines if line.strip()), "")
    counts = {sign: len(next(csv.reader([first], delimiter=sign), [])) for sign in SEPARATORS}
    return max(SEPARATORS, key=lambda sign: counts[sign])


def _cells(numbered: Sequence[tuple[int, str]], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line that is not empty."""
    reader = csv.reader((line for _, line in numbered), delimiter=separator)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield numbered[reader.line_num - 1][0], cells


def _uneven(
    path: Path, line: int, cells: Sequence[str], header: Sequence[str], separator: str
) -> NeuronXAError:
    told = (
        f"{path} has {len(cells)} cells in line {line} and {len(header)} in its header, which is "
        f"separated by {_CALLED[separator]}s."
    )
    if separator == ",":
        return NeuronXAError(
            f"{told} Put cells with a comma into quotation marks, or separate cells by semicolons "
            "where numbers have a decimal comma."
        )
    return NeuronXAError(
        f"{told} Put cells with a {_CALLED[separator]} into quotation marks, and use one separator "
        "in the whole file."
    )
