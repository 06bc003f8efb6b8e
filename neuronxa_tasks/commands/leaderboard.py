"""`neuronxa leaderboard`: options in, a folder out."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuronxa_tasks.commands.results_options import (
    RESAMPLES,
    add_drawing,
    add_reading,
    add_repeatable,
    add_results,
    check_drawing,
    describe,
    drawing_words,
    harness_paths,
    package_versions,
    read,
    reading_words,
    repeated_words,
    tell,
)
from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:  # the command line asks for the options before anything heavy is loaded
    from collections.abc import Sequence

    from neuronxa_tasks.reports.boards.entries import Board
    from neuronxa_tasks.results import Results

DESCRIPTION = """\
Compares models: for every benchmark and alignment corpus the models by their macro mean over
languages, with the ranks that the data allow, and every language. What is not comparable (other n,
text, tap, shots, task version) is kept apart with the reason; missing cells are shown, counted, and
never a zero. RESULTS are results files of the harness, folders with them, and tables with model,
language, benchmark, value.
"""
EXAMPLES = """\
examples:
  neuronxa leaderboard out/ -o board
  neuronxa leaderboard out/ -o board --metric nasca --metric mexa --by script
  neuronxa leaderboard out/ -o board --export my-lab
  neuronxa leaderboard out/ scores.csv -o board --languages xnli --covariates classes.csv --by class
"""
MADE_BY = "neuronxa leaderboard"
INDEX = "leaderboard.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    describe(parser, DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    add_results(parser)
    add("-o", "--out", type=Path, required=True, metavar="OUT", help="folder to write")
    add_repeatable(
        parser,
        "--metric",
        "NAME",
        "rank by this metric (repeatable; default: nasca, and acc of benchmarks)",
    )
    add_repeatable(
        parser,
        "--benchmark",
        "NAME",
        "show this benchmark or corpus (repeatable; default: all)",
    )
    add_repeatable(
        parser,
        "--languages",
        "LIST",
        "only these: codes with commas, or a benchmark, such as xnli, for its languages",
    )
    add(
        "--by",
        default="language",
        metavar="GROUP",
        help="language (default), script, family, genus, or a column of --covariates",
    )
    add_repeatable(
        parser,
        "--covariates",
        "CSV",
        "columns by language, such as a resource class, for --by",
    )
    add(
        "--missing",
        choices=["languages", "models"],
        default="languages",
        help="where a model lacks a language, leave out of the mean that language (default), or "
        "leave the model unranked",
    )
    add(
        "--export",
        metavar="ORGANISATION",
        help="write OUT/export, too: .eval_results of the Hub, and records of Every Eval Ever in "
        "the name of this organisation",
    )
    add_reading(parser)
    add_drawing(parser, f"of languages (default: {RESAMPLES})")
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Reads, ranks, writes; returns the exit code 0.

    Raises:
        NeuronXAError: anything in the input or the options that cannot be used; nothing has been
            written then.
    """
    import numpy as np

    from neuronxa_tasks.reports.boards.board import build_boards
    from neuronxa_tasks.reports.leaderboard.groupings import grouping, wanted_languages
    from neuronxa_tasks.reports.leaderboard.pages import (
        duel_records,
        model_records,
        score_records,
        with_short_names,
        write_latex,
        write_markdown,
    )
    from neuronxa_tasks.reports.output import check_out, write_folder
    from neuronxa_tasks.reports.short_names import legend, short_names

    check_drawing(options)
    check_out(options.out, MADE_BY, INDEX)
    by = grouping(options.by, options.covariates)
    results = read(options, "separate")
    boards = build_boards(
        results,
        rng=np.random.default_rng(options.seed),
        metrics=options.metric,
        benchmarks=options.benchmark,
        languages=wanted_languages(options.languages),
        missing=options.missing,
        confidence=options.confidence,
        n_resamples=options.resamples,
    )
    models, scores = list(model_records(boards)), list(score_records(boards, by))
    command, unmapped = _command(options), sorted(set(results.unmapped["task"]))
    tell(by.notes)
    notes = [*results.notes, *by.notes, *_versions_told(results)]
    short = short_names(sorted({entry.model for board in boards for entry in board.entries}))
    shown = with_short_names(boards, short)
    files = {
        "leaderboard.md": write_markdown(
            shown,
            by,
            command=command,
            confidence=options.confidence,
            notes=[*notes, *legend(short)],
            unmapped=unmapped,
        ),
        "leaderboard.tex": write_latex(shown, by, options.confidence),
    }
    duels = list(duel_records(boards))
    exported, told = _exports(options, results) if options.export else ({}, "")
    files |= exported
    files |= _tables(options, results, boards, models, scores, duels, notes, sorted(files))
    write_folder(options.out, files, MADE_BY, INDEX)
    print(_told(boards))
    if told:
        print(told)
    print(f"{options.out / 'leaderboard.md'}: {len(boards)} board(s)")
    return 0


def _tables(
    options: argparse.Namespace,
    results: Results,
    boards: Sequence[Board],
    models: list[Any],
    scores: list[Any],
    duels: list[Any],
    notes: list[str],
    pages: list[str],
) -> dict[str, bytes]:
    """The CSV files and the index."""
    from dataclasses import asdict

    from neuronxa_tasks.reports.output import to_csv, to_json

    files = {"leaderboard.csv": to_csv(models), "scores.csv": to_csv(scores)}
    files |= {"duels.csv": to_csv(duels)} if duels else {}
    index = {
        "made_by": MADE_BY,
        "schema": 1,
        "command": _command(options),
        "versions": package_versions(),
        "inputs": [
            {"path": path, "sha256": digest, "harness": harness}
            for path, digest, harness in zip(
                *(results.runs[name] for name in ("source", "sha256", "harness")), strict=True
            )
        ],
        "confidence": options.confidence,
        "boards": [asdict(board) for board in boards],
        "scores": scores,
        "unmapped": sorted(set(results.unmapped["task"])),
        "notes": notes,
        "files": sorted([*files, *pages]),
    }
    return files | {INDEX: to_json(index)}


def _exports(options: argparse.Namespace, results: Results) -> tuple[dict[str, bytes], str]:
    """Files below `export/`, and what to say of them."""
    import os
    import time

    from neuronxa_tasks.reports.leaderboard.every_eval_ever import record_files
    from neuronxa_tasks.reports.leaderboard.export_rows import export_rows
    from neuronxa_tasks.reports.leaderboard.hub_results import hub_files

    paths = harness_paths(options.results)
    rows = export_rows(results, paths)
    if not rows:
        raise NeuronXAError(
            "--export needs results files of the harness, and only tables were given: a number "
            "without its run is not exported. Give the folder that was its --output_path."
        )
    hub, lost = hub_files(rows)
    now = os.environ.get("SOURCE_DATE_EPOCH", "")
    records = record_files(rows, options.export, int(now) if now.isdecimal() else int(time.time()))
    told = f"{options.out / 'export'}: {len(hub)} file(s) for the Hub, {len(records)} record(s)"
    if lost:
        told += f"; {lost} scores have no data set on the Hub and are in the records alone"
    return {
        **{f"export/hub/{name}": content for name, content in hub.items()},
        **{f"export/every_eval_ever/{name}": content for name, content in records.items()},
    }, told


def _versions_told(results: Results) -> list[str]:
    found = sorted(set(filter(None, results.runs["harness"])) - {"published"})
    if len(found) < 2:
        return []
    told = ", ".join(found)
    return [f"Results are of several versions of the harness ({told}); task versions are equal."]


def _command(options: argparse.Namespace) -> str:
    """The command line that makes the same files again; OUT is not part of the result."""
    words = ["neuronxa", "leaderboard", *options.results, "-o", "OUT"]
    words += repeated_words(options, "metric", "benchmark", "languages", "covariates")
    for name, default in (("by", "language"), ("missing", "languages")):
        if getattr(options, name) != default:
            words += [f"--{name}", getattr(options, name)]
    words += ["--export", options.export] if options.export else []
    return shlex.join([*words, *reading_words(options), *drawing_words(options)])


def _told(boards: Sequence[Board]) -> str:
    """The ranks for the terminal."""
    from neuronxa_tasks.reports.escape import plain
    from neuronxa_tasks.reports.leaderboard.pages import rank_text
    from neuronxa_tasks.reports.markdown import interval_text, r_text

    lines = []
    for board in boards:
        lines.append(f"{plain(board.title)}, mean over {len(board.complete)} languages")
        width = max(len(plain(entry.model)) for entry in board.entries)
        lines += [
            f"  {rank_text(entry):>8}  {plain(entry.model):<{width}}  {r_text(entry.mean)}  "
            f"{interval_text(entry.low, entry.high)}"
            + (f"  {len(entry.missing)} missing" if entry.missing else "")
            for entry in board.entries
        ]
        lines += [f"  ({plain(board.apart)})"] if board.apart else []
        lines.append("")
    return "\n".join(lines)
