"""Options of the commands that read results. Imported by the command line: nothing heavy here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:
    from neuronxa_tasks.results.frame import Results


def add_results(parser: argparse.ArgumentParser) -> None:
    """Adds what is read."""
    parser.add_argument(
        "results", nargs="+", metavar="RESULTS", help="results file, folder, or published .csv"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds how it is read, apart from `--separate`: whether other settings are refused."""
    add = parser.add_argument
    add(
        "--name",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="another name for a model, by its name or by the path of its file (repeatable)",
    )
    add(
        "--template",
        action="append",
        default=[],
        metavar="TASK_{}=BENCHMARK",
        help="names of further tasks, {} stands for the language (repeatable)",
    )
    add("--latest", action="store_true", help="of a task that was run twice, keep the latest")
    add("--drop-nan", action="store_true", help="leave out values that are NaN, with a note")


def read(options: argparse.Namespace, mixed: Literal["refuse", "separate"]) -> Results:
    """Reads the files and folders of the command line.

    Args:
        options: with what `add_results` and `add_reading` have added.
        mixed: see `read_results`.

    Raises:
        NeuronXAError: see `read_results`; or an option that does not have its form.
    """
    from neuronxa_tasks.results.frame import read_results

    return read_results(
        harness_paths(options.results),
        published=[text for text in options.results if _is_csv(text)],
        names=new_names(options),
        templates=_pairs(options.template, "--template", "TASK_{}=BENCHMARK"),
        duplicates="latest" if options.latest else "refuse",
        mixed=mixed,
        keep_nan=options.drop_nan,
    )


def new_names(options: argparse.Namespace) -> dict[str, str]:
    """Name or path to another name, of `--name`."""
    return _pairs(options.name, "--name", "OLD=NEW")


def harness_paths(results: Sequence[str]) -> list[str]:
    """The given paths without the published tables."""
    return [text for text in results if not _is_csv(text)]


def reading_words(options: argparse.Namespace) -> list[str]:
    """The options of `add_reading` as they are typed, for the command that repeats a report."""
    words = []
    for name in ("name", "template"):
        for value in getattr(options, name):
            words += [f"--{name}", value]
    for name in ("latest", "drop_nan"):
        if getattr(options, name):
            words.append(f"--{name.replace('_', '-')}")
    return words


def _is_csv(text: str) -> bool:
    return text.lower().endswith(".csv") and not Path(text).is_dir()


def _pairs(given: Sequence[str], option: str, form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        old, _, new = text.rpartition("=")
        if not old or not new:
            raise NeuronXAError(
                f"{option} is {text!r}, which does not have the form {form}. Write both sides."
            )
        if found.setdefault(old, new) != new:
            raise NeuronXAError(
                f"{option} gives {old!r} two meanings, {found[old]!r} and {new!r}. Keep one."
            )
    return found
