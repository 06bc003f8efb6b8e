"""The layers: correlations of each, and where the alignment of a language peaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.estimates import Record, Settings
from neuronxa_tasks.reports.study import Study
from neuronxa_tasks.results import Results

PLATEAU = 0.9
"""Share of the peak's rate that a layer of the plateau has at least."""


def profile_records(results: Results, names: dict[tuple[str, str], str]) -> Iterator[Record]:
    """Peak and plateau of every language and representation.

    The peak is the layer with most mutual hits, the first of several. The plateau are the layers
    around it, without a gap, that have at least 90 % of its hits. At n = 100 a rate has a standard
    error of up to .05, so a plateau is where layers cannot be told apart, not where they are equal.
    Where even the peak is not above chance, one hit or none, there is neither.
    """
    for (model, corpus, language, representation, n), by_layer in _profiles(results, names).items():
        layers = sorted(by_layer)
        hits = [by_layer[layer] for layer in layers]
        record: Record = {
            "model": model,
            "corpus": corpus,
            "language": language,
            "representation": representation,
            "n": n,
            "layers": len(layers),
            "mean_rate": math.fsum(hits) / len(hits) / n,
            "peak_layer": None,
            "peak_rate": max(hits) / n,
            "plateau_from": None,
            "plateau_to": None,
            "plateau_width": None,
            "reason": None,
        }
        if max(hits) <= 1:  # chance is half a hit, n / (2n - 1)
            yield record | {"reason": "no layer has more than one hit"}
            continue
        first, peak, last = plateau(hits)
        yield record | {
            "peak_layer": layers[peak],
            "plateau_from": layers[first],
            "plateau_to": layers[last],
            "plateau_width": last - first + 1,
        }


def rate_records(results: Results, names: dict[tuple[str, str], str]) -> Iterator[Record]:
    """The share of mutual hits of every language, representation and layer."""
    for (model, corpus, language, representation, n), by_layer in _profiles(results, names).items():
        layers = sorted(by_layer)
        _, peak, _ = plateau([by_layer[layer] for layer in layers])
        for layer in layers:
            yield {
                "model": model,
                "corpus": corpus,
                "language": language,
                "representation": representation,
                "layer": layer,
                "hits": by_layer[layer],
                "n": n,
                "rate": by_layer[layer] / n,
                "peak": layer == layers[peak] and by_layer[layer] > 1,
            }


def _profiles(
    results: Results, names: dict[tuple[str, str], str]
) -> dict[tuple[str, str, str, str, int], dict[int, int]]:
    """(model, corpus, language, representation, n) to the mutual hits by layer."""
    table = results.layers[results.layers["direction"] == "mutual"]
    columns = ("model", "revision", "benchmark", "language", "representation", "layer", "hits", "n")
    profiles: dict[tuple[str, str, str, str, int], dict[int, int]] = {}
    for model, revision, corpus, language, representation, layer, hits, n in zip(
        *(table[name] for name in columns), strict=True
    ):
        key = (names[(model, revision)], corpus, language, representation, int(n))
        profiles.setdefault(key, {})[int(layer)] = int(hits)
    return profiles


def plateau(hits: Sequence[int]) -> tuple[int, int, int]:
    """Positions of the first plateau layer, the peak (the first of several) and the last one."""
    peak = max(range(len(hits)), key=lambda place: (hits[place], -place))
    enough = PLATEAU * hits[peak]
    first = last = peak
    while first > 0 and hits[first - 1] >= enough:
        first -= 1
    while last + 1 < len(hits) and hits[last + 1] >= enough:
        last += 1
    return first, peak, last


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
            found = statistics.partial_correlation(
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
