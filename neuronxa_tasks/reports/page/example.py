"""One score of the data in words, for each kind of score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.page.language_scores import chance


def examples(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One example per score whose meaning is known, in the order of the choice.

    Args:
        data: see `language_scores.score_data`.
    """
    known = [name for name in data["scores"] if name.removesuffix("_max") in SCORES]
    return [found for metric in known if (found := _example(data, metric))]


def _example(data: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    at = {name: i for i, name in enumerate(data["metrics"])}
    rows = [row for row in data["rows"] if row["v"][at[metric]] is not None and row["n"]]
    if not rows:
        return None

    def value(row: Mapping[str, Any], name: str) -> float | None:
        found: float | None = row["v"][at[name]] if name in at else None
        return found

    row = _telling(rows, metric, value)
    return {
        "metric": metric,
        "model": data["models"][row["m"]],
        "language": data["languages"][row["l"]][0],
        "score": value(row, metric),
        "n": row["n"],
        "chance": chance(row["n"]),
        "surface": value(row, "surface"),
        "floor": value(row, f"{metric}_floor"),
    }


def _telling(rows: Sequence[Mapping[str, Any]], metric: str, value: Any) -> Mapping[str, Any]:
    """The row where surface and floor matter most: both high, and the score still above them."""

    def beside(row: Mapping[str, Any]) -> tuple[float, float]:
        return value(row, "surface") or 0.0, value(row, f"{metric}_floor") or 0.0

    clear = [row for row in rows if value(row, metric) > max(beside(row))]
    return max(clear or rows, key=lambda row: (sum(beside(row)), value(row, metric), row["l"]))
