"""What the page says: gathered once, for its tables and for its charts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.boards.board import build_boards
from neuronxa_tasks.reports.boards.entries import Board, better_text
from neuronxa_tasks.reports.confounders import Covariates
from neuronxa_tasks.reports.estimates import Settings
from neuronxa_tasks.reports.page.correlation_data import Correlations, scatter_data, short_names
from neuronxa_tasks.reports.page.language_scores import chance, profile_data, rounded, score_data
from neuronxa_tasks.reports.page.provenance import FileFacts, file_rows, read_files, setting_rows
from neuronxa_tasks.results import LanguagePairs, Results
from neuronxa_tasks.text import languages

MOST_PAIR_SCORES = 250_000
"""More scores of language pairs than this would make the page slow; the best-known come first."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the page says.

    Attributes:
        data: for the charts and the language table, as JSON.
        view: for the rest of the page, which is plain HTML.
    """

    data: dict[str, Any]
    view: dict[str, Any]


def gather_content(
    results: Results,
    names: dict[tuple[str, str], str],
    paths: Sequence[str],
    matrices: Sequence[LanguagePairs],
    covariates: Covariates,
    found: Correlations,
    settings: Settings,
) -> Content:
    """Collects everything.

    Args:
        results: what was read.
        names: (model, revision) to the model's name.
        paths: results files and folders of the harness, without published tables.
        matrices: of language pairs, if any.
        covariates: with the tables of the user.
        found: see `correlations.correlate`.
        settings: seed, level and effort.
    """
    ends, facts = read_files(paths) if paths else ({}, {})
    extra = {**covariates.numbers, **_own_labels(covariates)}
    data = score_data(results, names, ends, extra)
    data["profiles"], undrawn = profile_data(results, names, data)
    data["scatter"] = scatter_data(found, data, settings.confidence)
    data["short"] = short_names(found)
    data["excluded"] = list(found.study.excluded) if found.study else []
    data["pairs"], notes = pair_data(matrices, names)
    known = {code: facts[0] for code, facts in data["languages"].items()}
    known |= {
        code: row.name
        for matrix in data["pairs"]
        for code in matrix["languages"]
        if (row := languages.find(code))
    }
    data["names"] = known
    boards = _boards(results, data["scores"], settings)
    data["boards"] = [_board(board) for board in boards if board.kind == "alignment"]
    benchmark_boards = [_board(board) for board in boards if board.kind == "benchmark"]
    view = {
        "models": data["models"],
        "boards": data["boards"],
        "benchmarks": benchmark_boards,
        "example": _example(data),
        "controls": _controls(data),
        "correlations": _correlation_view(found),
        "files": [*file_rows(results, facts), *_covariate_files(covariates)],
        "settings": setting_rows(results, facts),
        "notes": list(
            dict.fromkeys([*found.notes, *results.notes, *covariates.notes, *notes, *undrawn])
        ),
        "unmapped": sorted(set(results.unmapped["task"])),
        "missing": _missing(data, found, covariates, facts),
    }
    return Content(data, view)


def _own_labels(covariates: Covariates) -> dict[str, Mapping[str, str]]:
    """Labels from the user's tables; script and family are in the table anyway."""
    return {
        name: column
        for name, column in covariates.labels.items()
        if name not in ("script", "family")
    }


def _covariate_files(covariates: Covariates) -> list[dict[str, Any]]:
    others = ("number", "weights", "commit", "date", "loaded", "versions")
    return [
        {"source": path, "sha256": digest, "model": "covariates", **dict.fromkeys(others, "")}
        for path, digest in covariates.files
    ]


# --- overview ---------------------------------------------------------------------------------


def _boards(results: Results, scores: Sequence[str], settings: Settings) -> list[Board]:
    """Boards of every alignment score and of each benchmark's usual metric."""
    drawing: dict[str, Any] = {
        "confidence": settings.confidence,
        "n_resamples": settings.resamples,
    }

    def boards(metrics: Sequence[str]) -> list[Board]:
        return list(
            build_boards(
                results, rng=np.random.default_rng(settings.seed), metrics=metrics, **drawing
            )
        )

    alignment = [board for board in boards(scores) if board.kind == "alignment"] if scores else []
    return alignment + [board for board in boards(()) if board.kind == "benchmark"]


def _board(board: Board) -> dict[str, Any]:
    return {
        "label": board.label,
        "corpus": re.sub(r" \[items \d+\]$", "", board.label),
        "metric": board.metric,
        "languages": len(board.languages),
        "complete": len(board.complete),
        "ranked": any(entry.rank is not None for entry in board.entries),
        "apart": board.apart or "",
        "notes": list(board.notes),
        "reason": next((entry.reason for entry in board.entries if entry.reason), None) or "",
        "entries": [
            {
                "model": entry.model,
                "mean": rounded(entry.mean),
                "low": rounded(entry.low),
                "high": rounded(entry.high),
                "rank": span(entry.rank_low, entry.rank_high),
                "better": better_text(entry),
                "languages": entry.n_languages,
                "missing": len(entry.missing),
                "chance": rounded(board.chance),
                "surface": rounded(entry.beside.get("surface", math.nan)),
                "floor": rounded(entry.beside.get(f"{board.metric}_floor", math.nan)),
                "reason": entry.reason or "",
            }
            for entry in board.entries
        ],
    }


def span(low: int | None, high: int | None) -> str:
    """The ranks that the data allow: `2` or `2–4`."""
    if low is None or high is None:
        return "–"
    return str(low) if low == high else f"{low}–{high}"


def _example(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """One score put into words: that of the language in the middle of the first model."""
    if not data["rows"] or not data["scores"]:
        return None
    metric = data["scores"][0]
    if metric not in SCORES:  # of somebody else, and with another meaning
        return None
    at = {name: i for i, name in enumerate(data["metrics"])}
    rows = [row for row in data["rows"] if row["v"][at[metric]] is not None and row["n"]]
    if not rows:
        return None
    rows.sort(key=lambda row: (row["v"][at[metric]], row["l"]))
    row = rows[len(rows) // 2]

    def value(name: str) -> float | None:
        found: float | None = row["v"][at[name]] if name in at else None
        return found

    return {
        "metric": metric.upper(),
        "model": data["models"][row["m"]],
        "language": data["languages"][row["l"]][0],
        "score": value(metric),
        "n": row["n"],
        "chance": chance(row["n"]),
        "surface": value("surface"),
        "floor": value(f"{metric}_floor"),
    }


# --- controls ---------------------------------------------------------------------------------


def _controls(data: Mapping[str, Any]) -> list[dict[str, Any]]:
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


# --- correlations -----------------------------------------------------------------------------


def _correlation_view(found: Correlations) -> dict[str, Any]:
    estimates = found.estimates
    return {
        "models": estimates.correlations,
        "averages": estimates.averages,
        "partial": estimates.partial_averages
        if found.study is not None and len(found.study.models) > 1
        else estimates.partial,
        "tests": found.tests,
        "excluded": [_named(code) for code in found.study.excluded] if found.study else [],
    }


def _named(code: str) -> str:
    row = languages.find(code)
    return f"{row.name} ({code})" if row else code


# --- language pairs ---------------------------------------------------------------------------


def pair_data(
    matrices: Sequence[LanguagePairs], names: Mapping[tuple[str, str], str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The lower triangles of the matrices in thousandths, and what was left out.

    Args:
        matrices: as read.
        names: (model, revision) to the model's name.

    Returns:
        One entry per matrix, and one sentence where scores did not fit into the page.
    """
    budget = MOST_PAIR_SCORES
    made: list[dict[str, Any]] = [
        {
            "model": names.get((each.model, each.revision), each.model),
            "corpus": each.corpus,
            "n": each.n,
            "languages": list(each.languages),
            "scores": {},
        }
        for each in matrices
    ]
    lost = []
    scores = dict.fromkeys(name for each in matrices for name in each.scores)
    for name in sorted(scores, key=lambda name: name.endswith("_max")):
        for entry, each in zip(made, matrices, strict=True):
            if name not in each.scores:
                continue
            budget -= len(each.languages) * (len(each.languages) - 1) // 2
            if budget < 0:
                lost.append(f"{name} of {entry['model']}")
                continue
            square = each.scores[name]
            entry["scores"][name] = [
                [round(1000 * float(square[i, j])) for j in range(i)]
                for i in range(len(each.languages))
            ]
    shown = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
    notes = (
        [f"Matrices of language pairs that did not fit into the page: {shown}. Give fewer files."]
        if lost
        else []
    )
    return [entry for entry in made if entry["scores"]], notes


# --- what is not there ------------------------------------------------------------------------


def _missing(
    data: Mapping[str, Any],
    found: Correlations,
    covariates: Covariates,
    facts: Mapping[str, FileFacts],
) -> list[dict[str, str]]:
    """What the page could show and does not, why, and what to type for it."""
    missing = []

    def add(what: str, why: str, how: str) -> None:
        missing.append({"what": what, "why": why, "how": how})

    if not data["rows"]:
        add(
            "Alignment scores, layer profiles, heat map",
            "No results file has scores of NeuronXA tasks.",
            "neuronxa run --model hf-neuronxa --model_args pretrained=MODEL --tasks "
            "neuronxa_flores --output_path out",
        )
    if found.study is None:
        add("Scatter plots and correlations", found.why_not, "")
    if data["rows"] and not any(name.endswith("_floor") for name in data["metrics"]):
        add(
            "The floor: the score of untrained weights",
            "No run was made with that control.",
            'neuronxa run ... --metadata \'{"control": "untrained"}\'',
        )
    if data["rows"] and not any(any(row["i"]) for row in data["rows"]):
        add(
            "Intervals of the scores",
            "The files come from a version that did not write them.",
            "Run the tasks again with this version.",
        )
    if not data["pairs"]:
        add(
            "The matrix of all language pairs",
            "No results file has one.",
            'neuronxa run ... --metadata \'{"pairs": "all"}\'',
        )
    if not covariates.files:
        add(
            "Correlations given covariates, such as the size of the training text",
            "No table of covariates was given.",
            "neuronxa report ... --covariates resources.csv",
        )
    return missing
