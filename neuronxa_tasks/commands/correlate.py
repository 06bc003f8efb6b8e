"""`neuronxa correlate`: options in, a folder out."""

from __future__ import annotations

import argparse
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from neuronxa_tasks.commands.results_options import (
    RESAMPLES,
    add_drawing,
    add_reading,
    add_repeatable,
    add_results,
    check_drawing,
    describe,
    drawing_words,
    flag_words,
    harness_paths,
    package_versions,
    read,
    reading_words,
    repeated_words,
    tell,
)
from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:  # the command line asks for the options before anything heavy is loaded
    from neuronxa_tasks.reports.charts import Drawing
    from neuronxa_tasks.reports.confounders import Covariates
    from neuronxa_tasks.reports.correlate.alone import Alone
    from neuronxa_tasks.reports.estimates import Estimates, Settings
    from neuronxa_tasks.reports.study import Primary, Study
    from neuronxa_tasks.results import Results

DESCRIPTION = """\
Correlates alignment scores with benchmarks over languages: r with n, intervals and p for each
model, benchmark and metric, averages over models, differences between metrics, partial
correlations, predictions. Of the scores alone: differences, the score at smaller n, layers with
the peak, and all pairs of languages. RESULTS are results files of the harness, folders with
them, and tables (CSV, TSV) with model, language, benchmark, value. A table may hold alignment
scores: rows whose metric is mexa, nasca, ..., or what --alignment names.
"""
EXAMPLES = """\
examples:
  neuronxa correlate out/ -o report
  neuronxa correlate old_results/ new_run/ -o report --name /models/llama=meta-llama/Llama-3.1-8B
  neuronxa correlate out/ scores.csv -o report --primary xnli:nasca --covariates resources.csv
  neuronxa correlate mexa.csv tasks.csv -o report --alignment my_score
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    describe(parser, DESCRIPTION, EXAMPLES)
    add = parser.add_argument
    add_results(parser)
    add("-o", "--out", type=Path, required=True, metavar="OUT", help="folder to write")
    add(
        "--primary",
        metavar="BENCHMARK:METRIC[:MODEL]",
        help="the one cell that was chosen beforehand; it is not adjusted for the others",
    )
    add_repeatable(
        parser,
        "--benchmark",
        "NAME[:METRIC]",
        "use this benchmark (repeatable; default: all, by accuracy)",
    )
    add_repeatable(
        parser,
        "--metric",
        "NAME",
        "use this alignment metric (repeatable; default: scores and text baselines)",
    )
    add(
        "--between",
        action="store_true",
        help="correlate benchmarks with each other, too (default for tables without alignment)",
    )
    add(
        "--pivot",
        metavar="CODE",
        help="language left out (default: that of the alignment, or English); `none` keeps all",
    )
    add_repeatable(
        parser,
        "--covariates",
        "CSV_OR_NAME",
        "columns by language, such as log resource, or a covariate of the results, such as "
        "bits_per_byte; beside fertility, script and family (repeatable)",
    )
    add_reading(parser)
    add(
        "--separate",
        action="store_true",
        help="keep other settings (shots, n, tap) apart as benchmarks of their own",
    )
    add("--mixed-model", action="store_true", help="fit mixed models (needs statsmodels)")
    add_drawing(parser, f"per interval and p (default: {RESAMPLES})")
    add("--no-figures", action="store_true", help="write tables only")
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Reads, computes, writes; returns the exit code 0.

    Raises:
        NeuronXAError: anything in the input or the options that cannot be used; nothing has been
            written then.
    """
    from neuronxa_tasks.reports.charts import load_libraries, render
    from neuronxa_tasks.reports.confounders import gather
    from neuronxa_tasks.reports.correlate.alone import analyse_alone
    from neuronxa_tasks.reports.correlate.analysis import analyse
    from neuronxa_tasks.reports.correlate.figures import draw_alone
    from neuronxa_tasks.reports.correlate.shown import shown_alone, shown_estimates, shown_study
    from neuronxa_tasks.reports.estimates import Settings
    from neuronxa_tasks.reports.figures import draw
    from neuronxa_tasks.reports.output import check_out, write_folder
    from neuronxa_tasks.reports.short_names import short_names
    from neuronxa_tasks.reports.study import build_study
    from neuronxa_tasks.reports.variables import model_names
    from neuronxa_tasks.results import read_pairs

    _check_options(options)
    check_out(options.out)
    libraries = None if options.no_figures else load_libraries("--no-figures")
    results = read(options, "separate" if options.separate else "refuse")
    study = build_study(
        results,
        pivot=options.pivot,
        benchmarks=options.benchmark,
        metrics=options.metric,
        between=options.between,
        alone=True,
    )
    names = model_names(results)
    covariates = gather(results, names, options.covariates)
    tell([*study.notes, *covariates.notes])
    settings = Settings(
        seed=options.seed,
        resamples=options.resamples,
        confidence=options.confidence,
        primary=_primary(options.primary),
        mixed_model=options.mixed_model,
    )
    estimates = analyse(study, results, names, covariates, settings)
    paths = harness_paths(options.results)
    alone = analyse_alone(study, results, names, read_pairs(paths) if paths else [], settings)
    drawings: tuple[Drawing, ...] = ()
    short = short_names(sorted(names.values()))
    if libraries is not None:
        drawn = shown_study(study, short), shown_estimates(estimates, short)
        drawings = draw(*drawn, libraries, settings.confidence)
        drawings += draw_alone(shown_alone(alone, short), libraries.altair)
    files = {} if libraries is None else render(drawings, libraries, "neuronxa correlate")
    versions = package_versions(*(["statsmodels"] if options.mixed_model else []))
    versions |= libraries.versions() if libraries else {}
    files |= _documents(
        options,
        results,
        study,
        estimates,
        alone,
        settings,
        covariates,
        short,
        versions,
        [(drawing.name, drawing.caption) for drawing in drawings],
        sorted(files),
    )
    write_folder(options.out, files)
    print(_told(options.out, estimates))
    return 0


def _documents(
    options: argparse.Namespace,
    results: Results,
    study: Study,
    estimates: Estimates,
    alone: Alone,
    settings: Settings,
    covariates: Covariates,
    short: dict[str, str],
    versions: dict[str, str],
    figures: list[tuple[str, str]],
    figure_files: list[str],
) -> dict[str, bytes]:
    """The report, the CSV files and the index."""
    from dataclasses import asdict

    from neuronxa_tasks.reports.correlate.alone_sections import alone_sections
    from neuronxa_tasks.reports.correlate.first_page import write_first_page
    from neuronxa_tasks.reports.correlate.measure_sections import agreement
    from neuronxa_tasks.reports.correlate.pages import write_report
    from neuronxa_tasks.reports.correlate.shown import (
        shown_alone,
        shown_estimates,
        shown_settings,
        shown_study,
    )
    from neuronxa_tasks.reports.figures import drawn_pairs
    from neuronxa_tasks.reports.output import INDEX, MADE_BY, to_csv, to_json
    from neuronxa_tasks.reports.short_names import legend

    tables = estimates.tables() | alone.tables()
    inputs = [
        *zip(results.runs["source"], results.runs["sha256"], strict=True),
        *covariates.files,
    ]
    unmapped = results.unmapped[["model", "revision", "task", "metric", "value", "why", "source"]]
    lost = unmapped.to_dict("records")
    notes = [*results.notes, *covariates.notes, *alone.notes]
    if figures:
        notes += [
            f"{pair.y.label} against {pair.x.label} was not drawn; choose with --metric and "
            "--benchmark."
            for pair in drawn_pairs(study, estimates)[1]
        ]
    files = {f"{name}.csv": to_csv(records) for name, records in tables.items()}
    if lost:
        files["unmapped.csv"] = to_csv(lost)
    command = _command(options)
    files["report.md"] = write_report(
        shown_study(study, short),
        shown_estimates(estimates, short),
        shown_settings(settings, short),
        alone=[
            *alone_sections(shown_alone(alone, short)),
            *agreement(shown_alone(alone, short)),
        ],
        command=command,
        inputs=inputs,
        unmapped=sorted(set(results.unmapped["task"])),
        notes=[*notes, *legend({model: short[model] for model in study.models})],
        versions=versions,
        figures=figures,
    )
    files |= write_first_page(study, results, estimates, settings, short, command)
    index = {
        "made_by": MADE_BY,
        "schema": 1,
        "command": command,
        "settings": asdict(settings),
        "versions": versions,
        "inputs": [{"path": path, "sha256": digest} for path, digest in inputs],
        "models": list(study.models),
        "excluded_languages": list(study.excluded),
        "variables": [
            {
                "label": variable.label,
                "kind": variable.kind,
                "benchmark": variable.benchmark,
                "metric": variable.metric,
            }
            for variable in study.variables()
        ],
        "families": estimates.families,
        "notes": [*study.notes, *notes],
        "unmapped": lost,
        "files": sorted([*files, *figure_files]),
        "tables": tables,
    }
    return files | {INDEX: to_json(index)}


def _check_options(options: argparse.Namespace) -> None:
    check_drawing(options)
    if options.mixed_model and find_spec("statsmodels") is None:
        raise NeuronXAError(
            "--mixed-model was given, but statsmodels, which fits it, is not installed. Type "
            "`pip install statsmodels`, or leave the option out: `pooled.csv` needs nothing."
        )


def _primary(text: str | None) -> Primary | None:
    from neuronxa_tasks.reports.study import Primary

    if text is None:
        return None
    parts = text.split(":", 2)
    if len(parts) < 2 or not all(parts):
        raise NeuronXAError(
            f"--primary is {text!r}, which does not name a cell. Write BENCHMARK:METRIC, such as "
            "xnli:nasca, and :MODEL behind it for one model."
        )
    return Primary(parts[0], parts[1], parts[2] if len(parts) > 2 else None)


def _command(options: argparse.Namespace) -> str:
    """The command line that makes the same files again; OUT is not part of the result."""
    words = ["neuronxa", "correlate", *options.results, "-o", "OUT"]
    if options.primary:
        words += ["--primary", options.primary]
    words += reading_words(options)
    words += repeated_words(options, "benchmark", "metric", "covariates")
    if options.pivot:
        words += ["--pivot", options.pivot]
    words += flag_words(options, "between", "separate", "mixed_model", "no_figures")
    return shlex.join([*words, *drawing_words(options)])


def _told(out: Path, estimates: Estimates) -> str:
    if not estimates.correlations:
        return f"{out / 'report.md'}: scores alone; there is no benchmark to correlate them with"
    with_r = sum(record["r"] == record["r"] for record in estimates.correlations)
    told = f"{with_r} of {len(estimates.correlations)} correlations over languages"
    told += "" if with_r else "; the page says why not"
    return f"{out / 'page.md'} (everything is in {out / 'report.md'}): {told}"
