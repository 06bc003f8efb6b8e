"""The layers: correlations of each, and where the alignment of a language peaks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

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
    for (model, corpus, language, representation), (n, by_layer) in _profiles(
        results, names
    ).items():
        layers = sorted(by_layer)
        rates = [by_layer[layer] for layer in layers]
        record: Record = {
            "model": model,
            "corpus": corpus,
            "language": language,
            "representation": representation,
            "n": n,
            "layers": len(layers),
            "mean_rate": math.fsum(rates) / len(rates),
            "peak_layer": None,
            "peak_rate": max(rates),
            "plateau_from": None,
            "plateau_to": None,
            "plateau_width": None,
            "reason": None,
        }
        if not _above_chance(rates, n):
            yield record | {"reason": "no layer has more than one hit"}
            continue
        first, peak, last = plateau(rates)
        yield record | {
            "peak_layer": layers[peak],
            "plateau_from": layers[first],
            "plateau_to": layers[last],
            "plateau_width": last - first + 1,
        }


def rate_records(results: Results, names: dict[tuple[str, str], str]) -> Iterator[Record]:
    """The share of mutual hits of every language, representation and layer."""
    for (model, corpus, language, representation), (n, by_layer) in _profiles(
        results, names
    ).items():
        layers = sorted(by_layer)
        rates = [by_layer[layer] for layer in layers]
        _, peak, _ = plateau(rates)
        for layer, rate in zip(layers, rates, strict=True):
            yield {
                "model": model,
                "corpus": corpus,
                "language": language,
                "representation": representation,
                "layer": layer,
                "n": n,
                "rate": rate,
                "peak": layer == layers[peak] and _above_chance(rates, n),
            }


def _above_chance(rates: Sequence[float], n: int | None) -> bool:
    """Whether some layer has more than one hit, where it is known what one hit is.

    Chance is half a hit, n / (2n - 1).
    """
    return n is None or max(rates) * n > 1.5


_Profile = tuple[str, str, str, str]
"""Model, corpus, language and representation."""


def _profiles(
    results: Results, names: dict[tuple[str, str], str]
) -> dict[_Profile, tuple[int | None, dict[int, float]]]:
    """Profile to n, None where it is not known, and the share of mutual hits by layer."""
    table = results.layers[results.layers["direction"] == "mutual"]
    columns = ("model", "revision", "benchmark", "language", "representation", "layer", "rate", "n")
    profiles: dict[_Profile, tuple[int | None, dict[int, float]]] = {}
    for model, revision, corpus, language, representation, layer, rate, n in zip(
        *(table[name] for name in columns), strict=True
    ):
        key = (names[(model, revision)], corpus, language, representation)
        of_key = profiles.setdefault(key, (None if pd.isna(n) else int(n), {}))
        of_key[1][int(layer)] = float(rate)
    return profiles


def plateau(rates: Sequence[float]) -> tuple[int, int, int]:
    """Positions of the first plateau layer, the peak (the first of several) and the last one.

    Hits and their shares have the same plateau; a share may be off by rounding.
    """
    peak = max(range(len(rates)), key=lambda place: (rates[place], -place))
    enough = PLATEAU * rates[peak] * (1.0 - 1e-12)
    first = last = peak
    while first > 0 and rates[first - 1] >= enough:
        first -= 1
    while last + 1 < len(rates) and rates[last + 1] >= enough:
        last += 1
    return first, peak, last


def layer_records(
    study: Study, results: Results, names: dict[tuple[str, str], str], settings: Settings
) -> Iterator[Record]:
    """Correlates the share of mutual hits in each layer with every outcome, over languages."""
    table = results.layers[results.layers["direction"] == "mutual"]
    columns = ("model", "revision", "benchmark", "language", "representation", "layer", "rate")
    rates: dict[tuple[str, str, str, int], dict[str, float]] = {}
    for model, revision, corpus, language, representation, layer, rate in zip(
        *(table[name] for name in columns), strict=True
    ):
        key = (names[(model, revision)], corpus, representation, int(layer))
        rates.setdefault(key, {})[language] = float(rate)
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
