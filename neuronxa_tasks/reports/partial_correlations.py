"""Correlations given covariates."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.cells import Study
from neuronxa_tasks.reports.confounders import Covariates
from neuronxa_tasks.reports.estimates import explained, too_few
from neuronxa_tasks.reports.settings import Record, Settings


def partial_records(study: Study, covariates: Covariates, settings: Settings) -> Iterator[Record]:
    """Partial correlations of each pair and model, given each set of covariates."""
    for pair in study.pairs:
        for model in pair.models():
            codes = pair.languages(model)
            x, y = pair.columns(model)
            for given in covariates.sets(model):
                record: Record = {
                    "model": model,
                    "x": pair.x.label,
                    "y": pair.y.label,
                    "given": " + ".join(given),
                    "n": len(codes),
                    "k": 0,
                    "r": math.nan,
                    "r_without": math.nan,
                    "low": math.nan,
                    "high": math.nan,
                    "p": math.nan,
                    "reason": None,
                }
                if len(codes) < statistics.MIN_POINTS:
                    yield record | {"reason": too_few(len(codes))}
                    continue
                try:
                    table = statistics.stack_covariates(
                        *(covariates.columns(model, name, codes) for name in given)
                    )
                except NeuronXAError as error:
                    # Too many labels for this many languages: a result, not a mistake.
                    yield record | {"reason": str(error)}
                    continue
                found = statistics.partial_correlation(x, y, table, confidence=settings.confidence)
                complete = ~np.isnan(table).any(axis=1)
                plain = statistics.partial_correlation(
                    np.array(x)[complete],
                    np.array(y)[complete],
                    np.zeros((int(complete.sum()), 0)),
                    confidence=settings.confidence,
                )
                yield record | {
                    "n": found.n,
                    "k": found.n_covariates,
                    "r": found.r,
                    "r_without": plain.r,
                    "low": found.interval.low,
                    "high": found.interval.high,
                    "p": found.p,
                    "reason": explained(found.reason, pair),
                }


def partial_average_records(partial: list[Record], settings: Settings) -> Iterator[Record]:
    """Their Fisher-z averages over models, beside those without covariates."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in partial:
        groups.setdefault((record["x"], record["y"], record["given"]), []).append(record)
    for (x, y, given), records in groups.items():
        # k covariates cost k points: the variance of z is 1 / (n - k - 3).
        usable = [record for record in records if not math.isnan(record["r"])]
        points = [record["n"] - record["k"] for record in usable]
        found = statistics.average_correlation(
            [record["r"] for record in usable], points, confidence=settings.confidence
        )
        plain = statistics.average_correlation(
            [record["r_without"] for record in usable],
            [record["n"] for record in usable],
            confidence=settings.confidence,
        )
        yield {
            "x": x,
            "y": y,
            "given": given,
            "models": found.count,
            "models_without_r": len(records) - len(usable),
            "n_min": min((record["n"] for record in usable), default=0),
            "n_max": max((record["n"] for record in usable), default=0),
            "r": found.r,
            "fisher_low": found.interval.low,
            "fisher_high": found.interval.high,
            "r_without": plain.r,
            "reason": found.reason
            if usable
            else next((record["reason"] for record in records if record["reason"]), found.reason),
        }
