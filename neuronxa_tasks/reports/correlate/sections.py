"""The sections on correlations: every test, what differs, given covariates, all models."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neuronxa_tasks.reports.estimates import Estimates, Record
from neuronxa_tasks.reports.markdown import (
    LONG,
    computed,
    estimate_text,
    interval_text,
    p_text,
    r_text,
    share_text,
    span_text,
    table,
    without_r,
)

_FIRST = 3
_SHOWN = 20

LANGUAGES_LEFT_OUT = "one language left out at a time, with Student's t"
BY_FAMILY = (
    "By family: one family of languages left out at a time, since related languages are not "
    "independent of each other."
)


def differs_by_family(records: Sequence[Record], keys: Sequence[str]) -> list[str]:
    """Which intervals leave 0 out by language and not by family, or the other way round."""
    told = []
    for apart, words in (
        (True, "Apart from 0 by language, but not by family"),
        (False, "Apart from 0 by family, but not by language"),
    ):
        found = [
            ", ".join(str(record[key]) for key in keys)
            for record in records
            if not math.isnan(record["low"]) and not math.isnan(record["family_low"])
            if _apart(record, "") is apart and _apart(record, "family_") is not apart
        ]
        if found:
            shown = "; ".join(found[:_SHOWN]) + (
                f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            )
            told.append(f"{words}: {shown}.")
    return [" ".join(told)] if told else []


def _apart(record: Record, prefix: str) -> bool:
    return bool(record[f"{prefix}low"] > 0.0 or record[f"{prefix}high"] < 0.0)


def _possible(estimates: Estimates, records: Sequence[Record]) -> list[Record]:
    """Records without r whose pair has one somewhere; the others were explained further up."""
    pairs = {(record["x"], record["y"]) for record in computed(estimates.correlations)}
    return [
        record
        for record in records
        if math.isnan(record["r"]) and (record["x"], record["y"]) in pairs
    ]


def tests(estimates: Estimates) -> list[str]:
    """Every correlation over languages."""
    records = computed(estimates.correlations)
    parts = ["## Every test over languages"]
    if len(records) > LONG:
        parts.append(f"{len(records)} tests: see `correlations.csv`.")
    elif records:
        header = ["model", "benchmark", "with", "n", "r", "interval", "Fisher", "p", "Holm", "BH"]
        header += ["by family", "rho", "rho Fisher", "p of rho", "noise"]
        rows = [
            [
                record["model"],
                record["y"],
                record["x"],
                record["n"],
                r_text(record["r"]) + (" (primary)" if record["primary"] else ""),
                interval_text(record["low"], record["high"]),
                interval_text(record["fisher_low"], record["fisher_high"]),
                p_text(record["p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
                interval_text(record["family_low"], record["family_high"]),
                r_text(record["rho"]),
                interval_text(record["rho_fisher_low"], record["rho_fisher_high"]),
                p_text(record["rho_p"]),
                f"{share_text(record['x_noise'])} / {share_text(record['y_noise'])}",
            ]
            for record in records
        ]
        parts.append(table(header, rows))
        parts.append(
            f"interval: {LANGUAGES_LEFT_OUT}. Fisher: by the formula, for normal values. "
            f"{BY_FAMILY} "
            "noise: share of the variance over languages that sampling error alone would make, of "
            "the score under `with` and of the benchmark. Near 100 % the languages do not differ "
            "by more than chance, and no correlation can be expected."
        )
    parts += without_r([r for r in estimates.correlations if math.isnan(r["r"])], ("y", "x"))
    return parts


def differences(estimates: Estimates) -> list[str]:
    """Two scores against each other."""
    records = [r for r in estimates.differences if not math.isnan(r["difference"])]
    if not records:
        return []
    parts = ["## Two scores against each other"]
    if estimates.difference_averages:
        rows = [
            [
                record["y"],
                record["x1"],
                record["x2"],
                record["models"],
                record["n"],
                estimate_text(record["difference"], record["low"], record["high"]),
                interval_text(record["family_low"], record["family_high"]),
                record["models_first_higher"],
                record["models_holm_below_05"],
            ]
            for record in estimates.difference_averages
        ]
        header = [
            "benchmark",
            "first",
            "second",
            "models",
            "n",
            "difference of averages",
            "by family",
        ]
        header += ["models with first > second", "models with Holm p < .05"]
        parts.append(table(header, rows))
        parts.append(
            "Averages over models by Fisher's z, on the languages that all of them have. Bracket: "
            f"{LANGUAGES_LEFT_OUT}, in all models at once. {BY_FAMILY}"
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
                estimate_text(record["difference"], record["low"], record["high"]),
                f"{record['williams_t']:.2f}" if not math.isnan(record["williams_t"]) else "–",
                p_text(record["williams_p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
            ]
            for record in records
        ]
        header = ["model", "benchmark", "first", "second", "n", "r first", "r second"]
        header += ["difference", "t", "p", "Holm", "BH"]
        parts.append(table(header, rows))
    else:
        parts.append(f"All {len(records)} comparisons: see `differences.csv`.")
    parts.append(
        "Both correlations are on the same languages. Bracket: one language left out at a time. t "
        "and p: Williams' test for dependent correlations, which takes values for normal; Holm and "
        "BH adjust it. Where the two disagree, the values are skewed: believe the bracket."
    )
    return parts


def given_covariates(estimates: Estimates) -> list[str]:
    """Partial correlations: averages, or those of a single model."""
    records = computed(estimates.partial_averages)
    several = any(record["models"] > 1 for record in records)
    source = estimates.partial_averages if several else estimates.partial
    unexplained = without_r(_possible(estimates, source), ("y", "x", "given"))
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
                estimate_text(record["r"], record["low"], record["high"]),
                p_text(record["p"]),
                p_text(record["holm"]),
                record["p_languages"],
                interval_text(record["family_low"], record["family_high"]),
            ]
            for record in records
        ]
        header = ["benchmark", "with", "given", "models", "n", "r", "partial r", "p", "Holm"]
        parts += [
            table([*header, "n of p", "by family"], rows),
            f"Averages over models by Fisher's z. Bracket: {LANGUAGES_LEFT_OUT}, in all models at "
            "once. p: what the covariates leave of the benchmark is shuffled over languages, for "
            f"all models at once (Freedman and Lane). {BY_FAMILY}",
            *differs_by_family(records, ("y", "x", "given")),
        ]
    single = computed(estimates.partial)
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


def together(estimates: Estimates) -> list[str]:
    """Pooled correlations and mixed models."""
    parts: list[str] = []
    records = computed(estimates.pooled)
    if records:
        rows = [
            [
                record["y"],
                record["x"],
                record["effects"],
                record["n"],
                record["models"],
                record["languages"],
                estimate_text(record["r"], record["low"], record["high"]),
                p_text(record["p"]),
                interval_text(record["family_low"], record["family_high"]),
            ]
            for record in records
        ]
        header = ["benchmark", "with", "given the effects of", "rows", "models", "languages", "r"]
        parts += [
            "## All models together",
            table([*header, "p", "by family"], rows),
            "`model` takes out each model's level. `model+language` takes out each language's "
            "level as well: what is left says whether a model that scores higher than its peers in "
            "a language on the one side does so on the other, which a language's resources cannot "
            f"explain. Bracket and p: {LANGUAGES_LEFT_OUT}, with all its models. {BY_FAMILY}",
        ]
        parts += without_r(_possible(estimates, estimates.pooled), ("y", "x", "effects"))
    if estimates.mixed:
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
            for record in estimates.mixed
            if record["reason"] is None
        ]
        header = ["benchmark", "on", "rows", "slope", "standardised", "p", "converged"]
        parts += [
            "### Mixed models",
            table(header, rows),
            "Random intercepts and slopes of models and languages (without random slopes a slope "
            "that differs between languages looks like one that all have). Where a fit did not "
            "converge, which mostly means that a variance is zero, read the table above instead.",
        ]
        parts += without_r([r for r in estimates.mixed if r["reason"]], ("y", "x"))
    return parts


def across(estimates: Estimates) -> list[str]:
    """Correlations over models, for one language."""
    records = computed(estimates.across_models)
    if not estimates.across_models:
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
                interval_text(record["low"], record["high"]),
                interval_text(record["fisher_low"], record["fisher_high"]),
                p_text(record["p"]),
                p_text(record["holm"]),
                p_text(record["bh"]),
                r_text(record["rho"]),
            ]
            for record in records
        ]
        header = ["language", "benchmark", "with", "n", "r", "interval", "Fisher", "p", "Holm"]
        parts.append(table([*header, "BH", "rho"], rows))
    if records:
        parts.append(
            "n counts models; interval: one model left out at a time. Models of one family are "
            "relatives, not independent draws: these intervals are too narrow where families are "
            "large."
        )
    parts += without_r(
        [r for r in estimates.across_models if math.isnan(r["r"])], ("y", "x", "language")
    )
    return parts
