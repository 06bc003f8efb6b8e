"""Boards as Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from neuronxa_tasks.reports.boards.entries import Board, Entry, better_text
from neuronxa_tasks.reports.escape import latex, markdown, plain
from neuronxa_tasks.reports.leaderboard.groupings import LANGUAGE, Column, Grouping
from neuronxa_tasks.reports.markdown import LONG, interval_text, r_text, span_text, table
from neuronxa_tasks.text import languages

MOST_TEX_COLUMNS = 16
"""A LaTeX table with more columns than this has only the mean."""

Record = Mapping[str, Any]


def model_records(boards: Sequence[Board]) -> Iterator[Record]:
    """One row per board and model."""
    for board in boards:
        for entry in board.entries:
            yield {
                "board": board.label,
                "benchmark": board.benchmark,
                "metric": board.metric,
                "model": entry.model,
                "rank": entry.rank,
                "rank_low": entry.rank_low,
                "rank_high": entry.rank_high,
                "mean": entry.mean,
                "low": entry.low,
                "high": entry.high,
                "mean_over": len(board.complete) if entry.rank is not None else 0,
                "languages": entry.n_languages,
                "missing": len(entry.missing),
                "surface": entry.beside.get("surface", math.nan),
                "token_overlap": entry.beside.get("token_overlap", math.nan),
                "floor": entry.beside.get(f"{board.metric}_floor", math.nan),
                "chance": board.chance,
                "reason": entry.reason,
            }


def duel_records(boards: Sequence[Board]) -> Iterator[Record]:
    """One row per board and two ranked models."""
    for board in boards:
        for duel in board.duels:
            yield {"board": board.label, "metric": board.metric, **asdict(duel)}


def score_records(boards: Sequence[Board], grouping: Grouping) -> Iterator[Record]:
    """One row per board, model and language or group; a missing cell is a row without a score."""
    for board in boards:
        for entry in board.entries:
            for column in grouping.columns(board):
                yield {
                    "board": board.label,
                    "metric": board.metric,
                    "model": entry.model,
                    grouping.name: column.name,
                    "languages": len(column.languages),
                    "score": column.value(entry),
                    "surface": column.mean(board.surface),
                }


def write_markdown(
    boards: Sequence[Board],
    grouping: Grouping,
    *,
    command: str,
    confidence: float,
    notes: Sequence[str],
    unmapped: Sequence[str],
) -> bytes:
    """The page for people."""
    parts = ["# Leaderboard", _overview(boards)]
    parts += [
        "Macro mean over languages, rank, and in brackets the ranks that the data allow "
        f"({confidence:.0%}, for all models of a board at once: each two models by Student's "
        "paired t over languages, with Holm's correction for all pairs). Ranks that overlap do not "
        "mean that two models cannot be told apart: `better than` names those that can, and "
        "`duels.csv` has the p of all pairs."
    ]
    for board in boards:
        parts += _board(board, grouping, confidence)
    if notes or unmapped:
        lines = [f"- {markdown(note)}" for note in notes]
        if unmapped:
            named = ", ".join(unmapped[:20]) + (", ..." if len(unmapped) > 20 else "")
            lines.append(f"- Tasks without a known language, in no board: {markdown(named)}")
        parts += ["## Notes", "\n".join(lines)]
    parts += ["## Made by", f"    {plain(command)}"]
    return ("\n\n".join(parts) + "\n").encode()


def _overview(boards: Sequence[Board]) -> str:
    places: dict[str, dict[str, Entry]] = {}
    for board in boards:
        for entry in board.entries:
            places.setdefault(entry.model, {})[board.title] = entry
    rows = [
        [markdown(model), *(_place(found.get(board.title)) for board in boards)]
        for model, found in places.items()
    ]
    return table(["model", *(markdown(board.title) for board in boards)], rows)


def _place(entry: Entry | None) -> str:
    if entry is None:
        return "–"
    return "not ranked" if entry.rank is None else f"{r_text(entry.mean)}, rank {rank_text(entry)}"


def rank_text(entry: Entry) -> str:
    """The rank, and the ranks that the data allow: `2 (2–4)`; a dash where there is none."""
    if entry.rank is None or entry.rank_low is None or entry.rank_high is None:
        return "–"
    span = span_text(entry.rank_low, entry.rank_high)
    return span if span == str(entry.rank) else f"{entry.rank} ({span})"


def _board(board: Board, grouping: Grouping, confidence: float) -> list[str]:
    better = "less is better" if board.lower_is_better else "more is better"
    facts = [f"{name} = {_setting(value)}" for name, value in board.settings.items() if value != ""]
    facts += [] if math.isnan(board.chance) else [f"chance = {board.chance:.4f}"]
    told = [f"{better}; {markdown('; '.join(facts))}."]
    told += [f"Kept apart: {markdown(board.apart)}."] if board.apart else []
    told += [markdown(note) for note in board.notes]
    parts = [f"## {markdown(board.title)}", " ".join(told)]
    beside = list(dict.fromkeys(name for entry in board.entries for name in entry.beside))
    header = ["rank", "model", "mean", f"{confidence:.0%} interval", "better than"]
    header += ["languages", "missing"]
    rows = [
        [
            rank_text(entry),
            markdown(entry.model),
            r_text(entry.mean),
            interval_text(entry.low, entry.high),
            markdown(better_text(entry)),
            entry.n_languages,
            len(entry.missing),
            *(r_text(entry.beside.get(name, math.nan)) for name in beside),
        ]
        for entry in board.entries
    ]
    parts.append(table([*header, *map(markdown, beside)], rows))
    reasons = dict.fromkeys(entry.reason for entry in board.entries if entry.reason)
    parts += [f"No interval, or no rank: {markdown('; '.join(reasons))}."] if reasons else []
    columns = grouping.columns(board)
    if columns:
        cells = _cells(board, grouping, columns)
        folded = len(columns) > LONG
        parts.append(
            f"<details><summary>{len(columns)} rows</summary>\n\n{cells}\n\n</details>"
            if folded
            else cells
        )
    return parts


def _setting(value: object) -> str:
    return "not given" if value is None else str(value)


def _cells(board: Board, grouping: Grouping, columns: Sequence[Column]) -> str:
    """Languages or groups down, models across, best first."""
    groups = grouping.name != LANGUAGE
    header = [
        grouping.name,
        *(["languages"] if groups else []),
        *(["surface"] * bool(board.surface)),
    ]
    header += [markdown(entry.model) for entry in board.entries]
    rows = []
    for column in columns:
        values = [column.value(entry) for entry in board.entries]
        known = [value for value in values if not math.isnan(value)]
        best = (min if board.lower_is_better else max)(known, default=math.nan)
        name = column.name if groups else f"{languages.language(column.name).name} {column.name}"
        rows.append(
            [
                markdown(name),
                *([len(column.languages)] if groups else []),
                *([r_text(column.mean(board.surface))] * bool(board.surface)),
                *(
                    f"**{r_text(value)}**" if value == best and len(known) > 1 else r_text(value)
                    for value in values
                ),
            ]
        )
    return table(header, rows)


def with_short_names(boards: Sequence[Board], names: Mapping[str, str]) -> list[Board]:
    """The boards as pages show them; the CSV files keep whole names.

    Args:
        boards: with whole names.
        names: model to its short name.
    """
    return [
        replace(
            board,
            entries=tuple(
                replace(
                    entry,
                    model=names[entry.model],
                    better_than=tuple(names[model] for model in entry.better_than),
                )
                for entry in board.entries
            ),
        )
        for board in boards
    ]


def write_latex(boards: Sequence[Board], grouping: Grouping, confidence: float) -> bytes:
    """One table per board, to be included; needs the LaTeX package booktabs."""
    return "\n".join(_latex_board(board, grouping, confidence) for board in boards).encode()


def _latex_board(board: Board, grouping: Grouping, confidence: float) -> str:
    columns = grouping.columns(board)
    shown = columns if len(columns) <= MOST_TEX_COLUMNS else ()
    header = ["Rank", "Model", "Mean", f"{confidence * 100:g}\\,\\% interval"]
    header += [latex(column.name) for column in shown]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(board.title)}. Macro mean over {len(board.complete)} languages. "
        r"Ranks in brackets are those that the data allow.}",
        rf"\begin{{tabular}}{{ll{'r' * (2 + len(shown))}}}",
        r"\toprule",
        " & ".join(header) + r" \\",
        r"\midrule",
    ]
    for entry in board.entries:
        cells = [
            latex(rank_text(entry)),
            latex(entry.model),
            _latex_number(entry.mean),
            latex(interval_text(entry.low, entry.high)),
            *(_latex_number(column.value(entry)) for column in shown),
        ]
        # A bracket at the start of a row would be read as the optional argument of `\\`.
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join(lines)


def _latex_number(value: float) -> str:
    return "--" if math.isnan(value) else f"{value:.3f}"
