"""Figures of a correlation report: scatters, and profiles over the layers."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.charts import Drawing, Libraries, file_name, fill
from neuronxa_tasks.reports.estimates import Estimates, Record
from neuronxa_tasks.reports.markdown import interval_text
from neuronxa_tasks.reports.study import Study, VariablePair

MAX_SCATTERS = 12
"""More pairs than this are not drawn; the report says which."""
MAX_PANELS = 24
"""A figure shows at most so many models, the first by name; its caption says so."""
_GRID = 41
_COLUMNS = 4
_SIZE = 200
_BLUE, _GREY = "#1f5fa8", "#8a8a8a"
_NAMES = {"nas": "NAS", "nav": "NAV", "hidden": "hidden states"}
_COLOURS = {"NAS": "#1f5fa8", "NAV": "#c05a10", "hidden states": "#4d4d4d"}
_FURTHER = ("#2e7d32", "#7b3fa0", "#b0348b", "#8a6d00")


def drawn_pairs(
    study: Study, estimates: Estimates
) -> tuple[tuple[VariablePair, ...], tuple[VariablePair, ...]]:
    """Pairs with a scatter, and pairs with a correlation for which there is no room.

    The primary pair comes first, then the order of the tables by metric.
    """
    with_r = {
        (record["x"], record["y"]): record
        for record in estimates.correlations
        if not math.isnan(record["r"])
    }
    named = {(record["x"], record["y"]) for record in estimates.averages if record["primary"]}
    named |= {(record["x"], record["y"]) for record in estimates.correlations if record["primary"]}
    place = {variable.label: i for i, variable in enumerate(study.variables("x"))}
    pairs = sorted(
        (pair for pair in study.pairs if (pair.x.label, pair.y.label) in with_r),
        key=lambda pair: ((pair.x.label, pair.y.label) not in named, place[pair.x.label]),
    )
    return tuple(pairs[:MAX_SCATTERS]), tuple(pairs[MAX_SCATTERS:])


def draw(
    study: Study, estimates: Estimates, libraries: Libraries, confidence: float
) -> tuple[Drawing, ...]:
    """Draws a scatter for each pair and a layer profile for each outcome."""
    # Altair would check every part of every panel against its schema, many times over.
    with libraries.altair.utils.schemapi.debug_mode(False):
        return _drawings(study, estimates, libraries.altair, confidence)


def _drawings(
    study: Study, estimates: Estimates, alt: Any, confidence: float
) -> tuple[Drawing, ...]:
    short = short_codes(study)
    records = {(r["model"], r["x"], r["y"]): r for r in estimates.correlations}
    drawings = [
        Drawing(
            f"scatter_{file_name(pair.y.label)}_{file_name(pair.x.label)}",
            f"{pair.y.label} against {pair.x.label}{_shown(_models(pair, records))}",
            _scatter(alt, pair, records, short, confidence),
        )
        for pair in drawn_pairs(study, estimates)[0]
    ]
    by_outcome: dict[str, list[Record]] = defaultdict(list)
    for record in estimates.layers:
        if not math.isnan(record["r"]):
            by_outcome[record["y"]].append(record)
    drawings += [
        Drawing(
            f"layers_{file_name(label)}",
            f"r of each layer's alignment with {label} over languages"
            + _shown({record["model"] for record in layers}),
            _profile(alt, layers),
        )
        for label, layers in sorted(by_outcome.items())
    ]
    names = Counter(drawing.name for drawing in drawings)
    assert all(count == 1 for count in names.values())
    return tuple(drawings)


def scatter_template(alt: Any) -> dict[str, Any]:
    """A scatter with its line and band, to be filled by `charts.fill`.

    Missing are `points` (language, short, x, y) and `band` (x, y, low, high), the titles `x` and
    `y`, the ends of the axes `x0`, `x1`, `y0`, `y1`, the colours `accent` and `ink`, and
    `width` and `height`.
    """
    x_scale = alt.Scale(domain=["$x0", "$x1"], nice=False, zero=False)
    y_scale = alt.Scale(domain=["$y0", "$y1"], nice=False, zero=False)
    x_axis = alt.X("x:Q", title="$x", scale=x_scale)
    y_axis = alt.Y("y:Q", title="$y", scale=y_scale)
    lines, dots = alt.Chart(alt.Data(values="$band")), alt.Chart(alt.Data(values="$points"))
    tooltip = [
        alt.Tooltip("language:N"),
        alt.Tooltip("x:Q", title="$x", format=".3f"),
        alt.Tooltip("y:Q", title="$y", format=".3f"),
    ]
    template: dict[str, Any] = alt.layer(
        lines.mark_area(opacity=0.15, color="$accent", clip=True).encode(
            x=x_axis, y=alt.Y("low:Q", scale=y_scale, title="$y"), y2="high:Q"
        ),
        lines.mark_line(color="$accent", strokeWidth=1.2, clip=True).encode(x=x_axis, y=y_axis),
        dots.mark_circle(color="$accent", size=24, opacity=0.9).encode(
            x=x_axis, y=y_axis, tooltip=tooltip
        ),
        dots.mark_text(align="left", dx=4, dy=-3, fontSize=8, color="$ink").encode(
            x=x_axis, y=y_axis, text="short:N"
        ),
    ).to_dict(validate=False)
    return {"layer": template["layer"], "width": "$width", "height": "$height"}


def fit_band(
    pair: VariablePair, model: str, domain: Sequence[float], confidence: float
) -> list[dict[str, float]]:
    """The straight line of a model, and where one new language may lie, over the axis of x."""
    grid = np.linspace(domain[0], domain[1], _GRID)
    line = statistics.predict(*pair.columns(model), grid, confidence=confidence)
    return [
        {"x": float(at), "y": float(middle), "low": float(low), "high": float(high)}
        for at, middle, low, high in zip(grid, line.predicted, line.low, line.high, strict=True)
    ]


def domains(pair: VariablePair, models: Sequence[str]) -> tuple[list[float], list[float]]:
    """The ends of both axes, common to some models."""
    columns = [pair.columns(model) for model in models]
    return (
        _domain([value for x, _ in columns for value in x]),
        _domain([value for _, y in columns for value in y]),
    )


def _models(pair: VariablePair, records: dict[tuple[str, str, str], Record]) -> list[str]:
    """The models that have this correlation."""
    return [
        model
        for model in pair.models()
        if not math.isnan(records[(model, pair.x.label, pair.y.label)]["r"])
    ]


def _shown(models: Collection[str]) -> str:
    """What a caption says about models for which there is no room."""
    return "" if len(models) <= MAX_PANELS else f" (the first {MAX_PANELS} of {len(models)} models)"


def _scatter(
    alt: Any,
    pair: VariablePair,
    records: dict[tuple[str, str, str], Record],
    short: dict[str, str],
    confidence: float,
) -> Any:
    models = _models(pair, records)[:MAX_PANELS]
    (x0, x1), (y0, y1) = domains(pair, models)
    template = scatter_template(alt)
    panels = []
    for model in models:
        record = records[(model, pair.x.label, pair.y.label)]
        points = [
            {"language": code, "short": short[code], "x": one, "y": other}
            for code, one, other in zip(pair.languages(model), *pair.columns(model), strict=True)
        ]
        filled = fill(
            template,
            {
                "points": points,
                "band": fit_band(pair, model, (x0, x1), confidence),
                **{"x": pair.x.label, "y": pair.y.label},
                **{"x0": x0, "x1": x1, "y0": y0, "y1": y1},
                **{"accent": _BLUE, "ink": "#333333", "width": _SIZE, "height": _SIZE},
            },
        )
        title = [
            model,
            f"r = {record['r']:.2f} {interval_text(record['low'], record['high'])}, "
            f"n = {record['n']}",
        ]
        panels.append(
            alt.Chart.from_dict(filled, validate=False).properties(
                title=alt.Title(title, fontSize=10)
            )
        )
    return _grid(alt, panels)


def _profile(alt: Any, layers: list[Record]) -> Any:
    several = len({record["corpus"] for record in layers}) > 1
    shown = sorted({record["model"] for record in layers})[:MAX_PANELS]
    layers = [record for record in layers if record["model"] in shown]
    panels_of: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in layers:
        panels_of[(record["model"], record["corpus"] if several else "")].append(
            {
                "layer": record["layer"],
                "r": record["r"],
                "low": record["low"],
                "high": record["high"],
                "n": record["n"],
                "what": _NAMES.get(record["representation"], record["representation"]),
            }
        )
    present = {row["what"] for rows in panels_of.values() for row in rows}
    # Published scores have names of their own, and a colour that is left.
    colours = _COLOURS | dict(zip(sorted(present - set(_COLOURS)), cycle(_FURTHER), strict=False))
    names = [name for name in colours if name in present]
    colour = alt.Color(
        "what:N",
        title=None,
        legend=alt.Legend(symbolOpacity=1),
        scale=alt.Scale(domain=names, range=[colours[name] for name in names]),
    )
    x_axis = alt.X(
        "layer:Q", title="layer", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False)
    )
    scale = alt.Scale(domain=[-1, 1])
    panels = []
    for (model, corpus), rows in sorted(panels_of.items()):
        base = alt.Chart(alt.Data(values=rows))
        zero = alt.Chart(alt.Data(values=[{"r": 0}]))
        panels.append(
            alt.layer(
                zero.mark_rule(color=_GREY, strokeDash=[3, 3]).encode(y=alt.Y("r:Q", scale=scale)),
                base.mark_area(opacity=0.12).encode(
                    x=x_axis, y=alt.Y("low:Q", scale=scale, title="r"), y2="high:Q", color=colour
                ),
                base.mark_line(strokeWidth=1.4, point=alt.OverlayMarkDef(size=14)).encode(
                    x=x_axis,
                    y=alt.Y("r:Q", scale=scale, title="r"),
                    color=colour,
                    tooltip=["what:N", "layer:Q", "r:Q", "low:Q", "high:Q", "n:Q"],
                ),
            ).properties(
                width=_SIZE,
                height=_SIZE,
                title=alt.Title([model, corpus] if corpus else [model], fontSize=10),
            )
        )
    return _grid(alt, panels)


def _grid(alt: Any, panels: list[Any]) -> Any:
    return alt.concat(*panels, columns=_COLUMNS).configure(font="sans-serif")


def _domain(values: Sequence[float]) -> list[float]:
    """The values with some room for the labels."""
    low, high = min(values), max(values)
    room = (high - low) * 0.12 or abs(low) * 0.1 or 0.1
    return [low - room, high + room]


def short_codes(study: Study) -> dict[str, str]:
    """`deu` for `deu_Latn`, unless the study has that language in two scripts."""
    codes = {
        code
        for variable in study.variables()
        for by_language in variable.values.values()
        for code in by_language
    }
    stems = Counter(code.partition("_")[0] for code in codes)
    return {
        code: stem if stems[stem := code.partition("_")[0]] == 1 else code for code in sorted(codes)
    }
