"""The trends of a sweep as a folder: tables, a short report, figures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neuronxa_tasks import __version__
from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.charts import Libraries, render
from neuronxa_tasks.reports.markdown import interval_text, r_text, table
from neuronxa_tasks.reports.output import to_csv, to_json, write_folder
from neuronxa_tasks.reports.sweep.figures import draw
from neuronxa_tasks.reports.sweep.over_steps import OverSteps, correlate_over_steps
from neuronxa_tasks.reports.sweep.step_axis import Scale
from neuronxa_tasks.reports.sweep.trends import MEAN, Trends, Value, read_trends

FOLDER, INDEX, MADE_BY = "trends", "trends.json", "neuronxa sweep"

_CAUTION = """\
Checkpoints of one run are **not independent**: each grows out of the one before. So there is no
interval and no p here, and a high r is weak evidence: two lines that both rise while a model learns
have one, whatever drives them. `r of changes` correlates what the score and the benchmark gained
from each checkpoint to the next; a common rise is no longer in it, but it is noisier, and where the
gaps between checkpoints differ, long gaps count most. With few checkpoints both say little.
Whether alignment goes with accuracy *over languages*, at one checkpoint, is another question:
`neuronxa correlate`."""


def write_trends(out: Path, libraries: Libraries | None, scale: Scale) -> None:
    """Reads what lies below OUT and writes `OUT/trends`; an earlier one is replaced as a whole.

    Args:
        out: OUT of the sweep.
        libraries: what draws; None for no figures.
        scale: of the training step.

    Raises:
        NeuronXAError: see `read_trends`; or the folder cannot be written.
    """
    trends = read_trends(out)
    over_steps = correlate_over_steps(trends)
    drawings = () if libraries is None else draw(trends, libraries, scale)
    files = {} if libraries is None else render(drawings, libraries, "Trends of a sweep")
    files["trends.csv"] = to_csv([asdict(value) for value in trends.values])
    if over_steps:
        files["correlations.csv"] = to_csv([each.record() for each in over_steps])
    figures = [(drawing.name, drawing.caption) for drawing in drawings]
    files["report.md"] = report(trends, over_steps, figures)
    index: dict[str, Any] = {
        "made_by": MADE_BY,
        "schema": 1,
        "axis": scale,
        "versions": {
            "neuronxa-tasks": __version__,
            **({} if libraries is None else libraries.versions()),
        },
        "settings": trends.records[0].settings,
        "checkpoints": [asdict(record.checkpoint) for record in trends.records],
        "inputs": [{"path": path, "sha256": sha256} for path, sha256 in trends.inputs],
        "notes": list(trends.notes),
        "files": sorted(files),
    }
    write_folder(out / FOLDER, files | {INDEX: to_json(index)}, MADE_BY, INDEX)
    print(f"{out / FOLDER / 'report.md'}: trends of {len(trends.records)} checkpoints")
    for note in trends.notes:
        print(f"note: {note}")


def report(
    trends: Trends, over_steps: Sequence[OverSteps], figures: Sequence[tuple[str, str]]
) -> bytes:
    """The numbers in Markdown.

    Args:
        trends: what was read.
        over_steps: see `correlate_over_steps`.
        figures: file name without ending and caption.
    """
    steps = trends.steps
    parts = [
        "# Trends of a sweep",
        f"{len(steps)} checkpoints, training step {steps[0]:,} to {steps[-1]:,}. Intervals are at "
        "95 %. Means leave the pivot out "
        f"({', '.join(sorted(trends.pivots))}). All numbers: `trends.csv`.",
        *_numbers(trends),
        *_together(trends, over_steps),
        *_pictures(figures),
        *_provenance(trends),
    ]
    return ("\n\n".join(parts) + "\n").encode()


def _numbers(trends: Trends) -> list[str]:
    lines = trends.lines
    columns = [*trends.metrics("alignment"), *trends.metrics("benchmark")]
    mains = [(*names, trends.main_language(*names)) for names in columns]
    header = ["step", *(f"{benchmark}: {metric}" for benchmark, metric, _ in mains)]
    what = ["mean over", *(_what(trends, *key) for key in mains)]
    rows = [[f"{step:,}", *(_cell(lines[key].get(step)) for key in mains)] for step in trends.steps]
    chance = [_chance(trends, benchmark, metric) for benchmark, metric, _ in mains]
    if any(chance):
        rows.append(["chance", *chance])
    return ["## Against the training step", table(header, [what, *rows])]


def _what(trends: Trends, benchmark: str, metric: str, language: str) -> str:
    line = trends.lines[(benchmark, metric, language)].values()
    if language != MEAN:
        return language or "its documents"
    return f"{max(value.languages for value in line)} languages"


def _chance(trends: Trends, benchmark: str, metric: str) -> str:
    ns = {v.n for v in trends.values if v.benchmark == benchmark and v.metric == metric and v.n}
    return f"{1 / (2 * ns.pop() - 1):.3f}" if metric in SCORES and len(ns) == 1 else ""


def _cell(value: Value | None) -> str:
    if value is None or math.isnan(value.value):
        return "–"
    if math.isnan(value.low):
        return f"{value.value:.3f}"
    return f"{value.value:.3f} {interval_text(value.low, value.high)}"


def _together(trends: Trends, over_steps: Sequence[OverSteps]) -> list[str]:
    if not over_steps:
        told = "alignment" if trends.metrics("benchmark") else "benchmark"
        return [
            "## Alignment and benchmarks together",
            f"The runs hold no {told}, so there is nothing to correlate.",
        ]
    means = [each for each in over_steps if each.language == MEAN]
    rows = [
        [
            f"{each.alignment}: {each.score}",
            f"{each.benchmark}: {each.metric}",
            each.languages,
            each.n,
            r_text(each.r),
            r_text(each.rho),
            each.n_changes,
            r_text(each.r_changes),
        ]
        for each in means
    ]
    header = ["score", "benchmark", "languages", "n", "r", "rho", "n changes", "r of changes"]
    reasons = sorted({
        f"- {name}: {reason}"
        for each in means
        for name, reason in (
            (f"{each.score} with {each.benchmark}", each.reason),
            (f"changes of {each.score} with {each.benchmark}", each.reason_changes),
        )
        if reason
    })  # fmt: skip
    return [
        "## Alignment and benchmarks together",
        "Over checkpoints, of the means over the languages of both (or of a benchmark's only "
        "value). n counts checkpoints. Each language: `correlations.csv`.",
        table(header, rows),
        *(["No r, and why:\n\n" + "\n".join(reasons)] if reasons else []),
        _CAUTION,
    ]


def _pictures(figures: Sequence[tuple[str, str]]) -> list[str]:
    if not figures:
        return []
    return [
        "## Figures",
        "With labels on hover: `figures/figures.html`. For papers: `.svg` and `.png` of each.",
        *(f"![{caption}](figures/{name}.png)\n\n{caption}." for name, caption in figures),
    ]


def _provenance(trends: Trends) -> list[str]:
    rows = [
        [f"{record.checkpoint.step:,}", record.checkpoint.label, path, sha256[:12]]
        for record, (path, sha256) in zip(trends.records, trends.inputs, strict=True)
    ]
    settings = "\n".join(
        f"- `{key}`: `{json.dumps(value, ensure_ascii=False)}`"
        for key, value in trends.records[0].settings.items()
    )
    notes = "\n".join(f"- {note}" for note in trends.notes)
    return [
        "## How it was computed",
        f"Arguments of the harness, the same for all:\n\n{settings}",
        table(["step", "checkpoint", "results file", "sha256"], rows),
        *([f"Notes:\n\n{notes}"] if notes else []),
    ]
