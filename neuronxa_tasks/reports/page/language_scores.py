"""Every score of every language: what the table and the charts of the page share."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from neuronxa_tasks.names import BASELINES, CONTROLS, METRIC_PREFERENCE, METRICS, SCORES
from neuronxa_tasks.reports.page.provenance import Ends
from neuronxa_tasks.reports.usual_metric import usual_metrics
from neuronxa_tasks.results import Results
from neuronxa_tasks.statistics.transferability import CHANCE
from neuronxa_tasks.text import languages

DIGITS = 4
"""Decimals of a score in the page; the results files have all."""

_CHOICES = {
    "afrixnli": 3,
    "global_mmlu": 4,
    "global_mmlu_full": 4,
    "global_piqa": 2,
    "include": 4,
    "m_hellaswag": 4,
    "mmmlu": 4,
    "world_cloze": 4,
    "world_knowledge": 4,
    "world_nli": 3,
    "world_story": 2,
}
"""Choices of every item, for benchmarks that `CHANCE` lacks."""

_BESIDE = {ending for endings in CONTROLS.values() for ending in endings}


def chance(n: int) -> float:
    """Expected score of vectors without any relation, 1 / (2n - 1)."""
    return 1.0 / (2 * n - 1)


def benchmark_chance(benchmark: str, metric: str) -> float:
    """Accuracy of guessing; NaN where items differ in their number of choices, or it is no share.

    Args:
        benchmark: with or without its settings in brackets.
        metric: such as `acc`.
    """
    name = benchmark.partition(" [")[0]
    if metric not in ("acc", "accuracy", "acc_norm"):
        return math.nan
    return CHANCE.get(name, 1 / _CHOICES[name] if name in _CHOICES else math.nan)


def rankable(metrics: Sequence[str]) -> list[str]:
    """The metrics that are scores, without what only stands beside a score."""
    return [
        metric
        for metric in metrics
        if metric not in BASELINES and not any(metric.endswith(f"_{end}") for end in _BESIDE)
    ]


def score_data(
    results: Results,
    names: Mapping[tuple[str, str], str],
    ends: Ends,
    extra: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """One row per model, corpus and language, with every metric.

    Args:
        results: what was read.
        names: (model, revision) to the model's name.
        ends: see `provenance.read_files`.
        extra: further columns of languages, name to language to value.

    Returns:
        What JSON can hold. `metrics` names the columns of `v` (scores) and `i` (intervals) of each
        row; rows point into `models`, `corpora` and `files` by position; `benchmarks` has the
        scores of the models by language.
    """
    alignment = results.frame[results.frame["kind"] == "alignment"]
    present = set(alignment["metric"])
    metrics = [name for name in METRICS if name in present]
    metrics += sorted(present - set(metrics))
    models = sorted(set(names.values()), key=natural)
    corpora = sorted(set(alignment["benchmark"]))
    files = [str(source) for source in results.runs["source"]]
    place = {name: i for i, name in enumerate(metrics)}
    fertility = {
        (model, revision, task): float(ratio)
        for model, revision, task, ratio in zip(
            *(results.tokens[name] for name in ("model", "revision", "task", "fertility")),
            strict=True,
        )
    }
    rows: dict[tuple[int, int, str], dict[str, Any]] = {}
    codes: set[str] = set()
    for line in alignment.to_dict("records"):
        model = names[(line["model"], line["revision"])]
        key = (models.index(model), corpora.index(line["benchmark"]), line["language"])
        codes.add(line["language"])
        row = rows.setdefault(
            key,
            {
                "m": key[0],
                "c": key[1],
                "l": key[2],
                "n": None if pd.isna(line["n"]) else int(line["n"]),
                "t": rounded(
                    fertility.get((line["model"], line["revision"], line["task"]), math.nan)
                ),
                "f": files.index(line["source"]),
                "v": [None] * len(metrics),
                "i": [0] * len(metrics),
            },
        )
        at_metric = place[line["metric"]]
        row["v"][at_metric] = rounded(line["value"])
        interval = ends.get((line["source"], line["task"], line["metric"]))
        if interval:
            row["i"][at_metric] = [rounded(end) for end in interval]
    benchmarks = _benchmarks(results, names, models)
    codes |= {code for one in benchmarks for of_model in one["v"].values() for code in of_model}
    return {
        "metrics": metrics,
        "scores": rankable(metrics),
        "models": models,
        "corpora": corpora,
        "files": files,
        "languages": {code: _facts(code) for code in sorted(codes)},
        "rows": [rows[key] for key in sorted(rows)],
        "benchmarks": benchmarks,
        "extra": [
            {"label": name, "v": {code: column[code] for code in sorted(codes) if code in column}}
            for name, column in extra.items()
        ],
    }


def _benchmarks(
    results: Results, names: Mapping[tuple[str, str], str], models: Sequence[str]
) -> list[dict[str, Any]]:
    """Scores of the benchmarks: position of the model to language to value."""
    frame = results.frame[results.frame["kind"] == "benchmark"]
    found: dict[tuple[str, str], dict[int, dict[str, float | None]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for line in frame.to_dict("records"):
        model = models.index(names[(line["model"], line["revision"])])
        of_model = found[(line["benchmark"], line["metric"])][model]
        of_model[line["language"]] = rounded(line["value"])
    having: dict[str, dict[str, dict[int, dict[str, float | None]]]] = defaultdict(dict)
    for (benchmark, metric), of_models in found.items():
        having[benchmark][metric] = of_models
    usual = {name: usual_metrics(metrics, METRIC_PREFERENCE) for name, metrics in having.items()}
    return [
        {
            "benchmark": benchmark,
            "metric": metric,
            "label": f"{benchmark} {metric}",
            "usual": metric in usual[benchmark],
            "chance": rounded(benchmark_chance(benchmark, metric)),
            "v": values,
        }
        for (benchmark, metric), values in sorted(found.items())
    ]


def _facts(code: str) -> list[str]:
    """Name, script and family; the code itself where the table lacks it."""
    row = languages.find(code)
    return [row.name, row.script, row.family] if row else [code, "", ""]


def profile_data(
    results: Results, names: Mapping[tuple[str, str], str], data: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Hits over the layers: mean over languages, 10th and 90th percentile, and each language.

    Rates are shares of the sentence pairs, those of each language (`of`) in thousandths, see
    `packed`.

    Args:
        results: what was read.
        names: (model, revision) to the model's name.
        data: see `score_data`, for the positions.

    Returns:
        One entry per model, corpus and representation; and what has none, because the page draws
        the representations of this project in layers without a gap.
    """
    layers = results.layers[results.layers["direction"] == "mutual"]
    columns = ("model", "revision", "benchmark", "representation", "language", "layer", "rate")
    rates: dict[tuple[int, int, str], dict[str, dict[int, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for model, revision, corpus, what, code, layer, rate in zip(
        *(layers[name] for name in columns), strict=True
    ):
        key = (
            data["models"].index(names[(model, revision)]),
            data["corpora"].index(corpus),
            str(what),
        )
        rates[key][code][int(layer)] = float(rate)  # the frame is sorted by layer
    found = []
    left_out: dict[str, None] = {}
    for (model_at, corpus_at, what), by_language in sorted(rates.items()):
        numbers = list(next(iter(by_language.values())))
        if what not in SCORES.values() or len(numbers) != numbers[-1] - numbers[0] + 1:
            left_out[f"{what} ({data['corpora'][corpus_at]})"] = None
            continue
        table = np.array([list(line.values()) for line in by_language.values()])
        low, high = np.quantile(table, [0.1, 0.9], axis=0)
        found.append(
            {
                "m": model_at,
                "c": corpus_at,
                "what": what,
                "first": numbers[0],
                "mean": [rounded(value) for value in table.mean(axis=0)],
                "low": [rounded(value) for value in low],
                "high": [rounded(value) for value in high],
                "of": {
                    code: packed([round(1000 * rate) for rate in line.values()])
                    for code, line in by_language.items()
                },
            }
        )
    notes = [
        f"Layers of {name} are not drawn here: `neuronxa correlate` has them." for name in left_out
    ]
    return found, notes


def packed(thousandths: Sequence[int]) -> str:
    """Numbers from 0 to 1023 in two digits of base 32 each: half the room of a JSON list."""
    digits = "0123456789abcdefghijklmnopqrstuv"
    return "".join(digits[number // 32] + digits[number % 32] for number in thousandths)


def score_name(metric: str) -> str:
    """`NASCA, best layer` for `nasca_max`."""
    stem, _, rest = metric.partition("_")
    if stem not in SCORES:
        return metric
    told = {"": "", "max": ", best layer"}.get(rest, f", {rest.replace('_', ' ')}")
    return stem.upper() + told


def natural(name: str) -> list[tuple[int, str]]:
    """A key that puts `step-7000` before `step-14000`."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part) if part.isdecimal() else -1, part) for part in parts]


def rounded(value: float, digits: int = DIGITS) -> float | None:
    """A number as short as the page needs it; None for NaN."""
    return round(float(value), digits) + 0.0 if math.isfinite(value) else None
