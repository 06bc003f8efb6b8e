"""Every estimate of the report: tables of records, one record per test."""

from __future__ import annotations

from collections.abc import Iterable

from tqdm import tqdm

from neuronxa_tasks.reports.confounders import Covariates
from neuronxa_tasks.reports.correlate.differences import (
    difference_average_records,
    difference_records,
)
from neuronxa_tasks.reports.correlate.measures import measure_records
from neuronxa_tasks.reports.correlate.predictions import prediction_records
from neuronxa_tasks.reports.correlations import (
    across_model_records,
    average_record,
    correlation_record,
    mixed_records,
    pooled_records,
)
from neuronxa_tasks.reports.estimates import Estimates, Record, Settings, adjust
from neuronxa_tasks.reports.layers import layer_records
from neuronxa_tasks.reports.partial_correlations import partial_average_records, partial_records
from neuronxa_tasks.reports.study import Study, check_primary
from neuronxa_tasks.results import Results

_DELAY = 5.0
"""Seconds before a bar appears."""


def analyse(
    study: Study,
    results: Results,
    names: dict[tuple[str, str], str],
    covariates: Covariates,
    settings: Settings,
) -> Estimates:
    """Computes all tables.

    Args:
        study: what is correlated.
        results: for the layers.
        names: (model, revision) to the model's name in the study.
        covariates: for the partial correlations.
        settings: seed, level and effort.

    Raises:
        NeuronXAError: the primary cell is not in the study, or statsmodels is missing though
            mixed models were asked for.
    """
    check_primary(study, settings.primary)
    several = len(study.models) > 1
    cells = [(pair, model) for pair in study.pairs for model in pair.models()]
    correlations = _computed(
        "correlations",
        (correlation_record(pair, model, settings, tests=len(cells)) for pair, model in cells),
        len(cells),
    )
    across = _computed("models", across_model_records(study, settings)) if several else []
    differences = _computed("differences", difference_records(study, settings))
    partial = _computed("given covariates", partial_records(study, covariates, settings))
    lines, predictions = prediction_records(study, settings)
    averages = (
        _computed(
            "averages",
            (average_record(pair, settings, tests=len(study.pairs)) for pair in study.pairs),
        )
        if several
        else []
    )
    partial_averages = _computed(
        "averages given covariates", partial_average_records(study, covariates, partial, settings)
    )
    measures = _computed("measures", measure_records(study, settings))
    families = {
        "correlations": adjust(correlations, "p"),
        "averages": adjust(averages, "p"),
        "across_models": adjust(across, "p"),
        "differences": adjust(differences, "williams_p"),
        "partial": adjust(partial, "p"),
        "partial_averages": adjust(partial_averages, "p"),
        "measures": adjust(measures, "p"),
    }
    return Estimates(
        correlations=correlations,
        averages=averages,
        across_models=across,
        pooled=_computed("pooled", pooled_records(study, settings)),
        mixed=list(mixed_records(study, settings)) if settings.mixed_model else [],
        differences=differences,
        difference_averages=_computed(
            "differences of averages", difference_average_records(study, differences, settings)
        ),
        partial=partial,
        partial_averages=partial_averages,
        lines=lines,
        predictions=predictions,
        layers=_computed("layers", layer_records(study, results, names, settings)),
        measures=measures,
        families={name: count for name, count in families.items() if count},
    )


def _computed(table: str, records: Iterable[Record], total: int | None = None) -> list[Record]:
    """All records of a table, with a bar while that takes long, where a terminal shows it."""
    return list(
        tqdm(
            records,
            desc=f"Computing {table}",
            total=total,
            unit="row",
            delay=_DELAY,
            leave=False,
            disable=None,
        )
    )
