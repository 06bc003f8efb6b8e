"""One partial correlation per model over the same languages: their average and its p value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import MIN_POINTS, FloatArray, check_confidence, deviations
from neuronxa_tasks.statistics.fisher import AverageCorrelation, average_correlation
from neuronxa_tasks.statistics.jackknife import Jackknife, check_families
from neuronxa_tasks.statistics.over_models import OfModel, both_jackknives, same_tables
from neuronxa_tasks.statistics.partial import PartialCorrelation, column_basis, partial_correlation
from neuronxa_tasks.statistics.resampling import NO_PERMUTATION, PermutationP, shuffled_p

# Two means closer than this count as equal, so that rounding cannot split ties.
_TIE = 1e-12
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class PartialAverage:
    """Average over models of the partial correlation over languages.

    Attributes:
        average: Fisher-z average with weights n - k - 3.
        models: `[models]` the partial correlation of each.
        jackknife: interval of the average from leaving out one language in all models at once.
        by_family: the same for one family of languages, where families were given.
        permutation: two-sided p of the mean over models of the partial r; see
            `average_partial`.
        p_languages: languages that the permutation could shuffle.
    """

    average: AverageCorrelation
    models: tuple[PartialCorrelation, ...]
    jackknife: Jackknife
    by_family: Jackknife
    permutation: PermutationP
    p_languages: int


def average_partial(
    x: ArrayLike,
    y: ArrayLike,
    covariates: Sequence[ArrayLike],
    *,
    rng: np.random.Generator,
    families: Sequence[str] | None = None,
    confidence: float = 0.95,
    n_permutations: int = 9999,
    finest: int = 0,
) -> PartialAverage:
    """Partial correlations over languages within each model, averaged by Fisher's z.

    As in `average_over_models`, a language is left out in all models at once. p shuffles what the
    covariates leave of y, in the same order for all models, and takes the covariates out again
    (Freedman & Lane 1983, Journal of Business & Economic Statistics 1; Winkler et al. 2014,
    NeuroImage 92). It needs the languages that every model has with all its covariates.

    Args:
        x: `[models, languages]` numbers, NaN where a model has no value.
        y: same shape.
        covariates: `[models]` tables `[languages, k]`; k may differ.
        rng: source of randomness.
        families: `[languages]` family of each language.
        confidence: level of the intervals.
        n_permutations: random orders.
        finest: see `shuffled_p`.

    Raises:
        NeuronXAError: shapes differ, or text or infinities in the tables.
    """
    check_confidence(confidence)
    table_x, table_y = same_tables(x, y)
    tables = [np.asarray(table, dtype=np.float64) for table in covariates]
    if len(tables) != len(table_x):
        raise NeuronXAError(
            f"{len(tables)} tables of covariates were given for {len(table_x)} models. Pass one "
            "per model."
        )
    if families is not None:
        check_families(families, table_x.shape[1])
    found = tuple(
        partial_correlation(row_x, row_y, table, confidence=confidence)
        for row_x, row_y, table in zip(table_x, table_y, tables, strict=True)
    )
    average = average_correlation(
        [each.r for each in found],
        [each.n - each.n_covariates if each.reason is None else math.nan for each in found],
    )
    usable = [i for i, each in enumerate(found) if each.reason is None]
    used = [_of_model(table_x[i], table_y[i], tables[i]) for i in usable]
    each, by_family = both_jackknives(average, used, families, confidence=confidence)
    shared = np.all([model.kept for model in used], axis=0) if used else np.zeros(0, dtype=bool)
    permutation = _joint_permutation(
        [
            (table_x[i][shared], table_y[i][shared], column_basis(tables[i][shared].T))
            for i in usable
        ],
        rng,
        n_permutations,
        finest,
    )
    count = int(shared.sum()) if permutation.method != "none" else 0
    return PartialAverage(average, found, each, by_family, permutation, count)


def _of_model(x: FloatArray, y: FloatArray, table: FloatArray) -> OfModel:
    kept = ~(np.isnan(x) | np.isnan(y) | np.isnan(table).any(axis=1))
    return OfModel(x, y, kept, column_basis(table[kept].T))


def _joint_permutation(
    models: Sequence[tuple[FloatArray, FloatArray, FloatArray]],
    rng: np.random.Generator,
    n_permutations: int,
    finest: int,
) -> PermutationP:
    """P of the mean of r; none where a model has no r on these languages.

    Args:
        models: x `[n]`, y `[n]` and an orthonormal basis `[k, n]` of the covariates.
        rng: source of randomness.
        n_permutations: random orders.
        finest: see `shuffled_p`.
    """
    sides = []
    for x, y, basis in models:
        if len(x) - len(basis) < MIN_POINTS:
            return NO_PERMUTATION
        units, flat = deviations(np.stack([x, y]))
        left = units - (units @ basis.T) @ basis
        length = np.linalg.norm(left, axis=1, keepdims=True)
        if flat.any() or (length < 1e-9).any():
            return NO_PERMUTATION
        sides.append((*(left / length), basis))
    if not sides:
        return NO_PERMUTATION
    n = len(sides[0][0])
    observed = abs(sum(float(x @ y) for x, y, _ in sides)) - len(sides) * _TIE

    def extreme(left: int) -> int:
        count = 0
        while left > 0:
            size = min(left, _CHUNK)
            orders = rng.permuted(np.tile(np.arange(n, dtype=np.int64), (size, 1)), axis=1)
            total = np.zeros(size)
            for x, y, basis in sides:
                shuffled = y[orders]
                # Shuffled residuals keep mean 0 and length 1; what the covariates take out of
                # them shortens them.
                rest = 1.0 - ((shuffled @ basis.T) ** 2).sum(axis=1)
                total += (shuffled @ x) / np.sqrt(np.maximum(rest, 1e-12))
            count += int((np.abs(total) >= observed).sum())
            left -= size
        return count

    return shuffled_p(extreme, n_permutations, finest)
