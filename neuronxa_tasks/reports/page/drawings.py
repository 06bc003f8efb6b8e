"""The charts of the page as files for papers, on white."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronxa_tasks.reports.charts import Drawing, Libraries, file_name, fill
from neuronxa_tasks.reports.estimates import Settings
from neuronxa_tasks.reports.figures import draw
from neuronxa_tasks.reports.page.correlation_data import Correlations
from neuronxa_tasks.reports.page.language_scores import score_name
from neuronxa_tasks.reports.page.templates import BESIDE, NAMES, config, templates

# Okabe & Ito's palette keeps apart what people with a colour deficiency see.
PAPER = {
    "accent": "#0b62a4",
    "ink": "#1c2430",
    "muted": "#5d6875",
    "grid": "#dfe4ea",
    "page": "#ffffff",
    "back": "#ffffff",
    "c1": "#0b62a4",
    "c2": "#c2570c",
    "c3": "#4b5563",
    "c4": "#8a3f7d",
}
"""Colours on white, for files; the page has its own, light and dark."""


def drawings(
    libraries: Libraries,
    data: Mapping[str, Any],
    found: Correlations,
    settings: Settings,
) -> list[Drawing]:
    """The figures as files, on white: those of the page, and those of `neuronxa correlate`."""
    made = [
        *_rank_drawings(libraries, data),
        *_heat_drawings(libraries, data),
        *_profile_drawings(libraries, data),
        *_family_drawings(libraries, data),
        *_pair_drawings(libraries, data),
    ]
    if found.study is not None:
        made += draw(found.study, found.estimates, libraries, settings.confidence)
    return made


def _drawing(name: str, caption: str, spec: Any, values: Mapping[str, Any]) -> Drawing:
    filled = fill({**spec, "config": config()}, {**PAPER, **values})
    return Drawing(file_name(name), caption, filled)


def _rank_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    spec = templates(libraries)["ranks"]
    return [
        _drawing(
            f"ranks {board['label']} {board['metric']}",
            f"Mean {score_name(board['metric'])} over languages, {board['label']}",
            spec,
            {
                **rank_values(board),
                "metric": score_name(board["metric"]),
                "width": 420,
                "height": {"step": 26},
            },
        )
        for board in data["boards"]
        if board["ranked"]
    ]


def rank_values(board: Mapping[str, Any]) -> dict[str, Any]:
    """Data of the chart of ranks: the models, and what their means are compared with."""
    entries = [entry for entry in board["entries"] if entry["mean"] is not None]
    ends = [entry["high"] or entry["mean"] for entry in entries]
    marks = [
        {"model": entry["model"], "what": what, "value": entry[what]}
        for entry in entries
        for what in BESIDE
        if entry[what] is not None
    ]
    return {
        "ranks": entries,
        "marks": marks,
        "low": min([0.0, *(entry["low"] or entry["mean"] for entry in entries)]),
        "top": max([*ends, *(mark["value"] for mark in marks)], default=1.0),
    }


def _heat_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    spec = templates(libraries)["heat"]
    made = []
    for corpus_at, corpus in enumerate(data["corpora"]):
        for metric_at, metric in enumerate(data["metrics"]):
            if metric not in data["scores"]:
                continue
            rows = [
                row
                for row in data["rows"]
                if row["c"] == corpus_at and row["v"][metric_at] is not None
            ]
            if not rows:
                continue
            made.append(
                _drawing(
                    f"heat {corpus} {metric}",
                    f"{score_name(metric)} of every language and model, {corpus}",
                    spec,
                    _heat_values(data, rows, metric_at),
                )
            )
    return made


def _heat_values(
    data: Mapping[str, Any], rows: list[Mapping[str, Any]], metric_at: int
) -> dict[str, Any]:
    by_language: dict[str, list[float]] = {}
    for row in rows:
        by_language.setdefault(row["l"], []).append(row["v"][metric_at])
    means = {code: sum(values) / len(values) for code, values in by_language.items()}
    names = {code: data["languages"][code][0] for code in means}
    top = max(max(values) for values in by_language.values()) or 1.0
    place = {name: i for i, name in enumerate(data["metrics"])}
    metric = data["metrics"][metric_at]

    def beside(row: Mapping[str, Any], name: str) -> float | None:
        found: float | None = row["v"][place[name]] if name in place else None
        return found

    return {
        "cells": [
            {
                "language": names[row["l"]],
                "code": row["l"],
                "model": data["models"][row["m"]],
                "value": row["v"][metric_at],
                "n": row["n"],
                "dark": row["v"][metric_at] < 0.55 * top,
                "floor": beside(row, f"{metric}_floor"),
                "surface": beside(row, "surface"),
            }
            for row in rows
        ],
        "models": [data["models"][i] for i in sorted({row["m"] for row in rows})],
        "order": [names[code] for code in sorted(means, key=lambda code: (-means[code], code))],
        "metric": score_name(metric),
        "top": top,
        "angle": -35,
        "width": {"step": 44},
        "height": {"step": 16},
    }


def _profile_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    spec = templates(libraries)["profile"]
    made = []
    for corpus_at, corpus in enumerate(data["corpora"]):
        panels = []
        lines = [line for line in data["profiles"] if line["c"] == corpus_at]
        for model_at, model in enumerate(data["models"]):
            chosen = [line for line in lines if line["m"] == model_at]
            if not chosen:
                continue
            values = {
                "profile": profile_values(chosen),
                "band": profile_values([line for line in chosen if line["what"] == "nas"]),
                "top": max(max(line["high"]) for line in lines) or 1.0,
                "width": 220,
                "height": 160,
            }
            panels.append({**fill(spec, values), "title": model})
        if panels:
            made.append(
                _drawing(
                    f"profiles {corpus}",
                    f"Share of mutual nearest neighbours in each layer, {corpus}: mean over "
                    "languages, and the 10th to 90th percentile of NAS",
                    {"concat": panels, "columns": 3},
                    {},
                )
            )
    return made


def profile_values(lines: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Data of one model's profile."""
    return [
        {"what": NAMES.get(line["what"], line["what"]), "layer": line["first"] + at}
        | {"mean": mean, "low": low, "high": high}
        for line in lines
        for at, (mean, low, high) in enumerate(
            zip(line["mean"], line["low"], line["high"], strict=True)
        )
    ]


def _family_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    """Languages by family, mean over models; one figure per corpus and score."""
    spec = templates(libraries)["families"]
    made = []
    for corpus_at, corpus in enumerate(data["corpora"]):
        for metric in data["scores"]:
            at = data["metrics"].index(metric)
            scores: dict[str, list[float]] = {}
            for row in data["rows"]:
                if row["c"] == corpus_at and row["v"][at] is not None:
                    scores.setdefault(row["l"], []).append(row["v"][at])
            if not scores:
                continue
            means = {code: sum(values) / len(values) for code, values in scores.items()}
            families: dict[str, list[str]] = {}
            for code in sorted(means):
                families.setdefault(data["languages"][code][2] or "not in the table", []).append(
                    code
                )
            labels = {name: f"{name} ({len(codes)})" for name, codes in families.items()}
            middle = {
                name: sum(means[code] for code in codes) / len(codes)
                for name, codes in families.items()
            }
            order = sorted(families, key=lambda name: (-middle[name], name))
            made.append(
                _drawing(
                    f"families {corpus} {metric}",
                    f"{score_name(metric)} by family, mean over models, {corpus}: a line is a "
                    "language, the dot the mean of the family",
                    spec,
                    {
                        "points": [
                            {
                                "family": labels[name],
                                "language": data["languages"][code][0],
                                "code": code,
                                "value": means[code],
                            }
                            for name in order
                            for code in families[name]
                        ],
                        "means": [
                            {
                                "family": labels[name],
                                "mean": middle[name],
                                "languages": len(families[name]),
                            }
                            for name in order
                        ],
                        "order": [labels[name] for name in order],
                        "low": min(0.0, *means.values()),
                        "top": max(means.values()) or 1.0,
                        "metric": score_name(metric),
                        "width": 420,
                        "height": {"step": 24},
                    },
                )
            )
    return made


def _pair_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    spec = templates(libraries)["pairs"]
    made = []
    for matrix in data["pairs"]:
        names = [data["names"].get(code, code) for code in matrix["languages"]]
        side = max(240, min(900, 13 * len(names)))
        for metric, triangle in matrix["scores"].items():
            cells = [
                {"a": names[one], "b": names[other], "value": value / 1000}
                for i, line in enumerate(triangle)
                for j, value in enumerate(line)
                for one, other in ((i, j), (j, i))
            ]
            made.append(
                _drawing(
                    f"pairs {matrix['model']} {matrix['corpus']} {matrix['n']} {metric}",
                    f"{score_name(metric)} of pairs, {matrix['model']}, {matrix['corpus']}",
                    spec,
                    {
                        "pairs": cells,
                        "codes": names,
                        "metric": score_name(metric),
                        "labels": True,
                        "top": max((cell["value"] for cell in cells), default=1.0) or 1.0,
                        "width": side,
                        "height": side,
                    },
                )
            )
    return made
