"""Correlations of each layer."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from neuronxa_tasks import stats
from neuronxa_tasks.correlate.cells import Study
from neuronxa_tasks.correlate.settings import Record, Settings
from neuronxa_tasks.results import Results


def layer_records(
    study: Study, results: Results, names: dict[tuple[str, str], str], settings: Settings
) -> Iterator[Record]:
    """Correlates the share of mutual hits in each layer with every outcome, over languages."""
    table = results.layers[results.layers["direction"] == "mutual"]
    columns = ("model", "revision", "benchmark", "language", "representation", "layer", "hits", "n")
    rates: dict[tuple[str, str, str, int], dict[str, float]] = {}
    for model, revision, corpus, language, representation, layer, hits, n in zip(
        *(table[name] for name in columns), strict=True
    ):
        key = (names[(model, revision)], corpus, representation, int(layer))
        rates.setdefault(key, {})[language] = float(hits) / float(n)
    outcomes = study.variables("y")
    for (model, corpus, representation, layer), by_language in rates.items():
        for y in outcomes:
            observed = y.values.get(model, {})
            codes = sorted(set(by_language) & set(observed))
            if not codes:
                continue
            # Without covariates a partial correlation is the plain one, and needs no resampling.
            found = stats.partial_correlation(
                [by_language[code] for code in codes],
                [observed[code] for code in codes],
                np.zeros((len(codes), 0)),
                confidence=settings.confidence,
            )
            yield {
                "model": model,
                "corpus": corpus,
                "representation": representation,
                "y": y.label,
                "layer": layer,
                "n": found.n,
                "r": found.r,
                "low": found.interval.low,
                "high": found.interval.high,
                "mean_rate": math.fsum(by_language[code] for code in codes) / len(codes),
                "reason": found.reason,
            }
