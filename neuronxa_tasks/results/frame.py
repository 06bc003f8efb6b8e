"""All results in one tidy frame: joined, checked for what must not be mixed, and sorted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.block import LAYER_COLUMNS
from neuronxa_tasks.results.checks import (
    check_texts,
    fill_revisions,
    keep_apart,
    one_name_for_equal_weights,
    part_of,
    refuse_other_models,
    refuse_same_language,
    without_duplicates,
)
from neuronxa_tasks.results.covariate_columns import COVARIATES, fill_covariates
from neuronxa_tasks.results.files import Row, each_run
from neuronxa_tasks.results.harness import RunRows, rows_of
from neuronxa_tasks.results.naming.suggestions import suggestions
from neuronxa_tasks.results.naming.task_names import check_templates
from neuronxa_tasks.results.published import read_published
from neuronxa_tasks.results.scales import check_scales, refuse_idle_percent, to_shares
from neuronxa_tasks.results.unused import (
    refuse_unused_alignment,
    refuse_unused_names,
    refuse_unused_templates,
)

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
    "text": "str",
    "lower_is_better": "bool",
    "source": "str",
}
_UNMAPPED = {
    "model": "str",
    "revision": "str",
    "task": "str",
    "metric": "str",
    "value": "float64",
    "stderr": "float64",
    "n": "Int64",
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
    "hits": "Int64",
    "n": "Int64",
    "rate": "float64",
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
    **dict.fromkeys(COVARIATES, "float64"),
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
    "random_weights": "int64",
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
            must be equal for values to be comparable (for alignment: n, pivot, tap, weights);
            `text` is the hash of the sentences or chosen items, empty where it is not known, and
            names the file where items were chosen and not logged, see `run_facts.UNLOGGED`.
        unmapped: Rows whose language is not known, with `why`.
        layers: Hits per layer of the alignment scores, and their `rate`; `layer` counts blocks from
            1, and hidden states have the embeddings as 0. Published layers have a rate alone, and
            scores that are not of this project stand under `representation` by their name.
        tokens: Tokens per sentence of the alignment tasks; `fertility` is their ratio to the
            pivot's, `text` the hash of the sentences. Beside them the covariates of the target,
            means over the layers: see `covariate_columns.COVARIATES`; NaN where a file lacks them.
        runs: One row per file read, with the hash of its bytes and the time it was made (seconds
            since 1970), and the number of weights that were drawn at random.
        samples: (source, task) to the samples file beside that results file, where there is one.
        notes: What was left out or assumed, one sentence each.
        in_percent: What was in percent and now is in shares, of the names that were given.
    """

    frame: pd.DataFrame
    unmapped: pd.DataFrame
    layers: pd.DataFrame
    tokens: pd.DataFrame
    runs: pd.DataFrame
    samples: Mapping[tuple[str, str], Path]
    notes: tuple[str, ...]
    in_percent: tuple[str, ...] = ()


def read_results(
    paths: Sequence[str | Path],
    *,
    published: Sequence[str | Path] = (),
    names: Mapping[str, str] | None = None,
    templates: Mapping[str, str] | None = None,
    duplicates: Literal["refuse", "latest"] = "refuse",
    mixed: Literal["refuse", "separate"] = "refuse",
    keep_nan: bool = False,
    used: Sequence[str] = (),
    percent: Sequence[str] = (),
    refuse_idle: bool = True,
    alignment: Sequence[str] = (),
) -> Results:
    """Reads harness results and published tables into one frame.

    Args:
        paths: Results files of the harness (0.3 to 0.4.13) and folders with them.
        published: Tables, see `published.read_published`.
        names: Another name for a model, by its name in the file or by the file's path; so that a
            local path and a name on the Hub can be the same model.
        templates: Further task names, template to benchmark: `{"mytask_{}": "mytask"}`.
        duplicates: What to do where the same task of one model was run twice in the same way:
            refuse, or keep the run with the latest date.
        mixed: What to do where one benchmark comes with several settings (few-shot, limit, task
            version, chat template; for alignment n, pivot, tap, weights): refuse, or keep apart as
            benchmarks of their own, called for example `xnli [fewshot=5]`.
        keep_nan: Leave values that are NaN out, with a note, instead of refusing.
        used: Metrics that are asked for by name: they must have a value, like the usual metric of
            each benchmark. Without one of these a value is left out and noted in any case.
        alignment: Names of alignment scores in the tables, beside those of this project.
        percent: Files, models and benchmarks whose scores are in percent, see `scales.to_shares`.
        refuse_idle: Whether a name of `percent` must have an effect here.

    Returns:
        Frames sorted by model, revision, benchmark, metric and language: the same files give the
        same rows in the same order.

    Raises:
        NeuronXAError: nothing to read, a damaged or incomplete file, a duplicate, mixed settings
            or scales, one language twice, two models under one name, or a name or template that
            fits nothing.
    """
    check_templates(templates or {})
    if not paths and not published:
        raise NeuronXAError(
            "No results were given, so there is nothing to read. "
            "Name results files of the harness, folders with them, or a published CSV."
        )
    notes: list[str] = []
    read: list[RunRows] = []
    beside: dict[tuple[str, str], Path] = {}
    for run in each_run(paths, notes):  # one at a time: a file is far larger than its rows
        read.append(rows_of(run, names=names, templates=templates, keep_nan=keep_nan, used=used))
        beside |= {(str(run.path), task): path for task, path in sorted(run.samples.items())}
    read += [
        read_published(path, names=names, alignment=alignment, keep_nan=keep_nan)
        for path in published
    ]
    notes += [note for part in read for note in part.notes]
    dates = {part.run["source"]: float(part.run["date"]) for part in read}
    rows = [row for part in read for row in part.rows]
    layers = [row for part in read for row in part.layers]
    tokens = [row for part in read for row in part.tokens]
    unmapped = [row for part in read for row in part.unmapped]
    everything = rows + unmapped
    refuse_unused_alignment(alignment, everything)
    refuse_unused_names(
        names or {},
        {name for part in read for name in part.named},
        {row["model"] for row in everything},
    )
    refuse_unused_templates(templates or {}, {task for part in read for task in part.tasks})
    weighed = {part.run["source"] for part in read if part.run["fingerprint"]}
    renamed, told = one_name_for_equal_weights(
        [part.run for part in read],
        {row["model"] for row in everything if row["source"] not in weighed},
        set((names or {}).values()),
    )
    notes += told.values()
    for part in (*rows, *layers, *tokens, *unmapped, *(part.run for part in read)):
        key = (part["model"], part["revision"])
        part["model"], part["revision"] = renamed.get(key, key)
    refuse_other_models([part.run for part in read])
    in_percent = to_shares(everything, percent)
    if refuse_idle:
        refuse_idle_percent(percent, in_percent, {row["model"] for row in everything})
    check_scales(rows)
    notes += suggestions(sorted({row["task"] for part in read for row in part.unmapped}))
    notes += fill_revisions(rows, [*layers, *tokens])
    rows, superseded, dropped = without_duplicates(rows, dates, duplicates, told)
    notes += dropped
    rows, labels = keep_apart(rows, mixed)
    refuse_same_language(rows)
    fill_covariates(tokens, superseded, dates)
    kept = {part_of(row) for row in rows} - superseded

    def of_kept(parts: Iterable[Row]) -> list[Row]:
        chosen = []
        for part in parts:
            key = part_of(part)
            if key in kept:
                part["benchmark"] = labels.get(key, part["benchmark"])
                chosen.append(part)
        return chosen

    kept_layers, kept_tokens = of_kept(layers), of_kept(tokens)
    notes += check_texts(rows, mixed)
    runs = [part.run for part in read]
    there = {(row["source"], row["task"]) for row in rows}
    samples = {key: path for key, path in beside.items() if key in there}
    order = ["model", "revision", "kind", "benchmark", "metric", "language", "task"]
    layer_order = [*order[:2], "benchmark", "language", "representation", "direction", "layer"]
    return Results(
        frame=_frame(rows, COLUMNS, order),
        unmapped=_frame(unmapped, _UNMAPPED, ["model", "revision", "task", "metric", "source"]),
        layers=_layer_frame(kept_layers, layer_order),
        tokens=_frame(kept_tokens, _TOKENS, [*order[:2], "benchmark", "language"]),
        runs=_frame(runs, _RUNS, ["source"]),
        samples=samples,
        notes=tuple(notes),
        in_percent=in_percent,
    )


def _layer_frame(parts: list[Row], order: list[str]) -> pd.DataFrame:
    """The tables of all tasks one below the other."""
    lengths = [len(part["columns"]["hits"]) for part in parts]
    columns: dict[str, Iterable[Any]] = {
        name: (
            [value for part in parts for value in part["columns"][name]]
            if name in LAYER_COLUMNS
            else np.repeat(np.array([part[name] for part in parts], dtype=object), lengths)
        )
        for name in _LAYERS
    }
    return _sorted(columns, _LAYERS, order)


def _frame(rows: list[Row], columns: dict[str, str], order: list[str]) -> pd.DataFrame:
    return _sorted({name: [row.get(name) for row in rows] for name in columns}, columns, order)


def _sorted(
    values: Mapping[str, Iterable[Any]], columns: dict[str, str], order: list[str]
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            # As objects, so that a text that stands in many rows is there once.
            name: pd.Series(list(values[name]), dtype=object if kind == "str" else None)
            for name, kind in columns.items()
        }
    )
    frame = frame.astype({name: kind for name, kind in columns.items() if kind != "str"})
    ordered: pd.DataFrame = frame.sort_values(order, kind="stable", ignore_index=True)
    return ordered
