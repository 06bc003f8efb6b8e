"""Scores as `.eval_results/*.yaml` of a model's repository on the Hub.

The fields are those of https://huggingface.co/docs/hub/eval-results: `dataset` with `id` and
`task_id`, `value`, `date`, `notes`. There is no `source`: it needs an address, which results files
do not have. The Hub shows an entry once the data set is one of its benchmarks and has the task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import yaml

from neuronxa_tasks.names import METRIC_PREFERENCE, SCORES
from neuronxa_tasks.reports.charts import file_name
from neuronxa_tasks.reports.leaderboard.export_rows import ExportRow
from neuronxa_tasks.reports.usual_metric import usual_metrics

SHOWN = (*SCORES, *(f"{score}_max" for score in SCORES))
"""Alignment scores that are exported; what stands beside them is no result of a model."""


def hub_files(rows: Sequence[ExportRow]) -> tuple[dict[str, bytes], int]:
    """One folder per model, and in it one file per alignment score and one per benchmark.

    Args:
        rows: see `export_rows`.

    Returns:
        Path below the output folder to content, and the number of scores left out, because their
        text is from no repository of the Hub.
    """
    usual = _usual(rows)
    lists: dict[str, list[dict[str, Any]]] = defaultdict(list)
    lost = 0
    for row in rows:
        wanted = SHOWN if row.kind == "alignment" else usual.get(row.benchmark, ())
        if row.metric not in wanted:
            continue
        if not row.repository:
            lost += 1
            continue
        what = row.metric if row.kind == "alignment" else row.benchmark
        lists[f"{file_name(row.model)}/.eval_results/{file_name(what)}.yaml"].append(_entry(row))
    return {
        path: yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=100).encode()
        for path, entries in lists.items()
    }, lost


def _usual(rows: Sequence[ExportRow]) -> dict[str, tuple[str, ...]]:
    having: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row.kind == "benchmark":
            having[row.benchmark][row.metric][row.model] = None
    return {
        name: tuple(usual_metrics(metrics, METRIC_PREFERENCE)) for name, metrics in having.items()
    }


def _entry(row: ExportRow) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "dataset": {"id": row.repository, "task_id": row.task},
        "value": row.value,
    }
    if row.run.date == row.run.date:
        made = datetime.fromtimestamp(row.run.date, tz=timezone.utc)
        entry["date"] = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    return entry | {"notes": _notes(row)}


def _notes(row: ExportRow) -> str:
    parts: Mapping[str, Any] = {"n": row.n, **row.settings}
    told = [row.metric, *(f"{key} {value}" for key, value in parts.items() if value is not None)]
    if row.interval:
        told.append("95 % interval [{:.4f}, {:.4f}]".format(*row.interval))
    elif row.stderr == row.stderr:
        told.append(f"standard error {row.stderr:.4f}")
    told += [f"text sha256 {row.text}"] if row.text else []
    return ", ".join([*told, *(f"{name} {each}" for name, each in row.run.versions.items())])
