"""Intervals of correlations from leaving out one language, or one family of languages, at a time.

All models see the same languages, so the language is the unit that is drawn, and it is left out of
every model at once: whatever models share is then in the spread. Leaving out needs no random
numbers and no resample in which a column comes out constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import MIN_POINTS, FloatArray, IntArray, deviations
from neuronxa_tasks.statistics.fisher import Interval, Kind

MIN_UNITS = 5
"""With fewer languages, or families, than this nothing can be left out: what is left are three
points or less, which are nearly always close to a line."""

# A sum of squares below this share of what it was is rounding.
_NOTHING_LEFT = 1e-12
# Correlations this close to 1 are 1 plus rounding.
_PERFECT = 1e-12
# 1 - H below this: the rows alone decide a direction, and their residuals there are 0.
_ALONE = 1e-9


@dataclass(frozen=True, slots=True)
class Jackknife:
    """What leaving out one unit at a time says about a correlation.

    Attributes:
        low: lower end of the interval; NaN where there is none.
        high: upper end.
        p: two-sided, that the correlation is 0; NaN where there is none.
        units: languages or families that were left out, one after the other.
        reason: why there is no interval, or None.
    """

    low: float
    high: float
    p: float
    units: int
    reason: str | None = None


def no_jackknife(units: int, reason: str) -> Jackknife:
    """No interval, and why."""
    return Jackknife(math.nan, math.nan, math.nan, units, reason)


NO_JACKKNIFE = no_jackknife(0, "not asked for")


def jackknife(
    z: float, without: FloatArray, *, confidence: float = 0.95, families: bool = False
) -> Jackknife:
    """Interval and p of a correlation on Fisher's scale, by Student's t.

    The variance is (g - 1) / g times the sum of (z without a unit - z)^2 over the g units, with
    g - 1 degrees of freedom (Tukey 1958; Miller 1974, Biometrika 61). For units of several rows it
    is the cluster estimator CV3 that MacKinnon, Nielsen & Webb 2023 (Journal of Applied
    Econometrics 38) recommend for few clusters. Families have very unequal sizes, which makes even
    this estimator too small, so that the factor (g - 1) / g is left out for them.

    Args:
        z: Fisher's z of the correlation of all, or an average of several.
        without: `[g]` the same without each unit.
        confidence: two-sided level.
        families: whether the units are families of languages.
    """
    units = len(without)
    error, reason = standard_error(z, without, families=families)
    if reason is not None:
        return no_jackknife(units, reason)
    half = float(stats.t.isf((1.0 - confidence) / 2.0, units - 1)) * error
    # Without any spread only a correlation of exactly 0 is compatible with 0.
    p = float(2.0 * stats.t.sf(abs(z) / error, units - 1)) if error > 0.0 else float(z == 0.0)
    return Jackknife(math.tanh(z - half), math.tanh(z + half), p, units)


def standard_error(
    z: float, without: FloatArray, *, families: bool = False
) -> tuple[float, str | None]:
    """Standard error of `jackknife`, or NaN and why there is none."""
    units = len(without)
    what = "families" if families else "languages"
    if units < MIN_UNITS:
        return math.nan, f"{units} {what}; an interval over {what} needs at least {MIN_UNITS}"
    if not math.isfinite(z):
        return math.nan, "a correlation of exactly 1 or -1 has no finite Fisher z"
    if not np.isfinite(without).all():
        one = "family" if families else "language"
        return math.nan, f"without one {one} the correlation is exactly 1 or -1, or does not exist"
    variance = float(((without - z) ** 2).sum())
    return math.sqrt(variance * (1.0 if families else (units - 1) / units)), None


def difference_interval(
    first: tuple[float, FloatArray],
    second: tuple[float, FloatArray],
    *,
    confidence: float = 0.95,
    families: bool = False,
) -> tuple[Interval, str | None]:
    """Interval of the difference of two correlations on the same units.

    Leaving out a unit moves both z at once, so the spread gives their errors and how these go
    together: an ellipse. The interval is the range of tanh(z1) - tanh(z2) over the ellipse whose
    projection on any line is Student's t interval there (as a profile likelihood gives an interval
    of a function of parameters, Venzon & Moolgavkar 1988). So it holds 0 exactly where the t
    interval of z1 - z2 does, and a score against itself has the interval [0, 0].

    Args:
        first: Fisher's z of all, and `[g]` without each unit.
        second: the same of the other correlation.
        confidence: two-sided level.
        families: whether the units are families of languages.

    Returns:
        The interval and None, or no interval and why.
    """
    errors = []
    for z, without in (first, second):
        error, reason = standard_error(z, without, families=families)
        if reason is not None:
            return Interval(math.nan, math.nan), reason
        errors.append(error)
    units = len(first[1])
    moved = [without - z for z, without in (first, second)]
    product = float(np.linalg.norm(moved[0]) * np.linalg.norm(moved[1]))
    together = float(np.clip(moved[0] @ moved[1] / product, -1.0, 1.0)) if product > 0.0 else 0.0
    reach = float(stats.t.isf((1.0 - confidence) / 2.0, units - 1))
    around = np.linspace(0.0, 2.0 * math.pi, 721)
    z1 = first[0] + reach * errors[0] * np.cos(around)
    apart = math.sqrt(1.0 - together**2)
    z2 = second[0] + reach * errors[1] * (together * np.cos(around) + apart * np.sin(around))
    difference = np.tanh(z1) - np.tanh(z2)
    return Interval(float(difference.min()), float(difference.max())), None


def codes(labels: Sequence[str]) -> IntArray:
    """Labels as whole numbers from 0, by alphabet."""
    place = {label: i for i, label in enumerate(sorted(set(labels)))}
    return np.array([place[label] for label in labels], dtype=np.int64)


def check_families(families: Sequence[str], languages: int) -> None:
    """Refuses a wrong number of families.

    Raises:
        NeuronXAError: not one family per language.
    """
    if len(families) != languages:
        raise NeuronXAError(
            f"{len(families)} families were given for {languages} languages, so they cannot be "
            "paired. Pass one label per language."
        )


def left_out(
    x: FloatArray,
    y: FloatArray,
    units: IntArray,
    *,
    kind: Kind = "pearson",
    basis: FloatArray | None = None,
) -> FloatArray:
    """Correlation without each unit in turn, on the scale of Fisher's z.

    For Pearson's r, and the partial r given `basis`, the sums without a unit follow from the
    residuals e of all rows and the hat matrix H: S - e_x' (I - H)^-1 e_y over the rows of the unit.
    Ranks are formed anew; since they often come out in perfect order, whose z is infinite, the z
    of Spearman's rho moves along the tangent: z + (rho' - rho) / (1 - rho^2).

    Args:
        x: `[n]` without NaN, not constant.
        y: `[n]`, likewise.
        units: `[n]` whole numbers from 0; each is left out once.
        kind: `pearson` or `spearman`.
        basis: `[k, n]` covariates as `column_basis` gives them; only for `pearson`.

    Returns:
        `[units]`; infinite where r is 1 or -1, NaN where a column is constant without the unit.
    """
    if kind == "spearman":
        return _ranks_left_out(x, y, units)
    n = len(x)
    (unit_x, unit_y), _ = deviations(np.stack([x, y]))
    directions = np.full((1, n), 1.0 / math.sqrt(n))
    if basis is not None:
        directions = np.concatenate([directions, basis])
    left = np.stack([unit_x, unit_y])
    left = left - (left @ directions.T) @ directions
    whole = left @ left.T
    result = np.empty(int(units.max()) + 1)
    counts = np.bincount(units)
    leverage = 1.0 - (directions**2).sum(axis=0)
    for unit in range(len(result)):
        if counts[unit] == 1:
            row = int(np.flatnonzero(units == unit)[0])
            gone, rest = left[:, row], leverage[row]
            # A label that only this row has: H is 1, the residuals are 0, and nothing changes.
            sums = whole - (np.outer(gone, gone) / rest if rest > _ALONE else 0.0)
        else:
            rows = units == unit
            seen, several = directions[:, rows], left[:, rows]
            hat = np.eye(int(counts[unit])) - seen.T @ seen
            inverse = np.linalg.pinv(hat, rcond=_ALONE, hermitian=True)
            sums = whole - several @ inverse @ several.T
        result[unit] = _fisher_z(sums, whole)
    return result


def _fisher_z(sums: FloatArray, whole: FloatArray) -> float:
    xx, yy = float(sums[0, 0]), float(sums[1, 1])
    if xx <= _NOTHING_LEFT * whole[0, 0] or yy <= _NOTHING_LEFT * whole[1, 1]:
        return math.nan
    r = float(sums[0, 1]) / math.sqrt(xx * yy)
    return math.copysign(math.inf, r) if abs(r) > 1.0 - _PERFECT else math.atanh(r)


def _ranks_left_out(x: FloatArray, y: FloatArray, units: IntArray) -> FloatArray:
    count = int(units.max()) + 1
    rho = np.empty(count + 1)
    for unit in range(count + 1):  # the last leaves out nothing
        kept = units != unit
        if int(kept.sum()) < MIN_POINTS - 1:
            rho[unit] = math.nan
            continue
        pair = np.stack([stats.rankdata(column[kept]) for column in (x, y)])
        (a, b), flat = deviations(pair)
        rho[unit] = math.nan if flat.any() else float(a @ b)
    whole = float(rho[-1])
    if math.isnan(whole) or abs(whole) > 1.0 - _PERFECT:
        return np.full(count, math.nan)
    tangent = (rho[:-1] - whole) / (1.0 - whole**2)
    return np.asarray(math.atanh(whole) + tangent, dtype=np.float64)
