"""The tables of estimates that the report and the page show."""

from __future__ import annotations

from dataclasses import dataclass, field

from neuronxa_tasks.reports.settings import Record


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
