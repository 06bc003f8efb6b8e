"""p values adjusted for the number of tests made."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import BoolArray, FloatArray, as_column


def _family(p: ArrayLike) -> tuple[FloatArray, BoolArray]:
    column = as_column(p, "p")
    tested = ~np.isnan(column)
    outside = column[tested & ((column < 0.0) | (column > 1.0))]
    if len(outside):
        raise NeuronXAError(
            f"A p value of {float(outside[0])!r} was given, but probabilities lie in [0, 1]. "
            "Check that no test statistic is among them."
        )
    return column, tested


def holm(p: ArrayLike) -> FloatArray:
    """Holm's adjusted p: controls the chance of any false finding (Holm 1979).

    The i-th smallest of m p values becomes the largest of (m - j + 1) p_j over j <= i, at most 1.

    Args:
        p: `[n]` in [0, 1]; NaN (no test was possible) stays NaN and does not count in m.

    Returns:
        `[n]` float64 in the order given.

    Raises:
        NeuronXAError: a p outside [0, 1].
    """
    column, tested = _family(p)
    values = column[tested]
    order = np.argsort(values, kind="stable")
    steps = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps * values[order]), 1.0)
    column[tested] = adjusted
    return column


def benjamini_hochberg(p: ArrayLike) -> FloatArray:
    """Benjamini-Hochberg adjusted p: controls the expected share of false findings (1995).

    Args:
        p: `[n]` in [0, 1]; NaN stays NaN and does not count in the family.

    Returns:
        `[n]` float64 in the order given.

    Raises:
        NeuronXAError: a p outside [0, 1].
    """
    column, tested = _family(p)
    if tested.any():
        column[tested] = stats.false_discovery_control(column[tested], method="bh")
    return column
