"""Hits of one or two systems on the same items: intervals and paired tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import (
    FloatArray,
    IntArray,
    check_confidence,
    check_resamples,
)
from neuronxa_tasks.statistics.resampling import (
    NO_BOOTSTRAP,
    NO_PERMUTATION,
    BootstrapInterval,
    PermutationP,
    bootstrap_distribution,
    exchange_p,
    percentile_interval,
)
from neuronxa_tasks.statistics.sentences import same_value_interval


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact McNemar test of two systems on the same items.

    Attributes:
        n: items both systems answered.
        both: items both hit.
        only_a: items a alone hit.
        only_b: items b alone hit.
        neither: items none hit.
        p: two-sided, from the binomial of the items that differ; 1 where none differs, NaN
            without items.
    """

    n: int
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of the mean scores of two systems on the same items.

    Attributes:
        mean_a: mean score of a; NaN without items.
        mean_b: mean score of b.
        difference: mean_a - mean_b.
        n: items.
        n_different: items on which the two differ.
        bootstrap: percentile interval of the difference, resampling items; where all items differ
            equally, the bound of `sentences.same_value_interval`.
        permutation: two-sided p when the two systems are exchanged at random per item.
        confidence: level of the interval.
        reason: why there is no difference or no interval, or None.
    """

    mean_a: float
    mean_b: float
    difference: float
    n: int
    n_different: int
    bootstrap: BootstrapInterval
    permutation: PermutationP
    confidence: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreInterval:
    """Score of a hit matrix with its uncertainty over sentences.

    Attributes:
        score: mean over layers of the rate, in [0, 1]; NaN without sentences.
        score_max: largest rate of a layer.
        n: sentences.
        layers: layers.
        bootstrap: percentile interval of `score`, resampling sentences; where all have the same
            share of layers, the bound of `sentences.same_value_interval`.
        bootstrap_max: the same for `score_max`. The largest of many layers is pushed up by luck,
            and again in every resample, so this interval lies too high.
        standard_error: standard deviation over sentences of their share of layers hit, with
            n - 1, over sqrt(n).
        confidence: level of the intervals.
        reason: why there is no score or no interval, or None.
    """

    score: float
    score_max: float
    n: int
    layers: int
    bootstrap: BootstrapInterval
    bootstrap_max: BootstrapInterval
    standard_error: float
    confidence: float
    reason: str | None = None


def mcnemar(hits_a: ArrayLike, hits_b: ArrayLike) -> McNemar:
    """Tests whether two systems hit equally often (McNemar 1947, exact binomial).

    Args:
        hits_a: `[n]` booleans, or 0 and 1, of the first system.
        hits_b: the same items of the second.

    Raises:
        NeuronXAError: shapes differ, more than one axis, or a value other than 0 and 1.
    """
    a, b = _items(hits_a, "hits_a", axes=(1,)), _items(hits_b, "hits_b", axes=(1,))
    _same_items(a, b)
    for name, hits in (("hits_a", a), ("hits_b", b)):
        other = hits[(hits != 0.0) & (hits != 1.0)]
        if len(other):
            raise NeuronXAError(
                f"{name} holds {float(other[0])!r}, but a hit is 0 or 1. "
                "Compare scores between 0 and 1 with `paired_difference`."
            )
    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    both, n = int(((a == 1) & (b == 1)).sum()), len(a)
    p = math.nan
    if n:
        differing = only_a + only_b
        p = float(stats.binomtest(only_a, differing, 0.5).pvalue) if differing else 1.0
    return McNemar(n, both, only_a, only_b, n - both - only_a - only_b, p)


def paired_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
    n_permutations: int = 9999,
) -> PairedDifference:
    """Compares the mean scores of two systems on the same items.

    Args:
        scores_a: `[n]` scores or hits per item, or `[layers, n]` hits, whose mean over layers is
            the score of the item. The two systems may differ in their number of layers.
        scores_b: the same items of the second system.
        rng: source of randomness.
        confidence: level of the interval.
        n_resamples: bootstrap resamples.
        n_permutations: random exchanges where more than 14 items differ.

    Raises:
        NeuronXAError: different numbers of items, or a value that is no finite number.
    """
    check_confidence(confidence)
    check_resamples(n_resamples, "n_resamples")
    check_resamples(n_permutations, "n_permutations")
    a, b = _per_item(_items(scores_a, "scores_a")), _per_item(_items(scores_b, "scores_b"))
    _same_items(a, b)
    n = len(a)
    if n == 0:
        nan = math.nan
        return PairedDifference(
            nan, nan, nan, 0, 0, NO_BOOTSTRAP, NO_PERMUTATION, confidence, "no items"
        )
    differences = a - b
    # Means over different numbers of layers may differ by rounding alone.
    differences[np.abs(differences) <= 1e-12] = 0.0
    reason = None
    if np.ptp(differences) <= 1e-12:
        bootstrap = _bound(float(differences[0]), n, confidence, -1.0)
        if bootstrap.method == "none":
            reason = f"the two systems differ equally on all {n} items, and by more than 1"
    else:
        bootstrap = percentile_interval(
            bootstrap_distribution(n, lambda rows: _means(differences, rows), rng, n_resamples),
            confidence,
        )
    return PairedDifference(
        mean_a=float(a.mean()),
        mean_b=float(b.mean()),
        difference=float(differences.mean()),
        n=n,
        n_different=int((differences != 0.0).sum()),
        bootstrap=bootstrap,
        permutation=exchange_p(differences, rng, n_permutations),
        confidence=confidence,
        reason=reason,
    )


def score_interval(
    hits: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 9999,
) -> ScoreInterval:
    """Bootstraps the score of a hit matrix over sentences.

    The interval speaks of other sentences with the rivals these had: a hit is kept with its
    sentence, and the matrix of cosines is not drawn anew.

    Args:
        hits: `[layers, n]` booleans, or 0 and 1 (or `[n]` for one layer).
        rng: source of randomness.
        confidence: level of the intervals.
        n_resamples: bootstrap resamples.

    Raises:
        NeuronXAError: no layer, or a value other than a finite number.
    """
    check_confidence(confidence)
    check_resamples(n_resamples, "n_resamples")
    matrix = np.atleast_2d(_items(hits, "hits"))
    layers, n = matrix.shape
    if n == 0:
        nan = math.nan
        return ScoreInterval(
            nan, nan, 0, layers, NO_BOOTSTRAP, NO_BOOTSTRAP, nan, confidence, "no sentences"
        )
    shares = _per_item(matrix)

    def rates_of(rows: IntArray) -> FloatArray:
        counts = np.zeros((len(rows), n))
        np.add.at(counts, (np.arange(len(rows))[:, None], rows), 1.0)
        return np.asarray(counts @ matrix.T / n, dtype=np.float64)

    rates = bootstrap_distribution(n, rates_of, rng, n_resamples)
    means, top = np.asarray(rates.mean(axis=1)), np.asarray(rates.max(axis=1))
    score, best = float(shares.mean()), float(matrix.mean(axis=1).max())
    return ScoreInterval(
        score=score,
        score_max=best,
        n=n,
        layers=layers,
        bootstrap=percentile_interval(means, confidence)
        if np.ptp(shares) > 1e-12
        else _bound(score, n, confidence),
        # Where no sentence is a hit in any layer, or all are one in the best, the bound holds, too.
        bootstrap_max=percentile_interval(top, confidence)
        if np.ptp(top) > 1e-12
        else _bound(best, n, confidence),
        standard_error=float(shares.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan,
        confidence=confidence,
    )


def _bound(value: float, n: int, confidence: float, lowest: float = 0.0) -> BootstrapInterval:
    ends = same_value_interval(value, n, confidence, lowest)
    return BootstrapInterval(*ends, "bound", 0, 0) if ends else NO_BOOTSTRAP


def _means(values: FloatArray, rows: IntArray) -> FloatArray:
    return np.asarray(values[rows].mean(axis=1), dtype=np.float64)


def _per_item(scores: FloatArray) -> FloatArray:
    return scores if scores.ndim == 1 else np.asarray(scores.mean(axis=0), dtype=np.float64)


def _items(values: ArrayLike, name: str, axes: tuple[int, ...] = (1, 2)) -> FloatArray:
    raw = np.asarray(values)
    if raw.ndim not in axes or (raw.ndim == 2 and raw.shape[0] == 0):
        raise NeuronXAError(
            f"{name} has the shape {raw.shape}, but items need one axis"
            f"{', or layers and items two' if 2 in axes else ''}. Pass one value per item."
        )
    if raw.dtype.kind not in "biuf":
        raise NeuronXAError(
            f"{name} has the type {raw.dtype}, but hits and scores are numbers. Convert them first."
        )
    array = raw.astype(np.float64)
    if not np.isfinite(array).all():
        raise NeuronXAError(
            f"{name} holds NaN or an infinite value, and a paired test needs every item of both "
            "systems. Leave the item out of both."
        )
    return array


def _same_items(a: FloatArray, b: FloatArray) -> None:
    if len(a) != len(b):
        raise NeuronXAError(
            f"The two systems have {len(a)} and {len(b)} items, but a paired test needs the same "
            "items in the same order. Join them on the item first."
        )
