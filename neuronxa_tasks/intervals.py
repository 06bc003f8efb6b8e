"""Intervals of a language's scores over its sentences, for the results file."""

from __future__ import annotations

from collections.abc import Mapping
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
    tail = (1.0 - confidence) / 2.0
    found: dict[str, tuple[float, float] | None] = {}
    for name, each in values.items():
        shares = np.asarray(each, dtype=np.float64)
        if np.ptp(shares) <= 1e-12:
            found[name] = None
            continue
        low, high = np.quantile(_weights(len(shares)) @ shares, [tail, 1.0 - tail])
        found[name] = (float(low), float(high))
    return found


@lru_cache(maxsize=4)
def _weights(n: int) -> NDArray[np.float64]:
    """[RESAMPLES, n]: how often each sentence was drawn, divided by n."""
    counts = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray(counts / n, dtype=np.float64)
