"""Scores beside what they are compared with, as means of each model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.page.language_scores import rounded


def control_rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per model and score: means over the languages that have the control, and how many are above.

    A language is above the floor where the interval of score - floor, over sentences, is above 0.
    """
    at = {name: i for i, name in enumerate(data["metrics"])}
    rows = []
    for corpus_at, corpus in enumerate(data["corpora"]):
        for model_at, model in enumerate(data["models"]):
            mine = [row for row in data["rows"] if (row["m"], row["c"]) == (model_at, corpus_at)]
            for score in SCORES:
                if not any(f"{score}_{what}" in at for what in ("floor", "shuffled")):
                    continue
                kept = [
                    row
                    for row in mine
                    if any(
                        name in at and row["v"][at[name]] is not None
                        for name in (f"{score}_floor", f"{score}_shuffled")
                    )
                ]
                if kept:
                    rows.append(
                        {
                            "corpus": corpus,
                            "model": model,
                            "metric": score,
                            "languages": len(kept),
                            **{
                                what: _mean(kept, at.get(name))
                                for what, name in (
                                    ("score", score),
                                    ("floor", f"{score}_floor"),
                                    ("above", f"{score}_above_floor"),
                                    ("shuffled", f"{score}_shuffled"),
                                    ("surface", "surface"),
                                )
                            },
                            **_beyond(kept, at.get(f"{score}_above_floor")),
                        }
                    )
    return rows


def _mean(rows: Sequence[Mapping[str, Any]], at: int | None) -> float | None:
    values = [] if at is None else [row["v"][at] for row in rows if row["v"][at] is not None]
    return rounded(math.fsum(values) / len(values)) if values and len(values) == len(rows) else None


def _beyond(rows: Sequence[Mapping[str, Any]], at: int | None) -> dict[str, int | None]:
    if at is None:
        return {"beyond": None, "tested": None}
    intervals = [row["i"][at] for row in rows if row["i"][at]]
    return {"beyond": sum(low > 0 for low, _ in intervals), "tested": len(intervals)}
