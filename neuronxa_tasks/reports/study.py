"""Which values stand against each other: chosen from the results, or refused."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import BASELINES, METRIC_PREFERENCE, METRICS, SCORES
from neuronxa_tasks.reports.cells import Kind, Pair, Study, Variable
from neuronxa_tasks.results import Results
from neuronxa_tasks.results.task_names import benchmark_name, language_of

ALIGNMENT = (*SCORES, *(f"{score}_max" for score in SCORES), *BASELINES)
"""Alignment metrics that are correlated by default: scores, best layers, and what text alone gives.
Controls and variants only by name, so that they do not multiply the tests of everybody."""
NO_PIVOT = "none"


def build_study(
    results: Results,
    *,
    pivot: str | None = None,
    benchmarks: Sequence[str] = (),
    metrics: Sequence[str] = (),
    between: bool = False,
    alone: bool = False,
) -> Study:
    """Pairs alignment scores with benchmarks, or benchmarks with each other.

    Args:
        results: what was read.
        pivot: language left out; by default the pivot of the alignment scores, or English where
            there are none. `none` leaves nothing out.
        benchmarks: benchmarks to use, `xnli` or `xnli:acc_norm`; by default all, each with the
            first metric of `METRIC_PREFERENCE` that it has.
        metrics: alignment metrics to use; by default all.
        between: correlate the benchmarks with each other, too. It is always done where all input
            is published tables, which cannot hold alignment scores.
        alone: give a study without pairs where there are alignment scores and no benchmark at all,
            instead of refusing.

    Raises:
        NeuronXAError: a name that is not in the results, nothing to pair, no language in common,
            or one language alone.
    """
    names = model_names(results)
    kept, excluded = _without_pivot(results, pivot)
    scores = _variables(kept, names, "alignment")
    tasks = _variables(kept, names, "benchmark")
    alignment, notes = _chosen_metrics(scores, metrics)
    outcomes, more = _chosen_benchmarks(tasks, benchmarks)
    notes += more
    published = set(results.runs["harness"]) == {"published"}
    pairs = [Pair(x, y) for y in outcomes for x in alignment]
    if between or (not alignment and published):
        pairs += [Pair(x, y) for x, y in combinations(outcomes, 2)]
    no_benchmark = not (results.frame["kind"] == "benchmark").any()
    if alone and alignment and no_benchmark and not benchmarks:
        notes.append(
            "No benchmark of a known language is in the results, so nothing was correlated."
        )
        return Study((), tuple(sorted(set(names.values()))), excluded, tuple(notes), bool(metrics))
    if not pairs:
        raise _nothing_to_pair(results, alignment, outcomes)
    usable = [pair for pair in pairs if any(pair.languages(model) for model in pair.models())]
    if not usable:
        raise _nothing_in_common(pairs)
    most = max(len(pair.languages(model)) for pair in usable for model in pair.models())
    if most == 1:
        pair = usable[0]
        (language,) = next(found for model in pair.models() if (found := pair.languages(model)))
        raise NeuronXAError(
            f"{pair.x.label} and {pair.y.label} have one language in common, {language}, and a "
            "correlation over languages needs at least four. Run both in more languages."
        )
    notes += [
        f"{pair.x.label} and {pair.y.label} have no language in common and were left out."
        for pair in pairs
        if pair not in usable
    ]
    models = sorted({model for pair in usable for model in pair.models() if pair.languages(model)})
    notes += _lonely_models(names.values(), models)
    notes += _overlap_notes(usable)
    return Study(tuple(usable), tuple(models), excluded, tuple(notes), named=bool(metrics))


def model_names(results: Results) -> dict[tuple[str, str], str]:
    """Model and revision to a name: the revision is part of it where a model has several."""
    frame = results.frame
    pairs = sorted(set(zip(frame["model"], frame["revision"], strict=True)))
    revisions: dict[str, int] = defaultdict(int)
    for model, _ in pairs:
        revisions[model] += 1
    return {
        (model, revision): f"{model}@{revision}" if revisions[model] > 1 else model
        for model, revision in pairs
    }


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
            found = language_of(str(json.loads(settings)["pivot"]), corpus)
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


def _variables(
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
        plain = metric == "acc" or (metric == "accuracy" and (benchmark, "acc") not in numbers)
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
    wanted = metrics or [name for name in known if name in ALIGNMENT] or known
    others = [name for name in known if name not in wanted]
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
            metric = metric or _preferred(by_name[name])
            if metric not in by_name[name]:
                raise NeuronXAError(
                    f"--benchmark is {text!r}, but {name} has {', '.join(by_name[name])}. "
                    f"Write for example {name}:{_preferred(by_name[name])}."
                )
            variable = by_name[name][metric]
            chosen[variable.label] = variable
        return list(chosen.values()), []
    notes = []
    result = []
    for name, variables in by_name.items():
        best = _preferred(variables)
        result.append(variables[best])
        others = [metric for metric in variables if metric != best]
        if others:
            notes.append(
                f"{name} has several metrics; {best} was used, not {', '.join(others)} "
                f"(choose with --benchmark {name}:{others[0]})."
            )
    return result, notes


def _preferred(metrics: Mapping[str, Variable]) -> str:
    return next((name for name in METRIC_PREFERENCE if name in metrics), min(metrics))


def _nothing_to_pair(
    results: Results, alignment: list[Variable], outcomes: list[Variable]
) -> NeuronXAError:
    sources = ", ".join(results.runs["source"][:3]) + (", ..." if len(results.runs) > 3 else "")
    if alignment:
        return NeuronXAError(
            f"The results have alignment scores, but no benchmark of a known language ({sources}), "
            "so there is nothing to correlate them with. Add benchmark results of the same "
            "models, or a CSV with model, language, benchmark, value."
        )
    if len(outcomes) > 1:
        return NeuronXAError(
            f"No file has a NeuronXA block ({sources}), so there are no alignment scores. Add a "
            "results file of `neuronxa run`, or --between to correlate the benchmarks with each "
            "other."
        )
    told = f"only one benchmark, {outcomes[0].label}" if outcomes else "no benchmark"
    return NeuronXAError(
        f"No file has a NeuronXA block ({sources}), so there are no alignment scores, and there is "
        f"{told} of a known language. Add a results file of `neuronxa run`."
    )


def _nothing_in_common(pairs: Sequence[Pair]) -> NeuronXAError:
    pair = next((pair for pair in pairs if pair.models()), None)
    if pair is None:
        x = ", ".join(sorted({model for pair in pairs for model in pair.x.values})[:3])
        y = ", ".join(sorted({model for pair in pairs for model in pair.y.values})[:3])
        return NeuronXAError(
            f"No model has both sides: {pairs[0].x.label} is of {x}, {pairs[0].y.label} is of {y}. "
            "If these are the same model under two names, say --name OLD=NEW."
        )
    model = pair.models()[0]
    x, y = (
        ", ".join(sorted(side.values[model])[:4]) + (", ..." if len(side.values[model]) > 4 else "")
        for side in (pair.x, pair.y)
    )
    return NeuronXAError(
        f"{model} has no common languages in {pair.x.label} ({x}) and {pair.y.label} ({y}), "
        "outside the pivot, so nothing can be paired. Run both in the same languages."
    )


def _lonely_models(everybody: Iterable[str], used: Sequence[str]) -> list[str]:
    lonely = sorted(set(everybody) - set(used))
    return [
        f"{model} has no pair of scores in a common language and takes no part; if it is another "
        "model under a second name, say --name OLD=NEW."
        for model in lonely
    ]


def _overlap_notes(pairs: Sequence[Pair]) -> list[str]:
    shared = any("flores" in p.x.benchmark and p.y.benchmark.startswith("belebele") for p in pairs)
    return (
        [
            "Belebele's passages are FLORES passages: its correlation with alignment on FLORES may "
            "come from the text they share. Check it with alignment on another corpus."
        ]
        if shared
        else []
    )
