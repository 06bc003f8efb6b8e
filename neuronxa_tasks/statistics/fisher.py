"""Fisher's z: intervals of a correlation, and averages of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import MIN_POINTS, as_column, check_confidence

Kind = Literal["pearson", "spearman"]

# Correlations this close to 1 are 1 plus rounding; their finite z would drown all others.
_PERFECT = 1e-12


class Interval(NamedTuple):
    """Two ends of an interval; both NaN where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(math.nan, math.nan)


def check_kind(kind: str) -> None:
    """Refuses a kind of correlation that does not exist here.

    Raises:
        NeuronXAError: `kind` is neither `pearson` nor `spearman`.
    """
    if kind not in ("pearson", "spearman"):
        raise NeuronXAError(
            f"The kind of correlation is {kind!r}, which is not known. Use 'pearson' or 'spearman'."
        )


def fisher_interval(
    r: float, n: int, *, kind: Kind = "pearson", covariates: int = 0, confidence: float = 0.95
) -> Interval:
    """Interval of a correlation by Fisher's z transformation.

    z = atanh(r), standard error 1 / sqrt(n - k - 3) with k covariates taken out (Fisher 1921,
    1924). For Spearman's rho the variance is multiplied by 1 + rho^2 / 2 (Bonett & Wright 2000,
    Psychometrika 65), because ranks are more variable than normal values.

    Args:
        r: correlation in [-1, 1]; NaN gives no interval.
        n: number of points.
        kind: `pearson` or `spearman`.
        covariates: number of covariates partialled out.
        confidence: two-sided level, strictly between 0 and 1.

    Returns:
        The interval; `[r, r]` for a Pearson |r| = 1 (a perfect line). NaN where n - covariates < 4,
        r is NaN, or a Spearman |r| = 1: a few points are often in order by luck, and z, which is
        infinite there, would claim certainty.

    Raises:
        NeuronXAError: r outside [-1, 1], confidence outside (0, 1), or an unknown kind.
    """
    check_confidence(confidence)
    check_kind(kind)
    if abs(r) > 1.0:
        raise NeuronXAError(
            f"A correlation of {r!r} was given, but correlations lie in [-1, 1]. "
            "Check that it is not a covariance or a percentage."
        )
    if math.isnan(r) or n - covariates < MIN_POINTS:
        return NO_INTERVAL
    if abs(r) == 1.0:
        return Interval(r, r) if kind == "pearson" else NO_INTERVAL
    variance = 1.0 / (n - covariates - 3)
    if kind == "spearman":
        variance *= 1.0 + r * r / 2.0
    half = float(stats.norm.ppf(0.5 + confidence / 2.0)) * math.sqrt(variance)
    z = math.atanh(r)
    return Interval(math.tanh(z - half), math.tanh(z + half))


@dataclass(frozen=True, slots=True)
class AverageCorrelation:
    """Average of several correlations by Fisher's z.

    Attributes:
        r: the average, back on the scale of r.
        count: number of correlations averaged.
        n_skipped: number of NaN among those given.
        n_total: points of all averaged correlations together.
        reason: why r is NaN, or None.
    """

    r: float
    count: int
    n_skipped: int
    n_total: int
    reason: str | None = None


def average_correlation(r: ArrayLike, n: ArrayLike) -> AverageCorrelation:
    """Averages correlations of several models on Fisher's z scale with weights n - 3.

    z = sum (n_i - 3) atanh(r_i) / sum (n_i - 3) (Hedges & Olkin 1985). Their interval for
    independent samples, and Cochran's Q, are not given: models that were correlated over the same
    languages are not independent, and both would claim too much. `average_over_models` has an
    interval that holds.

    Args:
        r: `[k]` correlations in [-1, 1]; NaN are skipped and counted.
        n: `[k]` numbers of points, whole, at least 4 where r is a number.

    Raises:
        NeuronXAError: lengths differ, r outside [-1, 1], n below 4 or not whole.
    """
    all_r, all_n = as_column(r, "r"), as_column(n, "n")
    if len(all_r) != len(all_n):
        raise NeuronXAError(
            f"{len(all_r)} correlations and {len(all_n)} numbers of points were given, but every "
            "correlation needs its own n. Pass two columns of one length."
        )
    kept = ~np.isnan(all_r)
    used_r, used_n = all_r[kept], all_n[kept]
    if (np.abs(used_r) > 1.0).any():
        worst = float(used_r[np.argmax(np.abs(used_r))])
        raise NeuronXAError(
            f"A correlation of {worst!r} was given, but correlations lie in [-1, 1]. "
            "Check that it is not a covariance or a percentage."
        )
    bad_n = ~(used_n >= MIN_POINTS) | (used_n != np.floor(used_n))
    if bad_n.any():
        raise NeuronXAError(
            f"A correlation comes with n = {float(used_n[bad_n][0])!r}, but its weight n - 3 needs "
            f"a whole n of at least {MIN_POINTS}. Write NaN for correlations over fewer points."
        )
    count, n_skipped = len(used_r), int((~kept).sum())
    n_total = int(used_n.sum())

    def unusable(reason: str) -> AverageCorrelation:
        return AverageCorrelation(math.nan, count, n_skipped, n_total, reason)

    if count == 0:
        return unusable("no correlation to average")
    if (np.abs(used_r) > 1.0 - _PERFECT).any():
        return unusable("a correlation of exactly 1 or -1 has no finite Fisher z")
    weights = used_n - 3.0
    mean = float(weights @ np.arctanh(used_r) / weights.sum())
    return AverageCorrelation(math.tanh(mean), count, n_skipped, n_total)
