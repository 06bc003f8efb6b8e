"""The cells of the first page: which ones, and what belongs to each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.names import BASELINES
from neuronxa_tasks.reports.confounders import SCRIPT
from neuronxa_tasks.reports.estimates import Estimates, Record, Settings, families_of
from neuronxa_tasks.reports.study import Study, VariablePair
from neuronxa_tasks.reports.variables import Variable
from neuronxa_tasks.statistics.columns import FloatArray
from neuronxa_tasks.statistics.influence import Influence, most_influential
from neuronxa_tasks.statistics.power import detectable_r

MOST = 24
"""More cells than this are no page; the others stand in the report."""
SURFACE = BASELINES[0]
BENDS = 0.1
"""Spearman's rho and Pearson's r further apart than this are flagged."""


@dataclass(frozen=True)
class Cell:
    """One correlation with all that the page says about it.

    Attributes:
        pair: what is correlated.
        model: the model, or None for the average over models.
        record: of the table `correlations` or `averages`.
        of_models: records of the single models, of the table `correlations`.
        n_min: languages of the model with fewest.
        n_max: languages of the model with most.
        given: covariate to the partial correlation, as a record with r, low, high.
        influence: the language that moves r most.
        language: its code; empty where nothing can be left out.
    """

    pair: VariablePair
    model: str | None
    record: Record = field(repr=False)
    of_models: tuple[Record, ...] = field(repr=False)
    n_min: int
    n_max: int
    given: dict[str, Record] = field(repr=False)
    influence: Influence
    language: str

    @property
    def detectable(self) -> float:
        """Smallest r that `n_min` languages could have shown in one model."""
        return detectable_r(self.n_min)

    @property
    def bends(self) -> str:
        """Where rho and r say different things: `bends`, `bends in 2 of 5`, or nothing."""
        parted = [abs(each["rho"] - each["r"]) > BENDS for each in self.of_models]
        if not any(parted):
            return ""
        return "bends" if self.model is not None else f"bends in {sum(parted)} of {len(parted)}"


def cells_of(
    study: Study, estimates: Estimates, settings: Settings
) -> tuple[tuple[Cell, ...], tuple[Record, ...]]:
    """The primary cell; or all, where none was named.

    Returns:
        The cells, and the records of those for which the page has no room: text baselines (they
        stand in the column `given surface`), best layers where means are there, and what is over
        `MOST`.
    """
    pairs = {(pair.x.label, pair.y.label): pair for pair in study.pairs}
    several = len(study.models) > 1
    records = estimates.averages if several else estimates.correlations
    chosen = [r for r in [*estimates.correlations, *estimates.averages] if r["primary"]]
    if not chosen:
        chosen = _few(records, pairs)
    left = [record for record in records if not any(record is each for each in chosen)]
    cells = tuple(
        _cell(study, pairs[(record["x"], record["y"])], record, estimates, settings)
        for record in chosen
    )
    return cells, tuple(left)


def _few(records: Sequence[Record], pairs: dict[tuple[str, str], VariablePair]) -> list[Record]:
    def score(record: Record) -> Variable:
        return pairs[(record["x"], record["y"])].x

    kept = [record for record in records if score(record).metric not in BASELINES]
    kept = kept or list(records)
    if len(kept) > MOST:
        means = [record for record in kept if not score(record).metric.endswith("_max")]
        kept = means or kept
    return kept[:MOST]


def _cell(
    study: Study, pair: VariablePair, record: Record, estimates: Estimates, settings: Settings
) -> Cell:
    model = record.get("model")
    models = [model] if model is not None else list(pair.models())
    codes = sorted({code for each in models for code in pair.languages(each)})
    columns = [pair.columns(each, codes) for each in models]
    influence = most_influential([x for x, _ in columns], [y for _, y in columns])
    given = _given(pair, model, estimates)
    surface = _surface(study, pair)
    if surface is not None:
        given = {SURFACE: _given_surface(pair, surface, model, settings)} | given
    return Cell(
        pair,
        model,
        record,
        tuple(
            each
            for each in estimates.correlations
            if (each["x"], each["y"]) == (pair.x.label, pair.y.label) and each["model"] in models
        ),
        record["n"] if model is not None else record["n_min"],
        record["n"] if model is not None else record["n_max"],
        given,
        influence,
        codes[influence.position] if influence.position >= 0 else "",
    )


def _surface(study: Study, pair: VariablePair) -> Variable | None:
    """What the text of the same corpus gives without a network, where the study has it."""
    if pair.x.kind != "alignment" or pair.x.metric in BASELINES:
        return None
    for variable in study.variables("x"):
        if variable.metric == SURFACE and variable.benchmark == pair.x.benchmark:
            return variable
    return None


def _given(pair: VariablePair, model: str | None, estimates: Estimates) -> dict[str, Record]:
    """Partial correlations of a cell; script is left to the report."""
    table = estimates.partial_averages if model is None else estimates.partial
    return {
        record["given"]: record
        for record in table
        if (record["x"], record["y"]) == (pair.x.label, pair.y.label)
        and record.get("model") == model
        and record["given"] != SCRIPT
    }


def _given_surface(
    pair: VariablePair, surface: Variable, model: str | None, settings: Settings
) -> Record:
    """Partial correlation given the surface score, with the interval of the other partial ones."""
    models = [model] if model is not None else list(pair.models())
    codes = sorted({code for each in models for code in pair.languages(each)})
    tables: list[FloatArray] = [
        np.array([[surface.values.get(each, {}).get(code, math.nan)] for code in codes])
        for each in models
    ]
    columns = [pair.columns(each, codes) for each in models]
    if model is not None:
        one = statistics.partial_correlation(
            columns[0][0], columns[0][1], tables[0], confidence=settings.confidence
        )
        return {"r": one.r, "low": one.interval.low, "high": one.interval.high}
    found = statistics.average_partial(
        [x for x, _ in columns],
        [y for _, y in columns],
        tables,
        rng=settings.stream("first page", pair.x.label, pair.y.label),
        families=families_of(codes),
        confidence=settings.confidence,
        n_permutations=1,  # the page shows no p here
    )
    return {"r": found.average.r, "low": found.jackknife.low, "high": found.jackknife.high}
