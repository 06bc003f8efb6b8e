"""One correlation per model over the same languages, and their average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    BoolArray,
    FloatArray,
    IntArray,
    as_column,
    check_confidence,
    deviations,
)
from neuronxa_tasks.statistics.correlation import missing_reason, rowwise_correlation
from neuronxa_tasks.statistics.fisher import (
    AverageCorrelation,
    Kind,
    average_correlation,
    check_kind,
)
from neuronxa_tasks.statistics.jackknife import (
    NO_JACKKNIFE,
    Jackknife,
    check_families,
    codes,
    jackknife,
    left_out,
    no_jackknife,
)


@dataclass(frozen=True, slots=True)
class ModelAverage:
    """Average over models of the correlation over languages.

    Attributes:
        average: Fisher-z average of `r`.
        r: `[models]` correlation of each model; NaN where it has none.
        n: `[models]` languages of each model.
        reasons: `[models]` why r is NaN, or None.
        jackknife: interval of the average from leaving out one language in all models at once.
        by_family: the same for one family of languages, where families were given.
    """

    average: AverageCorrelation
    r: tuple[float, ...]
    n: tuple[int, ...]
    reasons: tuple[str | None, ...]
    jackknife: Jackknife
    by_family: Jackknife


def average_over_models(
    x: ArrayLike,
    y: ArrayLike,
    *,
    kind: Kind = "pearson",
    families: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> ModelAverage:
    """Correlates over languages within each model and averages by Fisher's z.

    All models saw the same languages, so their correlations share the luck of the choice, and an
    interval that takes the models for independent is much too narrow. Leaving out a language, in
    all models at once, and averaging again shows how much the average owes to each language: the
    interval holds whatever the dependence between models.

    Args:
        x: `[models, languages]` numbers, NaN where a model has no value.
        y: same shape.
        kind: `pearson` or `spearman`.
        families: `[languages]` family of each language, for languages that are related.
        confidence: level of the intervals.

    Raises:
        NeuronXAError: shapes differ, or text or infinities in the tables.
    """
    check_kind(kind)
    check_confidence(confidence)
    table_x, table_y = same_tables(x, y)
    if families is not None:
        check_families(families, table_x.shape[1])
    complete = ~(np.isnan(table_x) | np.isnan(table_y))
    r: list[float] = []
    reasons: list[str | None] = []
    for row_x, row_y, kept in zip(table_x, table_y, complete, strict=True):
        reason = missing_reason(int(kept.sum()), {"x": row_x[kept], "y": row_y[kept]})
        reasons.append(reason)
        value = math.nan if reason else float(rowwise_correlation(row_x[kept], row_y[kept], kind))
        r.append(value)
    n = complete.sum(axis=1)
    average = average_correlation(r, n)
    usable = [i for i, reason in enumerate(reasons) if reason is None]
    used = [OfModel(table_x[i], table_y[i], complete[i]) for i in usable]
    return ModelAverage(
        average,
        tuple(r),
        tuple(int(i) for i in n),
        tuple(reasons),
        *both_jackknives(average, used, families, kind=kind, confidence=confidence),
    )


@dataclass(frozen=True, slots=True)
class OfModel:
    """Columns of one model, over all languages.

    Attributes:
        x: `[languages]`.
        y: `[languages]`.
        kept: `[languages]` bool, which are complete.
        basis: `[k, kept]` covariates as `column_basis` gives them, or None.
    """

    x: FloatArray
    y: FloatArray
    kept: BoolArray
    basis: FloatArray | None = None

    @property
    def k(self) -> int:
        """Independent covariates."""
        return 0 if self.basis is None else len(self.basis)


def both_jackknives(
    average: AverageCorrelation,
    models: Sequence[OfModel],
    families: Sequence[str] | None,
    *,
    kind: Kind = "pearson",
    confidence: float,
) -> tuple[Jackknife, Jackknife]:
    """Intervals of an average from leaving out languages, and families where they are given."""
    if average.reason is not None:
        nothing = no_jackknife(0, average.reason)
        return nothing, NO_JACKKNIFE if families is None else nothing
    z = math.atanh(average.r)
    languages = np.arange(len(models[0].x), dtype=np.int64)
    each = jackknife(z, averages_left_out(models, languages, kind), confidence=confidence)
    if families is None:
        return each, NO_JACKKNIFE
    without = averages_left_out(models, codes(families), kind)
    return each, jackknife(z, without, confidence=confidence, families=True)


def averages_left_out(
    models: Sequence[OfModel], units: IntArray, kind: Kind = "pearson"
) -> FloatArray:
    """Fisher-z averages without each unit that any model has, `[units]`.

    A model counts with n - k - 3 of what is left to it, so that it is out where that is 0.
    """
    there = np.unique(units[np.any([model.kept for model in models], axis=0)])
    z = np.zeros((len(models), len(there)))
    weights = np.zeros_like(z)
    for row, model in enumerate(models):
        own = units[model.kept]
        present, local = np.unique(own, return_inverse=True)
        without = left_out(
            model.x[model.kept], model.y[model.kept], local, kind=kind, basis=model.basis
        )
        place = np.searchsorted(there, present)
        z[row] = _whole_z(model, kind)
        z[row, place] = without
        weights[row] = len(own) - model.k - 3
        weights[row, place] -= np.bincount(local)
    weights = np.maximum(weights, 0.0)
    z = np.where(weights > 0.0, z, 0.0)
    total = weights.sum(axis=0)
    # Infinite z of both signs: there is no average without that unit.
    with np.errstate(invalid="ignore"):
        sums = (weights * z).sum(axis=0)
    mean = np.divide(sums, total, out=np.full(len(there), math.nan), where=total > 0.0)
    return np.asarray(mean, dtype=np.float64)


def _whole_z(model: OfModel, kind: Kind) -> float:
    """Fisher's z of the model with all its languages: nobody's leaving out changes it."""
    x, y = model.x[model.kept], model.y[model.kept]
    if model.basis is not None:
        units, _ = deviations(np.stack([x, y]))
        x, y = units - (units @ model.basis.T) @ model.basis
    r = float(rowwise_correlation(x, y, kind))
    return math.copysign(math.inf, r) if abs(r) == 1.0 else math.atanh(r)


def same_tables(x: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Two tables of models and languages as float64.

    Raises:
        NeuronXAError: shapes differ, or text or infinities in the tables.
    """
    table_x, table_y = _table(x, "x"), _table(y, "y")
    if table_x.shape != table_y.shape:
        raise NeuronXAError(
            f"x has the shape {table_x.shape} and y {table_y.shape}, but both need the same "
            "models and languages. Write NaN where a model has no value."
        )
    return table_x, table_y


def _table(values: ArrayLike, name: str) -> FloatArray:
    raw = np.asarray(values)
    if raw.ndim != 2:
        raise NeuronXAError(
            f"{name} has the shape {raw.shape}, but a table of models and languages has two axes. "
            "Pass one row per model."
        )
    return as_column(raw.reshape(-1), name).reshape(raw.shape)
