"""Whether things of one group are closer to each other than to the rest."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import FloatArray, check_confidence, check_resamples
from neuronxa_tasks.statistics.fisher import Interval


@dataclass(frozen=True, slots=True)
class WithinBetween:
    """Mean similarity of pairs within a group, and of pairs between groups.

    Attributes:
        within: mean over pairs with one label; NaN without such a pair.
        between: mean over the other pairs.
        difference: within - between.
        n: things.
        n_within: pairs within a group.
        n_between: pairs between groups.
        interval: percentile bootstrap of the difference, resampling things.
        p: two-sided, labels exchanged at random between things.
        confidence: level of the interval.
        reason: why there is no difference or no interval, or None.
    """

    within: float
    between: float
    difference: float
    n: int
    n_within: int
    n_between: int
    interval: Interval
    p: float
    confidence: float
    reason: str | None = None


def within_between(
    similarity: ArrayLike,
    labels: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
    n_permutations: int = 9999,
) -> WithinBetween:
    """Compares pairs within a group with pairs between groups (the idea of Mantel 1967).

    Pairs that share a thing are not independent, so the things are drawn and not the pairs. The
    bootstrap leaves out pairs of a thing with its own copy; the permutation keeps the matrix and
    exchanges the labels.

    Args:
        similarity: `[n, n]`, symmetric; the diagonal is not looked at.
        labels: n groups.
        rng: source of randomness.
        confidence: level of the interval.
        n_resamples: bootstrap resamples. Those without a pair of one of the kinds are left out.
        n_permutations: random exchanges of the labels.

    Raises:
        NeuronXAError: another shape, no symmetry, or a value that is no finite number.
    """
    check_confidence(confidence)
    check_resamples(n_resamples, "n_resamples")
    check_resamples(n_permutations, "n_permutations")
    matrix = _symmetric(similarity, len(labels))
    n = len(matrix)
    places = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    group = np.array([places[label] for label in labels], dtype=np.int64)
    upper = np.triu_indices(n, 1)
    values = matrix[upper]
    same = (group[:, None] == group[None, :])[upper]
    n_within, n_between = int(same.sum()), int((~same).sum())
    nan, none = math.nan, Interval(math.nan, math.nan)
    within, between = (float(values[m].mean()) if m.any() else nan for m in (same, ~same))
    if not n_within or not n_between:
        kind = "within a group" if not n_within else "between groups"
        return WithinBetween(
            within,
            between,
            nan,
            n,
            n_within,
            n_between,
            none,
            nan,
            confidence,
            f"no pair is {kind}",
        )
    difference = _difference(values, same)
    draws = _bootstrap(matrix, group, rng, n_resamples)
    draws = draws[np.isfinite(draws)]
    interval, reason = none, None
    if len(draws) < n_resamples / 2:
        reason = "most resamples have no pair within a group, or none between groups"
    else:
        tail = (1.0 - confidence) / 2.0
        low, high = np.quantile(draws, [tail, 1.0 - tail])
        interval = Interval(float(low), float(high))
    as_extreme = sum(
        abs(_difference(values, (order[:, None] == order[None, :])[upper]))
        >= abs(difference) - 1e-12
        for order in (rng.permutation(group) for _ in range(n_permutations))
    )
    return WithinBetween(
        within=within,
        between=between,
        difference=difference,
        n=n,
        n_within=n_within,
        n_between=n_between,
        interval=interval,
        p=(1 + as_extreme) / (1 + n_permutations),
        confidence=confidence,
        reason=reason,
    )


def _difference(values: FloatArray, same: np.ndarray) -> float:
    return float(values[same].mean() - values[~same].mean())


def _bootstrap(
    matrix: FloatArray, group: np.ndarray, rng: np.random.Generator, n_resamples: int
) -> FloatArray:
    """Differences of resamples; NaN where one of the kinds has no pair."""
    n = len(matrix)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)
    same = (group[:, None] == group[None, :]).astype(np.float64)
    np.fill_diagonal(same, 0.0)
    other = 1.0 - same
    np.fill_diagonal(other, 0.0)

    def mean(mask: FloatArray) -> FloatArray:
        total = ((counts @ (mask * matrix)) * counts).sum(axis=1)
        weight = ((counts @ mask) * counts).sum(axis=1)
        some = np.where(weight > 0, weight, math.nan)
        return np.asarray(total / some, dtype=np.float64)

    return np.asarray(mean(same) - mean(other), dtype=np.float64)


def _symmetric(similarity: ArrayLike, n: int) -> FloatArray:
    matrix = np.array(similarity, dtype=np.float64)
    if matrix.shape != (n, n):
        raise NeuronXAError(
            f"The similarities have the shape {matrix.shape}, but there are {n} labels. Pass one "
            "row and one column per label."
        )
    np.fill_diagonal(matrix, 0.0)
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=0, atol=1e-12):
        raise NeuronXAError(
            "The similarities are not symmetric or hold NaN outside the diagonal. Pass a full "
            "symmetric matrix."
        )
    return matrix
