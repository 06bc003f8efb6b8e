"""The first page of a report: what was asked and what came out, in Markdown and LaTeX."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neuronxa_tasks.names import DEFAULT_METRIC
from neuronxa_tasks.reports.correlate.cells import BENDS, MOST, SURFACE, Cell, cells_of
from neuronxa_tasks.reports.correlate.limits import CEILING, Limits, limits, pivots, sentence_pairs
from neuronxa_tasks.reports.correlate.measure_sections import BELOW, HEADER, measure_rows
from neuronxa_tasks.reports.escape import markdown
from neuronxa_tasks.reports.estimates import Estimates, Record, Settings, families_of
from neuronxa_tasks.reports.latex import latex_table
from neuronxa_tasks.reports.markdown import (
    estimate_text,
    interval_text,
    p_text,
    r_text,
    share_text,
    span_text,
    table,
    without_r,
)
from neuronxa_tasks.reports.study import Study
from neuronxa_tasks.results import Results
from neuronxa_tasks.statistics.equivalence import equivalence

MARGIN = 0.1
"""A difference of two correlations below this is taken for none."""
_SHOWN = 30
_FIRST = 5
"""Measures that are shown of a benchmark."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of the page.

    Attributes:
        title: heading and caption.
        header: names of the columns; the first two are text.
        rows: cells as text.
        below: sentences under it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    below: Sequence[str]


def write_first_page(
    study: Study,
    results: Results,
    estimates: Estimates,
    settings: Settings,
    names: Mapping[str, str],
    command: str,
) -> dict[str, bytes]:
    """`page.md` and `page.tex`; nothing where nothing was correlated.

    Args:
        study: what is correlated; with pairs.
        results: for n, the pivot and what was read.
        estimates: the tables.
        settings: how they were made.
        names: model to its short name.
        command: the command line that makes the page again.
    """
    if not study.pairs:
        return {}
    cells, left = cells_of(study, estimates, settings)
    level = f"{settings.confidence:.0%}"
    sheets = [
        _results(cells, level),
        _beyond(cells),
        _against(study, estimates, cells),
        _at_limits(limits(study, results)),
    ]
    if estimates.measures:
        sheets.insert(3, _measures(estimates.measures))
    parts = ["# Correlations, on one page", _asked(study, results, settings, names, cells, left)]
    for sheet in sheets:
        parts += [f"## {sheet.title}"]
        parts += [table(sheet.header, sheet.rows)] if sheet.rows else []
        parts += [" ".join(sheet.below)] if sheet.below else []
    parts += without_r([cell.record for cell in cells if math.isnan(cell.record["r"])], ("y", "x"))
    parts += [
        f"Everything else is in `report.md` and the CSV files. Made by\n\n```\n{command}\n```"
    ]
    tables = [latex_table(s.title, s.header, s.rows) for s in sheets if s.rows]
    head = "% Needs the LaTeX package booktabs.\n"
    return {
        "page.md": ("\n\n".join(parts) + "\n").encode(),
        "page.tex": (head + "\n".join(tables)).encode(),
    }


def _asked(
    study: Study,
    results: Results,
    settings: Settings,
    names: Mapping[str, str],
    cells: Sequence[Cell],
    left: Sequence[Record],
) -> str:
    short = [markdown(names[model]) for model in study.models]
    codes = sorted({c for pair in study.pairs for m in pair.models() for c in pair.languages(m)})
    families = Counter(families_of(codes))
    scores = [v for v in study.variables("x") if v.kind == "alignment"]
    sizes = sentence_pairs(results)
    corpora = [
        f"{corpus} (n = {', '.join(map(str, sorted(sizes[corpus])))} sentence pairs)"
        if corpus in sizes
        else f"{corpus} (n is not stated)"
        for corpus in dict.fromkeys(v.benchmark for v in scores)
    ]
    named = settings.primary is not None
    status = (
        "**Primary: one cell, named before the run**; it is not adjusted for the others. "
        f"{len(left)} further cells are exploratory and stand in `report.md`."
        if named
        else "**Exploratory: no cell was named beforehand** (`--primary BENCHMARK:SCORE`). Read "
        "the p that is adjusted for all tests."
    )
    outcomes = [v.label for v in study.variables("y")]
    models = f"{len(short)} models: " if len(short) > 1 else "one model: "
    lines = [
        f"- {models}{_few(short)}",
        f"- {len(codes)} languages of {len(families)} families; left out: "
        f"{', '.join(study.excluded) or 'none'}",
        f"- scores: {', '.join(v.label for v in scores)}, on {'; '.join(corpora)}; pivot: "
        f"{', '.join(pivots(results)) or 'not stated'}"
        if scores
        else "- no alignment scores: benchmarks with each other",
        f"- benchmarks: {', '.join(outcomes)}",
        f"- {status}",
    ]
    if not named and left:
        lines.append(
            f"- {len(left)} cells are not on this page (text baselines, and best layers where "
            f"there are more than {MOST}): see `report.md`."
        )
    return "## What was asked\n\n" + "\n".join(lines)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _names(cell: Cell) -> list[str]:
    return [cell.pair.y.label, cell.pair.x.label]


def _results(cells: Sequence[Cell], level: str) -> Sheet:
    rows = []
    for cell in cells:
        record = cell.record
        adjusted = "primary" if record["primary"] else p_text(record["holm"])
        rows.append(
            [
                *_names(cell),
                str(record.get("models", 1)),
                span_text(cell.n_min, cell.n_max),
                estimate_text(record["r"], record["low"], record["high"]),
                p_text(record["p"]),
                adjusted,
                r_text(record["rho"]) + (f" ({cell.bends})" if cell.bends else ""),
                f"{cell.language}: {r_text(cell.influence.r)}" if cell.language else "–",
                r_text(cell.detectable),
            ]
        )
    header = ["benchmark", "score", "models", "n", f"r [{level}]", "p", "p (Holm)", "rho"]
    return Sheet(
        "Correlations over languages",
        [*header, "without", "smallest r"],
        rows,
        [
            "n: languages in each model; several models are averaged by Fisher's z. Interval: one "
            "language left out at a time, in all models at once, the same interval as in the "
            "report.",
            f"*bends*: in so many models Spearman's rho and r are more than {BENDS:g} apart: above "
            "r the relation is curved (saturation), below it a few languages make r.",
            "*without*: the one language that moves r most, and r without it.",
            "*smallest r*: what so many languages (the smaller n) show in one model in 80 % of "
            "cases (two-sided .05, Fisher's z); that a smaller r was not found says nothing.",
        ],
    )


def _beyond(cells: Sequence[Cell]) -> Sheet:
    names = list(dict.fromkeys(name for cell in cells for name in cell.given))
    rows = []
    for cell in cells:
        partial = [cell.given.get(name) for name in names]
        rows.append(
            [
                *_names(cell),
                r_text(cell.record["r"]),
                *(
                    "–" if r is None else estimate_text(r["r"], r["low"], r["high"])
                    for r in partial
                ),
            ]
        )
    below = ["Partial r over languages, with its interval."] if names else []
    if any(math.isnan(r["r"]) for cell in cells for r in cell.given.values()):
        below.append("A dash: there is none; why not says `report.md`.")
    if SURFACE not in names:
        below.append("The scores come without `surface`, what text alone gives.")
    if not any("fertility" in name for name in names):
        below.append("Fertility is not known.")
    if set(names) <= {SURFACE, "fertility", "family"}:
        below.append("Resources of the languages were not given (`--covariates`).")
    return Sheet(
        "What the score adds",
        ["benchmark", "score", "r", *(f"given {name}" for name in names)],
        rows if names else [],
        below,
    )


def _against(study: Study, estimates: Estimates, cells: Sequence[Cell]) -> Sheet:
    variables = {v.label: v for v in study.variables()}
    outcomes = {cell.pair.y.label for cell in cells}
    models = {cell.model for cell in cells}
    records = (
        estimates.difference_averages
        if None in models
        else [r for r in estimates.differences if r["model"] in models]
    )
    rows = []
    for record in records:
        first, second = variables[record["x1"]], variables[record["x2"]]
        stems = [v.metric.removesuffix("_max") for v in (first, second)]
        same = first.benchmark == second.benchmark and (
            first.metric.endswith("_max") == second.metric.endswith("_max")
        )
        if record["y"] not in outcomes or sorted(stems) != ["mexa", "nasca"] or not same:
            continue
        sign = 1.0 if stems[0] == "nasca" else -1.0
        low, high = sorted((sign * record["low"], sign * record["high"]))
        one, other = (first, second) if sign > 0 else (second, first)
        rows.append(
            [
                record["y"],
                f"{one.label} - {other.label}",
                str(record["n"]),
                f"{r_text(sign * record['difference'])} {interval_text(low, high)}",
                _decided(low, high, one.label, other.label),
            ]
        )
    below = (
        [
            "Difference of the two correlations with one benchmark, on the same languages. "
            f"*equivalent*: the whole interval lies within ±{MARGIN:g}; *undecided*: it holds 0 "
            "and reaches further."
        ]
        if rows
        else ["Not compared: the cells have no NASCA and MEXA of the same corpus."]
    )
    header = ["benchmark", "difference", "n", "of r", "decided"]
    return Sheet("NASCA against MEXA", header, rows, below)


def _measures(records: Sequence[Record]) -> Sheet:
    shown: list[Record] = []
    for outcome in dict.fromkeys(record["y"] for record in records):
        of_one = [record for record in records if record["y"] == outcome]
        first = of_one[:_FIRST]
        shown += first + [r for r in of_one[_FIRST:] if r["x"] == DEFAULT_METRIC]
    return Sheet(
        "Which measure goes best with a benchmark",
        HEADER,
        measure_rows(shown),
        [BELOW, f"The first {_FIRST} of each benchmark, and NASCA; all of them: `measures.csv`."],
    )


def _decided(low: float, high: float, first: str, second: str) -> str:
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    found = equivalence(low, high, MARGIN)
    if found.sign:
        higher = first if found.sign > 0 else second
        return f"{higher} higher" + (f", by less than {MARGIN:g}" if found.within else "")
    return "equivalent" if found.within else "undecided"


def _at_limits(found: Sequence[Limits]) -> Sheet:
    rows = [
        [
            each.label,
            each.mark or "–",
            r_text(each.chance),
            share_text(each.at_chance),
            share_text(each.at_ceiling),
            str(each.values),
        ]
        for each in found
    ]
    marked = [f"{each.label} is {each.mark}" for each in found if each.mark]
    told = (
        f"{'; '.join(marked)}: its correlations say little."
        if marked
        else "None of them is at chance or at its ceiling in half of its values."
    )
    return Sheet(
        "At chance or at the ceiling",
        ["", "mark", "chance", "values at chance", "at ceiling", "values"],
        rows,
        [
            told,
            "At chance: not above it by more than 1.96 standard errors (where none is known: not "
            f"above it). At the ceiling: from {CEILING:g} on. A dash: chance is not known.",
        ],
    )
