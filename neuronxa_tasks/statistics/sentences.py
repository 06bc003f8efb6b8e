"""A language's score over its sentences: its interval, and what fewer would have given."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import FloatArray

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0


def sentence_intervals(
    values: Mapping[str, ArrayLike],
    confidence: float = CONFIDENCE,
    *,
    differences: Collection[str] = (),
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap the means of several metrics over the same sentences.

    Percentile intervals (Efron & Tibshirani 1993, ch. 13) from 2,000 resamples, the same for all
    metrics and languages. A sentence keeps its hits, so the interval is about other sentences with
    the rivals these had, and not about other rivals. `score_interval` has more resamples and the
    best layer. Where all sentences have the same value, resampling sees no spread, and the ends are
    those of `same_value_interval`.

    Args:
        values: Metric -> [n] values in [0, 1], one per sentence.
        confidence: Two-sided level.
        differences: Metrics whose values are differences, in [-1, 1].

    Returns:
        Metric -> (low, high); None where all sentences have the same value outside these bounds.
    """
    return joint_intervals(
        {name: np.asarray(each, dtype=np.float64)[None, :] for name, each in values.items()},
        [()],
        confidence,
        differences=differences,
    )


def same_value_interval(
    value: float, n: int, confidence: float = CONFIDENCE, lowest: float = 0.0
) -> tuple[float, float] | None:
    """Interval of a mean when all n sentences have the same value.

    The share of sentences with another value is at most q = 1 - ((1 - confidence) / 2)^(1 / n), the
    exact upper bound after 0 of n (Clopper & Pearson 1934); .036 at n = 100. These could have any
    value that is possible, so the mean lies between (1 - q) value + q lowest and (1 - q) value + q.

    Args:
        value: Of every sentence.
        n: Sentences.
        confidence: Two-sided level.
        lowest: Least value that is possible: 0, or -1 for differences; the greatest is 1.

    Returns:
        (low, high); None where the value is not within these bounds.
    """
    if not lowest - 1e-12 <= value <= 1.0 + 1e-12:
        return None
    other = 1.0 - float(((1.0 - confidence) / 2.0) ** (1.0 / n))
    kept = (1.0 - other) * value
    return (max(kept + other * lowest, lowest), min(kept + other, 1.0))


def joint_intervals(
    values: Mapping[str, ArrayLike],
    texts: Sequence[Hashable],
    confidence: float = CONFIDENCE,
    *,
    differences: Collection[str] = (),
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap the means of several metrics over languages that share their sentences.

    A sentence is drawn for all the languages that have it at once: a hard sentence is hard in all
    of them, so their scores are not independent and the mean is less certain than their number
    suggests. Languages with other sentences are drawn on their own.

    Args:
        values: Metric -> [L, n] values, languages in rows.
        texts: [L], equal for languages with the same sentences.
        confidence: Two-sided level.
        differences: As in `sentence_intervals`.

    Returns:
        Metric -> (low, high) of the mean over languages and sentences; None as in
        `sentence_intervals`.
    """
    rows: dict[Hashable, list[int]] = {}
    for row, text in enumerate(texts):
        rows.setdefault(text, []).append(row)
    groups = list(rows.values())
    tail = (1.0 - confidence) / 2.0
    found: dict[str, tuple[float, float] | None] = {}
    for name, each in values.items():
        languages = np.asarray(each, dtype=np.float64)
        of_text = np.stack([languages[group].sum(axis=0) for group in groups]) / len(languages)
        if not bool((np.ptp(of_text, axis=1) > 1e-12).any()):
            # Each text on its own may hide a spread, so each gets its share of the error.
            level = 1.0 - (1.0 - confidence) / len(groups)
            lowest = -1.0 if name in differences else 0.0
            found[name] = same_value_interval(
                float(languages.mean()), languages.shape[1], level, lowest
            )
            continue
        low, high = np.quantile(_means(of_text), [tail, 1.0 - tail])
        found[name] = (float(low), float(high))
    return found


def ratio_interval(
    numerators: ArrayLike, denominators: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Bootstrap a ratio of two sums over the same sentences.

    Args:
        numerators: [n] values.
        denominators: [n] positive values of the same sentences.
        confidence: Two-sided level.

    Returns:
        (low, high); None where all sentences have the same ratio.
    """
    above = np.asarray(numerators, dtype=np.float64)
    below = np.asarray(denominators, dtype=np.float64)
    if np.ptp(above / below) <= 1e-12:
        return None
    weights = _weights(len(above))
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile((weights @ above) / (weights @ below), [tail, 1.0 - tail])
    return (float(low), float(high))


def _means(of_text: FloatArray) -> FloatArray:
    """[RESAMPLES] sums over S texts of the mean of their [n] values, each text drawn on its own."""
    weights = _weights(of_text.shape[1])
    means = np.asarray(weights @ of_text[0])
    if len(of_text) > 1:
        columns, rows = _orders(len(of_text) - 1, of_text.shape[1])
        drawn = weights @ np.take_along_axis(of_text[1:], columns, axis=1).T
        means += np.take_along_axis(drawn, rows.T, axis=0).sum(axis=1)
    return means


@lru_cache(maxsize=2)
def _orders(texts: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orders of the sentences [texts, n] and of the resamples [texts, RESAMPLES].

    Sentences can be exchanged before they are drawn. So all texts take one table of counts, each
    with its columns in an order of its own, and with its rows in another, which makes the texts
    independent of each other. A table for each would take minutes for a group with many.
    """
    rng = np.random.default_rng((SEED, 1))
    columns, rows = (
        rng.permuted(np.tile(np.arange(size), (texts, 1)), axis=1) for size in (n, RESAMPLES)
    )
    return columns, rows


@lru_cache(maxsize=4)
def _weights(n: int) -> FloatArray:
    """[RESAMPLES, n]: how often each sentence was drawn, divided by n."""
    counts = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray(counts / n, dtype=np.float64)


def survival(rivals: ArrayLike, m: int, *, n: int | None = None) -> FloatArray:
    """Chance that a sentence is a hit among m of the n sentences drawn at random.

    A sentence with b rivals among the n - 1 others is a hit when none of them is among the m - 1
    others drawn: C(n - 1 - b, m - 1) / C(n - 1, m - 1) (hypergeometric, exact).

    Args:
        rivals: `[..., n]` whole numbers in [0, n - 1]: rivals of each sentence (row, column or
            either, as the hit is to be forward, backward or mutual).
        m: sentences drawn, 1 <= m <= n.
        n: sentences compared; default the length of the last axis.

    Returns:
        `[..., n]` float64 in [0, 1]: 1 for b = 0, 0 where b > n - m.

    Raises:
        NeuronXAError: m outside [1, n], or a count that is no whole number in [0, n - 1].
    """
    raw = np.asarray(rivals)
    if n is None:
        if raw.ndim == 0:
            raise NeuronXAError(
                "A single count of rivals was given without n, so it is not known among how many "
                "sentences it was counted. Pass n."
            )
        n = raw.shape[-1]
    if raw.dtype.kind not in "iuf":
        raise NeuronXAError(
            f"The counts of rivals have the type {raw.dtype}, but they are whole numbers. "
            "Pass integers."
        )
    counts = raw.astype(np.float64)
    wrong = ~((counts >= 0) & (counts <= n - 1) & (counts == np.floor(counts)))
    if wrong.any():
        raise NeuronXAError(
            f"A sentence has {float(counts[wrong].flat[0])!r} rivals, but among {n} sentences it "
            f"can only have a whole number from 0 to {n - 1}. Check n."
        )
    if not 1 <= m <= n:
        raise NeuronXAError(
            f"The score at m = {m!r} sentences was asked, but only 1 to n = {n} can be drawn "
            "from those compared. Pass a smaller m, or run with more sentences."
        )
    # C(n-1-b, m-1) / C(n-1, m-1) = (n-1-b)! (n-m)! / ((n-m-b)! (n-1)!)
    possible = counts <= n - m
    b = np.where(possible, counts, 0.0)
    # Grouped so that b = 0 gives a logarithm of exactly 0.
    log = (gammaln(n - b) - gammaln(float(n))) + (gammaln(n - m + 1.0) - gammaln(n - m - b + 1.0))
    return np.asarray(np.where(possible, np.exp(np.minimum(log, 0.0)), 0.0), dtype=np.float64)


def expected_rate(rivals: ArrayLike, m: int) -> FloatArray:
    """Expected share of hits among m of the n sentences drawn at random.

    Args:
        rivals: `[..., n]` rivals of each sentence, see `survival`.
        m: sentences drawn.

    Returns:
        `[...]` float64 in [0, 1]; for rivals `[layers, n]` the expected profile, whose mean is the
        expected score. NaN without sentences.

    Raises:
        NeuronXAError: see `survival`.
    """
    raw = np.asarray(rivals)
    if raw.ndim and raw.shape[-1] == 0:
        return np.full(raw.shape[:-1], math.nan)
    return np.asarray(survival(raw, m).mean(axis=-1), dtype=np.float64)
