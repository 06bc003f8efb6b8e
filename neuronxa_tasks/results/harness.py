"""One results file of the harness to rows, whatever version wrote it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import KEYED_ANSWERS, LOWER_IS_BETTER, METRIC_PREFERENCE, metric_stem
from neuronxa_tasks.results.block import (
    alignment_settings,
    alignment_tasks,
    check_score,
    layer_columns,
    token_rows,
)
from neuronxa_tasks.results.files import (
    Row,
    RunFile,
    as_text,
    at,
    finite,
    number,
    read_samples,
    whole,
)
from neuronxa_tasks.results.metric_values import metrics_of
from neuronxa_tasks.results.places import Groups, Place, entries_of, places_of, refuse_incomplete
from neuronxa_tasks.results.run_facts import (
    CHOICE,
    chosen_items,
    dictionary,
    fewshot_of,
    items_of,
    model_of,
    settings_of,
    version_text,
)

_NAN, _INFINITE = "is NaN", "is infinite"
NOT_FINITE = tuple(f"{why} and was left out." for why in (_NAN, _INFINITE))
"""Ends of notes about values that were left out."""


@dataclass(slots=True)
class RunRows:
    """What one results file says.

    Attributes:
        rows: one per task with a language and metric; see `frame.COLUMNS`.
        unmapped: the same of tasks whose language is not known, with `why`.
        layers: one per alignment task; its `columns` have one row per representation, direction
            and layer, see `block.layer_columns`.
        tokens: one per alignment task.
        run: model, revision, versions and date of the file, and its `dtype`.
        notes: what should be known, one sentence each.
        named: keys of `names` that named a model.
        tasks: every task and group of the file.
    """

    rows: list[Row] = field(default_factory=list)
    unmapped: list[Row] = field(default_factory=list)
    layers: list[Row] = field(default_factory=list)
    tokens: list[Row] = field(default_factory=list)
    run: Row = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)


def rows_of(
    run: RunFile,
    *,
    names: Mapping[str, str] | None = None,
    templates: Mapping[str, str] | None = None,
    keep_nan: bool = False,
    used: Collection[str] = (),
) -> RunRows:
    """Reads one results file of harness 0.3 or 0.4.

    Of a benchmark's metrics only those that are used must have a value: the usual one
    (`METRIC_PREFERENCE`) and those of `used`. Others that are NaN, infinite or no number are left
    out and noted.

    Args:
        run: the file.
        names: names for models, from the name in the file, or the file's path, to another.
        templates: further task templates, see `task_names.locate`.
        keep_nan: leave used values that are NaN out, too, instead of refusing.
        used: metrics that are asked for by name.

    Raises:
        NeuronXAError: no model name, a used value that is text, infinite or NaN, tasks announced
            but without result, or a damaged NeuronXA block.
    """
    content, path = run.content, str(run.path)
    config = dictionary(content, "config", path)
    model, revision, by = model_of(content, config, path, names or {})
    block = config.get("neuronxa")
    alignment = alignment_tasks(block, path)
    out = RunRows(
        run={
            "source": path,
            "sha256": run.sha256,
            "model": model,
            "revision": revision,
            "model_sha": as_text(config.get("model_sha")),
            "fingerprint": as_text(at(block, "model", "fingerprint")),
            "harness": as_text(content.get("lm_eval_version")),
            "date": finite(content.get("date")),
            "tasks": 0,
            "random_weights": whole(at(block, "model", "random_weights")) or 0,
            "dtype": as_text(at(block, "model", "dtype")),
        },
        named={by} - {""},
    )
    entries, groups = entries_of(content, path), Groups(content, path)
    out.tasks |= set(entries)
    refuse_incomplete(content, entries, groups, path)
    places, misnamed = places_of(entries, groups, alignment, templates)
    out.notes += _notes(out.run, config, misnamed)
    lost: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task, place in places.items():
        values = metrics_of(entries[task])
        base = {
            "model": model,
            "revision": revision,
            "task": task,
            "fewshot": fewshot_of(content, config, task),
            "source": path,
        }
        if place is None:
            # (The pivot against itself, which has no score, ends here without a row.)
            why = "no known task name with a language"
            out.unmapped += [
                {
                    **base,
                    "kind": "benchmark",
                    "benchmark": task,
                    "metric": metric,
                    "value": finite(value),
                    "stderr": finite(stderr),
                    "n": items_of(content, task, entries[task]),
                    "why": why,
                }
                for metric, (value, stderr) in values.items()
            ]
            continue
        if not values:
            out.notes.append(f"{path}: the task {task} has no metric and gives no row.")
            continue
        kind, benchmark, language = place
        shared = {**base, "kind": kind, "benchmark": benchmark, "language": language}
        shared |= _shared(run, config, task, place, alignment)
        facts = alignment[task] if kind == "alignment" else None
        usual = _usual(values)
        for metric, (value, stderr) in values.items():
            checked, broken = _value(value)
            if broken is not None:
                needed = facts is not None or metric == usual or metric in used
                if needed and not (keep_nan and broken == _NAN):
                    raise _unusable(metric, task, broken, path)
                lost[(metric, broken)].append(task)
                continue
            if facts is not None:
                check_score(metric, checked, facts, task, path)
            out.rows.append(
                {
                    **shared,
                    "metric": metric,
                    "value": checked,
                    "stderr": finite(stderr),
                    "lower_is_better": lower_is_better(content, task, metric),
                }
            )
        if facts is not None:
            key = {name: shared[name] for name in ("model", "revision", "task", "source")}
            key |= {"benchmark": benchmark, "language": language}
            out.layers.append({**key, "n": facts["n"], "columns": layer_columns(facts)})
            out.tokens += token_rows(key, facts)
    out.notes += [
        f"{path}: {metric} of {tasks[0]}"
        + (f" and of {len(tasks) - 1} other tasks" if len(tasks) > 1 else "")
        + f" {why} and was left out."
        for (metric, why), tasks in lost.items()
    ]
    out.run["tasks"] = len({row["task"] for row in out.rows})
    return out


def lower_is_better(content: dict[str, Any], task: str, metric: str) -> bool:
    """Whether less of a metric is better: as the file says, else as is known of the metric."""
    said = at(content, "higher_is_better", task, metric_stem(metric))
    return not said if isinstance(said, bool) else metric_stem(metric) in LOWER_IS_BETTER


def _notes(run: Row, config: dict[str, Any], misnamed: list[str]) -> list[str]:
    """What a reader should know of the whole file."""
    path, notes = run["source"], []
    if run["random_weights"]:
        notes.append(
            f"{path}: {run['random_weights']} weights of {run['model']} were not in its checkpoint "
            "and were drawn at random, so its scores are not those of the model."
        )
    if config.get("use_cache") and KEYED_ANSWERS not in config:
        notes.append(
            f"{path} was run with --use_cache ({config['use_cache']}). The harness does not tie "
            "that cache to a model, so its benchmark answers may be those of another one."
        )
    notes += [
        f"{path}: {group} is called like a language, but is a group of tasks with languages or "
        "benchmarks of their own; they count, and it does not."
        for group in misnamed
    ]
    return notes


def _shared(
    run: RunFile,
    config: dict[str, Any],
    task: str,
    place: Place,
    alignment: Mapping[str, Any],
) -> Row:
    """What all metrics of a task have in common: n, settings, and the text they were scored on."""
    content, path = run.content, str(run.path)
    kind = place[0]
    if kind == "alignment" and task not in alignment:
        raise NeuronXAError(
            f"{path} has alignment scores of {task}, but no NeuronXA block for it, so pivot, "
            "n and tap are not known. Run it again with `neuronxa run`, or leave it out."
        )
    how = settings_of(content, config, task)
    text = chosen_items(run, task) if how.get("limit") == CHOICE else ""
    if kind == "alignment":
        facts = alignment[task]
        settings, n = alignment_settings(facts), facts["n"]
        if at(facts, "source", "chosen"):  # then the hash is that of the choice
            text = ""
        text = " ".join(filter(None, (as_text(at(facts, "source", "sha256")), text)))
    else:
        settings, n = how, items_of(content, task, _entry(content, task))
        if n is None and task in run.samples:
            n = len({sample["doc_id"] for sample in read_samples(run.samples[task])})
    version = version_text(dictionary(content, "versions", path).get(task))
    if version:
        settings["version"] = version
    return {
        "n": n,
        "text": text,
        "settings": json.dumps(settings, sort_keys=True, ensure_ascii=False),
    }


def _entry(content: dict[str, Any], task: str) -> object:
    found = at(content, "results", task)
    return at(content, "groups", task) if found is None else found


# --- values -----------------------------------------------------------------------------------


def _usual(values: Collection[str]) -> str:
    return next((name for name in METRIC_PREFERENCE if name in values), min(values))


def _value(value: object) -> tuple[float, str | None]:
    """The value as a finite float, or why it is none."""
    found = number(value)
    if found is None:
        return math.nan, f"is {value!r}, which is no number,"
    if math.isinf(found):
        return math.nan, _INFINITE
    return found, _NAN if math.isnan(found) else None


def _unusable(metric: str, task: str, why: str, path: str) -> NeuronXAError:
    told = f"{path}: {metric} of {task} {why.rstrip(',')}"
    if why == _NAN:
        return NeuronXAError(
            f"{told}, and a missing value would silently change n. Run the task again, or allow "
            "NaN to be left out."
        )
    if why == _INFINITE:
        return NeuronXAError(
            f"{told}, so nothing can be computed from it. Run the task again, use another metric, "
            "or leave the file out."
        )
    return NeuronXAError(f"{told}. Run the task again, or leave the file out.")
