"""Figures of a sweep: scores and benchmarks against the training step, and against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from neuronxa_tasks.names import BASELINES, SCORES
from neuronxa_tasks.reports.charts import Drawing, Libraries, file_name
from neuronxa_tasks.reports.sweep.step_axis import Scale, StepAxis
from neuronxa_tasks.reports.sweep.trends import MEAN, Trends, Value
from neuronxa_tasks.text.languages import languages

MAX_PANELS = 30
"""With more languages than this, their lines become a heat map."""

_COLOURS = {"nasca": "#1f5fa8", "navca": "#c05a10", "mexa": "#4d4d4d"}
_PLAIN, _GREY = "#1f5fa8", "#8a8a8a"
_WIDE, _SMALL = 260, 150
_ROW = 13
_BASELINE_NAMES = {"surface": "text alone", "token_overlap": "shared tokens"}


def draw(trends: Trends, libraries: Libraries, scale: Scale) -> tuple[Drawing, ...]:
    """Draws the series: an overview, the languages, and benchmarks against scores.

    Args:
        trends: what was read.
        libraries: see `charts.load_libraries`.
        scale: of the training step.
    """
    alt = libraries.altair
    axis = StepAxis(scale, trends.steps)
    drawings = []
    scores, benchmarks = trends.metrics("alignment"), trends.metrics("benchmark")
    for corpus in sorted({name for name, _ in scores}):
        metrics = [metric for name, metric in scores if name == corpus]
        drawings.append(
            Drawing(
                f"alignment_{file_name(corpus)}",
                f"{corpus} against the training step: mean over languages (thick), each language "
                "(thin), chance and what text alone gives (dashed)",
                _concat(alt, [_overview(alt, axis, trends, corpus, m) for m in metrics], 3),
            )
        )
        drawings += _of_languages(alt, axis, trends, corpus, metrics)
    if benchmarks:
        drawings.append(
            Drawing(
                "benchmarks",
                "Benchmarks against the training step: mean over languages (thick), each language "
                "(thin)",
                _concat(alt, [_overview(alt, axis, trends, *names) for names in benchmarks], 3),
            )
        )
    for benchmark, metric in benchmarks:
        if trends.main_language(benchmark, metric) == MEAN:
            drawings += _of_languages(alt, axis, trends, benchmark, [metric])
        panels = [
            _against(alt, trends, score, (benchmark, metric))
            for score in scores
            if len(trends.steps) > 1
        ]
        if panels:
            drawings.append(
                Drawing(
                    f"against_{file_name(benchmark)}",
                    f"{metric} of {benchmark} against alignment: one point for each checkpoint, "
                    "joined in the order of training",
                    _concat(alt, panels, 3),
                )
            )
    return tuple(drawings)


# --- one line for each language, and their mean -----------------------------------------------


def _overview(alt: Any, axis: StepAxis, trends: Trends, benchmark: str, metric: str) -> Any:
    lines = trends.lines
    main = trends.main_language(benchmark, metric)
    thick = lines[(benchmark, metric, main)]
    thin = [
        value
        for key, line in lines.items()
        if key[:2] == (benchmark, metric) and key[2] != main and key[2] not in trends.pivots
        for value in line.values()
    ]
    references = _references(trends, benchmark, metric)
    alignment = metric in _COLOURS
    top = _top(trends, benchmark) if alignment else None
    scale = alt.Scale(domain=[0, top]) if alignment else alt.Scale(zero=False)
    y = alt.Y("y:Q", title=f"{benchmark}: {metric}" if not alignment else metric, scale=scale)
    colour = _COLOURS.get(metric, _PLAIN)
    x = axis.encoding(alt)
    main_points = alt.Chart(alt.Data(values=_points(axis, thick.values())))
    layers = []
    if thin:
        layers.append(
            alt.Chart(alt.Data(values=_points(axis, thin)))
            .mark_line(strokeWidth=0.8, opacity=0.35, color=_GREY)
            .encode(x=x, y=y, detail="language:N", tooltip=_tooltip(alt))
        )
    if any(math.isfinite(value.low) for value in thick.values()):
        layers.append(
            main_points.mark_area(opacity=0.18, color=colour).encode(
                x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"
            )
        )
    layers.append(
        main_points.mark_line(
            strokeWidth=2, color=colour, point=alt.OverlayMarkDef(size=22, color=colour)
        ).encode(x=x, y=y, tooltip=_tooltip(alt))
    )
    if references:
        rules = alt.Chart(alt.Data(values=references))
        layers += [
            rules.mark_rule(strokeDash=[4, 3], color=_GREY).encode(y=y),
            rules.mark_text(align="right", dx=-4, dy=-5, fontSize=9, color="#555555").encode(
                x=alt.value(_WIDE), y=y, text="what:N"
            ),
        ]
    title = alt.Title(f"{benchmark}, {metric}", fontSize=11)
    return alt.layer(*layers).properties(width=_WIDE, height=200, title=title)


def _references(trends: Trends, benchmark: str, metric: str) -> list[dict[str, Any]]:
    """Chance, and what text alone gives where the series has it; both do not move."""
    if metric not in SCORES:
        return []
    ns = {v.n for v in trends.values if v.benchmark == benchmark and v.metric == metric and v.n}
    found = [{"y": 1 / (2 * n - 1), "what": f"chance, n = {n}"} for n in sorted(ns)]
    for baseline in BASELINES[:1]:
        line = trends.lines.get((benchmark, baseline, MEAN), {})
        values = {round(value.value, 9) for value in line.values() if not math.isnan(value.value)}
        if len(values) == 1:
            found.append({"y": values.pop(), "what": _BASELINE_NAMES[baseline]})
    return found


def _top(trends: Trends, benchmark: str) -> float:
    """The common upper end of the scores of a corpus."""
    shown = [
        end
        for value in trends.values
        if value.benchmark == benchmark and value.metric in (*SCORES, *BASELINES[:1])
        and (value.metric in SCORES or value.language == MEAN)
        for end in (value.value, value.high if value.language == MEAN else math.nan)
        if not math.isnan(end)
    ]  # fmt: skip
    return min(1.0, max(shown, default=1.0) * 1.1) or 1.0


# --- the languages ----------------------------------------------------------------------------


def _of_languages(
    alt: Any, axis: StepAxis, trends: Trends, benchmark: str, metrics: Sequence[str]
) -> list[Drawing]:
    lines = trends.lines
    codes = sorted(
        {key[2] for key in lines if key[0] == benchmark and key[1] in metrics} - {MEAN, ""},
        key=_name,
    )
    if len(codes) < 2:
        return []
    name = f"languages_{file_name(benchmark)}"
    if len(codes) > MAX_PANELS:
        caption = f"{benchmark} in {len(codes)} languages against the training step"
        panels = [_heat(alt, trends, benchmark, metric, codes) for metric in metrics]
        return [Drawing(name, caption, _concat(alt, panels, 3))]
    shown = [v for m in metrics for code in codes for v in lines[(benchmark, m, code)].values()]
    ends = [e for v in shown for e in (v.value, v.low, v.high) if not math.isnan(e)]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.05 or 0.05
    scores = metrics[0] in SCORES
    domain = [0 if scores else low - room, min(1.0, high + room) if scores else high + room]
    panels = [_panel(alt, axis, trends, benchmark, metrics, code, domain) for code in codes]
    caption = f"{benchmark} in each language against the training step, with 95 % intervals"
    return [Drawing(name, caption, _concat(alt, panels, 5))]


def _panel(
    alt: Any,
    axis: StepAxis,
    trends: Trends,
    benchmark: str,
    metrics: Sequence[str],
    code: str,
    domain: Sequence[float],
) -> Any:
    lines = trends.lines
    values = [value for m in metrics for value in lines[(benchmark, m, code)].values()]
    base = alt.Chart(alt.Data(values=_points(axis, values)))
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    colour = alt.Color(
        "metric:N",
        title=None,
        legend=alt.Legend(symbolOpacity=1) if len(metrics) > 1 else None,
        scale=alt.Scale(
            domain=list(metrics), range=[_COLOURS.get(metric, _PLAIN) for metric in metrics]
        ),
    )
    x = axis.encoding(alt)
    title = metrics[0] if len(metrics) == 1 else "score"
    y = alt.Y("y:Q", title=title, scale=scale)
    layers = [
        base.mark_area(opacity=0.14).encode(
            x=x, y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q", color=colour
        ),
        base.mark_line(strokeWidth=1.3, point=alt.OverlayMarkDef(size=12)).encode(
            x=x, y=y, color=colour, tooltip=_tooltip(alt)
        ),
    ]
    chance = [each for each in _references(trends, benchmark, metrics[0]) if "n =" in each["what"]]
    if chance:
        rules = alt.Chart(alt.Data(values=chance))
        layers.append(rules.mark_rule(strokeDash=[4, 3], color=_GREY).encode(y=y))
    return alt.layer(*layers).properties(
        width=_SMALL, height=110, title=alt.Title(_name(code), fontSize=10)
    )


def _heat(alt: Any, trends: Trends, benchmark: str, metric: str, codes: Sequence[str]) -> Any:
    lines = trends.lines
    cells = [
        {"step": str(v.step), "language": _name(code), "y": v.value}
        for code in codes
        for v in lines[(benchmark, metric, code)].values()
    ]
    last = {_name(code): max(lines[(benchmark, metric, code)].items())[1].value for code in codes}
    order = sorted(last, key=lambda language: (-last[language], language))
    steps = [str(step) for step in trends.steps]
    return (
        alt.Chart(alt.Data(values=cells))
        .mark_rect()
        .encode(
            x=alt.X("step:O", title="training step", sort=steps),
            y=alt.Y("language:N", title=None, sort=order, axis=alt.Axis(labelFontSize=8)),
            color=alt.Color("y:Q", title=metric, scale=alt.Scale(scheme="viridis")),
            tooltip=["language:N", "step:O", alt.Tooltip("y:Q", title=metric, format=".3f")],
        )
        .properties(
            width=max(120, min(360, 16 * len(steps))),
            height=_ROW * len(order),
            title=alt.Title(f"{benchmark}, {metric}", fontSize=11),
        )
    )


# --- a benchmark against a score --------------------------------------------------------------


def _against(alt: Any, trends: Trends, score: tuple[str, str], outcome: tuple[str, str]) -> Any:
    lines = trends.lines
    x_line = lines[score[0], score[1], trends.main_language(*score)]
    y_line = lines[outcome[0], outcome[1], trends.main_language(*outcome)]
    points = [
        {"x": x_line[step].value, "y": y_line[step].value, "step": step}
        for step in trends.steps
        if step in x_line and step in y_line
        and not math.isnan(x_line[step].value) and not math.isnan(y_line[step].value)
    ]  # fmt: skip
    colour = _COLOURS.get(score[1], _PLAIN)
    x = alt.X(
        "x:Q", title=f"{score[0]}: {score[1]}", scale=alt.Scale(zero=False, nice=False, padding=14)
    )
    y = alt.Y(
        "y:Q",
        title=f"{outcome[0]}: {outcome[1]}",
        scale=alt.Scale(zero=False, nice=False, padding=14),
    )
    base = alt.Chart(alt.Data(values=points))
    ends = alt.Chart(alt.Data(values=[*points[:1], *(points[-1:] if len(points) > 1 else [])]))
    return alt.layer(
        base.mark_line(color=colour, opacity=0.5, strokeWidth=1).encode(x=x, y=y, order="step:Q"),
        base.mark_circle(color=colour, size=26, opacity=0.9).encode(
            x=x, y=y, tooltip=["step:Q", "x:Q", "y:Q"]
        ),
        ends.mark_text(dy=-8, fontSize=9, color="#333333").encode(x=x, y=y, text="step:Q"),
    ).properties(width=220, height=200)


# --- common -----------------------------------------------------------------------------------


def _points(axis: StepAxis, values: Any) -> list[dict[str, Any]]:
    return [
        {
            "x": axis.place(value.step),
            "step": value.step,
            "y": _json(value.value),
            "low": _json(value.low),
            "high": _json(value.high),
            "metric": value.metric,
            "language": _shown(value),
        }
        for value in values
    ]


def _shown(value: Value) -> str:
    if value.language == MEAN:
        return f"mean of {value.languages} languages"
    return _name(value.language) if value.language else value.benchmark


def _json(value: float) -> float | None:
    return None if math.isnan(value) else value


def _tooltip(alt: Any) -> list[Any]:
    return [
        alt.Tooltip("language:N", title="language"),
        alt.Tooltip("step:Q", title="step"),
        alt.Tooltip("metric:N", title="metric"),
        alt.Tooltip("y:Q", title="value", format=".3f"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    ]


def _name(code: str) -> str:
    return _names().get(code, code)


@cache
def _names() -> dict[str, str]:
    return {row.code: row.name for row in languages()}


def _concat(alt: Any, panels: Sequence[Any], columns: int) -> Any:
    return alt.concat(*panels, columns=columns).configure(font="sans-serif")
