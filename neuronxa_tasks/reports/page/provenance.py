"""Where the numbers come from: files, hashes, weights, versions, settings; and their intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pandas as pd

from neuronxa_tasks.results import Results
from neuronxa_tasks.results.files import at, each_run, finite

Ends = dict[tuple[str, str, str], tuple[float, float]]
"""(source, task, metric) to the interval of that score."""


@dataclass(slots=True)
class FileFacts:
    """What the NeuronXA block of one file says of the run.

    Attributes:
        model: class, dtype, device, layers, ...
        versions: name to version.
        text: corpus to where its sentences came from.
    """

    model: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)


def read_files(paths: Sequence[str]) -> tuple[Ends, dict[str, FileFacts]]:
    """Reads what the tidy frame does not have: intervals over sentences, and facts of the run.

    Args:
        paths: results files and folders, checked by `read_results` before.

    Returns:
        The intervals (a score without one has no entry), and the facts by path of the file.
    """
    ends: Ends = {}
    facts: dict[str, FileFacts] = {}
    for run in each_run(paths, []):
        block = at(run.content, "config", "neuronxa")
        tasks = at(block, "tasks")
        here = facts.setdefault(str(run.path), FileFacts())
        here.model = _scalars(at(block, "model"))
        here.versions = {
            name: str(value) for name, value in _scalars(at(block, "versions")).items()
        }
        for task, of_task in (tasks if isinstance(tasks, dict) else {}).items():
            corpus = str(at(of_task, "corpus"))
            here.text.setdefault(corpus, _source(at(of_task, "source")))
            intervals = at(of_task, "intervals")
            for metric, pair in (intervals if isinstance(intervals, dict) else {}).items():
                if isinstance(pair, list) and len(pair) == 2:
                    low, high = finite(pair[0]), finite(pair[1])
                    if math.isfinite(low) and math.isfinite(high):
                        ends[(str(run.path), task, metric)] = (low, high)
    return ends, facts


def file_rows(results: Results, facts: dict[str, FileFacts]) -> list[dict[str, Any]]:
    """One row per file read, for the table of files."""
    rows = []
    for number, run in enumerate(results.runs.to_dict("records")):
        found = facts.get(run["source"], FileFacts())
        versions = found.versions or ({"lm_eval": run["harness"]} if run["harness"] else {})
        rows.append(
            {
                "number": number + 1,
                "source": run["source"],
                "sha256": run["sha256"],
                "model": f"{run['model']}@{run['revision']}" if run["revision"] else run["model"],
                "weights": run["fingerprint"],
                "commit": run["model_sha"],
                "date": _day(run["date"]),
                "tasks": int(run["tasks"]),
                "loaded": _loaded(found.model),
                "versions": _listed(versions),
            }
        )
    return rows


def setting_rows(results: Results, facts: dict[str, FileFacts]) -> list[dict[str, Any]]:
    """One row per benchmark: what is equal for all its values, and where its text came from."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    frame = results.frame
    columns = ("benchmark", "kind", "settings", "fewshot", "source", "language")
    for benchmark, kind, settings, fewshot, source, language in zip(
        *(frame[name] for name in columns), strict=True
    ):
        found = json.loads(settings)
        if kind == "benchmark" and pd.notna(fewshot):
            found = {"fewshot": int(fewshot), **found}
        told = _listed(found)
        corpus = str(benchmark).removeprefix("neuronxa_").partition(" [")[0]
        text = facts.get(source, FileFacts()).text.get(corpus, "") if kind == "alignment" else ""
        row = rows.setdefault(
            (str(benchmark), told, text),
            {"benchmark": benchmark, "settings": told, "text": text, "languages": set()},
        )
        row["languages"].add(language)
    return [{**row, "languages": len(row["languages"])} for _, row in sorted(rows.items())]


def _scalars(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {}
    return {str(k): v for k, v in found.items() if isinstance(v, (str, int, float)) and v != ""}


def _source(found: object) -> str:
    return _listed({key: value for key, value in _scalars(found).items() if key != "sha256"})


def _loaded(model: dict[str, Any]) -> str:
    parts = [model.get(name) for name in ("class_name", "dtype", "device")]
    layers = [f"{model['layers']} layers"] if "layers" in model else []
    return ", ".join([*(str(part) for part in parts if part), *layers])


def _listed(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items() if value is not None)


def _day(date: float) -> str:
    """The time the file was made, in UTC."""
    if not math.isfinite(date):
        return ""
    try:
        return datetime.fromtimestamp(date, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return ""
