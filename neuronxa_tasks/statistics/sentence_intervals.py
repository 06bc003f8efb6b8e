"""Intervals of a language's scores over its sentences, for the results file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0


def sentence_intervals(
    values: Mapping[str, ArrayLike], confidence: float = CONFIDENCE
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap the means of several metrics over the same sentences.

    Percentile intervals (Efron & Tibshirani 1993, ch. 13) from 2,000 resamples, the same for all
    metrics and languages. A sentence keeps its hits, so the interval speaks of other sentences
    with the rivals these had. `stats.score_interval` has more resamples and the best layer.

    Args:
        values: Metric -> [n] values, one per sentence.
        confidence: Two-sided level.

    Returns:
        Metric -> (low, high). None where all sentences have the same value: resampling then sees
        no spread, which does not mean that there is none.
    """
    return {
        name: _interval(np.asarray(each, dtype=np.float64)[None, :], (0,), confidence)
        for name, each in values.items()
    }


def joint_intervals(
    values: Mapping[str, ArrayLike], texts: Sequence[Hashable], confidence: float = CONFIDENCE
) -> dict[str, tuple[float, float] | None]:
    """Bootstrap the means of several metrics over languages that share their sentences.

    A sentence is drawn for all the languages that have it at once: a hard sentence is hard in all
    of them, so their scores are not independent and the mean is less certain than their number
    suggests. Languages with other sentences are drawn on their own.

    Args:
        values: Metric -> [L, n] values, languages in rows.
        texts: [L], equal for languages with the same sentences.
        confidence: Two-sided level.

    Returns:
        Metric -> (low, high) of the mean over languages and sentences; None as in
        `sentence_intervals`.
    """
    streams: dict[Hashable, int] = {}
    for text in texts:
        streams.setdefault(text, len(streams))
    of_language = tuple(streams[text] for text in texts)
    return {
        name: _interval(np.asarray(each, dtype=np.float64), of_language, confidence)
        for name, each in values.items()
    }


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
    weights = _weights(len(above), 0)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile((weights @ above) / (weights @ below), [tail, 1.0 - tail])
    return (float(low), float(high))


def _interval(
    values: NDArray[np.float64], streams: tuple[int, ...], confidence: float
) -> tuple[float, float] | None:
    """Of the mean of [L, n] values; rows of one stream are resampled together."""
    means = np.zeros(RESAMPLES)
    spread = False
    for stream in sorted(set(streams)):
        rows = values[[other == stream for other in streams]]
        of_sentence = rows.sum(axis=0) / len(values)
        spread |= bool(np.ptp(of_sentence) > 1e-12)
        means += _weights(values.shape[1], stream) @ of_sentence
    if not spread:
        return None
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return (float(low), float(high))


@lru_cache(maxsize=4)
def _weights(n: int, stream: int) -> NDArray[np.float64]:
    """[RESAMPLES, n]: how often each sentence was drawn, divided by n."""
    counts = np.random.default_rng(SEED + stream).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray(counts / n, dtype=np.float64)
