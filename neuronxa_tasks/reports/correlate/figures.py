"""Figures that need no benchmark: smaller n, layers by language, all pairs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.charts import Drawing, file_name
from neuronxa_tasks.reports.correlate.alone import Alone
from neuronxa_tasks.reports.correlate.language_pairs import labels_of, order
from neuronxa_tasks.reports.estimates import Record
from neuronxa_tasks.results import LanguagePairs

MAX_MODELS = 6
"""Models with heat maps; the tables have all."""
_SCORE_COLOURS = {"nasca": "#1f5fa8", "navca": "#c05a10", "mexa": "#4d4d4d"}
_REPRESENTATIONS = {"nas": "NAS", "nav": "NAV", "hidden": "hidden states"}
_SIZE = 240
_ROW = 11
_GREY = "#8a8a8a"
_SCHEME = "viridis"


def draw_alone(alone: Alone, alt: Any) -> tuple[Drawing, ...]:
    """Draws what there is: curves over n, heat maps over layers, matrices."""
    drawings = []
    if alone.smaller_n:
        drawings.append(
            Drawing(
                "smaller_n",
                "Expected score with fewer sentence pairs, mean over languages; band: interval "
                "over sentences; dashed: chance",
                _smaller_n(alt, alone.smaller_n),
            )
        )
    by_model: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in alone.layer_rates:
        by_model[(record["model"], record["corpus"])].append(record)
    for (model, corpus), records in [*by_model.items()][:MAX_MODELS]:
        drawings.append(
            Drawing(
                f"profiles_{file_name(model)}_{file_name(corpus)}",
                f"{model}, {corpus}: share of mutual hits in each layer; a ring marks the peak",
                _profiles(alt, records),
            )
        )
    for each in alone.matrices[:MAX_MODELS]:
        drawings += [
            Drawing(
                f"pairs_{score}_{file_name(each.model)}_{file_name(each.corpus)}_{each.n}",
                f"{each.model}, {each.corpus}: {score} of all pairs of languages, ordered by "
                "cluster; the strip shows the family",
                _matrix(alt, each, score),
            )
            for score in SCORES
        ]
    return tuple(drawings)


def _smaller_n(alt: Any, records: list[Record]) -> Any:
    panels_of: dict[tuple[str, str, int], list[Record]] = defaultdict(list)
    for record in records:
        panels_of[(record["model"], record["corpus"], record["languages"])].append(record)
    colour = alt.Color(
        "metric:N",
        title=None,
        legend=alt.Legend(symbolOpacity=1),
        scale=alt.Scale(domain=list(_SCORE_COLOURS), range=list(_SCORE_COLOURS.values())),
    )
    panels = []
    for (model, corpus, languages), rows in panels_of.items():
        plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
        base = alt.Chart(alt.Data(values=plain))
        x = alt.X("n:Q", title="sentence pairs")
        title = alt.Title([model, f"{corpus}, {languages} languages"], fontSize=10)
        panels.append(
            alt.layer(
                base.mark_area(opacity=0.15).encode(
                    x=x, y=alt.Y("low:Q", title="score"), y2="high:Q", color=colour
                ),
                base.mark_line(strokeWidth=1.5).encode(
                    x=x,
                    y=alt.Y("score:Q", title="score"),
                    color=colour,
                    tooltip=[
                        "metric:N",
                        "n:Q",
                        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("score", "chance")),
                    ],
                ),
                base.mark_line(strokeDash=[3, 3], color=_GREY, strokeWidth=1).encode(
                    x=x, y="chance:Q"
                ),
            ).properties(width=_SIZE, height=_SIZE, title=title)
        )
    return alt.concat(*panels, columns=3).configure(font="sans-serif")


def _profiles(alt: Any, records: list[Record]) -> Any:
    """A row per language, best first; a column per layer."""
    present = dict.fromkeys(record["representation"] for record in records)
    titles = _REPRESENTATIONS | {name: name for name in present if name not in _REPRESENTATIONS}
    shown = {name: title for name, title in titles.items() if name in present}
    ordered_by = next(iter(shown))
    means: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if record["representation"] == ordered_by:
            means[record["language"]].append(record["rate"])
    ranked = sorted(means, key=lambda code: -sum(means[code]) / len(means[code]))
    panels = []
    for representation, title in shown.items():
        rows = [
            {key: record[key] for key in ("language", "layer", "rate", "peak")}
            for record in records
            if record["representation"] == representation
        ]
        y = alt.Y("language:N", sort=ranked, title=None, axis=alt.Axis(labelFontSize=8))
        x = alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, labelOverlap=True))
        cells = alt.Chart(alt.Data(values=rows))
        panels.append(
            alt.layer(
                cells.mark_rect().encode(
                    x=x,
                    y=y,
                    color=alt.Color(
                        "rate:Q", title="rate", scale=alt.Scale(scheme=_SCHEME, domainMin=0)
                    ),
                    tooltip=["language:N", "layer:O", alt.Tooltip("rate:Q", format=".3f")],
                ),
                cells.transform_filter("datum.peak")
                .mark_point(color="white", size=28, strokeWidth=1.5)
                .encode(x=x, y=y),
            ).properties(
                width=max(90, 12 * len({row["layer"] for row in rows})),
                height=_ROW * len(ranked),
                title=alt.Title(title, fontSize=10),
            )
        )
    return alt.concat(*panels, columns=3).configure(font="sans-serif")


def _matrix(alt: Any, each: LanguagePairs, score: str) -> Any:
    matrix = each.scores[score]
    ranked = [each.languages[place] for place in order(matrix)]
    families = dict(zip(each.languages, labels_of(each.languages, "family"), strict=True))
    cells = [
        {
            "a": a,
            "b": b,
            "score": float(matrix[i, j]),
            "families": families[a]
            if families[a] == families[b]
            else f"{families[a]}, {families[b]}",
        }
        for i, a in enumerate(each.languages)
        for j, b in enumerate(each.languages)
        if i != j
    ]
    size = max(4, min(_ROW, 1200 // len(ranked)))
    axis = alt.Axis(labelFontSize=max(4, min(8, size - 1)), labelLimit=80)
    side = size * len(ranked)
    y = alt.Y("a:N", sort=ranked, title=None, axis=axis)
    strip = (
        alt.Chart(alt.Data(values=[{"a": code, "family": name} for code, name in families.items()]))
        .mark_rect()
        .encode(
            y=y,
            color=alt.Color(
                "family:N",
                title="family",
                scale=alt.Scale(scheme="tableau20"),
                legend=alt.Legend(orient="left"),
            ),
            tooltip=["a:N", "family:N"],
        )
        .properties(width=10, height=side)
    )
    heat = (
        alt.Chart(alt.Data(values=cells))
        .mark_rect()
        .encode(
            x=alt.X("b:N", sort=ranked, title=None, axis=axis),
            y=alt.Y("a:N", sort=ranked, title=None, axis=None),
            color=alt.Color("score:Q", title=score, scale=alt.Scale(scheme=_SCHEME, domainMin=0)),
            tooltip=["a:N", "b:N", alt.Tooltip("score:Q", format=".3f"), "families:N"],
        )
        .properties(width=side, height=side)
    )
    return (
        alt.hconcat(strip, heat, spacing=2)
        .resolve_scale(color="independent")
        .configure(font="sans-serif")
    )


def _plain(value: Any) -> Any:
    """NaN as null: JSON has no NaN."""
    return None if isinstance(value, float) and value != value else value
