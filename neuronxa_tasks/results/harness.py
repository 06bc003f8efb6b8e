"""One results file of the harness to rows, whatever version wrote it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.block import (
    SCORES,
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
from neuronxa_tasks.results.task_names import language_of, locate

# What stands among the metrics of a task and is none (`bypass`: a run with --predict_only).
_NO_METRIC = {"alias", "name", "sample_len", "samples", "sample_count", " ", "bypass"}


@dataclass(slots=True)
class RunRows:
    """What one results file says.

    Attributes:
        rows: one per task with a language and metric; see `frame.COLUMNS`.
        unmapped: the same of tasks whose language is not known, with `why`.
        layers: one per alignment task; its `columns` have one row per representation, direction
            and layer, see `block.layer_columns`.
        tokens: one per alignment task.
        run: model, revision, versions and date of the file.
        notes: what should be known, one sentence each.
    """

    rows: list[Row] = field(default_factory=list)
    unmapped: list[Row] = field(default_factory=list)
    layers: list[Row] = field(default_factory=list)
    tokens: list[Row] = field(default_factory=list)
    run: Row = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def rows_of(
    run: RunFile,
    *,
    names: Mapping[str, str] | None = None,
    templates: Mapping[str, str] | None = None,
    keep_nan: bool = False,
) -> RunRows:
    """Reads one results file of harness 0.3 or 0.4.

    Args:
        run: the file.
        names: names for models, from the name in the file, or the file's path, to another.
        templates: further task templates, see `task_names.locate`.
        keep_nan: leave values that are NaN out (and note them) instead of refusing.

    Raises:
        NeuronXAError: no model name, a value that is text, infinite or NaN, tasks announced but
            without result, or a damaged NeuronXA block.
    """
    content, path = run.content, str(run.path)
    config = _dictionary(content, "config", path)
    names = names or {}
    model, revision = _model(content, config, path, names)
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
        }
    )
    entries: dict[str, Any] = {
        **_dictionary(content, "groups", path),
        **_dictionary(content, "results", path),
    }
    parents = {
        group: [str(child) for child in children] if isinstance(children, list) else []
        for group, children in _dictionary(content, "group_subtasks", path).items()
    }
    groups = {name for name, children in parents.items() if children} | set(
        _dictionary(content, "groups", path)
    )
    _refuse_incomplete(content, entries, groups, parents, path)
    places = {
        task: _place(task, {} if task in groups else _metrics(metrics), alignment, templates)
        for task, metrics in entries.items()
    }
    # A group that is a language (global_mmlu_sw) stands for its parts.
    parts = {child for name in groups if places.get(name) for child in _descendants(name, parents)}
    for task, metrics in entries.items():
        place = places[task]
        if task in parts or (task in groups and place is None):
            continue
        values = _metrics(metrics)
        base = {
            "model": model,
            "revision": revision,
            "task": task,
            "fewshot": _fewshot(content, config, task),
            "source": path,
        }
        if place is None:
            # (The pivot against itself, which has no score, ends here without a row.)
            why = "no known task name with a language"
            out.unmapped += [
                {**base, "metric": metric, "value": finite(value), "why": why}
                for metric, (value, _) in values.items()
            ]
            continue
        kind, benchmark, language = place
        if not values:
            out.notes.append(f"{path}: the task {task} has no metric and gives no row.")
            continue
        if kind == "alignment" and task not in alignment:
            raise NeuronXAError(
                f"{path} has alignment scores of {task}, but no NeuronXA block for it, so pivot, "
                "n and tap are not known. Run it again with `neuronxa run`, or leave it out."
            )
        facts = alignment[task] if kind == "alignment" else None
        settings = (
            alignment_settings(facts) if facts is not None else _settings(content, config, task)
        )
        version = _version(_dictionary(content, "versions", path).get(task))
        if version:
            settings["version"] = version
        n = facts["n"] if facts is not None else _n(content, task, metrics)
        if n is None and task in run.samples:
            n = len({sample["doc_id"] for sample in read_samples(run.samples[task])})
        for metric, (value, stderr) in values.items():
            checked = _value(value, metric, task, path)
            if checked is None:
                if not keep_nan:
                    raise NeuronXAError(
                        f"{path}: {metric} of {task} is NaN, and a missing value would silently "
                        "change n. Run the task again, or allow NaN to be left out."
                    )
                out.notes.append(f"{path}: {metric} of {task} is NaN and was left out.")
                continue
            if facts is not None:
                check_score(metric, checked, facts, task, path)
            out.rows.append(
                {
                    **base,
                    "kind": kind,
                    "benchmark": benchmark,
                    "language": language,
                    "metric": metric,
                    "value": checked,
                    "stderr": finite(stderr),
                    "n": n,
                    "settings": json.dumps(settings, sort_keys=True, ensure_ascii=False),
                }
            )
        if facts is not None:
            key = {name: base[name] for name in ("model", "revision", "task", "source")}
            key |= {"benchmark": benchmark, "language": language}
            out.layers.append({**key, "n": facts["n"], "columns": layer_columns(facts)})
            out.tokens += token_rows(key, facts)
    out.run["tasks"] = len({row["task"] for row in out.rows})
    return out


# --- the model --------------------------------------------------------------------------------


def _model(
    content: dict[str, Any], config: dict[str, Any], path: str, names: Mapping[str, str]
) -> tuple[str, str]:
    arguments = _arguments(config.get("model_args"))
    # The order of the harness: an adapter names the model before its base does.
    keys = ("peft", "delta", "pretrained", "model", "path", "engine")
    found = as_text(content.get("model_name")) or next(
        (arguments[key] for key in keys if arguments.get(key)), None
    )
    if not found and path in names:
        found = names[path]
    if not found:
        raise NeuronXAError(
            f"{path} does not say which model was run (neither `model_name` nor `model_args`). "
            f"Name it: {path}=NAME."
        )
    name = names.get(path, names.get(found, found))
    return name, as_text(config.get("model_revision")) or arguments.get("revision") or ""


def _arguments(given: object) -> dict[str, str]:
    """Model arguments, which are a text up to harness 0.4.9 and a dictionary later."""
    if isinstance(given, dict):
        return {str(key): as_text(value) for key, value in given.items()}
    pairs = (part.partition("=") for part in str(given or "").split(","))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


# --- tasks ------------------------------------------------------------------------------------


def _place(
    task: str,
    values: Mapping[str, Any],
    alignment: Mapping[str, Any],
    templates: Mapping[str, str] | None,
) -> tuple[str, str, str] | None:
    """Kind, benchmark and language of a task."""
    if task in alignment:
        facts = alignment[task]
        language = language_of(facts["target"], facts["corpus"])
        return ("alignment", f"neuronxa_{facts['corpus']}", language) if language else None
    found = locate(task, templates)
    if found is not None:
        return ("benchmark", *found)
    if task.startswith("neuronxa_") and set(values) & set(SCORES):
        # Scores without their block; the caller refuses them.
        return ("alignment", task, "")
    return None


def _descendants(group: str, parents: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents.get(group) or [])
    while waiting:
        child = waiting.pop()
        if child not in found:
            found.add(child)
            waiting += parents.get(child) or []
    return found


def _refuse_incomplete(
    content: dict[str, Any],
    entries: Mapping[str, Any],
    groups: set[str],
    parents: Mapping[str, list[str]],
    path: str,
) -> None:
    announced = set(_dictionary(content, "configs", path))
    announced |= set(_dictionary(content, "n-samples", path))
    for children in parents.values():
        announced |= set(children)
    missing = sorted(announced - set(entries) - groups - set(parents))
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise NeuronXAError(
            f"{path} is incomplete: {len(missing)} of its tasks have no result ({shown}). "
            "Run them again, or leave the file out."
        )


def _fewshot(content: dict[str, Any], config: dict[str, Any], task: str) -> int | None:
    for found in (
        at(content, "n-shot", task),
        at(content, "configs", task, "num_fewshot"),
        config.get("num_fewshot"),
    ):
        value = whole(found)
        if value is not None:
            return value
    return None


def _n(content: dict[str, Any], task: str, metrics: object) -> int | None:
    """Documents scored; the harness before 0.4.3 does not say."""
    effective = at(content, "n-samples", task, "effective")
    for found in (effective, at(metrics, "sample_len"), at(metrics, "samples")):
        value = whole(found, least=1)
        if value is not None:
            return value
    return None


def _version(found: object) -> str:
    """Task version; 1, 1.0 and "1.0" are the same."""
    if found is None or isinstance(found, (dict, list)):
        return ""
    try:
        return f"{float(str(found)):g}"
    except ValueError:
        return str(found)


def _settings(content: dict[str, Any], config: dict[str, Any], task: str) -> dict[str, Any]:
    """What must be equal for two values of a benchmark to be comparable."""
    settings: dict[str, Any] = {}
    counted = at(content, "n-samples", task)
    original, effective = number(at(counted, "original")), number(at(counted, "effective"))
    limit = number(config.get("limit"))
    if limit is not None:
        # The command line writes 100.0 where Python code writes 100.
        settings["limit"] = int(limit) if limit.is_integer() else limit
    elif original is not None and effective is not None and effective < original:
        settings["limit"] = "a choice of samples"
    if content.get("chat_template"):
        # Only whether: each model has a template of its own.
        settings["chat_template"] = True
        if content.get("fewshot_as_multiturn"):
            settings["multiturn"] = True
    if content.get("system_instruction"):
        settings["system_instruction"] = str(content.get("system_instruction_sha") or "yes")[:12]
    if config.get("gen_kwargs") and at(content, "configs", task, "output_type") == "generate_until":
        settings["gen_kwargs"] = config["gen_kwargs"]
    return settings


# --- values -----------------------------------------------------------------------------------


def _metrics(entry: object) -> dict[str, tuple[Any, Any]]:
    """Metric to value and standard error.

    Harness 0.4 writes `acc,none` (metric, filter), 0.3 wrote `acc`. A filter other than `none`
    stays part of the name.
    """
    if not isinstance(entry, dict):
        return {}
    values: dict[str, tuple[Any, Any]] = {}
    for key, value in entry.items():
        metric, _, filtered = key.partition(",")
        if metric in _NO_METRIC or metric.endswith("_stderr"):
            continue
        name = metric if filtered in ("", "none") else f"{metric},{filtered}"
        error = entry.get(f"{metric}_stderr,{filtered}" if filtered else f"{metric}_stderr")
        values[name] = (value, error)
    return values


def _value(value: object, metric: str, task: str, path: str) -> float | None:
    """The value as a finite float, or None for NaN."""
    found = number(value)
    if found is None:
        raise NeuronXAError(
            f"{path}: {metric} of {task} is {value!r}, which is no number. "
            "Run the task again, or leave the file out."
        )
    if math.isinf(found):
        raise NeuronXAError(
            f"{path}: {metric} of {task} is infinite, so nothing can be computed from it. "
            "Run the task again, or leave the file out."
        )
    return None if math.isnan(found) else found


def _dictionary(content: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    found = content.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise NeuronXAError(
            f"{path} has a `{key}` that is no object but {type(found).__name__}, so it was not "
            "written by the harness. Give the file as the harness wrote it."
        )
    return found
