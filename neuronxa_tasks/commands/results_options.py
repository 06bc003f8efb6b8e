"""What the commands that read results share: options, their checks, the words that repeat them.

Imported by the command line: nothing heavy here.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from neuronxa_tasks.errors import NeuronXAError

MOST_NOTES = 10
"""Notes on the terminal; all of them stand in the output."""
MOST_NAMES = 40
"""Names of unmapped languages or tasks on the terminal."""

if TYPE_CHECKING:
    from neuronxa_tasks.results.frame import Results

RESAMPLES = 9999
CONFIDENCE = 0.95


def describe(parser: argparse.ArgumentParser, description: str, examples: str) -> None:
    """Sets what `-h` says before and behind the options, line by line as it is written."""
    parser.description, parser.epilog = description, examples
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_repeatable(parser: argparse.ArgumentParser, option: str, metavar: str, told: str) -> None:
    """Adds an option that may come several times; without it, its list is empty."""
    parser.add_argument(option, action="append", default=[], metavar=metavar, help=told)


def add_results(parser: argparse.ArgumentParser) -> None:
    """Adds what is read."""
    parser.add_argument(
        "results", nargs="+", metavar="RESULTS", help="results file, folder, or table (.csv, .tsv)"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds how it is read, apart from `--separate`: whether other settings are refused."""
    add_repeatable(
        parser,
        "--name",
        "OLD=NEW",
        "another name for a model, by its name or by the path of its file (repeatable)",
    )
    add_repeatable(
        parser,
        "--template",
        "TASK_{}=BENCHMARK",
        "names of further tasks, {} stands for the language (repeatable)",
    )
    add_repeatable(
        parser,
        "--alignment",
        "NAME[,NAME]",
        "what else than mexa, nasca, ... is an alignment score in the tables: a metric, a "
        "benchmark or a column (repeatable)",
    )
    add_percent(parser)
    add_latest(parser)
    parser.add_argument(
        "--drop-nan", action="store_true", help="leave out values that are NaN, with a note"
    )


def add_latest(parser: argparse.ArgumentParser) -> None:
    """Adds `--latest`."""
    parser.add_argument(
        "--latest", action="store_true", help="of a task that was run twice, keep the latest"
    )


def add_drawing(parser: argparse.ArgumentParser, told: str, resamples: int = RESAMPLES) -> None:
    """Adds how intervals are drawn: `--seed`, `--resamples`, `--confidence`.

    Args:
        parser: of the command.
        told: what the resamples are for.
        resamples: default.
    """
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of all random draws (default: 0)")
    add("--resamples", type=int, default=resamples, help=told)
    add(
        "--confidence",
        type=float,
        default=CONFIDENCE,
        help=f"of all intervals (default: {CONFIDENCE})",
    )


def check_drawing(options: argparse.Namespace) -> None:
    """Refuses what cannot be drawn, before anything is read.

    Raises:
        NeuronXAError: a seed below 0, no resamples, or a confidence outside (0, 1).
    """
    from neuronxa_tasks.statistics.columns import check_confidence, check_resamples

    check_confidence(options.confidence)
    check_resamples(options.resamples, "--resamples")
    if options.seed < 0:
        raise NeuronXAError(
            f"--seed is {options.seed}, but seeds are whole numbers from 0. Type for example 0."
        )


def add_percent(parser: argparse.ArgumentParser) -> None:
    """Adds the option that says what is in percent."""
    add_repeatable(
        parser,
        "--percent",
        "NAME",
        "a file, model or benchmark whose scores are in percent (repeatable)",
    )


def read(options: argparse.Namespace, mixed: Literal["refuse", "separate"]) -> Results:
    """Reads the files and folders of the command line.

    Args:
        options: with what `add_results` and `add_reading` have added.
        mixed: see `read_results`.

    Raises:
        NeuronXAError: see `read_results`; or an option that does not have its form.
    """
    from neuronxa_tasks.results.frame import read_results

    named = [text.partition(":")[2] for text in getattr(options, "benchmark", [])]
    results = read_results(
        harness_paths(options.results),
        published=[text for text in options.results if _is_table(text)],
        names=new_names(options),
        templates=_pairs(options.template, "--template", "TASK_{}=BENCHMARK"),
        duplicates="latest" if options.latest else "refuse",
        mixed=mixed,
        keep_nan=options.drop_nan,
        used=[*getattr(options, "metric", []), *filter(None, named)],
        percent=options.percent,
        alignment=[name for text in options.alignment for name in _parts(text)],
    )
    tell(results.notes, unmapped_told(results))
    return results


def tell(notes: Sequence[str], more: Sequence[str] = ()) -> None:
    """Says on the terminal what was left out or assumed; the first of many.

    Args:
        notes: one sentence each.
        more: further ones, which are never cut off.
    """
    from neuronxa_tasks.reports.escape import visible

    for note in [*notes[:MOST_NOTES], *more]:
        print(f"note: {visible(note)}", file=sys.stderr)
    if len(notes) > MOST_NOTES:
        print(f"note: and {len(notes) - MOST_NOTES} more, which the output has.", file=sys.stderr)


def unmapped_told(results: Results) -> list[str]:
    """Languages and tasks that are in no table, because the language table does not have them."""
    found: dict[str, dict[str, None]] = {}
    for why, task in zip(results.unmapped["why"], results.unmapped["task"], strict=True):
        reason, _, text = str(why).partition(": ")
        found.setdefault(reason, {})[text or str(task)] = None
    told = []
    for reason, names in found.items():
        shown = ", ".join(list(names)[:MOST_NAMES])
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        told.append(f"{reason}, so in no table ({len(names)}): {shown}{more}.")
    return told


def new_names(options: argparse.Namespace) -> dict[str, str]:
    """Name or path to another name, of `--name`."""
    return _pairs(options.name, "--name", "OLD=NEW")


def harness_paths(results: Sequence[str]) -> list[str]:
    """The given paths without the published tables."""
    return [text for text in results if not _is_table(text)]


def reading_words(options: argparse.Namespace) -> list[str]:
    """The options of `add_reading` as they are typed, for the command that repeats a report."""
    words = repeated_words(options, "name", "template", "alignment", "percent")
    return [*words, *flag_words(options, "latest", "drop_nan")]


def drawing_words(options: argparse.Namespace, resamples: int = RESAMPLES) -> list[str]:
    """The options of `add_drawing` as they are typed: the seed, and what is not the default."""
    words = []
    if options.resamples != resamples:
        words += ["--resamples", str(options.resamples)]
    if options.confidence != CONFIDENCE:
        words += ["--confidence", str(options.confidence)]
    return [*words, "--seed", str(options.seed)]


def repeated_words(options: argparse.Namespace, *names: str) -> list[str]:
    """Options of `add_repeatable` as they are typed."""
    given = ((name, value) for name in names for value in getattr(options, name))
    return [word for name, value in given for word in (f"--{name}", value)]


def flag_words(options: argparse.Namespace, *names: str) -> list[str]:
    """The flags that were given, as they are typed."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(options, name)]


def package_versions(*further: str) -> dict[str, str]:
    """Name to version of this package, Python, and what computes.

    Args:
        further: packages beside numpy, scipy and pandas.
    """
    from neuronxa_tasks import __version__

    packages = ("numpy", "scipy", "pandas", *further)
    return {
        "neuronxa-tasks": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def _is_table(text: str) -> bool:
    from neuronxa_tasks.results.tables.cells import is_table

    return is_table(text) and not Path(text).is_dir()


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


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
