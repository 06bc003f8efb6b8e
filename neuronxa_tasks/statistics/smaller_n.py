"""The score that fewer sentence pairs would have given."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import FloatArray


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
