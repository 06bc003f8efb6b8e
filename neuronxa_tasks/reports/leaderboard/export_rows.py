"""Scores of results files with what other collections ask for: n, pivot, interval, versions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neuronxa_tasks.reports.places import local_names
from neuronxa_tasks.results import Results
from neuronxa_tasks.results.files import at, each_run, finite

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Run:
    """One results file.

    Attributes:
        sha256: of its bytes.
        date: when it was made, seconds since 1970; NaN where it does not say.
        versions: package to version.
        model: what the block says of the model: class, dtype, device, layers, fingerprint.
    """

    sha256: str
    date: float
    versions: Mapping[str, str]
    model: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One score of one model in one task.

    Attributes:
        run: the file it stands in.
        model: its name; that of the folder, where it is one.
        kind: `alignment` or `benchmark`.
        benchmark: without its settings.
        task: of the harness.
        language: key of the language table.
        metric: name.
        value: finite.
        stderr: NaN where it is not known.
        lower_is_better: of the metric.
        settings: what must be equal for values to be comparable: n, pivot, tap, shots, ...
        n: items or sentence pairs; None where it is not known.
        interval: at 95 %, over the sentences; None where the file has none.
        repository: of the Hub, with the text or the items; empty where it is not known.
        text: sha256 of the sentences; empty where it is not known.
        source: what the file says of where the sentences came from.
    """

    run: Run
    model: str
    kind: str
    benchmark: str
    task: str
    language: str
    metric: str
    value: float
    stderr: float
    lower_is_better: bool
    settings: Mapping[str, Any]
    n: int | None
    interval: tuple[float, float] | None
    repository: str
    text: str
    source: Mapping[str, Any] = field(default_factory=dict)


def export_rows(results: Results, paths: Sequence[str]) -> list[ExportRow]:
    """Joins the frame with what only the files have.

    Args:
        results: what was read.
        paths: results files and folders of the harness, without tables: a number without its run
            is not exported.
    """
    facts = {str(run.path): run.content for run in each_run(paths, [])} if paths else {}
    runs = {
        row["source"]: Run(
            sha256=row["sha256"],
            date=float(row["date"]),
            versions=_versions(facts[row["source"]], row["harness"]),
            model=_scalars(at(facts[row["source"]], "config", "neuronxa", "model"))
            | ({"sha": row["model_sha"]} if row["model_sha"] else {}),
        )
        for row in results.runs.to_dict("records")
        if row["source"] in facts
    }
    names = local_names(results.frame["model"])
    rows = []
    for line in results.frame.to_dict("records"):
        run, content = runs.get(line["source"]), facts.get(line["source"])
        if run is None:
            continue
        block = at(content, "config", "neuronxa", "tasks", line["task"])
        config = at(content, "configs", line["task"])
        source = _scalars(at(block, "source"))
        settings = {"fewshot": _whole(line["fewshot"]), **json.loads(line["settings"])}
        rows.append(
            ExportRow(
                run=run,
                model=names.get(line["model"], line["model"]),
                kind=line["kind"],
                benchmark=line["benchmark"].partition(" [")[0],
                task=line["task"],
                language=line["language"],
                metric=line["metric"],
                value=float(line["value"]),
                stderr=float(line["stderr"]),
                lower_is_better=bool(line["lower_is_better"]),
                settings={key: value for key, value in settings.items() if value is not None},
                n=_whole(line["n"]),
                interval=_interval(at(block, "intervals", line["metric"])),
                repository=_repository(source, at(config, "dataset_path"), line["kind"]),
                text=str(source.get("sha256", "")),
                source={key: value for key, value in source.items() if key != "sha256"},
            )
        )
    return rows


def _repository(source: Mapping[str, Any], dataset: object, kind: str) -> str:
    """The Hub's repository that the text came from; a folder or an archive is none."""
    found = dataset
    if kind == "alignment":
        found = source.get("where") if source.get("kind") == "hub" else None
    told = str(found or "")
    return told if _REPOSITORY.fullmatch(told) else ""


def _interval(found: object) -> tuple[float, float] | None:
    if not isinstance(found, list) or len(found) != 2:
        return None
    low, high = finite(found[0]), finite(found[1])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _versions(content: object, harness: str) -> dict[str, str]:
    found = {
        name: str(value)
        for name, value in _scalars(at(content, "config", "neuronxa", "versions")).items()
    }
    return ({"lm_eval": harness} if harness else {}) | found


def _scalars(found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        return {}
    return {str(k): v for k, v in found.items() if isinstance(v, (str, int, float)) and v != ""}


def _whole(value: Any) -> int | None:
    return None if value is None or value != value or str(value) == "<NA>" else int(value)
