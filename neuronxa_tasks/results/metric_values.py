"""The metrics of one entry of a results file."""

from __future__ import annotations

from typing import Any

# What stands among the metrics of a task and is none (`bypass`: a run with --predict_only).
_NO_METRIC = {"alias", "name", "sample_len", "samples", "sample_count", " ", "bypass"}


def metrics_of(entry: object) -> dict[str, tuple[Any, Any]]:
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
