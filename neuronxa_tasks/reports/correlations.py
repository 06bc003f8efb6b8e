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
    bootstrap_ends,
    both_kinds,
    explained,
    noise,
    too_few,
)
from neuronxa_tasks.reports.study import Study, VariablePair, is_named, primary_model
from neuronxa_tasks.statistics.over_models import joint_permutation

_EFFECTS: tuple[statistics.Effects, ...] = ("model", "model+language")


def correlation_record(pair: VariablePair, model: str, settings: Settings) -> Record:
    """Correlation over languages in one model."""
    languages = pair.languages(model)
    x, y = pair.columns(model)
    return {
        "model": model,
        "x": pair.x.label,
        "y": pair.y.label,
        **both_kinds(pair, x, y, settings, ("correlation", model)),
        "x_noise": noise(pair.x, model, languages),
        "y_noise": noise(pair.y, model, languages),
        "primary": primary_model(pair, settings.primary) == model,
        "languages": " ".join(languages),
    }


def average_record(pair: VariablePair, settings: Settings) -> Record:
    """Average over models of the correlation over languages, with its joint tests."""
    models = pair.models()
    codes = sorted({code for model in models for code in pair.languages(model)})
    rows = [pair.columns(model, codes) for model in models]
    x, y = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = {
        kind: statistics.average_over_models(
            x,
            y,
            rng=settings.stream("average", pair.x.label, pair.y.label, kind),
            kind=kind,
            confidence=settings.confidence,
            n_resamples=settings.resamples,
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
    )
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
        **bootstrap_ends(pearson.bootstrap, len(codes)),
        "fisher_low": pearson.average.interval.low,
        "fisher_high": pearson.average.interval.high,
        "q": pearson.average.q,
        "q_p": pearson.average.q_p,
        "p": permutation.p,
        "p_method": permutation.method,
        "p_languages": int(shared.sum()) if any(has_r) else 0,
        "rho_median": float(np.median(rho)) if rho else math.nan,
        "rho": spearman.average.r,
        **bootstrap_ends(spearman.bootstrap, len(codes), "rho_"),
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
    for pair in study.pairs:
        codes = sorted({code for model in pair.models() for code in pair.languages(model)})
        for code in codes:
            models = [model for model in pair.models() if code in pair.languages(model)]
            x = [pair.x.values[model][code] for model in models]
            y = [pair.y.values[model][code] for model in models]
            yield {
                "language": code,
                "x": pair.x.label,
                "y": pair.y.label,
                **both_kinds(pair, x, y, settings, ("across", code)),
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
        for effects in _EFFECTS:
            found = statistics.pooled_correlation(
                *_long(pair),
                rng=settings.stream("pooled", effects, pair.x.label, pair.y.label),
                effects=effects,
                confidence=settings.confidence,
                n_resamples=settings.resamples,
            )
            # Many models do not make up for languages: two languages have no correlation.
            few = found.n_languages < statistics.MIN_POINTS
            interval = statistics.Interval(math.nan, math.nan) if few else found.interval
            yield {
                "x": pair.x.label,
                "y": pair.y.label,
                "effects": effects,
                "n": found.n,
                "models": found.n_models,
                "languages": found.n_languages,
                "r": math.nan if few else found.r,
                **bootstrap_ends(found.bootstrap, found.n_languages),
                "fisher_low": interval.low,
                "fisher_high": interval.high,
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
            "variance_residual": found.variance_residual,
            "converged": found.converged,
            "reason": explained(found.reason, pair),
        }
