"""Exact one-sided tests and intervals of a change. No seed: the same input, the same verdict."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import FloatArray, IntArray
from neuronxa_tasks.statistics.sentences import same_value_interval

GRID = 1_000_000
"""Differences that are no whole numbers are rounded to this share of their sum."""
BUDGET = 200_000_000
"""Steps of one test; above, the differences are rounded more coarsely."""

CONFIDENCE = 0.95
"""Level of the intervals, which are not adjusted for their number."""


class Interval(NamedTuple):
    """Two ends; NaN where there is no interval."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)


def sign_flip_p(differences: ArrayLike) -> float:
    """Exact p of the sign-flip test that the sum of differences is not below zero.

    Under the null hypothesis the two systems are exchangeable on every item, so that all 2^n
    patterns of signs are equally likely (Fisher 1935, sec. 21). p is the share of patterns whose
    sum is at most the observed one, counted exactly by dynamic programming over the sums. For
    differences of -1, 0 and 1 this is the exact one-sided McNemar test. Differences that are no
    whole numbers are rounded to a grid; the test of the rounded differences is exact again, since
    rounding treats both signs alike.

    Args:
        differences: `[n]` candidate - baseline, any unit; zeros change nothing.

    Returns:
        Small where the candidate is worse; 1 where no item differs; NaN without items.

    Raises:
        NeuronXAError: more than one axis, or a value that is no finite number.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise NeuronXAError(
            f"The differences have the shape {values.shape} or are not all finite, but a paired "
            "test needs one number per item. Leave out what is missing in both systems."
        )
    if len(values) == 0:
        return math.nan
    whole = _whole(values[values != 0.0])
    if len(whole) == 0:
        return 1.0
    sizes, total = np.sort(np.abs(whole)), int(np.abs(whole).sum())
    observed = int(whole.sum())
    if sizes[0] == sizes[-1]:  # a sign test
        positive = int((whole > 0).sum())
        return float(stats.binom.cdf(positive, len(whole), 0.5))
    if observed < 0:
        return _at_most(sizes, (observed + total) // 2)
    # P(S <= s) = 1 - P(S < -s), by symmetry; sums have the parity of the total.
    return 1.0 - _at_most(sizes, (-observed + total) // 2 - 1)


def _whole(values: FloatArray) -> IntArray:
    """The values as the smallest whole numbers, rounded where they are too fine."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.int64)
    scale = 1.0
    total = float(np.abs(values).sum())
    if not (values == np.rint(values)).all():
        scale = GRID / total
    scale = min(scale, BUDGET / (len(values) * total))
    whole = np.rint(values * scale).astype(np.int64)
    whole = whole[whole != 0]
    return np.asarray(whole // np.gcd.reduce(whole)) if len(whole) else whole


def _at_most(sizes: IntArray, limit: int) -> float:
    """P(sum of a random subset <= limit); each size is in it with probability 1/2."""
    if limit < 0:
        return 0.0
    chances = np.zeros(limit + 1)
    chances[0] = 1.0
    reach = 0
    for size in sizes.tolist():
        reach = min(reach + size, limit)
        with_it = chances[: max(reach + 1 - size, 0)].copy()
        chances[: reach + 1] *= 0.5
        chances[size : reach + 1] += 0.5 * with_it
    return float(min(1.0, chances.sum()))


def paired_interval(differences: ArrayLike) -> Interval:
    """Interval of the mean difference of two systems on the same items.

    For hits (differences of -1, 0 and 1) the adjusted Wald interval of Agresti & Min 2005, which
    adds half an item to each of the four cells; otherwise Student's t over the items. Where all
    items differ alike, so that no spread is seen, the bound of `same_value_interval`.

    Args:
        differences: `[n]` candidate - baseline.

    Returns:
        NaN in both ends where a single item, or several that differ alike by more than 1, say
        nothing about the spread.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n and np.isin(values, (-1.0, 0.0, 1.0)).all():
        centre = float(values.sum()) / (n + 2)
        spread = math.sqrt(max(0.0, (float(np.abs(values).sum()) + 1) / (n + 2) - centre**2))
        reach = _normal() * spread / math.sqrt(n + 2)
        return Interval(max(-1.0, centre - reach), min(1.0, centre + reach))
    if n < 2:
        return NO_INTERVAL
    if np.ptp(values) <= 1e-12:
        ends = same_value_interval(float(values[0]), n, CONFIDENCE, -1.0)
        return Interval(*ends) if ends else NO_INTERVAL
    reach = float(stats.t.isf((1 - CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return Interval(float(values.mean()) - reach, float(values.mean()) + reach)


def fisher_p(baseline_hits: int, candidate_hits: int, n: int) -> float:
    """Exact one-sided p that a candidate hits less often, from counts of n items each.

    Fisher's test for two independent samples. The two systems had the same items, which usually
    makes them alike, so that the test is conservative: `sign_flip_p` finds more.
    """
    both = baseline_hits + candidate_hits
    return float(stats.hypergeom.cdf(candidate_hits, 2 * n, both, n))


def normal_p(change: float, error: float) -> float:
    """One-sided p of a change with a standard error; small where the candidate is worse."""
    if error <= 0.0:
        return 1.0 if change >= 0.0 else 0.0
    return float(stats.norm.cdf(change / error))


def normal_interval(change: float, error: float) -> Interval:
    """Interval of a change with a standard error."""
    return Interval(change - _normal() * error, change + _normal() * error)


def _normal() -> float:
    return float(stats.norm.isf((1 - CONFIDENCE) / 2))
