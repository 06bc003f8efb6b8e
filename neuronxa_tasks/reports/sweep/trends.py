"""What a sweep has found, as one tidy table: every value of every checkpoint, and means."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import METRIC_PREFERENCE, SCORES
from neuronxa_tasks.reports.sweep.checkpoints import refuse_mixed
from neuronxa_tasks.reports.sweep.notes import version_notes, weights_notes
from neuronxa_tasks.reports.sweep.records import Record, differences, is_whole, recorded, unfinished
from neuronxa_tasks.results import Results, read_results
from neuronxa_tasks.results.files import at, find_runs, finite
from neuronxa_tasks.results.naming.task_names import language_of

MEAN = "mean"
"""Stands for the language of a mean over languages."""

_Z = 1.959963984540054  # two-sided, 95 %


@dataclass(frozen=True, slots=True)
class Value:
    """One number of one checkpoint.

    Attributes:
        step: training step.
        checkpoint: its label.
        kind: `alignment` or `benchmark`.
        benchmark: `neuronxa_flores`, `xnli`, ...; a task without a known language by its name.
        metric: `nasca`, `acc`, ...
        language: a key of the language table, `MEAN`, or empty for a task without one.
        value: NaN for the mean of a checkpoint that lacks one of the languages.
        low: lower end of the 95 % interval; NaN where there is none.
        high: upper end.
        interval: what the interval is: `sentences` (bootstrap, from the results file), `stderr`
            (value +- 1.96 standard errors of the harness), or empty.
        n: sentences or documents; None where it is not known, and for means of benchmarks.
        languages: how many it is the mean of; 1 for a single one.
    """

    step: int
    checkpoint: str
    kind: Literal["alignment", "benchmark"]
    benchmark: str
    metric: str
    language: str
    value: float
    low: float
    high: float
    interval: str
    n: int | None
    languages: int


@dataclass(frozen=True)
class Trends:
    """Everything that is known about a series.

    Attributes:
        records: complete results in the order of their steps.
        values: sorted by kind, benchmark, metric, language (means first) and step.
        pivots: languages that no mean holds.
        inputs: results file below OUT, and the hash of its bytes.
        notes: what should be known, one sentence each.
    """

    records: tuple[Record, ...]
    values: tuple[Value, ...]
    pivots: frozenset[str]
    inputs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[int, ...]:
        """The training steps, ascending."""
        return tuple(record.checkpoint.step for record in self.records)

    @cached_property
    def lines(self) -> dict[tuple[str, str, str], dict[int, Value]]:
        """Benchmark, metric and language to the value of each step."""
        found: dict[tuple[str, str, str], dict[int, Value]] = defaultdict(dict)
        for value in self.values:
            found[(value.benchmark, value.metric, value.language)][value.step] = value
        return dict(found)

    def metrics(self, kind: Literal["alignment", "benchmark"]) -> list[tuple[str, str]]:
        """Benchmark and metric of what is drawn and correlated.

        Of an alignment the three scores; of a benchmark the first metric of `METRIC_PREFERENCE`
        that it has, or else its first by name.
        """
        of: dict[str, set[str]] = defaultdict(set)
        for value in self.values:
            if value.kind == kind:
                of[value.benchmark].add(value.metric)
        chosen = []
        for benchmark, metrics in sorted(of.items()):
            wanted = SCORES if kind == "alignment" else METRIC_PREFERENCE
            there = [metric for metric in wanted if metric in metrics]
            if kind == "benchmark":
                there = (there or sorted(metrics))[:1]
            chosen += [(benchmark, metric) for metric in there]
        return chosen

    def main_language(self, benchmark: str, metric: str) -> str:
        """The line that stands for a benchmark: its mean, or the only language it has."""
        lines = [key[2] for key in self.lines if key[:2] == (benchmark, metric)]
        return MEAN if MEAN in lines else lines[0]


def read_trends(out: Path) -> Trends:
    """Reads all complete results below OUT.

    Raises:
        NeuronXAError: there are none, they were run with different settings, they are damaged, or
            what `read_results` refuses.
    """
    found = recorded(out)
    if not found:
        raise NeuronXAError(
            f"{out} has no complete result of a sweep, so there is no trend. Run checkpoints "
            "first: neuronxa sweep CHECKPOINT ... -o OUT -- --tasks ..."
        )
    _check(out, found)
    files = {str(folder / record.results): record for folder, record in found.items()}
    runs = {str(run.path): run.content for run in find_runs(list(files)).runs}
    names = {path: record.checkpoint.label for path, record in files.items()}
    results = read_results(list(files), names=names, keep_nan=True)
    pivots = _pivots(results)
    single = [
        _value(files[row["source"]], row, runs.get(row["source"], {}))
        for row in [*_rows(results.frame), *_rows(results.unmapped)]
    ]
    tasks = {
        (row["benchmark"], row["language"]): row["task"]
        for row in _rows(results.frame)
        if row["kind"] == "alignment"
    }
    means = _means(single, pivots, {path: files[path] for path in runs}, runs, tasks)
    values = sorted(
        [*single, *means],
        key=lambda v: (v.kind, v.benchmark, v.metric, v.language != MEAN, v.language, v.step),
    )
    if not values:
        raise NeuronXAError(
            f"The {len(found)} results below {out} hold no value, so there is no trend. Look at "
            "their tasks; a run with --predict_only has none."
        )
    notes = [
        *(f"{name} has no complete result; sweep again." for name in unfinished(out, found)),
        *weights_notes(results, files),
        *version_notes(runs, files),
        *_gap_notes(values),
        *(note.replace(f"{out}/", "") for note in results.notes),
    ]
    inputs = [
        (str(Path(path).relative_to(out)), record.results_sha256) for path, record in files.items()
    ]
    return Trends(
        tuple(found.values()), tuple(values), frozenset(pivots), tuple(inputs), tuple(notes)
    )


def _check(out: Path, found: Mapping[Path, Record]) -> None:
    first = next(iter(found.values()))
    for folder, record in found.items():
        told = differences(first.settings, record.settings)
        if told:
            raise NeuronXAError(
                f"{out / first.checkpoint.folder} and {folder} were run with different settings: "
                f"{told}. Their values are no series: run one of them again with --redo, or move "
                "its folder away."
            )
        if not is_whole(folder, record):
            raise NeuronXAError(
                f"{folder / record.results} is gone or is not what the run wrote. Call the sweep "
                "with this checkpoint again; it is run again then."
            )
    refuse_mixed([record.checkpoint for record in found.values()])


def _rows(frame: Any) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _pivots(results: Results) -> set[str]:
    """Languages that alignment scores are measured against; English where there are none."""
    found: set[str] = set()
    for row in _rows(results.frame):
        if row["kind"] == "alignment":
            corpus = str(row["benchmark"]).removeprefix("neuronxa_")
            code = language_of(str(json.loads(row["settings"])["pivot"]), corpus)
            found |= {code} if code else set()
    return found or {"eng_Latn"}


def _value(record: Record, row: Mapping[str, Any], content: Mapping[str, Any]) -> Value:
    task, metric, value = str(row["task"]), str(row["metric"]), float(row["value"])
    stderr = finite(row.get("stderr"))
    if math.isnan(stderr):
        name, _, filtered = metric.partition(",")
        stderr = finite(at(content, "results", task, f"{name}_stderr,{filtered or 'none'}"))
    intervals = at(content, "config", "neuronxa", "tasks", task, "intervals")
    low, high, kind = math.nan, math.nan, ""
    if isinstance(intervals, dict):
        if isinstance(intervals.get(metric), list):
            low, high = (float(end) for end in intervals[metric])
            kind = "sentences"
    elif stderr > 0:  # where all documents are alike it is 0, which is no interval
        low, high, kind = value - _Z * stderr, value + _Z * stderr, "stderr"
    n = finite(row.get("n"))
    return Value(
        step=record.checkpoint.step,
        checkpoint=record.checkpoint.label,
        kind="alignment" if row.get("kind") == "alignment" else "benchmark",
        benchmark=str(row.get("benchmark") or task),
        metric=metric,
        language=str(row.get("language") or ""),
        value=value,
        low=low,
        high=high,
        interval=kind,
        n=int(n) if math.isfinite(n) else None,
        languages=1,
    )


def _means(
    single: Sequence[Value],
    pivots: set[str],
    files: Mapping[str, Record],
    runs: Mapping[str, Mapping[str, Any]],
    tasks: Mapping[tuple[str, str], str],
) -> list[Value]:
    """Means over the languages without the pivot, of two and more, at each step."""
    lines: dict[tuple[str, str], dict[int, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for value in single:
        if value.language and value.language not in pivots:
            lines[(value.benchmark, value.metric)][value.step].append(value)
    content = {files[path].checkpoint.step: run for path, run in runs.items()}
    found = []
    for (benchmark, metric), by_step in lines.items():
        languages = {value.language for values in by_step.values() for value in values}
        if len(languages) < 2:
            continue
        named = {tasks.get((benchmark, language), "") for language in languages}
        for step, values in by_step.items():
            whole = len(values) == len(languages)
            one = values[0]
            low, high = _joint_interval(content[step], named, metric) if whole else (math.nan,) * 2
            found.append(
                Value(
                    step,
                    one.checkpoint,
                    one.kind,
                    benchmark,
                    metric,
                    MEAN,
                    math.fsum(v.value for v in values) / len(values) if whole else math.nan,
                    low,
                    high,
                    "" if math.isnan(low) else "sentences",
                    one.n if one.kind == "alignment" else None,
                    len(values),
                )
            )
    return found


def _joint_interval(
    content: Mapping[str, Any], tasks: set[str], metric: str
) -> tuple[float, float]:
    """The interval of a mean that the run itself has computed for exactly these languages."""
    blocks = at(content, "config", "neuronxa", "means")
    for block in blocks if isinstance(blocks, list) else []:
        interval = at(block, "intervals", metric)
        if set(at(block, "tasks") or []) == tasks and isinstance(interval, list):
            return float(interval[0]), float(interval[1])
    return math.nan, math.nan


def _gap_notes(values: Iterable[Value]) -> list[str]:
    gaps: dict[tuple[str, str], list[int]] = defaultdict(list)
    for value in values:
        if value.language == MEAN and math.isnan(value.value):
            gaps[(value.benchmark, value.metric)].append(value.step)
    return [
        f"The mean of {metric} of {benchmark} is not given at step "
        f"{', '.join(str(step) for step in steps)}, where a language is missing."
        for (benchmark, metric), steps in sorted(gaps.items())
    ]
