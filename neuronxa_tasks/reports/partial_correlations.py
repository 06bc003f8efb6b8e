"""What is left of a correlation given covariates: in each model, and on average over models."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.confounders import JOIN, Covariates
from neuronxa_tasks.reports.estimates import (
    Record,
    Settings,
    by_family,
    ends,
    explained,
    families_of,
    too_few,
)
from neuronxa_tasks.reports.study import Study, VariablePair


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
                    "given": JOIN.join(given),
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


def partial_average_records(
    study: Study, covariates: Covariates, partial: list[Record], settings: Settings
) -> Iterator[Record]:
    """Averages of the partial correlations over models, beside those without covariates."""
    pairs = {(pair.x.label, pair.y.label): pair for pair in study.pairs}
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in partial:
        groups[(record["x"], record["y"], record["given"])].append(record)
    for (x, y, given), records in groups.items():
        usable = [record for record in records if not math.isnan(record["r"])]
        plain = statistics.average_correlation(
            [record["r_without"] for record in usable], [record["n"] for record in usable]
        )
        base: Record = {
            "x": x,
            "y": y,
            "given": given,
            "models": len(usable),
            "models_without_r": len(records) - len(usable),
            "n_min": min((record["n"] for record in usable), default=0),
            "n_max": max((record["n"] for record in usable), default=0),
            "r": math.nan,
            **ends(statistics.Interval(math.nan, math.nan)),
            "r_without": plain.r,
            "p": math.nan,
            "p_method": "none",
            "p_languages": 0,
            "families": 0,
            **ends(statistics.Interval(math.nan, math.nan), "family_"),
            "family_p": math.nan,
            "reason": None,
        }
        if not usable:
            told = next((record["reason"] for record in records if record["reason"]), None)
            yield base | {"reason": told or "no correlation to average"}
            continue
        models = [record["model"] for record in usable]
        found = _average(pairs[(x, y)], models, covariates, given, settings, len(groups))
        yield base | {
            "r": found.average.r,
            **ends(found.jackknife),
            "p": found.permutation.p,
            "p_method": found.permutation.method,
            "p_languages": found.p_languages,
            **by_family(found.by_family),
            "reason": found.average.reason,
        }


def _average(
    pair: VariablePair,
    models: Sequence[str],
    covariates: Covariates,
    given: str,
    settings: Settings,
    tests: int,
) -> statistics.PartialAverage:
    codes = sorted({code for model in models for code in pair.languages(model)})
    tables = []
    for model in models:
        own = pair.languages(model)
        # Which labels are merged depends on the languages of the model.
        columns = statistics.stack_covariates(
            *(covariates.columns(model, name, own) for name in given.split(JOIN))
        )
        table = np.full((len(codes), columns.shape[1]), math.nan)
        table[[codes.index(code) for code in own]] = columns
        tables.append(table)
    rows = [pair.columns(model, codes) for model in models]
    return statistics.average_partial(
        [row[0] for row in rows],
        [row[1] for row in rows],
        tables,
        rng=settings.stream("partial average", pair.x.label, pair.y.label, given),
        families=families_of(codes),
        confidence=settings.confidence,
        n_permutations=settings.resamples,
        finest=settings.finest(tests),
    )
