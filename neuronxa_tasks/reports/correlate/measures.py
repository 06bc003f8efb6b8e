"""Which measure goes best with a benchmark, and which measures agree with each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks import statistics
from neuronxa_tasks.names import DEFAULT_METRIC
from neuronxa_tasks.reports.estimates import Record, Settings, ends, families_of
from neuronxa_tasks.reports.study import Study, VariablePair
from neuronxa_tasks.reports.variables import Variable
from neuronxa_tasks.statistics.joint import joint_difference


def measure_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Each measure against each benchmark, beside NASCA on the same models and languages.

    NASCA is named beforehand, so that a difference from it owes nothing to the choice of the best.

    Args:
        study: with `compared`.
        settings: for the level of the intervals.

    Yields:
        By benchmark and corpus, the greatest r first. Without NASCA there are no differences.
    """
    outcomes = [variable for variable in study.variables("y") if variable.kind == "benchmark"]
    for outcome in outcomes:
        for corpus, variables in _by_corpus(study).items():
            reference = next((v for v in variables if v.metric == DEFAULT_METRIC), None)
            records = [
                record
                for variable in variables
                if (record := _against(outcome, variable, reference, settings)) is not None
            ]
            records.sort(key=lambda record: (math.isnan(record["r"]), -record["r"]))
            for record in records:
                yield {"y": outcome.label, "corpus": corpus, **record}


def agreement_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Each two measures of a corpus: r over languages, averaged over models.

    Args:
        study: with `compared`.
        settings: for the level of the intervals.
    """
    for corpus, variables in _by_corpus(study).items():
        for first, second in combinations(variables, 2):
            pair = VariablePair(first, second)
            models = [model for model in pair.models() if pair.languages(model)]
            codes = sorted({code for model in models for code in pair.languages(model)})
            if not models:
                continue
            found = _average(pair, models, codes, settings)
            yield {
                "corpus": corpus,
                "a": first.metric,
                "b": second.metric,
                "models": found.average.count,
                "n": max(found.n, default=0),
                "r": found.average.r,
                **ends(found.jackknife),
            }


def _by_corpus(study: Study) -> dict[str, list[Variable]]:
    found: dict[str, list[Variable]] = {}
    for variable in study.compared:
        found.setdefault(variable.benchmark, []).append(variable)
    return found


def _against(
    outcome: Variable, variable: Variable, reference: Variable | None, settings: Settings
) -> Record | None:
    pair = VariablePair(variable, outcome)
    other = reference if reference is not None and reference.label != variable.label else None
    models = [model for model in pair.models() if pair.languages(model)]
    if other is not None:
        models = [model for model in models if model in other.values]
    codes = sorted({code for model in models for code in pair.languages(model)})
    if not models:
        return None
    found = _average(pair, models, codes, settings)
    record = {
        "x": variable.metric,
        "models": found.average.count,
        "n": max(found.n, default=0),
        "r": found.average.r,
        **ends(found.jackknife),
        **ends(found.by_family, "family_"),
        "than": "" if other is None else other.metric,
    }
    if other is None:
        nothing = dict.fromkeys(("difference", "difference_low", "difference_high", "p"), math.nan)
        return record | nothing
    apart = joint_difference(
        _table(outcome, models, codes),
        _table(variable, models, codes),
        _table(other, models, codes),
        confidence=settings.confidence,
    )
    return record | {
        "difference": apart.difference,
        **ends(apart.interval, "difference_"),
        "p": apart.p,
    }


def _average(
    pair: VariablePair, models: Sequence[str], codes: Sequence[str], settings: Settings
) -> statistics.ModelAverage:
    return statistics.average_over_models(
        _table(pair.x, models, codes),
        _table(pair.y, models, codes),
        families=families_of(codes),
        confidence=settings.confidence,
    )


def _table(variable: Variable, models: Sequence[str], codes: Sequence[str]) -> NDArray[np.float64]:
    """[models, languages]; NaN where there is no value."""
    return np.array(
        [[variable.values[model].get(code, math.nan) for code in codes] for model in models]
    )
