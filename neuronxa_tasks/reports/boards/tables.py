"""The scores of the boards as tables of cells, from the tidy frame, and which boards there are."""

from __future__ import annotations

import difflib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import DEFAULT_METRIC, METRIC_PREFERENCE, METRICS
from neuronxa_tasks.reports.usual_metric import usual_metrics
from neuronxa_tasks.reports.variables import model_names
from neuronxa_tasks.results import Results
from neuronxa_tasks.results.naming.task_names import benchmark_name


@dataclass(frozen=True, slots=True)
class Cell:
    """One score of one model in one language.

    Attributes:
        value: the score.
        stderr: its standard error, NaN where it is not known.
        n: items or sentence pairs, None where it is not known.
        text: hash of the sentences or chosen items, empty where it is not known.
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
        lower: boards of which less is better.
        random: model to the number of its weights that were drawn at random, where there are any.
    """

    cells: Mapping[Key, Mapping[str, Mapping[str, Cell]]]
    settings: Mapping[Key, Mapping[str, object]]
    lower: frozenset[Key] = frozenset()
    random: Mapping[str, int] = field(default_factory=dict)

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
    cells: dict[Key, dict[str, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    settings: dict[Key, Mapping[str, object]] = {}
    directions: dict[Key, dict[bool, str]] = defaultdict(dict)
    for row in results.frame.to_dict("records"):
        if languages is not None and row["language"] not in languages:
            continue
        key = Key(row["kind"], row["benchmark"], row["metric"])
        identity = (row["model"], row["revision"])
        cells[key][names[identity]][row["language"]] = Cell(
            value=float(row["value"]),
            stderr=float(row["stderr"]),
            n=_whole(row["n"]),
            text=row["text"],
            source=row["source"],
            task=row["task"],
        )
        directions[key].setdefault(bool(row["lower_is_better"]), row["source"])
        settings.setdefault(key, {"fewshot": _whole(row["fewshot"]), **json.loads(row["settings"])})
    return Tables(
        {key: {model: dict(found) for model, found in of.items()} for key, of in cells.items()},
        settings,
        frozenset(key for key, said in directions.items() if _lower(key, said)),
        _random(results, names),
    )


def _lower(key: Key, said: Mapping[bool, str]) -> bool:
    """Whether less is better; refuses files that do not agree."""
    if len(said) > 1:
        raise NeuronXAError(
            f"{said[True]} says that less {key.metric} of {key.label} is better, and {said[False]} "
            "that more is, so they cannot be ranked together. Leave one of them out."
        )
    return True in said


def _random(results: Results, names: Mapping[tuple[str, str], str]) -> dict[str, int]:
    found: dict[str, int] = {}
    columns = ("model", "revision", "random_weights")
    for model, revision, count in zip(*(results.runs[name] for name in columns), strict=True):
        if count:
            name = names.get((model, revision), model)
            found[name] = max(found.get(name, 0), int(count))
    return found


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
        of_metric = {metric: tables.cells[key] for metric, key in found.items()}
        order = (DEFAULT_METRIC, *METRICS) if kind == "alignment" else METRIC_PREFERENCE
        usual = usual_metrics(of_metric, order)
        chosen += [found[metric] for metric in metrics or usual if metric in found]
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
