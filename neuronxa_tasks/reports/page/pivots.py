"""The same model and text against several pivots: how much of a score is English."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from neuronxa_tasks.reports.page.language_scores import rounded
from neuronxa_tasks.results import Results

Cells = dict[str, dict[str, float]]
"""Pivot to language to score."""


def pivot_rows(
    results: Results, names: Mapping[tuple[str, str], str], scores: Sequence[str]
) -> list[dict[str, Any]]:
    """Means of each model and score per pivot, over the languages that all its pivots have.

    A row is there where a model has several pivots with equal n, tap and weights.

    Args:
        results: what was read.
        names: (model, revision) to the model's name.
        scores: metrics to compare.
    """
    found: dict[tuple[str, str, str, str], Cells] = defaultdict(lambda: defaultdict(dict))
    alignment = results.frame[results.frame["kind"] == "alignment"]
    columns = ("model", "revision", "benchmark", "metric", "language", "settings", "value")
    for model, revision, corpus, metric, code, told, value in zip(
        *(alignment[name] for name in columns), strict=True
    ):
        settings = json.loads(told)
        pivot = settings.pop("pivot", None)
        if pivot and metric in scores:
            corpus = corpus.partition(" [")[0]
            same = ", ".join(f"{key} {each}" for key, each in sorted(settings.items()))
            key = (names[(model, revision)], corpus, same, metric)
            found[key][str(pivot)][code] = float(value)
    rows = []
    for (model, corpus, same, metric), by_pivot in sorted(found.items()):
        common = set.intersection(*(set(cells) for cells in by_pivot.values()))
        if len(by_pivot) < 2 or not common:
            continue
        rows.append(
            {
                "model": model,
                "corpus": corpus,
                "settings": same,
                "metric": metric,
                "languages": len(common),
                "means": {
                    pivot: rounded(math.fsum(cells[code] for code in common) / len(common))
                    for pivot, cells in sorted(by_pivot.items())
                },
            }
        )
    return rows
