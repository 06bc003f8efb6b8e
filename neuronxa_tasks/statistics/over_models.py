"""One correlation per model over the same languages: average, p value, difference of two scores."""

from __future__ import annotations

import itertools
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
    deviations,
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
    EXACT_ITEMS,
    NO_BOOTSTRAP,
    NO_PERMUTATION,
    BootstrapInterval,
    PermutationP,
    bootstrap_distribution,
    percentile_interval,
)

# Two means closer than this count as equal, so that rounding cannot split ties.
_TIE = 1e-12
_CHUNK = 512


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


def joint_permutation(
    x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator, n_permutations: int = 9999
) -> PermutationP:
    """Two-sided p of the mean over models of Pearson's r, when languages are shuffled.

    All models get the same order of y's languages, so that what they share (a language that is
    easy for all of them) stays shared and does not count as evidence once per model. p is exact
    over all orders for up to eight languages, otherwise (b + 1) / (m + 1) over m random ones.

    Args:
        x: `[models, languages]` numbers; NaN where a model has no value.
        y: same shape.
        rng: source of randomness; not touched by the exact count.
        n_permutations: random orders where there are more than eight languages.

    Returns:
        No p where a value is missing (languages could then not change places), with fewer than
        four languages, without a model, or where a row is constant.
    """
    table_x, table_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    models, n = table_x.shape
    if models == 0 or n < MIN_POINTS or np.isnan(table_x).any() or np.isnan(table_y).any():
        return NO_PERMUTATION
    (unit_x, flat_x), (unit_y, flat_y) = deviations(table_x), deviations(table_y)
    if flat_x.any() or flat_y.any():
        return NO_PERMUTATION
    observed = abs(float((unit_x * unit_y).sum())) - models * _TIE

    def extreme(orders: IntArray) -> int:
        # [models, orders, languages] against [models, languages]
        sums = np.einsum("mol,ml->o", unit_y[:, orders], unit_x)
        return int((np.abs(sums) >= observed).sum())

    count = 0
    if n <= EXACT_ITEMS:
        every = itertools.permutations(range(n))
        while chunk := list(itertools.islice(every, _CHUNK)):
            count += extreme(np.array(chunk, dtype=np.int64))
        total = math.factorial(n)
        return PermutationP(count / total, "exact", total)
    left = n_permutations
    while left > 0:
        size = min(left, _CHUNK)
        orders = rng.permuted(np.tile(np.arange(n, dtype=np.int64), (size, 1)), axis=1)
        count += extreme(orders)
        left -= size
    return PermutationP((count + 1) / (n_permutations + 1), "monte carlo", n_permutations)


@dataclass(frozen=True, slots=True)
class JointDifference:
    """Difference of two Fisher-z averages over the same models and languages.

    Attributes:
        difference: first average - second average; NaN where there is none.
        models: number of models.
        n: languages, the same for every model.
        bootstrap: interval of the difference, languages resampled for all models at once.
    """

    difference: float
    models: int
    n: int
    bootstrap: BootstrapInterval


def joint_difference(
    outcome: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> JointDifference:
    """Compares two scores over all models, on the languages that every model has.

    Each model's two correlations are turned into Fisher's z, averaged over models with equal
    weights (n is the same for all), and turned back. A resample in which a model has fewer than
    four different languages, a constant column or |r| = 1 goes on without that model.

    Args:
        outcome: `[models, languages]` numbers; NaN where a model has no value.
        first: same shape.
        second: same shape.
        rng: source of randomness.
        confidence: level of the interval.
        n_resamples: bootstrap resamples.

    Returns:
        NaN with fewer than four shared languages, without a model, or where a correlation does not
        exist or is exactly 1 or -1.
    """
    y, a, b = (np.asarray(table, dtype=np.float64) for table in (outcome, first, second))
    shared = ~(np.isnan(y) | np.isnan(a) | np.isnan(b)).any(axis=0)
    y, a, b = y[:, shared], a[:, shared], b[:, shared]
    models, n = y.shape
    if models == 0 or n < MIN_POINTS:
        return JointDifference(math.nan, models, n, NO_BOOTSTRAP)

    def statistic(rows: IntArray) -> FloatArray:
        ordered = np.sort(rows, axis=1)
        different = 1 + (np.diff(ordered, axis=1) > 0).sum(axis=1)
        sums = np.zeros((2, len(rows)))
        count = np.zeros(len(rows))
        for k in range(models):
            r = np.stack([resampled_correlation(x[k], y[k], rows) for x in (a, b)])
            usable = (np.abs(r) < 1.0).all(axis=0) & (different >= MIN_POINTS)
            sums[:, usable] += np.arctanh(r[:, usable])
            count += usable
        z = np.divide(sums, count, out=np.full_like(sums, math.nan), where=count > 0)
        return np.asarray(np.tanh(z[0]) - np.tanh(z[1]), dtype=np.float64)

    everything = np.arange(n, dtype=np.int64)[None, :]
    r = np.stack([rowwise_correlation(x, y) for x in (a, b)])
    if not (np.abs(r) < 1.0).all():
        return JointDifference(math.nan, models, n, NO_BOOTSTRAP)
    return JointDifference(
        difference=float(statistic(everything)[0]),
        models=models,
        n=n,
        bootstrap=percentile_interval(
            bootstrap_distribution(n, statistic, rng, n_resamples), confidence
        ),
    )
