"""The charts of the page as templates: the page fills them itself, and they are files for papers.

A text that begins with a dollar sign stands for data, an axis' end or a colour, see `charts.fill`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronxa_tasks.charts import Drawing, Libraries, file_name, fill
from neuronxa_tasks.correlate.figures import draw, scatter_template
from neuronxa_tasks.correlate.settings import Settings
from neuronxa_tasks.report.correlations import Correlations

NAMES = {"nas": "NAS", "nav": "NAV", "hidden": "hidden states"}
"""Representation to its name in a legend."""

BESIDE = ("chance", "surface", "floor")
"""What a score is compared with, in the order of the legend."""

# Okabe & Ito's palette keeps apart what people with a colour deficiency see.
PAPER = {
    "accent": "#0b62a4",
    "ink": "#1c2430",
    "muted": "#5d6875",
    "grid": "#dfe4ea",
    "page": "#ffffff",
    "c1": "#0b62a4",
    "c2": "#c2570c",
    "c3": "#4b5563",
    "c4": "#8a3f7d",
}
"""Colours on white, for files; the page has its own, light and dark."""

_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def config() -> dict[str, Any]:
    """What all charts have in common: quiet axes, no frame, the colours of the page."""
    text = {"labelColor": "$muted", "titleColor": "$ink", "labelFontSize": 11, "titleFontSize": 12}
    return {
        "font": _FONT,
        "background": "transparent",
        "view": {"stroke": "transparent"},
        "axis": {
            **text,
            "titleFontWeight": 500,
            "gridColor": "$grid",
            "domainColor": "$grid",
            "tickColor": "$grid",
            "labelLimit": 190,
        },
        "legend": {**text, "orient": "bottom", "title": None, "symbolStrokeColor": "$ink"},
        "title": {"color": "$ink", "fontSize": 13, "anchor": "start", "fontWeight": 600},
    }


def templates(libraries: Libraries) -> dict[str, Any]:
    """Name to chart without data."""
    alt = libraries.altair
    charts = {"ranks": _ranks(alt), "heat": _heat(alt), "profile": _profile(alt)}
    found = {name: _bare(chart) for name, chart in charts.items()}
    for layer in found["heat"]["layer"]:  # numbers, which Altair refuses to take as texts
        layer["encoding"]["x"]["axis"]["labelAngle"] = "$angle"
    found["pairs"] = _bare(_pairs(alt))
    for side in ("x", "y"):
        found["pairs"]["encoding"][side]["axis"] |= {"labels": "$labels", "labelFontSize": "$font"}
    return {**found, "scatter": scatter_template(alt)}


def _bare(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict(validate=False)
    for name in ("$schema", "config"):
        spec.pop(name, None)
    return {**spec, "width": "$width", "height": "$height"}


def _ranks(alt: Any) -> Any:
    y = alt.Y("model:N", sort=None, title=None, axis=alt.Axis(grid=False, ticks=False))
    scale = alt.Scale(domain=[0, "$top"], nice=True)
    axis = alt.Axis(tickCount=6)
    models, marks = alt.Chart(alt.Data(values="$ranks")), alt.Chart(alt.Data(values="$marks"))
    number = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("mean", "low", "high")]
    return alt.layer(
        marks.mark_point(filled=False, size=46, strokeWidth=1.6, opacity=1).encode(
            y=y,
            x=alt.X("value:Q", scale=scale, axis=axis, title="$metric"),
            shape=alt.Shape(
                "what:N",
                scale=alt.Scale(domain=list(BESIDE), range=["stroke", "triangle-up", "square"]),
            ),
            color=alt.Color(
                "what:N", scale=alt.Scale(domain=list(BESIDE), range=["$muted", "$c2", "$c4"])
            ),
            tooltip=["model:N", "what:N", alt.Tooltip("value:Q", format=".3f")],
        ),
        models.mark_rule(strokeWidth=2, color="$accent").encode(
            y=y, x=alt.X("low:Q", scale=scale, axis=axis, title="$metric"), x2="high:Q"
        ),
        models.mark_point(filled=True, size=90, color="$accent", opacity=1).encode(
            y=y,
            x=alt.X("mean:Q", scale=scale, axis=axis, title="$metric"),
            tooltip=["model:N", *number, alt.Tooltip("rank:N", title="rank")],
        ),
    )


def _heat(alt: Any) -> Any:
    base = alt.Chart(alt.Data(values="$cells")).encode(
        x=alt.X(
            "model:N",
            sort="$models",
            title=None,
            axis=alt.Axis(orient="top", labelLimit=130, ticks=False, domain=False),
        ),
        y=alt.Y(
            "language:N",
            sort="$order",
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelLimit=150),
        ),
        tooltip=[
            "language:N",
            "code:N",
            "model:N",
            alt.Tooltip("value:Q", title="$metric", format=".3f"),
            alt.Tooltip("floor:Q", format=".3f"),
            alt.Tooltip("surface:Q", format=".3f"),
            "n:Q",
        ],
    )
    return alt.layer(
        base.mark_rect(stroke="$page", strokeWidth=1).encode(
            color=alt.Color(
                "value:Q",
                scale=alt.Scale(scheme="cividis", domain=[0, "$top"]),
                legend=alt.Legend(title="$metric", orient="bottom", gradientLength=180),
            )
        ),
        base.mark_text(fontSize=9).encode(
            text=alt.Text("value:Q", format=".2f"),
            color=alt.condition("datum.dark", alt.value("#ffffff"), alt.value("#10151c")),
        ),
    )


def _profile(alt: Any) -> Any:
    colour = {"domain": list(NAMES.values()), "range": ["$c1", "$c2", "$c3"]}
    base, band = alt.Chart(alt.Data(values="$profile")), alt.Chart(alt.Data(values="$band"))
    x = alt.X(
        "layer:Q",
        title="layer",
        axis=alt.Axis(tickMinStep=1, grid=False),
        scale=alt.Scale(zero=False, nice=False),
    )
    y = {"title": "share of pairs", "scale": alt.Scale(domain=[0, "$top"], nice=True)}
    what = alt.Color("what:N", scale=alt.Scale(**colour))
    return alt.layer(
        band.mark_area(opacity=0.16).encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q", color=what),
        base.mark_line(strokeWidth=1.8).encode(
            x=x,
            y=alt.Y("mean:Q", **y),
            color=what,
            strokeDash=alt.StrokeDash(
                "what:N",
                scale=alt.Scale(domain=list(NAMES.values()), range=[[1, 0], [6, 3], [2, 2]]),
            ),
        ),
        base.mark_point(filled=True, size=34, opacity=1).encode(
            x=x,
            y=alt.Y("mean:Q", **y),
            color=what,
            shape=alt.Shape(
                "what:N",
                scale=alt.Scale(
                    domain=list(NAMES.values()), range=["circle", "square", "triangle-up"]
                ),
            ),
            tooltip=[
                "what:N",
                "layer:Q",
                *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("mean", "low", "high")),
            ],
        ),
    )


def _pairs(alt: Any) -> Any:
    labels = alt.Axis(ticks=False, domain=False)
    return (
        alt.Chart(alt.Data(values="$pairs"))
        .mark_rect()
        .encode(
            x=alt.X("a:N", sort="$codes", title=None, axis=labels),
            y=alt.Y("b:N", sort="$codes", title=None, axis=labels),
            color=alt.Color(
                "value:Q",
                scale=alt.Scale(scheme="cividis", domain=[0, "$top"]),
                legend=alt.Legend(title="$metric", orient="bottom", gradientLength=180),
            ),
            tooltip=[
                alt.Tooltip("a:N", title="language"),
                alt.Tooltip("b:N", title="and"),
                alt.Tooltip("value:Q", title="$metric", format=".3f"),
            ],
        )
    )


def drawings(
    libraries: Libraries,
    data: Mapping[str, Any],
    found: Correlations,
    settings: Settings,
) -> list[Drawing]:
    """The figures as files, on white: ranks, heat maps, profiles, matrices, correlations."""
    made = [
        *_rank_drawings(libraries, data),
        *_heat_drawings(libraries, data),
        *_profile_drawings(libraries, data),
        *_pair_drawings(libraries, data),
    ]
    if found.study is not None:
        made += draw(found.study, found.analysis, libraries, settings.confidence)
    return made


def _drawing(name: str, caption: str, spec: Any, values: Mapping[str, Any]) -> Drawing:
    filled = fill({**spec, "config": config()}, {**PAPER, **values})
    return Drawing(file_name(name), caption, filled)


def _rank_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    spec = templates(libraries)["ranks"]
    return [
        _drawing(
            f"ranks {board['label']} {board['metric']}",
            f"Mean {board['metric']} over languages, {board['label']}",
            spec,
            {
                **rank_values(board),
                "metric": board["metric"],
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
                    f"{metric} of every language and model, {corpus}",
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
        "metric": metric,
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


def _pair_drawings(libraries: Libraries, data: Mapping[str, Any]) -> list[Drawing]:
    spec = templates(libraries)["pairs"]
    made = []
    for matrix in data["pairs"]:
        names = [data["names"].get(code, code) for code in matrix["languages"]]
        side = max(240, min(900, 12 * len(names)))
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
                    f"{metric} between all languages, {matrix['model']}, {matrix['corpus']}",
                    spec,
                    {
                        "pairs": cells,
                        "codes": names,
                        "metric": metric,
                        "labels": True,
                        "font": 9,
                        "top": max((cell["value"] for cell in cells), default=1.0) or 1.0,
                        "width": side,
                        "height": side,
                    },
                )
            )
    return made
