"""The report in Markdown, its tables in the shape of the papers'."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from neuronxa_tasks.reports.correlate.measure_sections import which_measure
from neuronxa_tasks.reports.correlate.prediction_sections import layer_peaks, prediction
from neuronxa_tasks.reports.correlate.sections import (
    BY_FAMILY,
    LANGUAGES_LEFT_OUT,
    across,
    differences,
    differs_by_family,
    given_covariates,
    tests,
    together,
)
from neuronxa_tasks.reports.estimates import Estimates, Record, Settings, out_of_reach
from neuronxa_tasks.reports.markdown import (
    computed,
    estimate_text,
    interval_text,
    p_text,
    r_text,
    span_text,
    table,
    without_r,
)
from neuronxa_tasks.reports.study import Study, is_named
from neuronxa_tasks.statistics.jackknife import MIN_UNITS


def write_report(
    study: Study,
    estimates: Estimates,
    settings: Settings,
    *,
    alone: Sequence[str] = (),
    command: str,
    inputs: Sequence[tuple[str, str]],
    unmapped: Sequence[str],
    notes: Sequence[str],
    versions: dict[str, str],
    figures: Sequence[tuple[str, str]],
) -> bytes:
    """Puts the tables into one page.

    Args:
        study: what is correlated.
        estimates: the tables.
        settings: how they were made.
        alone: sections that need no benchmark.
        command: the command line that makes the report again.
        inputs: path and sha256 of each file read.
        unmapped: tasks and languages that are in no table.
        notes: what the reader of results said.
        versions: name to version.
        figures: file name without ending and caption.
    """
    level = f"{settings.confidence:.0%}"
    correlated = [
        *_primary(study, estimates, settings),
        *_headline(study, estimates, level),
        *_by_model(study, estimates),
        *tests(estimates),
        *differences(estimates),
        *which_measure(estimates),
        *given_covariates(estimates),
        *together(estimates),
        *across(estimates),
        *prediction(study, estimates, settings),
        *layer_peaks(estimates),
    ]
    parts = [
        "# Correlations" if study.pairs else "# Alignment scores",
        _summary(study, level) if study.pairs else _summary_alone(study, level),
        *(correlated if study.pairs else []),
        *alone,
        *_figures(figures),
        *_method(estimates, settings),
        *_inputs(command, inputs, unmapped, [*study.notes, *notes], versions),
    ]
    return ("\n\n".join(parts) + "\n").encode()


def _summary(study: Study, level: str) -> str:
    x, y = study.variables("x"), study.variables("y")
    alignment = [variable.label for variable in x if variable.kind == "alignment"]
    outcomes = sorted(
        {variable.label for variable in study.variables() if variable.kind == "benchmark"}
    )
    corpora = sorted({variable.benchmark for variable in x if variable.kind == "alignment"})
    lines = [
        f"- {len(study.models)} model(s): {', '.join(study.models)}",
        f"- alignment: {', '.join(alignment)} on {', '.join(corpora)}"
        if alignment
        else "- no alignment scores: benchmarks are correlated with each other",
        f"- benchmarks: {', '.join(outcomes if not alignment else [v.label for v in y])}",
        f"- left out of every correlation over languages: {', '.join(study.excluded) or 'nothing'}",
    ]
    return (
        "\n".join(lines)
        + f"\n\nBrackets are {level} intervals. A dash is a value that cannot be computed; the "
        "reason stands below its table."
    )


def _summary_alone(study: Study, level: str) -> str:
    return (
        f"- {len(study.models)} model(s): {', '.join(study.models)}\n- no benchmark: nothing was "
        f"correlated\n\nBrackets are {level} intervals. A dash is a value that cannot be computed."
    )


def _primary(study: Study, estimates: Estimates, settings: Settings) -> list[str]:
    primary = settings.primary
    if primary is None:
        return [
            "No primary cell was named (`--primary BENCHMARK:METRIC`), so every result below is "
            "exploratory: read the adjusted p."
        ]
    pair = next(pair for pair in study.pairs if is_named(pair, primary))
    record = next(
        record for record in [*estimates.correlations, *estimates.averages] if record["primary"]
    )
    who = record.get("model", f"average over {record.get('models')} models")
    n = record["n"] if "n" in record else span_text(record["n_min"], record["n_max"])
    text = (
        f"**{pair.x.label} and {pair.y.label}, {who}: r = "
        f"{estimate_text(record['r'], record['low'], record['high'])}, "
        f"n = {n} languages, p = {p_text(record['p'])} (permutation{_other_n(record)}).**"
    )
    if not math.isnan(record["family_low"]):
        text += (
            f" With its {record['families']} families of languages left out one by one: "
            f"{interval_text(record['family_low'], record['family_high'])}, "
            f"p = {p_text(record['family_p'])}."
        )
    if record["reason"]:
        text += f" {record['reason']}."
    return [
        "## Primary result",
        text
        + "\n\nThis cell was named on the command line and is not adjusted for the other tests. "
        "That is only right if it was chosen before the results were seen.",
    ]


def _headline(study: Study, estimates: Estimates, level: str) -> list[str]:
    several = len(study.models) > 1
    title = "## Average over models" if several else "## Correlation over languages"
    source = (
        {(record["x"], record["y"]): record for record in estimates.averages}
        if several
        else {(record["x"], record["y"]): record for record in estimates.correlations}
    )

    def cell(x: str, y: str) -> str:
        record = source.get((x, y)) or source.get((y, x))
        if record is None:
            return ""
        n = record["n"] if "n" in record else span_text(record["n_min"], record["n_max"])
        return (
            "–"
            if math.isnan(record["r"])
            else f"{estimate_text(record['r'], record['low'], record['high'])} n={n}"
        )

    parts = [title]
    x = study.variables("x")
    alignment = [variable.label for variable in x if variable.kind == "alignment"]
    if alignment:
        outcomes = list(
            dict.fromkeys(pair.y.label for pair in study.pairs if pair.x.kind == "alignment")
        )
        rows = [[label, *(cell(label, y) for y in outcomes)] for label in alignment]
        parts.append(table(["", *outcomes], rows))
    between = [pair for pair in study.pairs if pair.x.kind == "benchmark"]
    if between:
        names = list(
            dict.fromkeys([pair.x.label for pair in between] + [pair.y.label for pair in between])
        )
        rows = [
            [name, *("" if j <= i else cell(name, other) for j, other in enumerate(names))]
            for i, name in enumerate(names)
        ]
        parts.append(table(["", *names], rows))
    parts.append(
        "Pearson's r over languages, averaged over models by Fisher's z; bracket: "
        f"{level} interval, {LANGUAGES_LEFT_OUT}, in all models at once; n: languages per model."
        if several
        else f"Pearson's r; bracket: {level} interval, {LANGUAGES_LEFT_OUT}; n: languages."
    )
    if several:
        rows = [
            [
                record["y"],
                record["x"],
                record["models"],
                span_text(record["n_min"], record["n_max"]),
                r_text(record["r"]),
                interval_text(record["low"], record["high"]),
                p_text(record["p"]),
                record["p_languages"],
                p_text(record["holm"]),
                p_text(record["bh"]),
                record["families"],
                interval_text(record["family_low"], record["family_high"]),
                p_text(record["family_p"]),
                f"{r_text(record['r_min'])} to {r_text(record['r_max'])}",
                r_text(record["rho_median"]),
            ]
            for record in computed(estimates.averages)
        ]
        header = ["benchmark", "with", "models", "n", "r", "interval", "p", "n of p", "Holm", "BH"]
        header += ["families", "by family", "p by family", "models from, to", "median rho"]
        parts.append(table(header, rows))
        parts.append(
            "p: languages shuffled for all models at once (those that all models have: n of p), "
            f"statistic: mean r. {BY_FAMILY} The models saw the same languages, so that their r "
            "are not independent; no test of their differences is given."
        )
        parts += differs_by_family(computed(estimates.averages), ("y", "x"))
        parts += without_r(
            [record for record in estimates.averages if math.isnan(record["r"])], ("y", "x")
        )
    else:
        parts += differs_by_family(computed(estimates.correlations), ("y", "x"))
    return parts


def _other_n(record: Record) -> str:
    """Of p, where it rests on fewer languages than r."""
    n = record.get("p_languages")
    return f" of the {n} that all models have" if n not in (None, record.get("n_min")) else ""


def _by_model(study: Study, estimates: Estimates) -> list[str]:
    if len(study.models) < 2:
        return []
    found = {(r["model"], r["x"], r["y"]): r for r in computed(estimates.correlations)}
    averages = {(r["x"], r["y"]): r for r in estimates.averages}
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for pair in study.pairs:
        key = (pair.x.label, pair.y.label)
        if any((model, *key) in found for model in study.models):
            groups[pair.y.label if pair.x.kind == "alignment" else ""].append(key)
    parts = ["## Each model"] if groups else []
    for outcome, keys in groups.items():
        header = ["model"]
        for x, y in keys:
            record = averages[(x, y)]
            n = span_text(record["n_min"], record["n_max"])
            header.append(f"{x if outcome else f'{x} ~ {y}'} (n={n})")
        rows = []
        for model in study.models:
            records = [found.get((model, *key)) for key in keys]
            if any(records):
                cells = [estimate_text(r["r"], r["low"], r["high"]) if r else "–" for r in records]
                rows.append([model, *cells])
        rows.append(["**average**", *(f"**{r_text(averages[key]['r'])}**" for key in keys)])
        parts += [f"### {outcome}" if outcome else "### Between benchmarks", table(header, rows)]
    if groups:
        parts.append(f"Pearson's r; bracket: {LANGUAGES_LEFT_OUT}.")
    return parts


def _figures(figures: Sequence[tuple[str, str]]) -> list[str]:
    if not figures:
        return []
    lines = "\n\n".join(
        f"![{caption}](figures/{name}.svg)\n\n{caption}" for name, caption in figures
    )
    return ["## Figures", "All in one page that can be searched: `figures/figures.html`.", lines]


def _method(estimates: Estimates, settings: Settings) -> list[str]:
    families = ", ".join(f"{count} of `{name}`" for name, count in estimates.families.items())
    lines = [
        "- Intervals: jackknife of Fisher's z with Student's t, one language (or family) left out "
        f"at a time, none for fewer than {MIN_UNITS}. How often they hold the truth in "
        "simulations: `results/coverage` of neuronxa-tasks.",
        "- p: permutation, exact up to 8 points, otherwise "
        f"{settings.resamples} random ones, and more where p is small, so that Holm's correction "
        "can reach .01.",
        "- Holm and Benjamini-Hochberg adjust each family of tests by itself: "
        f"{families or 'there was no test'}. Spearman's p stands beside and is not adjusted.",
        f"- Seed {settings.seed}; every test has random numbers of its own.",
    ]
    for name in ("correlations", "averages", "across_models"):
        tests_made = estimates.families.get(name, 0)
        short = out_of_reach(getattr(estimates, name), tests_made)
        if short:
            lines.append(
                f"- {short} of the {tests_made} tests of `{name}` cannot fall below .05 after "
                "Holm's correction, however clear the data: so few points have too few orders."
            )
    return ["## How it was computed", "\n".join(lines)]


def _inputs(
    command: str,
    inputs: Sequence[tuple[str, str]],
    unmapped: Sequence[str],
    notes: Sequence[str],
    versions: dict[str, str],
) -> list[str]:
    parts = [
        "## Inputs",
        f"```\n{command}\n```",
        table(["file", "sha256"], inputs),
    ]
    if notes:
        parts.append("Notes:\n\n" + "\n".join(f"- {note}" for note in dict.fromkeys(notes)))
    if unmapped:
        shown = ", ".join(unmapped[:40]) + (", ..." if len(unmapped) > 40 else "")
        parts.append(
            f"In no table, because no language is known for them ({len(unmapped)}; all in "
            f"`unmapped.csv`): {shown}."
        )
    parts.append("Versions: " + ", ".join(f"{name} {v}" for name, v in versions.items()) + ".")
    return parts
