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
from neuronxa_tasks.reports.page.controls import control_rows
from neuronxa_tasks.reports.page.correlation_data import (
    Correlations,
    opening,
    scatter_data,
    score_labels,
    short_names,
)
from neuronxa_tasks.reports.page.example import examples
from neuronxa_tasks.reports.page.language_scores import (
    benchmark_chance,
    profile_data,
    rounded,
    score_data,
)
from neuronxa_tasks.reports.page.pair_data import pair_data
from neuronxa_tasks.reports.page.pivots import pivot_rows
from neuronxa_tasks.reports.page.provenance import FileFacts, file_rows, read_files, setting_rows
from neuronxa_tasks.reports.places import Places
from neuronxa_tasks.results import LanguagePairs, Results
from neuronxa_tasks.text import languages


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
    places: Places,
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
        places: takes the folders of this machine out of what is shown.
    """
    ends, facts = read_files(paths) if paths else ({}, {})
    extra = {**covariates.numbers, **_own_labels(covariates)}
    data = score_data(results, names, ends, extra)
    data["profiles"], undrawn = profile_data(results, names, data)
    data["scatter"] = scatter_data(found, data, settings.confidence)
    data["short"] = short_names(found)
    data["open"] = opening(found)
    data["label_of"] = score_labels(found)
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
        "examples": examples(data),
        "controls": control_rows(data),
        "pivots": pivot_rows(results, names, data["scores"]),
        "correlations": _correlation_view(found),
        "files": places.within([*file_rows(results, facts), *_covariate_files(covariates)]),
        "settings": places.within(setting_rows(results, facts)),
        "notes": places.within(
            list(dict.fromkeys([*found.notes, *results.notes, *covariates.notes, *notes, *undrawn]))
        ),
        "unmapped": sorted(set(results.unmapped["task"])),
        "missing": _missing(data, found, covariates, facts),
    }
    data["files"] = places.within(data["files"])
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
    ours = board.metric.partition("_")[0] in SCORES  # other measures are no shares of hits
    return {
        "label": board.label,
        "corpus": re.sub(r" \[items \d+\]$", "", board.label),
        "metric": board.metric,
        "languages": len(board.languages),
        "complete": len(board.complete),
        "ranked": any(entry.rank is not None for entry in board.entries),
        "apart": board.apart or "",
        "notes": list(board.notes),
        "chance": rounded(_chance(board)),
        "reason": next((entry.reason for entry in board.entries if entry.reason), None) or "",
        "entries": [
            {
                "model": entry.model,
                "mean": rounded(entry.mean),
                "low": rounded(entry.low),
                "high": rounded(entry.high),
                "rank": span(entry.rank, entry.rank_low, entry.rank_high),
                "better": better_text(entry),
                "languages": entry.n_languages,
                "missing": len(entry.missing),
                "chance": rounded(board.chance if ours else math.nan),
                "surface": rounded(entry.beside.get("surface", math.nan) if ours else math.nan),
                "floor": rounded(entry.beside.get(f"{board.metric}_floor", math.nan)),
                "reason": entry.reason or "",
            }
            for entry in board.entries
        ],
    }


def _chance(board: Board) -> float:
    if board.kind == "alignment":
        return math.nan  # stands in each row
    return benchmark_chance(board.benchmark, board.metric)


def span(rank: int | None, low: int | None, high: int | None) -> str:
    """The rank, and in brackets the ranks that the data allow: `2 (1–4)`, or `2` alone."""
    if rank is None or low is None or high is None:
        return "–"
    return str(rank) if low == high else f"{rank} ({low}–{high})"


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
