"""Correlations of alignment with benchmarks, as the page shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.confounders import Covariates
from neuronxa_tasks.reports.correlations import average_record, correlation_record
from neuronxa_tasks.reports.estimates import Estimates, Settings, adjust
from neuronxa_tasks.reports.figures import domains, fit_band, short_codes
from neuronxa_tasks.reports.layers import layer_records
from neuronxa_tasks.reports.page.language_scores import benchmark_chance, rounded
from neuronxa_tasks.reports.partial_correlations import partial_average_records, partial_records
from neuronxa_tasks.reports.study import Study, VariablePair, build_study
from neuronxa_tasks.reports.variables import Variable
from neuronxa_tasks.results import Results


@dataclass(frozen=True, slots=True)
class Correlations:
    """What was computed, or why not.

    Attributes:
        study: the pairs; None where there is nothing to pair.
        estimates: their estimates; tables that the page does not show are empty.
        why_not: the sentence that says what is missing.
    """

    study: Study | None
    estimates: Estimates
    why_not: str = ""
    tests: int = 0
    notes: tuple[str, ...] = field(default=())


def correlate(
    results: Results,
    names: dict[tuple[str, str], str],
    covariates: Covariates,
    settings: Settings,
    pivot: str | None,
) -> Correlations:
    """Computes what `neuronxa correlate` computes, as far as the page shows it.

    Args:
        results: what was read.
        names: (model, revision) to the model's name.
        covariates: partial correlations are only there where the user gave tables.
        settings: seed, level and effort.
        pivot: language left out, see `build_study`.
    """
    try:
        study = build_study(results, pivot=pivot)
    except NeuronXAError as error:  # other sections have something to show all the same
        return Correlations(None, Estimates(), str(error))
    several = len(study.models) > 1
    cells = [(pair, model) for pair in study.pairs for model in pair.models()]
    correlations = [
        correlation_record(pair, model, settings, tests=len(cells)) for pair, model in cells
    ]
    averages = (
        [average_record(pair, settings, tests=len(study.pairs)) for pair in study.pairs]
        if several
        else []
    )
    partial = list(partial_records(study, covariates, settings)) if covariates.files else []
    tests = adjust(correlations, "p")
    adjust(averages, "p")
    estimates = Estimates(
        correlations=correlations,
        averages=averages,
        partial=partial,
        partial_averages=list(partial_average_records(study, covariates, partial, settings)),
        layers=list(layer_records(study, results, names, settings)),
    )
    return Correlations(study, estimates, tests=tests, notes=study.notes)


def scatter_data(
    found: Correlations, data: Mapping[str, Any], confidence: float
) -> list[dict[str, Any]]:
    """For each pair of scores the axes, and of each model the line and r.

    The points are those of `data`, outside the languages left out: `from` says where x and y are.

    Args:
        found: see `correlate`.
        data: see `score_data`, for the positions of models.
        confidence: level of the band.
    """
    if found.study is None:
        return []
    records = {(r["model"], r["x"], r["y"]): r for r in found.estimates.correlations}
    pairs = []
    for pair in found.study.pairs:
        models = sorted(filter(pair.languages, pair.models()), key=data["models"].index)
        x_ends, y_ends = (_clipped(pair, models, side) for side in (0, 1))
        panels = []
        for model in models:
            record = records[(model, pair.x.label, pair.y.label)]
            has_r = not math.isnan(record["r"])
            band = fit_band(pair, model, x_ends, confidence) if has_r else []
            panels.append(
                {
                    "m": data["models"].index(model),
                    "n": record["n"],
                    "r": rounded(record["r"], 3),
                    "low": rounded(record["low"], 3),
                    "high": rounded(record["high"], 3),
                    "why": record["reason"] or "",
                    "band": [[rounded(value) for value in at.values()] for at in band[::2]],
                }
            )
        pairs.append(
            {
                "x": pair.x.label,
                "y": pair.y.label,
                "from": [_place(pair.x, data), _place(pair.y, data)],
                "xd": [rounded(end) for end in x_ends],
                "yd": [rounded(end) for end in y_ends],
                "chance": rounded(benchmark_chance(pair.y.benchmark, pair.y.metric))
                if pair.y.kind == "benchmark"
                else None,
                "panels": panels,
            }
        )
    return pairs


def _clipped(pair: VariablePair, models: Sequence[str], side: int) -> list[float]:
    """The ends of an axis, which leaves [0, 1] only where a score does."""
    low, high = domains(pair, models)[side]
    values = [value for model in models for value in pair.columns(model)[side]]
    return [
        max(low, 0.0) if min(values) >= 0 else low,
        min(high, 1.0) if max(values) <= 1 else high,
    ]


def opening(found: Correlations) -> dict[str, str]:
    """The benchmark to show first: the one in which languages differ most, by standard deviation.

    A benchmark in which every language is at the ceiling has nothing to show.
    """
    if found.study is None:
        return {}
    spread: dict[str, float] = {}
    for pair in found.study.pairs:
        columns = [pair.columns(model)[1] for model in pair.models() if pair.languages(model)]
        deviations = [float(np.std(np.asarray(column))) for column in columns]
        spread[pair.y.label] = math.fsum(deviations) / len(deviations) if deviations else 0.0
    return {"y": max(sorted(spread), key=spread.__getitem__)} if spread else {}


def score_labels(found: Correlations) -> dict[str, str]:
    """Label of an alignment score in tables to its metric, for the choice of the score."""
    variables = found.study.variables() if found.study else ()
    return {each.label: each.metric for each in variables if each.kind == "alignment"}


def _place(variable: Variable, data: Mapping[str, Any]) -> list[int]:
    """Position of the corpus and of the metric, or that of the benchmark alone."""
    if variable.kind == "alignment":
        corpus, metric = data["corpora"], data["metrics"]
        return [corpus.index(variable.benchmark), metric.index(variable.metric)]
    names = [(each["benchmark"], each["metric"]) for each in data["benchmarks"]]
    return [names.index((variable.benchmark, variable.metric))]


def short_names(found: Correlations) -> dict[str, str]:
    """`deu` for `deu_Latn`, see `figures.short_codes`."""
    return short_codes(found.study) if found.study else {}
