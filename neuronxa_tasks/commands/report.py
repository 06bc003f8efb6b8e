"""`neuronxa report`: options in, one page out."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from neuronxa_tasks.commands.results_options import (
    add_drawing,
    add_reading,
    add_repeatable,
    add_results,
    check_drawing,
    describe,
    drawing_words,
    harness_paths,
    new_names,
    package_versions,
    read,
    reading_words,
    repeated_words,
    tell,
)
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import check_file, disk_told, write_whole

if TYPE_CHECKING:  # the command line asks for the options before anything heavy is loaded
    from neuronxa_tasks.reports.places import Places

DESCRIPTION = """\
Writes one HTML page that shows results to people: models, every language beside chance, surface and
floor, layers, benchmarks, correlations, controls, language pairs, and where each number comes from.
The page needs no network. What is not comparable is kept apart. RESULTS are results files of the
harness, folders with them, and tables with model, language, benchmark, value.
"""
EXAMPLES = """\
examples:
  neuronxa report out/ -o report.html
  neuronxa report out/ scores.csv -o report.html --name /models/llama=meta-llama/Llama-3.1-8B
  neuronxa report out/ -o report.html --figures figures     every figure as PNG and SVG
"""
RESAMPLES = 1999
INDEX = "figures.json"
MADE_BY = "neuronxa report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    describe(parser, DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    add_results(parser)
    add("-o", "--out", type=Path, required=True, metavar="PAGE", help="HTML file to write")
    add("--title", default="Alignment report", help="heading (default: Alignment report)")
    add("--figures", type=Path, metavar="DIR", help="write each figure as PNG and SVG, too")
    add_repeatable(
        parser,
        "--covariates",
        "CSV",
        "columns by language, such as log resource: in the table and in correlations",
    )
    add(
        "--pivot",
        metavar="CODE",
        help="language left out of correlations (default: that of the alignment, or English)",
    )
    add_reading(parser)
    told = f"per interval and p (default: {RESAMPLES}; `neuronxa correlate` has more)"
    add_drawing(parser, told, RESAMPLES)
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Reads, computes, writes; returns the exit code 0.

    Raises:
        NeuronXAError: anything in the input or the options that cannot be used; nothing has been
            written then.
    """
    from neuronxa_tasks.reports.charts import load_libraries, render
    from neuronxa_tasks.reports.confounders import gather
    from neuronxa_tasks.reports.estimates import Settings
    from neuronxa_tasks.reports.output import UNWRITABLE, check_out, to_json, write_folder
    from neuronxa_tasks.reports.page.content import gather_content
    from neuronxa_tasks.reports.page.correlation_data import correlate
    from neuronxa_tasks.reports.page.drawings import drawings
    from neuronxa_tasks.reports.page.page import write_page
    from neuronxa_tasks.reports.places import Places, without_folders
    from neuronxa_tasks.reports.variables import model_names
    from neuronxa_tasks.results import read_pairs

    _check(options)
    libraries = load_libraries()
    if options.figures:
        check_out(options.figures, MADE_BY, INDEX)
    results = read(options, "separate")
    paths = harness_paths(options.results)
    matrices = read_pairs(paths, names=new_names(options)) if paths else []
    results, matrices = without_folders(results, matrices)
    names = model_names(results)
    covariates = gather(results, names, options.covariates)
    settings = Settings(
        seed=options.seed, resamples=options.resamples, confidence=options.confidence
    )
    found = correlate(results, names, covariates, settings, options.pivot)
    tell([*found.notes, *covariates.notes])
    places = Places((*options.results, *options.covariates))
    content = gather_content(results, names, paths, matrices, covariates, found, settings, places)
    page = write_page(
        content,
        libraries,
        settings,
        title=options.title,
        command=_command(options, places),
        versions=package_versions() | libraries.versions(),
    )
    files = {}
    if options.figures:
        drawn = drawings(libraries, content.data, found, settings)
        # Figures lie in the folder itself, which is named for them.
        files = {
            name.removeprefix("figures/"): content_of
            for name, content_of in render(drawn, libraries, options.title).items()
        }
        files[INDEX] = to_json(
            {
                "made_by": MADE_BY,
                "files": sorted(files),
                "captions": {drawing.name: drawing.caption for drawing in drawn},
            }
        )
        write_folder(options.figures, files, MADE_BY, INDEX)
    with disk_told(options.out, UNWRITABLE):
        write_whole(options.out, page)
    told = f"{options.out}: {len(results.runs)} file(s), {len(page) / 1e6:.1f} MB"
    print(f"{told}; {options.figures}: {len(files) - 1} figure files" if files else told)
    return 0


def _check(options: argparse.Namespace) -> None:
    check_drawing(options)
    if options.out.is_dir():
        raise NeuronXAError(
            f"-o is {str(options.out)!r}, which is a folder, and the report is one file. Write "
            f"for example {options.out / 'report.html'}."
        )
    check_file(options.out)


def _command(options: argparse.Namespace, places: Places) -> str:
    """The command line that makes the same page again, without folders above the files.

    The page's own file name is not part of it.
    """
    words = ["neuronxa", "report", *options.results, "-o", "PAGE"]
    if options.title != "Alignment report":
        words += ["--title", options.title]
    words += repeated_words(options, "covariates")
    if options.pivot:
        words += ["--pivot", options.pivot]
    words += reading_words(options)
    words += drawing_words(options, RESAMPLES)
    return shlex.join([places.shown(word) for word in words])
