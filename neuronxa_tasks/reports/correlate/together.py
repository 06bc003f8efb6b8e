"""All models and languages at once: pooled correlations and mixed models."""

from __future__ import annotations

import math
from collections.abc import Iterator

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.cells import Pair, Study
from neuronxa_tasks.reports.estimates import bootstrap_ends, explained, too_few
from neuronxa_tasks.reports.settings import Record, Settings


def _long(pair: Pair) -> tuple[list[float], list[float], list[str], list[str]]:
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


_EFFECTS: tuple[statistics.Effects, ...] = ("model", "model+language")


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
