"""What can be correlated: scores and benchmarks by model and language, chosen from the results."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import (
    BASELINES,
    MEASURE_METRICS,
    METRIC_PREFERENCE,
    METRICS,
    SCORES,
    of_a_measure,
)
from neuronxa_tasks.reports.escape import visible
from neuronxa_tasks.reports.usual_metric import usual_metrics
from neuronxa_tasks.results import Results
from neuronxa_tasks.results.naming.task_names import benchmark_name, language_of

Kind = Literal["alignment", "benchmark"]

ALIGNMENT = (*SCORES, *(f"{score}_max" for score in SCORES), *BASELINES)
"""Alignment metrics that are correlated by default: scores, best layers, and what text alone gives.
Controls, variants and measures only by name, so that they multiply nobody's tests."""
COMPARED = (*SCORES, *BASELINES, *MEASURE_METRICS)
"""Alignment metrics that are compared where a result has measures."""
NO_PIVOT = "none"
_PLAIN = ("acc", "accuracy", "value")
"""The first of these that a benchmark has is called like the benchmark."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One score over models and languages.

    Attributes:
        kind: `alignment` or `benchmark`.
        benchmark: `neuronxa_flores`, `xnli`, ...
        metric: `nasca`, `acc`, ...
        label: how tables call it; unique in a study.
        values: model to language to value, finite.
        errors: model to language to standard error, NaN where it is not known.
    """

    kind: Kind
    benchmark: str
    metric: str
    label: str
    values: Mapping[str, Mapping[str, float]] = field(repr=False)
    errors: Mapping[str, Mapping[str, float]] = field(repr=False)


def model_names(results: Results) -> dict[tuple[str, str], str]:
    """Model and revision to a name: the revision is part of it where a model has several.

    Characters that would hide or turn text around are spelled out, so that every name is what it
    looks like, wherever it is shown.
    """
    frame = results.frame
    pairs = sorted(set(zip(frame["model"], frame["revision"], strict=True)))
    revisions: dict[str, int] = defaultdict(int)
    for model, _ in pairs:
        revisions[model] += 1
    return {
        (model, revision): visible(f"{model}@{revision}" if revisions[model] > 1 else model)
        for model, revision in pairs
    }


@dataclass(frozen=True, slots=True)
class Chosen:
    """The variables that a study may pair.

    Attributes:
        alignment: scores and text baselines.
        benchmarks: the others.
        excluded: languages left out (the pivot), sorted.
        notes: what was not used, one sentence each.
        compared: scores, text baselines and measures; empty where there is no measure.
    """

    alignment: list[Variable]
    benchmarks: list[Variable]
    excluded: tuple[str, ...]
    notes: list[str]
    compared: list[Variable]


def choose_variables(
    results: Results,
    *,
    pivot: str | None = None,
    benchmarks: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> Chosen:
    """Sorts the frame into variables and takes those that were asked for.

    Args:
        results: what was read.
        pivot: see `study.build_study`.
        benchmarks: see there.
        metrics: see there.

    Raises:
        NeuronXAError: a name that is not in the results.
    """
    names = model_names(results)
    kept, excluded = _without_pivot(results, pivot)
    scores = _variables_of(kept, names, "alignment")
    tasks = _variables_of(kept, names, "benchmark")
    alignment, notes = _chosen_metrics(scores, metrics)
    outcomes, more = _chosen_benchmarks(tasks, benchmarks)
    compared = [variable for variable in scores if variable.metric in COMPARED]
    if not any(variable.metric in MEASURE_METRICS for variable in compared):
        compared = []
    return Chosen(alignment, outcomes, excluded, notes + more, compared)


@dataclass(frozen=True, slots=True)
class _Value:
    kind: str
    key: tuple[str, str]
    benchmark: str
    metric: str
    language: str
    value: float
    stderr: float


def _without_pivot(results: Results, pivot: str | None) -> tuple[list[_Value], tuple[str, ...]]:
    """All values outside the pivot, and the languages left out."""
    frame = results.frame
    excluded: set[str] = set()
    if pivot is None:
        alignment = frame[frame["kind"] == "alignment"]
        for benchmark, settings in zip(alignment["benchmark"], alignment["settings"], strict=True):
            corpus = str(benchmark).removeprefix("neuronxa_").partition(" [")[0]
            given = json.loads(settings).get("pivot")  # published scores may lack it
            found = language_of(str(given), corpus) if given else None
            if found:
                excluded.add(found)
        excluded = excluded or {"eng_Latn"}
    elif pivot != NO_PIVOT:
        code = language_of(pivot, "")
        if code is None:
            raise NeuronXAError(
                f"--pivot is {pivot!r}, which names no language of the table. "
                "Write its code, such as eng_Latn, or `none` to leave no language out."
            )
        excluded = {code}
    columns = ("kind", "model", "revision", "benchmark", "metric", "language", "value", "stderr")
    kept = [
        _Value(kind, (model, revision), benchmark, metric, language, float(value), float(stderr))
        for kind, model, revision, benchmark, metric, language, value, stderr in zip(
            *(frame[name] for name in columns), strict=True
        )
        if language not in excluded
    ]
    return kept, tuple(sorted(excluded))


def _variables_of(
    values: Sequence[_Value], names: Mapping[tuple[str, str], str], kind: Kind
) -> list[Variable]:
    """Variables of one kind, in the order of the tables."""
    numbers: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    errors: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for row in values:
        if row.kind != kind:
            continue
        key, model = (row.benchmark, row.metric), names[row.key]
        numbers.setdefault(key, {}).setdefault(model, {})[row.language] = row.value
        errors.setdefault(key, {}).setdefault(model, {})[row.language] = row.stderr
    several = len({benchmark for benchmark, _ in numbers}) > 1

    def label(benchmark: str, metric: str) -> str:
        if kind == "alignment":
            return f"{metric} ({benchmark})" if several else metric
        # `value` is what a table calls a score whose metric it does not say.
        usual = next((name for name in _PLAIN if (benchmark, name) in numbers), None)
        plain = metric == usual
        return benchmark if plain else f"{benchmark} {metric}"

    def place(key: tuple[str, str]) -> tuple[str, int, str]:
        benchmark, metric = key
        return benchmark, METRICS.index(metric) if metric in METRICS else len(METRICS), metric

    return [
        Variable(kind, *key, label(*key), numbers[key], errors[key])
        for key in sorted(numbers, key=place)
    ]


def _chosen_metrics(
    found: list[Variable], metrics: Sequence[str]
) -> tuple[list[Variable], list[str]]:
    """The alignment metrics that were asked for, by default those of `ALIGNMENT`."""
    known = list(dict.fromkeys(variable.metric for variable in found))
    for metric in metrics:
        if metric not in known:
            raise NeuronXAError(
                f"--metric is {metric!r}, but the results have "
                f"{', '.join(known) or 'no alignment scores'}. Name one of these."
            )
    # A score that this project does not have was declared by the user.
    usual = [
        name for name in known if name in ALIGNMENT or not (name in METRICS or of_a_measure(name))
    ]
    wanted = metrics or usual or known
    others = [name for name in known if name not in wanted and not of_a_measure(name)]
    notes = (
        [f"Alignment metrics that were not used: {', '.join(others)} (choose with --metric)."]
        if others and not metrics
        else []
    )
    return [variable for variable in found if variable.metric in wanted], notes


def _chosen_benchmarks(
    found: list[Variable], wanted: Sequence[str]
) -> tuple[list[Variable], list[str]]:
    """One metric per benchmark, or those that were asked for."""
    by_name: dict[str, dict[str, Variable]] = defaultdict(dict)
    for variable in found:
        by_name[variable.benchmark][variable.metric] = variable
    if wanted:
        chosen: dict[str, Variable] = {}
        for text in wanted:
            name, _, metric = text.partition(":")
            name = name if name in by_name else benchmark_name(name)
            if name not in by_name:
                raise NeuronXAError(
                    f"--benchmark is {text!r}, but the results have "
                    f"{', '.join(by_name) or 'no benchmark'}. Name one of these."
                )
            metric = metric or _usual(by_name[name])
            if metric not in by_name[name]:
                raise NeuronXAError(
                    f"--benchmark is {text!r}, but {name} has {', '.join(by_name[name])}. "
                    f"Write for example {name}:{_usual(by_name[name])}."
                )
            variable = by_name[name][metric]
            chosen[variable.label] = variable
        return list(chosen.values()), []
    notes = []
    result = []
    for name, variables in by_name.items():
        best = usual_metrics(_models(variables), METRIC_PREFERENCE)
        result += [variables[metric] for metric in best]
        others = [metric for metric in variables if metric not in best]
        if others:
            notes.append(
                f"{name} has several metrics; {' and '.join(best)} was used, not "
                f"{', '.join(others)} (choose with --benchmark {name}:{others[0]})."
            )
        if len(best) > 1:
            notes.append(
                f"No metric of {name} is there for all models, so {' and '.join(best)} stand side "
                "by side, each for the models that have it."
            )
    return result, notes


def _models(variables: Mapping[str, Variable]) -> dict[str, list[str]]:
    return {metric: list(variable.values) for metric, variable in variables.items()}


def _usual(variables: Mapping[str, Variable]) -> str:
    return usual_metrics(_models(variables), METRIC_PREFERENCE)[0]
