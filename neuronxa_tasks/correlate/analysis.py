"""Every estimate of the report: tables of records, one record per test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tqdm import tqdm

from neuronxa_tasks.correlate.cells import Study
from neuronxa_tasks.correlate.covariates import Covariates
from neuronxa_tasks.correlate.differences import difference_average_records, difference_records
from neuronxa_tasks.correlate.estimates import adjust
from neuronxa_tasks.correlate.given import partial_average_records, partial_records
from neuronxa_tasks.correlate.layers import layer_records
from neuronxa_tasks.correlate.over_models import (
    across_model_records,
    average_record,
    correlation_record,
)
from neuronxa_tasks.correlate.predictions import prediction_records
from neuronxa_tasks.correlate.settings import Record, Settings, check_primary
from neuronxa_tasks.correlate.together import mixed_records, pooled_records
from neuronxa_tasks.results import Results


@dataclass(frozen=True)
class Analysis:
    """The tables, each a list of records with the same columns; one that was not made is empty.

    Attributes:
        correlations: r over languages of each model and pair.
        averages: their average over models.
        across_models: r over models of each language and pair.
        pooled: r over all models and languages, given model (and language) effects.
        mixed: slopes of mixed models; empty unless asked for.
        differences: of two scores that explain the same outcome, for each model.
        difference_averages: of their averages over models.
        partial: r given covariates, for each model.
        partial_averages: their average over models.
        lines: the straight line of each model and pair, and how well it predicts.
        predictions: each language predicted from the others.
        layers: r of each layer of each model.
        families: number of tests adjusted together, by table.
    """

    correlations: list[Record] = field(default_factory=list)
    averages: list[Record] = field(default_factory=list)
    across_models: list[Record] = field(default_factory=list)
    pooled: list[Record] = field(default_factory=list)
    mixed: list[Record] = field(default_factory=list)
    differences: list[Record] = field(default_factory=list)
    difference_averages: list[Record] = field(default_factory=list)
    partial: list[Record] = field(default_factory=list)
    partial_averages: list[Record] = field(default_factory=list)
    lines: list[Record] = field(default_factory=list)
    predictions: list[Record] = field(default_factory=list)
    layers: list[Record] = field(default_factory=list)
    families: dict[str, int] = field(default_factory=dict)

    def tables(self) -> dict[str, list[Record]]:
        """Name to records, without the empty tables."""
        names = (
            "correlations",
            "averages",
            "across_models",
            "pooled",
            "mixed",
            "differences",
            "difference_averages",
            "partial",
            "partial_averages",
            "lines",
            "predictions",
            "layers",
        )
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def analyse(
    study: Study,
    results: Results,
    names: dict[tuple[str, str], str],
    covariates: Covariates,
    settings: Settings,
) -> Analysis:
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
        (correlation_record(pair, model, settings) for pair, model in cells),
        len(cells),
    )
    across = _computed("models", across_model_records(study, settings)) if several else []
    differences = _computed("differences", difference_records(study, settings))
    partial = _computed("given covariates", partial_records(study, covariates, settings))
    lines, predictions = prediction_records(study, settings)
    averages = (
        _computed("averages", (average_record(pair, settings) for pair in study.pairs))
        if several
        else []
    )
    families = {
        "correlations": adjust(correlations, "p"),
        "averages": adjust(averages, "p"),
        "across_models": adjust(across, "p"),
        "differences": adjust(differences, "williams_p"),
        "partial": adjust(partial, "p"),
    }
    return Analysis(
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
        partial_averages=list(partial_average_records(partial, settings)),
        lines=lines,
        predictions=predictions,
        layers=_computed("layers", layer_records(study, results, names, settings)),
        families={name: count for name, count in families.items() if count},
    )


def _computed(table: str, records: Iterable[Record], total: int | None = None) -> list[Record]:
    """All records of a table, with a bar on the error stream while that takes long."""
    return list(
        tqdm(records, desc=f"Computing {table}", total=total, unit="row", delay=5, leave=False)
    )
