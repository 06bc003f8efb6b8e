"""The charts as templates: the page fills them itself, and `drawings` makes them files.

A text that begins with a dollar sign stands for data, an axis' end or a colour, see `charts.fill`.
"""

from __future__ import annotations

from typing import Any

from neuronxa_tasks.reports.charts import Libraries
from neuronxa_tasks.reports.figures import scatter_template

NAMES = {"nas": "NAS", "nav": "NAV", "hidden": "hidden states"}
"""Representation to its name in a legend."""

BESIDE = ("chance", "surface", "floor")
"""What a score is compared with, in the order of the legend."""

TEXT = 11
"""Pixels; no text of a chart is smaller."""

_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def config() -> dict[str, Any]:
    """What all charts have in common: quiet axes, no frame, the colours of the page."""
    text = {
        "labelColor": "$muted",
        "titleColor": "$ink",
        "labelFontSize": TEXT,
        "titleFontSize": 12,
    }
    return {
        "font": _FONT,
        "background": "$back",
        "view": {"stroke": "transparent"},
        "axis": {
            **text,
            "titleFontWeight": 500,
            "gridColor": "$grid",
            "domainColor": "$grid",
            "tickColor": "$grid",
            "labelLimit": 190,
        },
        "legend": {**text, "orient": "bottom", "title": None, "symbolOpacity": 1},
        "title": {"color": "$ink", "fontSize": 13, "anchor": "start", "fontWeight": 600},
    }


def templates(libraries: Libraries) -> dict[str, Any]:
    """Name to chart without data."""
    alt = libraries.altair
    charts = {"ranks": _ranks(alt), "heat": _heat(alt), "profile": _profile(alt)}
    charts["families"] = _families(alt)
    found = {name: _bare(chart) for name, chart in charts.items()}
    for layer in found["heat"]["layer"]:  # numbers, which Altair refuses to take as texts
        layer["encoding"]["x"]["axis"]["labelAngle"] = "$angle"
    found["pairs"] = _bare(_pairs(alt))
    for side in ("x", "y"):
        found["pairs"]["encoding"][side]["axis"]["labels"] = "$labels"
    return {**found, "scatter": _scatter(alt)}


def _scatter(alt: Any) -> dict[str, Any]:
    """That of `neuronxa correlate` with larger labels, and a line where guessing would be."""
    template = scatter_template(alt)
    for layer in template["layer"]:
        if layer["mark"]["type"] == "text":
            layer["mark"]["fontSize"] = TEXT
    line = (
        alt.Chart(alt.Data(values="$chances"))
        .mark_rule(strokeDash=[4, 3], color="$muted", clip=True)
        .encode(
            y=alt.Y("y:Q", title="$y", scale=alt.Scale(domain=["$y0", "$y1"], nice=False)),
            tooltip=[alt.Tooltip("y:Q", title="chance", format=".3f")],
        )
        .to_dict(validate=False)
    )
    template["layer"].insert(0, {key: line[key] for key in ("data", "mark", "encoding")})
    return template


def _families(alt: Any) -> Any:
    y = alt.Y("family:N", sort="$order", title=None, axis=alt.Axis(grid=False, ticks=False))
    scale, axis = alt.Scale(domain=["$low", "$top"], nice=True), alt.Axis(tickCount=6)
    points, means = alt.Chart(alt.Data(values="$points")), alt.Chart(alt.Data(values="$means"))
    return alt.layer(
        points.mark_tick(thickness=1.6, size=14, opacity=0.75, color="$accent").encode(
            y=y,
            x=alt.X("value:Q", scale=scale, axis=axis, title="$metric"),
            tooltip=["language:N", "code:N", alt.Tooltip("value:Q", title="$metric", format=".3f")],
        ),
        means.mark_point(filled=True, size=60, color="$c2", opacity=1).encode(
            y=y,
            x=alt.X("mean:Q", scale=scale, axis=axis, title="$metric"),
            tooltip=["family:N", alt.Tooltip("mean:Q", format=".3f"), "languages:Q"],
        ),
    )


def _bare(chart: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict(validate=False)
    for name in ("$schema", "config"):
        spec.pop(name, None)
    return {**spec, "width": "$width", "height": "$height"}


def _ranks(alt: Any) -> Any:
    # Room for a mark at 0 beside the name.
    labels = alt.Axis(grid=False, ticks=False, labelPadding=9)
    y = alt.Y("model:N", sort=None, title=None, axis=labels)
    scale = alt.Scale(domain=["$low", "$top"], nice=True)
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
        base.mark_text(fontSize=TEXT).encode(
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
