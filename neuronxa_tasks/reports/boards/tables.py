"""The scores of the boards as tables of cells, from the tidy frame, and which boards there are."""

from __future__ import annotations

import difflib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import DEFAULT_METRIC, METRICS
from neuronxa_tasks.reports.variables import model_names, usual_metric
from neuronxa_tasks.results import Results
from neuronxa_tasks.results.task_names import benchmark_name


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
class Key:
    """What a board is of.

    Attributes:
        kind: `alignment` or `benchmark`.
        label: of the frame: the benchmark, and in brackets the settings that differ.
        metric: name of the metric.
    """

    kind: str
    label: str
    metric: str

    @property
    def benchmark(self) -> str:
        """The label without its settings."""
        return self.label.partition(" [")[0]


@dataclass(frozen=True, slots=True)
class Tables:
    """All scores.

    Attributes:
        cells: board to model to language to cell.
        settings: board to what is equal for all its values.
    """

    cells: Mapping[Key, Mapping[str, Mapping[str, Cell]]]
    settings: Mapping[Key, Mapping[str, object]]

    def mean(self, key: Key, model: str, languages: Sequence[str]) -> float | None:
        """Mean of another metric over some languages, or None where one of them is missing."""
        found = self.cells.get(key, {}).get(model, {})
        if not languages or not all(language in found for language in languages):
            return None
        return sum(found[language].value for language in languages) / len(languages)


def tables_of(results: Results, languages: Sequence[str] | None = None) -> Tables:
    """Sorts the frame into boards.

    Args:
        results: read with `mixed="separate"`.
        languages: language keys to keep; by default all.
    """
    names = model_names(results)
    columns = ("model", "revision", "task", "text")
    texts = {
        (model, revision, task): str(text)
        for model, revision, task, text in zip(
            *(results.tokens[name] for name in columns), strict=True
        )
    }
    cells: dict[Key, dict[str, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    settings: dict[Key, Mapping[str, object]] = {}
    for row in results.frame.to_dict("records"):
        if languages is not None and row["language"] not in languages:
            continue
        key = Key(row["kind"], row["benchmark"], row["metric"])
        identity = (row["model"], row["revision"])
        cells[key][names[identity]][row["language"]] = Cell(
            value=float(row["value"]),
            stderr=float(row["stderr"]),
            n=_whole(row["n"]),
            text=texts.get((*identity, row["task"]), ""),
            source=row["source"],
            task=row["task"],
        )
        settings.setdefault(key, {"fewshot": _whole(row["fewshot"]), **json.loads(row["settings"])})
    return Tables(
        {key: {model: dict(found) for model, found in of.items()} for key, of in cells.items()},
        settings,
    )


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]


def chosen_boards(
    tables: Tables, metrics: Sequence[str] = (), benchmarks: Sequence[str] = ()
) -> list[Key]:
    """The boards that were asked for, alignment first.

    Args:
        tables: all scores.
        metrics: metrics to rank by; by default `nasca`, and of a benchmark its usual one.
        benchmarks: benchmarks and corpora; by default all.

    Raises:
        NeuronXAError: a metric or benchmark that is not there.
    """
    there = {key.benchmark for key in tables.cells}
    wanted = [name if name in there else benchmark_name(name) for name in benchmarks]
    for given, name in zip(benchmarks, wanted, strict=True):
        if name not in there:
            raise _unknown("--benchmark", given, there)
    known = {key.metric for key in tables.cells}
    for metric in metrics:
        if metric not in known:
            raise _unknown("--metric", metric, known)
    by_label: dict[tuple[str, str], dict[str, Key]] = defaultdict(dict)
    for key in tables.cells:
        if not wanted or key.benchmark in wanted:
            by_label[(key.kind, key.label)][key.metric] = key
    chosen: list[Key] = []
    for (kind, _), found in sorted(by_label.items()):
        usual = DEFAULT_METRIC if kind == "alignment" else usual_metric(found)
        chosen += [found[metric] for metric in metrics or [usual] if metric in found]
    return chosen


def _unknown(option: str, given: str, known: set[str]) -> NeuronXAError:
    listed = [name for name in METRICS if name in known]
    listed += sorted(known - set(METRICS))
    close = difflib.get_close_matches(given, listed, n=3)
    hint = f" Close: {', '.join(close)}." if close else ""
    return NeuronXAError(
        f"{option} is {given!r}, which the results do not have.{hint} They have "
        f"{', '.join(listed) or 'none'}."
    )
