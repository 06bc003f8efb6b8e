"""The sections on what a score predicts, and on the layer that predicts best."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict

from neuronxa_tasks.reports.estimates import Estimates, Record, Settings
from neuronxa_tasks.reports.markdown import (
    LONG,
    computed,
    error_text,
    estimate_text,
    r_text,
    share_text,
    table,
)
from neuronxa_tasks.reports.study import Study, is_named

_SHOW_PREDICTIONS = 3


def prediction(study: Study, estimates: Estimates, settings: Settings) -> list[str]:
    """How well lines predict, and predictions of a few models."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in estimates.lines:
        if record["reason"] is None:
            groups[(record["y"], record["x"])].append(record)
    if not groups:
        return []

    def median(records: list[Record], column: str) -> float:
        values = [record[column] for record in records if not math.isnan(record[column])]
        return statistics.median(values) if values else math.nan

    rows = [
        [
            y,
            x,
            len(records),
            r_text(median(records, "r2_loo")),
            error_text(median(records, "error")),
            error_text(median(records, "error_of_mean")),
            sum(record["error"] < record["error_of_mean"] for record in records),
            share_text(median(records, "covered")),
        ]
        for (y, x), records in groups.items()
    ]
    header = ["predicted", "from", "models", "R2 left out", "error", "error of the mean"]
    header += ["models better than the mean", "inside the interval"]
    parts = [
        "## Prediction, one language left out",
        table(header, rows),
        "Each language is predicted by the straight line through the others. Medians over models. "
        "error: mean absolute error, in the benchmark's unit; error of the mean: the same when "
        "each language is predicted by the mean of the others. R2 below 0: worse than the mean. "
        "Every prediction with its interval: `predictions.csv`.",
    ]
    primary = next(
        (pair for pair in study.pairs if is_named(pair, settings.primary)), study.pairs[0]
    )
    shown = [
        model
        for model in study.models
        if len(study.models) <= _SHOW_PREDICTIONS
        or (settings.primary and settings.primary.model == model)
    ]
    for model in shown:
        records = [
            record
            for record in estimates.predictions
            if record["model"] == model and record["x"] == primary.x.label
        ]
        outcomes = list(dict.fromkeys(record["y"] for record in records))
        cells = {(record["language"], record["y"]): record for record in records}
        lines = [
            [language, *(_predicted(cells.get((language, y))) for y in outcomes)]
            for language in sorted({record["language"] for record in records})
        ]
        if lines:
            parts += [
                f"### {model}, from {primary.x.label}",
                table(["language", *outcomes], lines),
                "Predicted [interval], observed value behind the arrow where there is one. "
                "*: outside the range of the other languages.",
            ]
    return parts


def _predicted(record: Record | None) -> str:
    if record is None or math.isnan(record["predicted"]):
        return "–"
    text = estimate_text(record["predicted"], record["low"], record["high"])
    if record["extrapolated"]:
        text += "*"
    return text if math.isnan(record["observed"]) else f"{text} → {r_text(record['observed'])}"


def layer_peaks(estimates: Estimates) -> list[str]:
    """The best layer of each profile."""
    groups: dict[tuple[str, str, str, str], list[Record]] = defaultdict(list)
    for record in computed(estimates.layers):
        key = (record["model"], record["y"], record["corpus"], record["representation"])
        groups[key].append(record)
    if not groups:
        return []
    rows = []
    for (model, y, corpus, representation), records in groups.items():
        best = max(records, key=lambda record: record["r"])
        rows.append(
            [
                model,
                y,
                corpus,
                representation,
                len(records),
                best["layer"],
                best["n"],
                estimate_text(best["r"], best["low"], best["high"]),
                r_text(statistics.median(record["r"] for record in records)),
            ]
        )
    if len(rows) > LONG:
        return ["## Layers", f"{len(rows)} profiles: see `layers.csv`."]
    header = ["model", "benchmark", "corpus", "representation", "layers with r", "best layer", "n"]
    return [
        "## Layers",
        table([*header, "its r, Fisher", "median r"], rows),
        "The best layer was chosen by its r, so its interval is too hopeful: use it to look, not "
        "to test. All layers: `layers.csv`.",
    ]
