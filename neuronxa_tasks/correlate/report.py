"""The report in Markdown, its tables in the shape of the papers'."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from neuronxa_tasks.correlate.analysis import RESAMPLED_POINTS, Analysis, Record, Settings, is_named
from neuronxa_tasks.correlate.cells import Study

LONG = 80
"""A table with more lines than this stays in its CSV file."""
_SHOW_PREDICTIONS = 3
_FIRST = 3


def write_report(
    study: Study,
    analysis: Analysis,
    settings: Settings,
    *,
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
        analysis: the tables.
        settings: how they were made.
        command: the command line that makes the report again.
        inputs: path and sha256 of each file read.
        unmapped: tasks and languages that are in no table.
        notes: what the reader of results said.
        versions: name to version.
        figures: file name without ending and caption.
    """
    level = f"{settings.confidence:.0%}"
    parts = [
        "# Correlations",
        _summary(study, level),
        *_primary(study, analysis, settings),
        *_headline(study, analysis, level),
        *_by_model(study, analysis),
        *_tests(analysis, settings),
        *_differences(analysis),
        *_partial(analysis),
        *_pooled(analysis),
        *_across(analysis),
        *_prediction(study, analysis, settings),
        *_layer_peaks(analysis),
        *_figures(figures),
        *_method(analysis, settings),
        *_inputs(command, inputs, unmapped, [*study.notes, *notes], versions),
    ]
    return ("\n\n".join(parts) + "\n").encode()


# --- numbers and tables -----------------------------------------------------------------------


def _r(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<.0001" if value < 0.0001 else f"{value:.4f}"


def _range(low: float, high: float) -> str:
    return "–" if math.isnan(low) or math.isnan(high) else f"[{low:.2f}, {high:.2f}]"


def _with_range(value: float, low: float, high: float) -> str:
    return _r(value) if math.isnan(value) else f"{_r(value)} {_range(low, high)}"


def _error(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def _without(records: Sequence[Record], keys: Sequence[str]) -> list[str]:
    """What has no r, and why, as a list; equal reasons together."""
    groups: dict[tuple[str, ...], int] = defaultdict(int)
    for record in records:
        key = (*(str(record[name]) for name in keys), str(record["reason"]))
        groups[key] += 1
    if not groups:
        return []
    lines = [
        f"- {', '.join(names)}: {reason}" + (f" ({count} models)" if count > 1 else "")
        for (*names, reason), count in groups.items()
    ]
    shown = lines[:30]
    more = len(lines) - len(shown)
    return [
        "No r, and why:\n\n"
        + "\n".join(shown)
        + (f"\n- and {more} more, in the CSV file" if more else "")
    ]


def _possible(analysis: Analysis, records: Sequence[Record]) -> list[Record]:
    """Records without r whose pair has one somewhere; the others were explained further up."""
    pairs = {(record["x"], record["y"]) for record in _computed(analysis.correlations)}
    return [
        record
        for record in records
        if math.isnan(record["r"]) and (record["x"], record["y"]) in pairs
    ]


def _computed(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if not math.isnan(record["r"])]


# --- sections ---------------------------------------------------------------------------------


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


def _primary(study: Study, analysis: Analysis, settings: Settings) -> list[str]:
    primary = settings.primary
    if primary is None:
        return [
            "No primary cell was named (`--primary BENCHMARK:METRIC`), so every result below is "
            "exploratory: read the adjusted p."
        ]
    pair = next(pair for pair in study.pairs if is_named(pair, primary))
    record = next(
        record for record in [*analysis.correlations, *analysis.averages] if record["primary"]
    )
    who = record.get("model", f"average over {record.get('models')} models")
    n = record["n"] if "n" in record else _span(record["n_min"], record["n_max"])
    text = (
        f"**{pair.x.label} and {pair.y.label}, {who}: r = "
        f"{_with_range(record['r'], record['boot_low'], record['boot_high'])} (bootstrap), "
        f"{_range(record['fisher_low'], record['fisher_high'])} (Fisher), n = {n} languages, "
        f"p = {_p(record['p'])} (permutation).**"
    )
    if record["reason"]:
        text += f" {record['reason']}."
    return [
        "## Primary result",
        text
        + "\n\nThis cell was named on the command line and is not adjusted for the other tests. "
        "That is only right if it was chosen before the results were seen.",
    ]


def _headline(study: Study, analysis: Analysis, level: str) -> list[str]:
    several = len(study.models) > 1
    title = "## Average over models" if several else "## Correlation over languages"
    source = (
        {(record["x"], record["y"]): record for record in analysis.averages}
        if several
        else {(record["x"], record["y"]): record for record in analysis.correlations}
    )
    ends = ("boot_low", "boot_high")

    def cell(x: str, y: str) -> str:
        record = source.get((x, y)) or source.get((y, x))
        if record is None:
            return ""
        n = record["n"] if "n" in record else _span(record["n_min"], record["n_max"])
        return (
            "–"
            if math.isnan(record["r"])
            else f"{_with_range(record['r'], record[ends[0]], record[ends[1]])} n={n}"
        )

    parts = [title]
    x = study.variables("x")
    alignment = [variable.label for variable in x if variable.kind == "alignment"]
    if alignment:
        outcomes = list(
            dict.fromkeys(pair.y.label for pair in study.pairs if pair.x.kind == "alignment")
        )
        rows = [[label, *(cell(label, y) for y in outcomes)] for label in alignment]
        parts.append(_table(["", *outcomes], rows))
    between = [pair for pair in study.pairs if pair.x.kind == "benchmark"]
    if between:
        names = list(
            dict.fromkeys([pair.x.label for pair in between] + [pair.y.label for pair in between])
        )
        rows = [
            [name, *("" if j <= i else cell(name, other) for j, other in enumerate(names))]
            for i, name in enumerate(names)
        ]
        parts.append(_table(["", *names], rows))
    parts.append(
        "Pearson's r over languages, averaged over models by Fisher's z; bracket: "
        f"{level} bootstrap interval, languages resampled for all models at once; n: "
        "languages per model."
        if several
        else f"Pearson's r; bracket: {level} bootstrap interval over languages; n: languages."
    )
    if several:
        rows = [
            [
                record["y"],
                record["x"],
                record["models"],
                _span(record["n_min"], record["n_max"]),
                _r(record["r"]),
                _range(record["boot_low"], record["boot_high"]),
                _range(record["fisher_low"], record["fisher_high"]),
                _p(record["p"]),
                _p(record["holm"]),
                _p(record["bh"]),
                _r(record["rho_median"]),
                _p(record["q_p"]),
            ]
            for record in _computed(analysis.averages)
        ]
        header = ["benchmark", "with", "models", "n", "r", "bootstrap", "Fisher", "p", "Holm"]
        header += ["BH", "median rho", "p of Q"]
        parts.append(_table(header, rows))
        parts.append(
            "p: languages shuffled for all models at once (those that all models have), statistic: "
            "mean r. The Fisher interval "
            "takes the models for independent of each other, which models over the same languages "
            "are not; prefer the bootstrap. p of Q: whether the models differ more than their "
            "intervals allow."
        )
        parts += _without(
            [record for record in analysis.averages if math.isnan(record["r"])], ("y", "x")
        )
    return parts


def _by_model(study: Study, analysis: Analysis) -> list[str]:
    if len(study.models) < 2:
        return []
    found = {(r["model"], r["x"], r["y"]): r for r in _computed(analysis.correlations)}
    averages = {(r["x"], r["y"]): r for r in analysis.averages}
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
            n = _span(record["n_min"], record["n_max"])
            header.append(f"{x if outcome else f'{x} ~ {y}'} (n={n})")
        rows = []
        for model in study.models:
            records = [found.get((model, *key)) for key in keys]
            if any(records):
                cells = [
                    _with_range(r["r"], r["fisher_low"], r["fisher_high"]) if r else "–"
                    for r in records
                ]
                rows.append([model, *cells])
        rows.append(["**average**", *(f"**{_r(averages[key]['r'])}**" for key in keys)])
        parts += [f"### {outcome}" if outcome else "### Between benchmarks", _table(header, rows)]
    if groups:
        parts.append("Pearson's r with its Fisher interval.")
    return parts


def _tests(analysis: Analysis, settings: Settings) -> list[str]:
    records = _computed(analysis.correlations)
    parts = ["## Every test over languages"]
    if len(records) > LONG:
        parts.append(f"{len(records)} tests: see `correlations.csv`.")
    elif records:
        header = ["model", "benchmark", "with", "n", "r", "Fisher", "bootstrap", "p", "Holm", "BH"]
        header += ["rho", "rho Fisher", "p of rho", "noise"]
        rows = [
            [
                record["model"],
                record["y"],
                record["x"],
                record["n"],
                _r(record["r"]) + (" (primary)" if record["primary"] else ""),
                _range(record["fisher_low"], record["fisher_high"]),
                _range(record["boot_low"], record["boot_high"]),
                _p(record["p"]),
                _p(record["holm"]),
                _p(record["bh"]),
                _r(record["rho"]),
                _range(record["rho_fisher_low"], record["rho_fisher_high"]),
                _p(record["rho_p"]),
                f"{_share(record['x_noise'])} / {_share(record['y_noise'])}",
            ]
            for record in records
        ]
        parts.append(_table(header, rows))
        parts.append(
            "noise: share of the variance over languages that sampling error alone would make, of "
            "the score under `with` and of the benchmark. Near 100 % the languages do not differ "
            "by more than chance, and no correlation can be expected."
        )
    parts += _without([r for r in analysis.correlations if math.isnan(r["r"])], ("y", "x"))
    return parts


def _differences(analysis: Analysis) -> list[str]:
    records = [r for r in analysis.differences if not math.isnan(r["difference"])]
    if not records:
        return []
    parts = ["## Two scores against each other"]
    if analysis.difference_averages:
        rows = [
            [
                record["y"],
                record["x1"],
                record["x2"],
                record["models"],
                record["n"],
                _with_range(record["difference"], record["boot_low"], record["boot_high"]),
                record["models_first_higher"],
                record["models_holm_below_05"],
            ]
            for record in analysis.difference_averages
        ]
        header = [
            "benchmark",
            "first",
            "second",
            "models",
            "n",
            "difference of averages, bootstrap",
        ]
        header += ["models with first > second", "models with Holm p < .05"]
        parts.append(_table(header, rows))
        parts.append(
            "Averages over models by Fisher's z, on the languages that all of them have; languages "
            "resampled for all models at once."
        )
    if len(records) <= LONG:
        rows = [
            [
                record["model"],
                record["y"],
                record["x1"],
                record["x2"],
                record["n"],
                _r(record["r1"]),
                _r(record["r2"]),
                _with_range(record["difference"], record["boot_low"], record["boot_high"]),
                f"{record['williams_t']:.2f}" if not math.isnan(record["williams_t"]) else "–",
                _p(record["williams_p"]),
                _p(record["holm"]),
                _p(record["bh"]),
            ]
            for record in records
        ]
        header = ["model", "benchmark", "first", "second", "n", "r first", "r second"]
        header += ["difference, bootstrap", "t", "p", "Holm", "BH"]
        parts.append(_table(header, rows))
    else:
        parts.append(f"All {len(records)} comparisons: see `differences.csv`.")
    parts.append(
        "Both correlations are on the same languages. t and p: Williams' test for dependent "
        "correlations; Holm and BH adjust it."
    )
    return parts


def _partial(analysis: Analysis) -> list[str]:
    records = _computed(analysis.partial_averages)
    several = any(record["models"] > 1 for record in records)
    source = analysis.partial_averages if several else analysis.partial
    unexplained = _without(_possible(analysis, source), ("y", "x", "given"))
    if not records and not unexplained:
        return []
    parts = ["## Given covariates"]
    if records and several:
        if len(records) > LONG:
            first = list(dict.fromkeys(record["x"] for record in records))[:_FIRST]
            records = [record for record in records if record["x"] in first]
            parts.append(
                f"{', '.join(first)} only; the others: `partial_averages.csv`.",
            )
        rows = [
            [
                record["y"],
                record["x"],
                record["given"],
                record["models"],
                _span(record["n_min"], record["n_max"]),
                _r(record["r_without"]),
                _with_range(record["r"], record["fisher_low"], record["fisher_high"]),
            ]
            for record in records
        ]
        header = ["benchmark", "with", "given", "models", "n", "r", "partial r, Fisher"]
        parts += [_table(header, rows), "Averages over models by Fisher's z."]
    single = _computed(analysis.partial)
    if single and not several and len(single) > LONG:
        parts.append(f"{len(single)} partial correlations: see `partial.csv`.")
    elif single and not several:
        rows = [
            [
                record["model"],
                record["y"],
                record["x"],
                record["given"],
                record["n"],
                record["k"],
                _r(record["r_without"]),
                _with_range(record["r"], record["low"], record["high"]),
                _p(record["p"]),
                _p(record["holm"]),
                _p(record["bh"]),
            ]
            for record in single
        ]
        header = ["model", "benchmark", "with", "given", "n", "k", "r", "partial r, Fisher"]
        parts.append(_table([*header, "p", "Holm", "BH"], rows))
    parts.append(
        "r: without covariates on the same languages. k covariates cost k degrees of freedom. "
        "Labels that one language alone has are one level, `other`."
        + (" Each model: `partial.csv`." if several else "")
    )
    return [*parts, *unexplained]


def _pooled(analysis: Analysis) -> list[str]:
    parts: list[str] = []
    records = _computed(analysis.pooled)
    if records:
        rows = [
            [
                record["y"],
                record["x"],
                record["effects"],
                record["n"],
                record["models"],
                record["languages"],
                _r(record["r"]),
                _range(record["boot_low"], record["boot_high"]),
                _range(record["fisher_low"], record["fisher_high"]),
            ]
            for record in records
        ]
        header = ["benchmark", "with", "given the effects of", "rows", "models", "languages", "r"]
        parts += [
            "## All models together",
            _table([*header, "bootstrap", "Fisher"], rows),
            "`model` takes out each model's level. `model+language` takes out each language's "
            "level as well: what is left says whether a model that scores higher than its peers in "
            "a language on the one side does so on the other, which a language's resources cannot "
            "explain. The bootstrap resamples languages; Fisher takes all rows for independent.",
        ]
        parts += _without(_possible(analysis, analysis.pooled), ("y", "x", "effects"))
    if analysis.mixed:
        rows = [
            [
                record["y"],
                record["x"],
                record["n"],
                f"{record['slope']:.4g} [{record['low']:.4g}, {record['high']:.4g}]",
                _r(record["standardised"]),
                _p(record["p"]),
                "yes" if record["converged"] else "no",
            ]
            for record in analysis.mixed
            if record["reason"] is None
        ]
        header = ["benchmark", "on", "rows", "slope", "standardised", "p (Wald)", "converged"]
        parts += [
            "### Mixed models",
            _table(header, rows),
            "Random intercepts of models and languages. Where a fit did not converge, which often "
            "means that a variance is zero, read the table above instead.",
        ]
        parts += _without([r for r in analysis.mixed if r["reason"]], ("y", "x"))
    return parts


def _across(analysis: Analysis) -> list[str]:
    records = _computed(analysis.across_models)
    if not analysis.across_models:
        return []
    parts = ["## Across models, for one language"]
    if len(records) > LONG:
        parts.append(f"{len(records)} tests: see `across_models.csv`.")
    elif records:
        rows = [
            [
                record["language"],
                record["y"],
                record["x"],
                record["n"],
                _r(record["r"]),
                _range(record["fisher_low"], record["fisher_high"]),
                _range(record["boot_low"], record["boot_high"]),
                _p(record["p"]),
                _p(record["holm"]),
                _p(record["bh"]),
                _r(record["rho"]),
            ]
            for record in records
        ]
        header = ["language", "benchmark", "with", "n", "r", "Fisher", "bootstrap", "p", "Holm"]
        parts.append(_table([*header, "BH", "rho"], rows))
    if records:
        parts.append(
            "n counts models. Models of one family are relatives, not independent draws: these "
            "intervals are too narrow where families are large."
        )
    parts += _without(
        [r for r in analysis.across_models if math.isnan(r["r"])], ("y", "x", "language")
    )
    return parts


def _prediction(study: Study, analysis: Analysis, settings: Settings) -> list[str]:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in analysis.lines:
        if record["reason"] is None:
            groups[(record["y"], record["x"])].append(record)
    if not groups:
        return []

    def median(records: list[Record], column: str) -> float:
        values = [record[column] for record in records if not math.isnan(record[column])]
        return statistics.median(values) if values else math.nan

    rows = [
        [
            y,
            x,
            len(records),
            _r(median(records, "r2_loo")),
            _error(median(records, "error")),
            _error(median(records, "error_of_mean")),
            sum(record["error"] < record["error_of_mean"] for record in records),
            _share(median(records, "covered")),
        ]
        for (y, x), records in groups.items()
    ]
    header = ["predicted", "from", "models", "R2 left out", "error", "error of the mean"]
    header += ["models better than the mean", "inside the interval"]
    parts = [
        "## Prediction, one language left out",
        _table(header, rows),
        "Each language is predicted by the straight line through the others. Medians over models. "
        "error: mean absolute error, in the benchmark's unit; error of the mean: the same when "
        "each language is predicted by the mean of the others. R2 below 0: worse than the mean. "
        "Every prediction with its interval: `predictions.csv`.",
    ]
    primary = next(
        (pair for pair in study.pairs if is_named(pair, settings.primary)), study.pairs[0]
    )
    shown = [
        model
        for model in study.models
        if len(study.models) <= _SHOW_PREDICTIONS
        or (settings.primary and settings.primary.model == model)
    ]
    for model in shown:
        records = [
            record
            for record in analysis.predictions
            if record["model"] == model and record["x"] == primary.x.label
        ]
        outcomes = list(dict.fromkeys(record["y"] for record in records))
        cells = {(record["language"], record["y"]): record for record in records}
        lines = [
            [language, *(_predicted(cells.get((language, y))) for y in outcomes)]
            for language in sorted({record["language"] for record in records})
        ]
        if lines:
            parts += [
                f"### {model}, from {primary.x.label}",
                _table(["language", *outcomes], lines),
                "Predicted [interval], observed value behind the arrow where there is one. "
                "*: outside the range of the other languages.",
            ]
    return parts


def _predicted(record: Record | None) -> str:
    if record is None or math.isnan(record["predicted"]):
        return "–"
    text = _with_range(record["predicted"], record["low"], record["high"])
    if record["extrapolated"]:
        text += "*"
    return text if math.isnan(record["observed"]) else f"{text} → {_r(record['observed'])}"


def _layer_peaks(analysis: Analysis) -> list[str]:
    groups: dict[tuple[str, str, str, str], list[Record]] = defaultdict(list)
    for record in _computed(analysis.layers):
        key = (record["model"], record["y"], record["corpus"], record["representation"])
        groups[key].append(record)
    if not groups:
        return []
    rows = []
    for (model, y, corpus, representation), records in groups.items():
        best = max(records, key=lambda record: record["r"])
        rows.append(
            [
                model,
                y,
                corpus,
                representation,
                len(records),
                best["layer"],
                best["n"],
                _with_range(best["r"], best["low"], best["high"]),
                _r(statistics.median(record["r"] for record in records)),
            ]
        )
    if len(rows) > LONG:
        return ["## Layers", f"{len(rows)} profiles: see `layers.csv`."]
    header = ["model", "benchmark", "corpus", "representation", "layers with r", "best layer", "n"]
    return [
        "## Layers",
        _table([*header, "its r, Fisher", "median r"], rows),
        "The best layer was chosen by its r, so its interval is too hopeful: use it to look, not "
        "to test. All layers: `layers.csv`.",
    ]


def _figures(figures: Sequence[tuple[str, str]]) -> list[str]:
    if not figures:
        return []
    lines = "\n\n".join(
        f"![{caption}](figures/{name}.svg)\n\n{caption}" for name, caption in figures
    )
    return ["## Figures", "All in one page that can be searched: `figures/figures.html`.", lines]


def _method(analysis: Analysis, settings: Settings) -> list[str]:
    families = ", ".join(f"{count} of `{name}`" for name, count in analysis.families.items())
    return [
        "## How it was computed",
        f"- Intervals: Fisher's z; bootstrap with {settings.resamples} resamples of languages "
        "(BCa, percentile where that has no answer; averages and pooled: percentile), none for "
        f"fewer than {RESAMPLED_POINTS} points.\n"
        "- p: permutation, exact up to 8 points, otherwise "
        f"{settings.resamples} random ones, so that no p is below "
        f"{1 / (settings.resamples + 1):.1g}.\n"
        "- Holm and Benjamini-Hochberg adjust each family of tests by itself: "
        f"{families or 'there was no test'}. Spearman's p stands beside and is not adjusted.\n"
        f"- Seed {settings.seed}; every test has random numbers of its own.",
    ]


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
        _table(["file", "sha256"], inputs),
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
