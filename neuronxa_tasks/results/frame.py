"""All results in one tidy frame: joined, checked for what must not be mixed, and sorted."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.files import find_runs
from neuronxa_tasks.results.harness import Row, rows_of
from neuronxa_tasks.results.published import read_published
from neuronxa_tasks.results.task_names import check_templates

COLUMNS: dict[str, str] = {
    "kind": "str",
    "model": "str",
    "revision": "str",
    "benchmark": "str",
    "task": "str",
    "language": "str",
    "metric": "str",
    "value": "float64",
    "stderr": "float64",
    "n": "Int64",
    "fewshot": "Int64",
    "settings": "str",
    "source": "str",
}
_UNMAPPED = {
    "model": "str",
    "revision": "str",
    "task": "str",
    "metric": "str",
    "value": "float64",
    "fewshot": "Int64",
    "why": "str",
    "source": "str",
}
_LAYERS = {
    "model": "str",
    "revision": "str",
    "benchmark": "str",
    "task": "str",
    "language": "str",
    "representation": "str",
    "direction": "str",
    "layer": "int64",
    "hits": "int64",
    "n": "int64",
}
_TOKENS = {
    "model": "str",
    "revision": "str",
    "benchmark": "str",
    "task": "str",
    "language": "str",
    "n": "int64",
    "pivot": "str",
    "pivot_tokens": "float64",
    "target_tokens": "float64",
    "fertility": "float64",
    "truncated": "int64",
    "text": "str",
}
_RUNS = {
    "source": "str",
    "sha256": "str",
    "model": "str",
    "revision": "str",
    "model_sha": "str",
    "fingerprint": "str",
    "harness": "str",
    "date": "float64",
    "tasks": "int64",
}


@dataclass(frozen=True)
class Results:
    """Everything that was read.

    Attributes:
        frame: One row per model, task and metric with a known language. `kind` is `alignment` or
            `benchmark`; `benchmark` is `xnli`, `neuronxa_flores`, ...; `language` is a key of the
            language table; `metric` has the harness' filter unless it is `none`; `value` is finite;
            `stderr`, `n` and `fewshot` are missing where the source does not say; `revision` is
            empty where it is not known; `settings` is JSON with sorted keys and holds what else
            must be equal for values to be comparable (for alignment: n, pivot, tap, weights).
        unmapped: Rows whose language is not known, with `why`.
        layers: Hits per layer of the alignment tasks; `layer` counts blocks from 1, and hidden
            states have the embeddings as 0.
        tokens: Tokens per sentence of the alignment tasks; `fertility` is their ratio to the
            pivot's, `text` the hash of the sentences.
        runs: One row per file read, with the hash of its bytes and the time it was made (seconds
            since 1970).
        samples: (source, task) to the samples file beside that results file, where there is one.
        notes: What was left out or assumed, one sentence each.
    """

    frame: pd.DataFrame
    unmapped: pd.DataFrame
    layers: pd.DataFrame
    tokens: pd.DataFrame
    runs: pd.DataFrame
    samples: Mapping[tuple[str, str], Path]
    notes: tuple[str, ...]


def read_results(
    paths: Sequence[str | Path],
    *,
    published: Sequence[str | Path] = (),
    names: Mapping[str, str] | None = None,
    templates: Mapping[str, str] | None = None,
    duplicates: Literal["refuse", "latest"] = "refuse",
    mixed: Literal["refuse", "separate"] = "refuse",
    keep_nan: bool = False,
) -> Results:
    """Reads harness results and published tables into one frame.

    Args:
        paths: Results files of the harness (0.3 to 0.4.13) and folders with them.
        published: CSV files, see `published.read_published`.
        names: Another name for a model, by its name in the file or by the file's path; so that a
            local path and a name on the Hub can be the same model.
        templates: Further task names, template to benchmark: `{"mytask_{}": "mytask"}`.
        duplicates: What to do where the same task of one model was run twice in the same way:
            refuse, or keep the run with the latest date.
        mixed: What to do where one benchmark comes with several settings (few-shot, limit, task
            version, chat template; for alignment n, pivot, tap, weights): refuse, or keep apart as
            benchmarks of their own, called for example `xnli [fewshot=5]`.
        keep_nan: Leave values that are NaN out, with a note, instead of refusing.

    Returns:
        Frames sorted by model, revision, benchmark, metric and language: the same files give the
        same rows in the same order.

    Raises:
        NeuronXAError: nothing to read, a damaged or incomplete file, a duplicate, mixed settings,
            one language twice, or two models under one name.
    """
    check_templates(templates or {})
    if not paths and not published:
        raise NeuronXAError(
            "No results were given, so there is nothing to read. "
            "Name results files of the harness, folders with them, or a published CSV."
        )
    found = find_runs(paths)
    read = [rows_of(run, names=names, templates=templates, keep_nan=keep_nan) for run in found.runs]
    tables = [read_published(path) for path in published]
    notes = list(found.notes) + [note for part in read for note in part.notes]
    dates = {part.run["source"]: float(part.run["date"]) for part in read}
    rows = [row for part in read for row in part.rows]
    for table_rows, _, run in tables:
        for row in table_rows:
            row["model"] = (names or {}).get(row["model"], row["model"])
        rows += table_rows
        dates[run["source"]] = math.nan
    layers = [row | {"source": part.run["source"]} for part in read for row in part.layers]
    tokens = [row | {"source": part.run["source"]} for part in read for row in part.tokens]
    _refuse_other_models([part.run for part in read])
    unmapped = [row for part in read for row in part.unmapped]
    unmapped += [row for _, table_unmapped, _ in tables for row in table_unmapped]
    notes += _fill_revisions(rows, [*layers, *tokens])
    rows, dropped = _without_duplicates(rows, dates, duplicates)
    notes += dropped
    rows, labels = _apart(rows, mixed)
    _refuse_same_language(rows)
    kept = {(row["model"], row["revision"], row["task"], row["source"]) for row in rows}

    def of_kept(parts: Iterable[Row]) -> list[Row]:
        chosen = []
        for part in parts:
            key = (part["model"], part["revision"], part["task"], part["source"])
            if key in kept:
                chosen.append(part | {"benchmark": labels.get(key, part["benchmark"])})
        return chosen

    kept_layers, kept_tokens = of_kept(layers), of_kept(tokens)
    notes += _check_texts(kept_tokens, mixed)
    runs = [part.run for part in read] + [run for _, _, run in tables]
    used = {(row["source"], row["task"]) for row in rows}
    samples = {
        (str(file.path), task): path
        for file in found.runs
        for task, path in sorted(file.samples.items())
        if (str(file.path), task) in used
    }
    order = ["model", "revision", "kind", "benchmark", "metric", "language", "task"]
    layer_order = [*order[:2], "benchmark", "language", "representation", "direction", "layer"]
    return Results(
        frame=_frame(rows, COLUMNS, order),
        unmapped=_frame(unmapped, _UNMAPPED, ["model", "revision", "task", "metric", "source"]),
        layers=_frame(kept_layers, _LAYERS, layer_order),
        tokens=_frame(kept_tokens, _TOKENS, [*order[:2], "benchmark", "language"]),
        runs=_frame(runs, _RUNS, ["source"]),
        samples=samples,
        notes=tuple(notes),
    )


def _frame(rows: list[Row], columns: dict[str, str], order: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({name: [row.get(name) for row in rows] for name in columns})
    frame = frame.astype({name: kind for name, kind in columns.items() if kind != "str"})
    frame = frame.astype({name: object for name, kind in columns.items() if kind == "str"})
    ordered: pd.DataFrame = frame.sort_values(order, kind="stable", ignore_index=True)
    return ordered


def _refuse_other_models(runs: list[Row]) -> None:
    """One name and revision must be one set of weights, as far as fingerprints tell."""
    seen: dict[tuple[str, str], Row] = {}
    for run in runs:
        if not run["fingerprint"]:
            continue
        other = seen.setdefault((run["model"], run["revision"]), run)
        if other["fingerprint"] != run["fingerprint"]:
            raise NeuronXAError(
                f"{other['source']} and {run['source']} both say that they ran {run['model']!r}, "
                f"but the weights differ (fingerprints {other['fingerprint']} and "
                f"{run['fingerprint']}). Give one of the files another model name: "
                f"{run['source']}=NAME."
            )


def _fill_revisions(rows: list[Row], more: list[Row]) -> list[str]:
    """Gives rows of unknown revision the only known one of their model; in place."""
    known: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["revision"]:
            known[row["model"]].add(row["revision"])
    filled: dict[str, set[str]] = defaultdict(set)
    for row in [*rows, *more]:
        candidates = known[row["model"]]
        if row["revision"] or not candidates:
            continue
        if len(candidates) > 1:
            raise NeuronXAError(
                f"{row['source']} does not say which revision of {row['model']!r} it ran, and "
                f"others are of {', '.join(sorted(candidates))}. Give the file another model name: "
                f"{row['source']}=NAME, or leave it out."
            )
        filled[row["source"]].add(row["model"])
        row["revision"] = next(iter(candidates))
    return [
        f"{source} does not say its revision; taken for that of the other files of "
        f"{', '.join(sorted(models))}."
        for source, models in filled.items()
    ]


def _without_duplicates(
    rows: list[Row], dates: Mapping[str, float], duplicates: str
) -> tuple[list[Row], list[str]]:
    if duplicates not in ("refuse", "latest"):
        raise NeuronXAError(
            f"duplicates is {duplicates!r}, which is not known. Use 'refuse' or 'latest'."
        )
    same: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        key = ("model", "revision", "task", "metric", "fewshot", "settings")
        same[tuple(row[name] for name in key)].append(row)
    kept: list[Row] = []
    dropped: dict[tuple[str, str], set[str]] = defaultdict(set)
    for twice in same.values():
        if len(twice) == 1:
            kept += twice
            continue
        first, second = twice[0], twice[1]
        if first["source"] == second["source"]:
            raise NeuronXAError(
                f"{first['source']} has {first['metric']} of {first['task']} twice for the model "
                f"{first['model']!r}. Remove one of the lines."
            )
        if duplicates == "refuse":
            raise NeuronXAError(
                f"The task {first['task']} of {first['model']!r} was run twice in the same way "
                f"({first['source']} and {second['source']}), and only one may count. "
                "Leave one out, or keep the latest."
            )
        when = [dates[row["source"]] for row in twice]
        latest = max(when) if not any(math.isnan(date) for date in when) else math.nan
        if math.isnan(latest) or when.count(latest) > 1:
            raise NeuronXAError(
                f"The task {first['task']} of {first['model']!r} was run twice, and the files "
                f"({', '.join(row['source'] for row in twice)}) do not say which is the latest. "
                "Leave one out."
            )
        winner = twice[when.index(latest)]
        kept.append(winner)
        for row in twice:
            if row is not winner:
                dropped[(row["source"], winner["source"])].add(row["task"])
    return kept, [
        f"{len(tasks)} task(s) of {old} were run again in {new}, which counts."
        for (old, new), tasks in dropped.items()
    ]


def _apart(rows: list[Row], mixed: str) -> tuple[list[Row], dict[tuple[str, str, str, str], str]]:
    """Refuses or keeps apart the different settings of one benchmark."""
    if mixed not in ("refuse", "separate"):
        raise NeuronXAError(f"mixed is {mixed!r}, which is not known. Use 'refuse' or 'separate'.")
    by_benchmark: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_benchmark[(row["kind"], row["benchmark"])].append(row)
    result: list[Row] = []
    labels: dict[tuple[str, str, str, str], str] = {}
    for (_, benchmark), members in by_benchmark.items():
        settings = [_all_settings(row) for row in members]
        names = sorted({name for found in settings for name in found})
        differing = [
            name for name in names if len({_text(found.get(name)) for found in settings}) > 1
        ]
        if not differing:
            result += members
            continue
        if mixed == "refuse":
            name = differing[0]
            examples: dict[str, Row] = {}
            for row, found in zip(members, settings, strict=True):
                examples.setdefault(_text(found.get(name)), row)
            (one, first), (other, second) = sorted(examples.items())[:2]
            raise NeuronXAError(
                f"The results of {benchmark} differ in {', '.join(differing)}: {name} is {one} in "
                f"{first['source']} ({first['task']}) and {other} in {second['source']} "
                f"({second['task']}). Such values are not comparable: leave some out, or keep "
                "them apart as separate benchmarks."
            )
        for row, found in zip(members, settings, strict=True):
            told = ", ".join(f"{name}={_text(found.get(name))}" for name in differing)
            label = f"{benchmark} [{told}]"
            labels[(row["model"], row["revision"], row["task"], row["source"])] = label
            result.append(row | {"benchmark": label})
    return result, labels


def _check_texts(tokens: list[Row], mixed: str) -> list[str]:
    """Refuses, or notes, alignment scores of one language that come from different sentences."""
    seen: dict[tuple[str, str], Row] = {}
    notes: dict[str, None] = {}
    for row in tokens:
        if not row["text"]:
            continue
        other = seen.setdefault((row["benchmark"], row["language"]), row)
        if other["text"] == row["text"]:
            continue
        told = (
            f"{other['source']} and {row['source']} scored {row['benchmark']} in "
            f"{row['language']} on different sentences"
        )
        if mixed == "refuse":
            raise NeuronXAError(
                f"{told}, so their scores are not comparable. Run both on the same text, or leave "
                "one out."
            )
        notes[f"{told}."] = None
    return list(notes)


def _all_settings(row: Row) -> dict[str, Any]:
    return {"fewshot": row["fewshot"], **json.loads(row["settings"])}


def _text(value: object) -> str:
    return "not given" if value is None else value if isinstance(value, str) else json.dumps(value)


def _refuse_same_language(rows: list[Row]) -> None:
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in ("model", "revision", "benchmark", "metric", "language"))
        other = seen.setdefault(key, row)
        if other is not row:
            raise NeuronXAError(
                f"{row['model']!r} has the language {row['language']} twice in {row['benchmark']}: "
                f"as {other['task']} in {other['source']} and as {row['task']} in {row['source']}. "
                "Leave one out."
            )
