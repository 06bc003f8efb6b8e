"""Tables of others: published scores and covariates, from CSV."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.files import Row
from neuronxa_tasks.results.task_names import benchmark_name, language_of

_NAMES = {
    "model": ("model",),
    "language": ("language", "lang", "bcp_47", "code"),
    "benchmark": ("benchmark", "task"),
    "value": ("value", "score", "accuracy", "acc"),
}
"""Columns that must be there, and the names they go by; the first that is there counts."""
_OPTIONAL = {
    "metric": ("metric",),
    "stderr": ("stderr", "acc_stderr"),
    "n": ("n",),
    "fewshot": ("fewshot", "num_fewshot"),
    "revision": ("revision",),
    "version": ("version", "task_version"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file as text cells.

    Attributes:
        path: where it lies.
        sha256: of its bytes.
        header: column names.
        rows: line number and cells by column.
    """

    path: Path
    sha256: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_table(path: str | Path) -> Table:
    """Reads a CSV file with a header line, UTF-8 with or without a byte-order mark.

    Raises:
        NeuronXAError: the file is missing, not UTF-8, has no rows, a column twice, or a line with
            another number of cells.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise NeuronXAError(
            f"{path} cannot be read ({error.strerror}). Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise NeuronXAError(
            f"{path} is no UTF-8 text (byte {error.start}), so its names would be misread. "
            "Save it as UTF-8."
        ) from error
    reader = csv.reader(text.splitlines(keepends=True))
    lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    if len(lines) < 2:
        raise NeuronXAError(
            f"{path} has no row below its header. Give a CSV file with a header line and rows."
        )
    header = tuple(cell.strip() for cell in lines[0][1])
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise NeuronXAError(
            f"{path} has the column {twice[0]!r} twice, so it is not clear which counts. "
            "Rename one."
        )
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise NeuronXAError(
                f"{path} has {len(cells)} cells in line {line} and {len(header)} in its header. "
                "Put cells with a comma into quotation marks."
            )
        rows.append((line, dict(zip(header, (cell.strip() for cell in cells), strict=True))))
    return Table(path, hashlib.sha256(data).hexdigest(), header, tuple(rows))


def read_published(path: str | Path) -> tuple[list[Row], list[Row], Row]:
    """Published scores: `model, language, benchmark, value` in any order, more columns allowed.

    Other names for the four are `lang`, `bcp_47`, `code`; `task`; `score`, `accuracy`, `acc`.
    Used if there: `metric`, `stderr` (`acc_stderr`), `n`, `fewshot` (`num_fewshot`), `revision`,
    `version` (`task_version`). Rows with the languages `all` or `average` are not special: they are
    listed as unmapped.

    Args:
        path: CSV file.

    Returns:
        Rows of the frame, unmapped rows, and the row of the file in `runs`.

    Raises:
        NeuronXAError: see `read_table`; or a column is missing, a cell is empty, or a value is no
            number.
    """
    table = read_table(path)
    columns = {}
    for name, spellings in _NAMES.items():
        found = next((spelling for spelling in spellings if spelling in table.header), None)
        if found is None:
            raise NeuronXAError(
                f"{path} has no column `{name}` (its columns are {', '.join(table.header)}), which "
                "is needed to join it. Name the columns model, language, benchmark, value."
            )
        columns[name] = found
    optional = {
        name: found
        for name, spellings in _OPTIONAL.items()
        if (found := next((s for s in spellings if s in table.header), None))
    }
    metric_name = "acc" if columns["value"] in ("acc", "accuracy") else "value"
    rows: list[Row] = []
    unmapped: list[Row] = []
    for line, cells in table.rows:
        where = f"{path}, line {line}"
        texts = {name: cells[column] for name, column in columns.items()}
        for name, text in texts.items():
            if not text:
                raise NeuronXAError(
                    f"{where}: {columns[name]} is empty, and an empty cell would silently change "
                    "n. Fill it in, or remove the line."
                )
        more = {name: cells[column] for name, column in optional.items()}
        benchmark = benchmark_name(texts["benchmark"])
        row: Row = {
            "model": texts["model"],
            "revision": more.get("revision", ""),
            "task": f"{texts['benchmark']}_{texts['language']}",
            "metric": more.get("metric") or metric_name,
            "value": _number(texts["value"], columns["value"], where),
            "fewshot": _whole(more.get("fewshot", ""), "fewshot", where),
            "source": str(path),
        }
        language = language_of(texts["language"], benchmark)
        if language is None:
            unmapped.append({**row, "why": f"no known language: {texts['language']}"})
            continue
        settings = {"version": more["version"]} if more.get("version") else {}
        stderr = more.get("stderr", "")
        rows.append(
            {
                **row,
                "kind": "benchmark",
                "benchmark": benchmark,
                "language": language,
                "stderr": _number(stderr, "stderr", where) if stderr else math.nan,
                "n": _whole(more.get("n", ""), "n", where),
                "settings": json.dumps(settings, sort_keys=True, ensure_ascii=False),
            }
        )
    run: Row = {
        "source": str(path),
        "sha256": table.sha256,
        "model": "",
        "revision": "",
        "model_sha": "",
        "fingerprint": "",
        "harness": "published",
        "date": math.nan,
        "tasks": len({row["task"] for row in rows}),
    }
    return rows, unmapped, run


def read_covariates(path: str | Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Covariates of languages: a column `language` and any further ones.

    A column whose cells are all numbers (or empty) holds numbers, any other holds labels.

    Args:
        path: CSV file.

    Returns:
        Column to language key to value (float, or text; empty cells are left out), and the
        languages that could not be mapped.

    Raises:
        NeuronXAError: see `read_table`; or no `language` column, no other column, or a language
            twice.
    """
    table = read_table(path)
    column = next((name for name in _NAMES["language"] if name in table.header), None)
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
            if row[name]:
                cells[name][language] = row[name]
    return {name: _numbers_or_labels(found) for name, found in cells.items()}, unmapped


def _numbers_or_labels(cells: dict[str, str]) -> dict[str, Any]:
    try:
        numbers = {language: float(text) for language, text in cells.items()}
    except ValueError:
        return dict(cells)
    return {language: value for language, value in numbers.items() if math.isfinite(value)}


def _number(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise NeuronXAError(
            f"{where}: {name} is {text!r}, which is no finite number. Correct it (with a decimal "
            "point), or remove the line."
        )
    return value


def _whole(text: str, name: str, where: str) -> int | None:
    if not text:
        return None
    value = _number(text, name, where)
    if value != int(value) or value < 0:
        raise NeuronXAError(f"{where}: {name} is {text!r}, but it counts something. Correct it.")
    return int(value)
