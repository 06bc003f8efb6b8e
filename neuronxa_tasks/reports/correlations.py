"""Correlations over languages in each model, on average, over models, and over all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.estimates import (
    KINDS,
    Record,
    Settings,
    both_kinds,
    by_family,
    ends,
    explained,
    families_of,
    noise,
    too_few,
)
from neuronxa_tasks.reports.study import Study, VariablePair, is_named, primary_model
from neuronxa_tasks.statistics.joint import joint_permutation

_EFFECTS: tuple[statistics.Effects, ...] = ("model", "model+language")


def correlation_record(pair: VariablePair, model: str, settings: Settings, *, tests: int) -> Record:
    """Correlation over languages in one model; `tests`: number of tests of the table."""
    languages = pair.languages(model)
    x, y = pair.columns(model)
    return {
        "model": model,
        "x": pair.x.label,
        "y": pair.y.label,
        **both_kinds(
            pair,
            x,
            y,
            settings,
            ("correlation", model),
            tests=tests,
            families=families_of(languages),
        ),
        "x_noise": noise(pair.x, model, languages),
        "y_noise": noise(pair.y, model, languages),
        "primary": primary_model(pair, settings.primary) == model,
        "languages": " ".join(languages),
    }


def average_record(pair: VariablePair, settings: Settings, *, tests: int) -> Record:
    """Average over models of the correlation over languages, with its joint test.

    Args:
        pair: what is correlated.
        settings: see there.
        tests: number of tests of the table.
    """
    models = pair.models()
    codes = sorted({code for model in models for code in pair.languages(model)})
    rows = [pair.columns(model, codes) for model in models]
    x, y = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = {
        kind: statistics.average_over_models(
            x,
            y,
            kind=kind,
            families=families_of(codes),
            confidence=settings.confidence,
        )
        for kind in KINDS
    }
    pearson, spearman = found["pearson"], found["spearman"]
    has_r = [reason is None for reason in pearson.reasons]
    used = [n for n, usable in zip(pearson.n, has_r, strict=True) if usable]
    # A language can only change places where every model has it.
    shared = ~(np.isnan(x[has_r]) | np.isnan(y[has_r])).any(axis=0)
    permutation = joint_permutation(
        x[has_r][:, shared],
        y[has_r][:, shared],
        rng=settings.stream("joint", pair.x.label, pair.y.label),
        n_permutations=settings.resamples,
        finest=settings.finest(tests),
    )
    found_r = [value for value in pearson.r if not math.isnan(value)]
    rho = [value for value in spearman.r if not math.isnan(value)]
    return {
        "x": pair.x.label,
        "y": pair.y.label,
        "models": pearson.average.count,
        "models_without_r": pearson.average.n_skipped,
        "n_min": min(used, default=0),
        "n_max": max(used, default=0),
        "languages": len(codes),
        "r": pearson.average.r,
        **ends(pearson.jackknife),
        "r_min": min(found_r, default=math.nan),
        "r_max": max(found_r, default=math.nan),
        "p": permutation.p,
        "p_method": permutation.method,
        "p_languages": int(shared.sum()) if any(has_r) else 0,
        **by_family(pearson.by_family),
        "rho_median": float(np.median(rho)) if rho else math.nan,
        "rho": spearman.average.r,
        **ends(spearman.jackknife, "rho_"),
        "primary": is_named(pair, settings.primary)
        and primary_model(pair, settings.primary) is None,
        "reason": explained(
            pearson.average.reason
            if pearson.average.count
            else next((reason for reason in pearson.reasons if reason), pearson.average.reason),
            pair,
        ),
    }


def across_model_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Correlation over models, for each pair and language."""
    cells = [
        (pair, code)
        for pair in study.pairs
        for code in sorted({code for model in pair.models() for code in pair.languages(model)})
    ]
    for pair, code in cells:
        models = [model for model in pair.models() if code in pair.languages(model)]
        x = [pair.x.values[model][code] for model in models]
        y = [pair.y.values[model][code] for model in models]
        yield {
            "language": code,
            "x": pair.x.label,
            "y": pair.y.label,
            **both_kinds(pair, x, y, settings, ("across", code), tests=len(cells)),
        }


def _long(pair: VariablePair) -> tuple[list[float], list[float], list[str], list[str]]:
    """x, y, model and language of every complete row."""
    rows = [
        (pair.x.values[model][code], pair.y.values[model][code], model, code)
        for model in pair.models()
        for code in pair.languages(model)
    ]
    return (
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
    )


def pooled_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Correlations over all rows given fixed effects, where a pair has two models."""
    for pair in study.pairs:
        if sum(bool(pair.languages(model)) for model in pair.models()) < 2:
            continue
        rows = _long(pair)
        for effects in _EFFECTS:
            found = statistics.pooled_correlation(
                *rows,
                effects=effects,
                families=families_of(rows[3]),
                confidence=settings.confidence,
            )
            # Many models do not make up for languages: two languages have no correlation.
            few = found.n_languages < statistics.MIN_POINTS
            yield {
                "x": pair.x.label,
                "y": pair.y.label,
                "effects": effects,
                "n": found.n,
                "models": found.n_models,
                "languages": found.n_languages,
                "r": math.nan if few else found.r,
                **ends(found.jackknife),
                "p": found.jackknife.p,
                **by_family(found.by_family),
                "reason": too_few(found.n_languages, "languages")
                if few
                else explained(found.reason, pair),
            }


def mixed_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Slopes of mixed models of each pair."""
    for pair in study.pairs:
        found = statistics.mixed_model(*_long(pair), confidence=settings.confidence)
        yield {
            "x": pair.x.label,
            "y": pair.y.label,
            "n": found.n,
            "models": found.n_models,
            "languages": found.n_languages,
            "slope": found.slope,
            "low": found.interval.low,
            "high": found.interval.high,
            "p": found.p,
            "standardised": found.standardised,
            "variance_model": found.variance_model,
            "variance_language": found.variance_language,
            "variance_model_slope": found.variance_model_slope,
            "variance_language_slope": found.variance_language_slope,
            "variance_residual": found.variance_residual,
            "converged": found.converged,
            "reason": explained(found.reason, pair),
        }
