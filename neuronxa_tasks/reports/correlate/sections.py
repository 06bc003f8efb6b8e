"""The sections of the report, one per table."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence

from neuronxa_tasks.reports.cells import Study
from neuronxa_tasks.reports.estimate_tables import Analysis
from neuronxa_tasks.reports.markdown import (
    LONG,
    computed,
    error_text,
    estimate_text,
    interval_text,
    p_text,
    r_text,
    share_text,
    span_text,
    table,
    without_r,
)
from neuronxa_tasks.reports.settings import Record, Settings, is_named

_SHOW_PREDICTIONS = 3


_FIRST = 3


def possible(analysis: Analysis, records: Sequence[Record]) -> list[Record]:
    """Records without r whose pair has one somewhere; the others were explained further up."""
    pairs = {(record["x"], record["y"]) for record in computed(analysis.correlations)}
    return [
        record
        for record in records
        if math.isnan(record["r"]) and (record["x"], record["y"]) in pairs
    ]


def tests(analysis: Analysis, settings: Settings) -> list[str]:
    """Every correlation over languages."""
    records = computed(analysis.correlations)
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
                r_text(record["r"]) + (" (primary)" if record["primary"] else ""),
                interval_text(record["fisher_low"], record["fisher_high"]),
                interval_text(record["boot_low"], record["boot_high"]),
                p_text(record["p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
                r_text(record["rho"]),
                interval_text(record["rho_fisher_low"], record["rho_fisher_high"]),
                p_text(record["rho_p"]),
                f"{share_text(record['x_noise'])} / {share_text(record['y_noise'])}",
            ]
            for record in records
        ]
        parts.append(table(header, rows))
        parts.append(
            "noise: share of the variance over languages that sampling error alone would make, of "
            "the score under `with` and of the benchmark. Near 100 % the languages do not differ "
            "by more than chance, and no correlation can be expected."
        )
    parts += without_r([r for r in analysis.correlations if math.isnan(r["r"])], ("y", "x"))
    return parts


def differences(analysis: Analysis) -> list[str]:
    """Two scores against each other."""
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
                estimate_text(record["difference"], record["boot_low"], record["boot_high"]),
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
        parts.append(table(header, rows))
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
                r_text(record["r1"]),
                r_text(record["r2"]),
                estimate_text(record["difference"], record["boot_low"], record["boot_high"]),
                f"{record['williams_t']:.2f}" if not math.isnan(record["williams_t"]) else "–",
                p_text(record["williams_p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
            ]
            for record in records
        ]
        header = ["model", "benchmark", "first", "second", "n", "r first", "r second"]
        header += ["difference, bootstrap", "t", "p", "Holm", "BH"]
        parts.append(table(header, rows))
    else:
        parts.append(f"All {len(records)} comparisons: see `differences.csv`.")
    parts.append(
        "Both correlations are on the same languages. t and p: Williams' test for dependent "
        "correlations; Holm and BH adjust it."
    )
    return parts


def given_covariates(analysis: Analysis) -> list[str]:
    """Partial correlations: averages, or those of a single model."""
    records = computed(analysis.partial_averages)
    several = any(record["models"] > 1 for record in records)
    source = analysis.partial_averages if several else analysis.partial
    unexplained = without_r(possible(analysis, source), ("y", "x", "given"))
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
                span_text(record["n_min"], record["n_max"]),
                r_text(record["r_without"]),
                estimate_text(record["r"], record["fisher_low"], record["fisher_high"]),
            ]
            for record in records
        ]
        header = ["benchmark", "with", "given", "models", "n", "r", "partial r, Fisher"]
        parts += [table(header, rows), "Averages over models by Fisher's z."]
    single = computed(analysis.partial)
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
                r_text(record["r_without"]),
                estimate_text(record["r"], record["low"], record["high"]),
                p_text(record["p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
            ]
            for record in single
        ]
        header = ["model", "benchmark", "with", "given", "n", "k", "r", "partial r, Fisher"]
        parts.append(table([*header, "p", "Holm", "BH"], rows))
    parts.append(
        "r: without covariates on the same languages. k covariates cost k degrees of freedom. "
        "Labels that one language alone has are one level, `other`."
        + (" Each model: `partial.csv`." if several else "")
    )
    return [*parts, *unexplained]


def together(analysis: Analysis) -> list[str]:
    """Pooled correlations and mixed models."""
    parts: list[str] = []
    records = computed(analysis.pooled)
    if records:
        rows = [
            [
                record["y"],
                record["x"],
                record["effects"],
                record["n"],
                record["models"],
                record["languages"],
                r_text(record["r"]),
                interval_text(record["boot_low"], record["boot_high"]),
                interval_text(record["fisher_low"], record["fisher_high"]),
            ]
            for record in records
        ]
        header = ["benchmark", "with", "given the effects of", "rows", "models", "languages", "r"]
        parts += [
            "## All models together",
            table([*header, "bootstrap", "Fisher"], rows),
            "`model` takes out each model's level. `model+language` takes out each language's "
            "level as well: what is left says whether a model that scores higher than its peers in "
            "a language on the one side does so on the other, which a language's resources cannot "
            "explain. The bootstrap resamples languages; Fisher takes all rows for independent.",
        ]
        parts += without_r(possible(analysis, analysis.pooled), ("y", "x", "effects"))
    if analysis.mixed:
        rows = [
            [
                record["y"],
                record["x"],
                record["n"],
                f"{record['slope']:.4g} [{record['low']:.4g}, {record['high']:.4g}]",
                r_text(record["standardised"]),
                p_text(record["p"]),
                "yes" if record["converged"] else "no",
            ]
            for record in analysis.mixed
            if record["reason"] is None
        ]
        header = ["benchmark", "on", "rows", "slope", "standardised", "p (Wald)", "converged"]
        parts += [
            "### Mixed models",
            table(header, rows),
            "Random intercepts of models and languages. Where a fit did not converge, which often "
            "means that a variance is zero, read the table above instead.",
        ]
        parts += without_r([r for r in analysis.mixed if r["reason"]], ("y", "x"))
    return parts


def across(analysis: Analysis) -> list[str]:
    """Correlations over models, for one language."""
    records = computed(analysis.across_models)
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
                r_text(record["r"]),
                interval_text(record["fisher_low"], record["fisher_high"]),
                interval_text(record["boot_low"], record["boot_high"]),
                p_text(record["p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
                r_text(record["rho"]),
            ]
            for record in records
        ]
        header = ["language", "benchmark", "with", "n", "r", "Fisher", "bootstrap", "p", "Holm"]
        parts.append(table([*header, "BH", "rho"], rows))
    if records:
        parts.append(
            "n counts models. Models of one family are relatives, not independent draws: these "
            "intervals are too narrow where families are large."
        )
    parts += without_r(
        [r for r in analysis.across_models if math.isnan(r["r"])], ("y", "x", "language")
    )
    return parts


def prediction(study: Study, analysis: Analysis, settings: Settings) -> list[str]:
    """How well lines predict, and predictions of a few models."""
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
            r_text(median(records, "r2_loo")),
            error_text(median(records, "error")),
            error_text(median(records, "error_of_mean")),
            sum(record["error"] < record["error_of_mean"] for record in records),
            share_text(median(records, "covered")),
        ]
        for (y, x), records in groups.items()
    ]
    header = ["predicted", "from", "models", "R2 left out", "error", "error of the mean"]
    header += ["models better than the mean", "inside the interval"]
    parts = [
        "## Prediction, one language left out",
        table(header, rows),
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
                table(["language", *outcomes], lines),
                "Predicted [interval], observed value behind the arrow where there is one. "
                "*: outside the range of the other languages.",
            ]
    return parts


def _predicted(record: Record | None) -> str:
    if record is None or math.isnan(record["predicted"]):
        return "–"
    text = estimate_text(record["predicted"], record["low"], record["high"])
    if record["extrapolated"]:
        text += "*"
    return text if math.isnan(record["observed"]) else f"{text} → {r_text(record['observed'])}"


def layer_peaks(analysis: Analysis) -> list[str]:
    """The best layer of each profile."""
    groups: dict[tuple[str, str, str, str], list[Record]] = defaultdict(list)
    for record in computed(analysis.layers):
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
                estimate_text(best["r"], best["low"], best["high"]),
                r_text(statistics.median(record["r"] for record in records)),
            ]
        )
    if len(rows) > LONG:
        return ["## Layers", f"{len(rows)} profiles: see `layers.csv`."]
    header = ["model", "benchmark", "corpus", "representation", "layers with r", "best layer", "n"]
    return [
        "## Layers",
        table([*header, "its r, Fisher", "median r"], rows),
        "The best layer was chosen by its r, so its interval is too hopeful: use it to look, not "
        "to test. All layers: `layers.csv`.",
    ]
