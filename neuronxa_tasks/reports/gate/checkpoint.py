"""One side of a gate: every score of a checkpoint, also those of tasks without a language."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results import read_results
from neuronxa_tasks.results.files import RunFile, at, find_runs, number
from neuronxa_tasks.results.harness import NOT_FINITE, lower_is_better
from neuronxa_tasks.results.run_facts import (
    CHOICE,
    chosen_items,
    dictionary,
    settings_of,
    version_text,
)
from neuronxa_tasks.results.scales import check_scales


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one task.

    Attributes:
        task: name in the harness.
        metric: with the harness' filter unless it is `none`.
        kind: `alignment` or `benchmark`.
        benchmark: `neuronxa_flores`, `xnli`, ...; the task's name where its language is not known.
        language: key of the language table, or empty.
        value: NaN where the harness wrote NaN.
        stderr: NaN where it is not known.
        n: items, None where it is not known.
        settings: what must be equal for two values to be comparable, few-shot and text among them.
        lower_is_better: of the metric, as the results file says.
        source: results file.
        samples: of the task, None where they were not logged.
    """

    task: str
    metric: str
    kind: str
    benchmark: str
    language: str
    value: float
    stderr: float
    n: int | None
    settings: Mapping[str, Any]
    lower_is_better: bool
    source: str
    samples: Path | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All scores of one model.

    Attributes:
        model: its name, with its revision where that is known.
        fingerprint: of its weights, empty where it is not known.
        harness: versions that the results are of.
        scores: (task, metric) to score.
        inputs: path and hash of every file read.
        notes: what was left out or assumed, one sentence each.
        random_weights: number of weights that were not in the checkpoint.
        in_percent: see `results.Results`.
    """

    model: str
    fingerprint: str
    harness: tuple[str, ...]
    scores: Mapping[tuple[str, str], Score]
    inputs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    random_weights: int = 0
    in_percent: tuple[str, ...] = ()


def read_checkpoint(
    paths: Sequence[str | Path],
    side: str,
    *,
    duplicates: Literal["refuse", "latest"] = "refuse",
    used: Sequence[str] = (),
    percent: Sequence[str] = (),
) -> Checkpoint:
    """Reads the results of one checkpoint.

    Args:
        paths: results files of the harness and folders with them.
        side: `baseline` or `candidate`, for messages.
        duplicates: see `results.read_results`.
        used: metrics that the rules name.
        percent: files, models and benchmarks in percent; they may be of the other side.

    Raises:
        NeuronXAError: see `results.read_results`; or several models, or one task in two settings.
    """
    results = read_results(
        paths,
        duplicates=duplicates,
        mixed="separate",
        keep_nan=True,
        used=used,
        percent=percent,
        refuse_idle=False,
    )
    runs = {str(run.path): run for run in find_runs(paths).runs}
    models = sorted(set(zip(results.runs["model"], results.runs["revision"], strict=True)))
    # A results file may lack the revision that another one of the same model has.
    if len({model for model, _ in models}) > 1 or len({rev for _, rev in models if rev}) > 1:
        told = ", ".join(f"{model}@{revision}" if revision else model for model, revision in models)
        raise NeuronXAError(
            f"The {side} has results of several models ({told}), but a gate compares one "
            "checkpoint with one other. Give the results of one."
        )
    scores: dict[tuple[str, str], Score] = {}
    for row in results.frame.to_dict("records"):
        settings = {"few-shot": _whole(row["fewshot"]), **json.loads(row["settings"])}
        if row["text"]:
            settings["text"] = row["text"]
        _add(
            scores,
            Score(
                task=row["task"],
                metric=row["metric"],
                kind=row["kind"],
                benchmark=row["benchmark"].partition(" [")[0],
                language=row["language"],
                value=float(row["value"]),
                stderr=float(row["stderr"]),
                n=_whole(row["n"]),
                settings=settings,
                lower_is_better=bool(row["lower_is_better"]),
                source=row["source"],
                samples=results.samples.get((row["source"], row["task"])),
            ),
            side,
        )
    for row in results.unmapped.to_dict("records"):
        _add(scores, _without_language(runs[row["source"]], row), side)
    known = {score.task: score for score in scores.values()}
    for run in runs.values():
        for task, metric in _nan_scores(run):
            _add(scores, _nan_score(run, task, metric, known), side)
    if not scores:
        raise NeuronXAError(
            f"The {side} has no score ({', '.join(map(str, paths))}), so there is nothing to "
            "compare. Give results of tasks with metrics."
        )
    check_scales(
        [
            {**asdict(score), "model": models[-1][0]}
            for score in scores.values()
            if not math.isnan(score.value)
        ]
    )
    return Checkpoint(
        model="@".join(filter(None, models[-1])),
        fingerprint=next(filter(None, results.runs["fingerprint"]), ""),
        harness=tuple(sorted(set(filter(None, results.runs["harness"])))),
        scores=dict(sorted(scores.items())),
        inputs=tuple(zip(results.runs["source"], results.runs["sha256"], strict=True)),
        notes=tuple(note for note in results.notes if not note.endswith(NOT_FINITE)),
        random_weights=int(results.runs["random_weights"].max()),
        in_percent=results.in_percent,
    )


def _add(scores: dict[tuple[str, str], Score], score: Score, side: str) -> None:
    other = scores.setdefault((score.task, score.metric), score)
    if other is not score:
        raise NeuronXAError(
            f"The {side} has {score.metric} of {score.task} twice, in {other.source} and "
            f"{score.source}, and only one may count. Leave one file out."
        )


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _without_language(run: RunFile, row: Mapping[Any, Any]) -> Score:
    """A task that the frame does not hold; what must be equal is read from the file itself."""
    task, metric = row["task"], row["metric"]
    how = settings_of(run.content, dictionary(run.content, "config", str(run.path)), task)
    settings = {
        "few-shot": _whole(row["fewshot"]),
        **how,
        "version": version_text(at(run.content, "versions", task)),
    }
    if how.get("limit") == CHOICE:
        settings["text"] = chosen_items(run, task)
    return Score(
        task=task,
        metric=metric,
        kind="benchmark",
        benchmark=task,
        language="",
        value=float(row["value"]),
        stderr=float(row["stderr"]),
        n=_whole(row["n"]),
        settings=settings,
        lower_is_better=lower_is_better(run.content, task, metric),
        source=row["source"],
        samples=run.samples.get(task),
    )


def _nan_scores(run: RunFile) -> list[tuple[str, str]]:
    """Task and metric of every NaN and infinity; groups repeat those of their tasks."""
    children = at(run.content, "group_subtasks") or {}
    found = []
    for task, metrics in run.content["results"].items():
        if children.get(task):
            continue
        for key, value in metrics.items() if isinstance(metrics, dict) else ():
            metric, _, filtered = key.partition(",")
            as_float = number(value)
            broken = as_float is not None and not math.isfinite(as_float)
            if broken and not metric.endswith("_stderr"):
                found.append((task, metric if filtered in ("", "none") else key))
    return found


def _nan_score(run: RunFile, task: str, metric: str, known: Mapping[str, Score]) -> Score:
    """A score that the frame left out; benchmark and language are those of the task's others."""
    other = known.get(task)
    return Score(
        task=task,
        metric=metric,
        kind=other.kind if other else "benchmark",
        benchmark=other.benchmark if other else task,
        language=other.language if other else "",
        value=math.nan,
        stderr=math.nan,
        n=other.n if other else None,
        settings=other.settings if other else {},
        lower_is_better=lower_is_better(run.content, task, metric),
        source=str(run.path),
        samples=None,
    )
