"""One correlation per model over the same languages, and their average."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    MIN_POINTS,
    BoolArray,
    FloatArray,
    IntArray,
    as_column,
    check_confidence,
    check_resamples,
)
from neuronxa_tasks.statistics.correlation import (
    missing_reason,
    resampled_correlation,
    rowwise_correlation,
)
from neuronxa_tasks.statistics.fisher import (
    AverageCorrelation,
    Kind,
    average_correlation,
    check_kind,
)
from neuronxa_tasks.statistics.resampling import (
    NO_BOOTSTRAP,
    BootstrapInterval,
    bootstrap_distribution,
    percentile_interval,
)


@dataclass(frozen=True, slots=True)
class ModelAverage:
    """Average over models of the correlation over languages.

    Attributes:
        average: Fisher-z average of `r`, with the interval for independent models.
        r: `[models]` correlation of each model; NaN where it has none.
        n: `[models]` languages of each model.
        reasons: `[models]` why r is NaN, or None.
        bootstrap: interval of the average when languages are resampled for all models at once.
    """

    average: AverageCorrelation
    r: tuple[float, ...]
    n: tuple[int, ...]
    reasons: tuple[str | None, ...]
    bootstrap: BootstrapInterval


def average_over_models(
    x: ArrayLike,
    y: ArrayLike,
    *,
    rng: np.random.Generator,
    kind: Kind = "pearson",
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> ModelAverage:
    """Correlates over languages within each model and averages by Fisher's z.

    All models saw the same languages, so their correlations share the luck of the choice. The
    bootstrap draws languages, the same for every model, and averages again: its interval holds
    whatever the dependence between models. A model that comes out with fewer than four different
    languages, a constant column or |r| = 1 in a resample is left out of that resample's average.

    Args:
        x: `[models, languages]` numbers, NaN where a model has no value.
        y: same shape.
        rng: source of randomness.
        kind: `pearson` or `spearman`.
        confidence: level of the intervals.
        n_resamples: bootstrap resamples.

    Raises:
        NeuronXAError: shapes differ, or text or infinities in the tables.
    """
    check_kind(kind)
    check_confidence(confidence)
    check_resamples(n_resamples, "n_resamples")
    table_x, table_y = _table(x, "x"), _table(y, "y")
    if table_x.shape != table_y.shape:
        raise NeuronXAError(
            f"x has the shape {table_x.shape} and y {table_y.shape}, but both need the same "
            "models and languages. Write NaN where a model has no value."
        )
    complete = ~(np.isnan(table_x) | np.isnan(table_y))
    r: list[float] = []
    reasons: list[str | None] = []
    for row_x, row_y, kept in zip(table_x, table_y, complete, strict=True):
        reason = missing_reason(int(kept.sum()), {"x": row_x[kept], "y": row_y[kept]})
        reasons.append(reason)
        value = math.nan if reason else float(rowwise_correlation(row_x[kept], row_y[kept], kind))
        r.append(value)
    n = complete.sum(axis=1)
    usable = [i for i, reason in enumerate(reasons) if reason is None]
    average = average_correlation(r, n, kind=kind, confidence=confidence)
    bootstrap = NO_BOOTSTRAP
    if usable and average.reason is None:
        distribution = _resampled_averages(
            table_x[usable], table_y[usable], complete[usable], kind, rng, n_resamples
        )
        bootstrap = percentile_interval(distribution, confidence)
    return ModelAverage(average, tuple(r), tuple(int(i) for i in n), tuple(reasons), bootstrap)


def _table(values: ArrayLike, name: str) -> FloatArray:
    raw = np.asarray(values)
    if raw.ndim != 2:
        raise NeuronXAError(
            f"{name} has the shape {raw.shape}, but a table of models and languages has two axes. "
            "Pass one row per model."
        )
    return as_column(raw.reshape(-1), name).reshape(raw.shape)


def _resampled_averages(
    x: FloatArray,
    y: FloatArray,
    complete: BoolArray,
    kind: Kind,
    rng: np.random.Generator,
    n_resamples: int,
) -> FloatArray:
    """Averages of `[n_resamples]` draws of languages; NaN where no model is left."""
    models, languages = x.shape

    def statistic(
        rows: IntArray,
    ) -> FloatArray:
        total = np.zeros(len(rows))
        weights = np.zeros(len(rows))
        for model in range(models):
            here = complete[model][rows]
            counts = here.sum(axis=1)
            r = np.full(len(rows), math.nan)
            # Rows with equally many of this model's languages can be handled together.
            for count in np.unique(counts):
                chosen = counts == count
                if count < MIN_POINTS:
                    continue
                kept = rows[chosen][here[chosen]].reshape(-1, count)
                part = resampled_correlation(x[model], y[model], kept, kind)
                ordered = np.sort(kept, axis=1)
                different = 1 + (np.diff(ordered, axis=1) > 0).sum(axis=1)
                part[different < MIN_POINTS] = math.nan
                r[chosen] = part
            finite = np.abs(r) < 1.0
            total[finite] += (counts[finite] - 3.0) * np.arctanh(r[finite])
            weights[finite] += counts[finite] - 3.0
        z = np.divide(total, weights, out=np.full(len(rows), math.nan), where=weights > 0)
        return np.asarray(np.tanh(z), dtype=np.float64)

    return bootstrap_distribution(languages, statistic, rng, n_resamples)
