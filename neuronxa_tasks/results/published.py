"""Published scores of others, from tables: benchmarks, and alignment scores with their layers."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import LOWER_IS_BETTER, MEASURE_METRICS, METRICS, SCORES, metric_stem
from neuronxa_tasks.results.files import Row
from neuronxa_tasks.results.harness import RunRows
from neuronxa_tasks.results.naming.task_names import benchmark_name, language_of
from neuronxa_tasks.results.tables.cells import SUFFIXES, Table, read_table
from neuronxa_tasks.results.tables.covariates import LANGUAGE
from neuronxa_tasks.results.tables.decimals import Decimal, decimal_of, is_missing, number_in, ways

_VALUE = ("value", "score", "accuracy", "acc")
_COLUMNS = {
    "model": ("model",),
    "language": LANGUAGE,
    "benchmark": ("benchmark", "task"),
    "value": _VALUE,
    "metric": ("metric",),
    "stderr": ("stderr", "acc_stderr"),
    "n": ("n",),
    "fewshot": ("fewshot", "num_fewshot"),
    "revision": ("revision",),
    "version": ("version", "task_version"),
    "corpus": ("corpus",),
    "pivot": ("pivot",),
    "layer": ("layer",),
}
"""Columns that are used, and the names they go by; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """One score of a table.

    Attributes:
        where: file and line.
        kind: `alignment` or `benchmark`.
        benchmark: of the frame; of an alignment score its corpus.
        metric: name of the metric.
        text: what stands in the table.
        column: in which column.
        row: the other cells by the names of `_COLUMNS`; empty texts where there is no column.
    """

    where: str
    kind: str
    benchmark: str
    metric: str
    text: str
    column: str
    row: Mapping[str, str]


def read_published(
    path: str | Path,
    *,
    names: Mapping[str, str] | None = None,
    alignment: Collection[str] = (),
    keep_nan: bool = False,
) -> RunRows:
    """Published scores: `model, language, benchmark, value` in any order, more columns allowed.

    Other names for the four are `lang`, `bcp_47`, `code`; `task`; `score`, `accuracy`, `acc`.
    Used if there: `metric`, `stderr` (`acc_stderr`), `n`, `fewshot` (`num_fewshot`), `revision`,
    `version` (`task_version`). Numbers may have a decimal comma. Rows with the languages `all` or
    `average` are not special: they are listed as unmapped.

    A row is an alignment score where its metric, or its benchmark, is one of this project (`mexa`,
    `nasca_max`, ...) or is named in `alignment`. It then needs no benchmark, and may have a
    `corpus`, the `n` and the `pivot` it was computed with, and a `layer`. Without a column of
    values, columns called like such scores hold them. Scores of layers alone give their mean, and
    `<score>_max`, the best of them.

    Args:
        path: table, see `read_table`.
        names: another name for a model.
        alignment: further names of alignment scores.
        keep_nan: leave cells without a number (`NA`) out, with a note, instead of refusing.

    Returns:
        Rows of the frame, unmapped rows, layers, and the row of the file in `runs`. `named` has the
        names, and the further alignment scores, that were there.

    Raises:
        NeuronXAError: see `read_table`; or a column is missing, a cell is empty, or a value is no
            number.
    """
    table = read_table(path)
    declared = {name.casefold(): name for name in alignment}
    declared |= {name: name for name in (*METRICS, *MEASURE_METRICS)}
    cells = list(_cells(table, declared))
    decimal = _decimal(table, cells)
    out = RunRows(
        run={
            "source": str(path),
            "sha256": table.sha256,
            "model": "",
            "revision": "",
            "model_sha": "",
            "fingerprint": "",
            "harness": "published",
            "date": math.nan,
            "tasks": 0,
            "random_weights": 0,
            "dtype": "",
        },
        notes=list(table.notes),
    )
    layers: dict[tuple[str, ...], list[tuple[int, float, Row]]] = defaultdict(list)
    for cell in cells:
        if keep_nan and is_missing(cell.text):
            out.notes.append(f"{cell.where}: {cell.column} is {cell.text!r} and was left out.")
            continue
        row = _row(cell, decimal, str(path), names or {})
        out.named |= {cell.row["model"]} & set(names or {})
        out.named |= {cell.metric} & set(alignment)
        if row["language"] is None:
            why = f"no known language: {cell.row['language']}"
            out.unmapped.append({**row, "why": why})
        elif cell.row["layer"]:
            layer = _whole(cell.row["layer"], "layer", cell.where)
            assert layer is not None
            key = tuple(str(row[name]) for name in ("model", "revision", "task", "metric"))
            layers[key].append((layer, row["value"], row))
        else:
            out.rows.append(row)
    _add_layers(out, layers)
    out.run["tasks"] = len({row["task"] for row in out.rows})
    return out


# --- which cells hold which scores ---------------------------------------------------------------


def _cells(table: Table, declared: Mapping[str, str]) -> Iterator[_Cell]:
    """Every score of a table."""
    columns = {name: table.column(*spellings) for name, spellings in _COLUMNS.items()}
    wide = [name for name in table.header if name.casefold() in declared]
    if columns["model"] is None or columns["language"] is None:
        raise _lacking(table, "model" if columns["model"] is None else "language")
    if columns["value"] is None and not wide:
        raise _lacking(table, "value")
    for line, cells in table.rows:
        where = f"{table.path}, line {line}"
        row = {name: cells[column] if column else "" for name, column in columns.items()}
        for name in ("model", "language"):
            if not row[name]:
                raise _empty(where, str(columns[name]))
        if columns["value"] is None:
            for column in wide:
                metric = declared[column.casefold()]
                corpus = row["corpus"] or _stem(table)
                yield _Cell(where, "alignment", corpus, metric, cells[column], column, row)
            continue
        column = columns["value"]
        kind, benchmark, metric = _what(table, row, column, declared)
        if kind == "benchmark" and not benchmark:
            if columns["benchmark"] is None:
                raise _lacking(table, "benchmark", row["metric"])
            raise _empty(where, columns["benchmark"])
        yield _Cell(where, kind, benchmark, metric, cells[column], column, row)


def _what(
    table: Table, row: Mapping[str, str], column: str, declared: Mapping[str, str]
) -> tuple[str, str, str]:
    """Kind, benchmark and metric of a row."""
    metric, benchmark = row["metric"], row["benchmark"]
    if metric.casefold() in declared:
        corpus = row["corpus"] or benchmark or _stem(table)
        return "alignment", corpus, declared[metric.casefold()]
    if benchmark.casefold() in declared:
        name = declared[benchmark.casefold()]
        ending = f"_{metric}" if metric and metric.casefold() not in _VALUE else ""
        return "alignment", row["corpus"] or _stem(table), name + ending
    usual = "acc" if column.casefold() in ("acc", "accuracy") else "value"
    return "benchmark", benchmark_name(benchmark), metric or usual


def _stem(table: Table) -> str:
    """The file's name: tables that do not say their corpus are not taken for the same one."""
    name = table.path.name.lower()
    for suffix in (".gz", *SUFFIXES):
        name = name.removesuffix(suffix)
    return name


# --- a row ------------------------------------------------------------------------------------


def _row(cell: _Cell, decimal: Decimal, source: str, names: Mapping[str, str]) -> Row:
    """A row of the frame; its language is None where it is not known."""
    row, where = cell.row, cell.where
    n = _whole(row["n"], "n", where)
    fewshot = _whole(row["fewshot"], "fewshot", where)
    settings: dict[str, object] = {"version": row["version"]} if row["version"] else {}
    if cell.kind == "alignment":
        settings |= {} if n is None else {"n": n}
        settings |= _pivot(row["pivot"], cell.benchmark, where)
    known = language_of(row["language"], cell.benchmark)
    task = row["benchmark"] if cell.kind == "benchmark" else cell.benchmark
    stderr = row["stderr"]
    return {
        "kind": cell.kind,
        "model": names.get(row["model"], row["model"]),
        "revision": row["revision"],
        "benchmark": cell.benchmark,
        "task": f"{task}_{row['language']}",
        "language": known,
        "metric": cell.metric,
        "value": _number(cell.text, cell.column, where, decimal),
        "stderr": math.nan if is_missing(stderr) else _number(stderr, "stderr", where, decimal),
        "n": n,
        "fewshot": fewshot,
        "settings": json.dumps(settings, sort_keys=True, ensure_ascii=False),
        "text": "",
        "lower_is_better": cell.kind == "benchmark" and metric_stem(cell.metric) in LOWER_IS_BETTER,
        "source": source,
    }


def _pivot(text: str, corpus: str, where: str) -> dict[str, str]:
    if not text:
        return {}
    code = language_of(text, corpus)
    if code is None:
        raise NeuronXAError(
            f"{where}: pivot is {text!r}, which names no language of the table. Write its code, "
            "such as eng_Latn."
        )
    return {"pivot": code}


def _decimal(table: Table, cells: Collection[_Cell]) -> Decimal:
    """Whether the values have a decimal point or a comma; alike in the whole table."""
    numbers = [text for cell in cells for text in (cell.text, cell.row["stderr"])]
    found, unclear = decimal_of(numbers)
    if found is None and unclear is not None:
        raise NeuronXAError(
            f"{table.path} has {unclear!r} as a value, which could be thousands or decimals, and "
            "no other value shows which. Write its numbers with a decimal point."
        )
    return found or "."


def _number(text: str, name: str, where: str, decimal: Decimal) -> float:
    if not text:
        raise _empty(where, name)
    value = number_in(text, decimal)
    if value is None or not math.isfinite(value):
        other = " as other values have it" if ways(text) else ""
        raise NeuronXAError(
            f"{where}: {name} is {text!r}, which is no finite number with a decimal "
            f"{'point' if decimal == '.' else 'comma'}{other}. Correct it, or remove the line."
        )
    return value


def _whole(text: str, name: str, where: str) -> int | None:
    """A count; it may have thousands, and `.0` as other programs write it."""
    if is_missing(text):
        return None
    found = {value for value in ways(text).values() if math.isfinite(value)}
    counts = {int(value) for value in found if value >= 0 and value == int(value)}
    if not found:
        raise NeuronXAError(
            f"{where}: {name} is {text!r}, which is no finite number. Correct it, or leave it "
            "empty."
        )
    if len(counts) != 1:
        raise NeuronXAError(f"{where}: {name} is {text!r}, but it counts something. Correct it.")
    return counts.pop()


# --- layers -----------------------------------------------------------------------------------


def _add_layers(
    out: RunRows, layers: Mapping[tuple[str, ...], list[tuple[int, float, Row]]]
) -> None:
    """Adds the layers, and their mean and maximum where the table has only layers."""
    there = {
        tuple(str(row[name]) for name in ("model", "revision", "task", "metric"))
        for row in out.rows
    }
    numbers: dict[tuple[str, str, str], tuple[list[int], str]] = {}
    for key, found in sorted(layers.items()):
        found.sort(key=lambda each: each[0])
        row = found[0][2]
        of_model = [layer for layer, _, _ in found]
        if len(set(of_model)) < len(of_model):
            twice = next(layer for layer in of_model if of_model.count(layer) > 1)
            raise NeuronXAError(
                f"{row['source']} has layer {twice} of {row['metric']} in {row['language']} twice "
                f"for the model {row['model']!r}. Remove one of the lines."
            )
        first, language = numbers.setdefault(
            (row["model"], row["benchmark"], row["metric"]), (of_model, row["language"])
        )
        if first != of_model:
            raise NeuronXAError(
                f"{row['source']} has {len(of_model)} layers of {row['metric']} in "
                f"{row['language']} and {len(first)} in {language} for the model "
                f"{row['model']!r}, so that their means are not comparable. Give all layers of all."
            )
        values = [value for _, value, _ in found]
        out.layers.append(
            {
                **{name: row[name] for name in ("model", "revision", "task", "source")},
                **{name: row[name] for name in ("benchmark", "language", "n")},
                "columns": {
                    "representation": (SCORES.get(row["metric"], row["metric"]),) * len(found),
                    "direction": ("mutual",) * len(found),
                    "layer": tuple(of_model),
                    "hits": (None,) * len(found),
                    "rate": tuple(values),
                },
            }
        )
        for metric, value in (
            (row["metric"], math.fsum(values) / len(values)),
            (f"{row['metric']}_max", max(values)),
        ):
            if (*key[:3], metric) not in there:
                out.rows.append({**row, "metric": metric, "value": value, "stderr": math.nan})


# --- what is missing ----------------------------------------------------------------------------


def _lacking(table: Table, name: str, metric: str = "") -> NeuronXAError:
    told = (
        f"{table.path} has no column `{name}` (its columns are {', '.join(table.header)}), which "
        "is needed to join it."
    )
    if name == "benchmark" and metric:
        return NeuronXAError(
            f"{told} Its metric {metric!r} is no alignment score that is known; if it is one, type "
            f"--alignment {metric}. Otherwise add a column `benchmark`."
        )
    return NeuronXAError(f"{told} Name the columns model, language, benchmark, value.")


def _empty(where: str, column: str) -> NeuronXAError:
    return NeuronXAError(
        f"{where}: {column} is empty, and an empty cell would silently change n. Fill it in, or "
        "remove the line."
    )
