"""Accuracy predicted from alignment by a straight line, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from neuronxa_tasks.statistics.columns import (
    BoolArray,
    FloatArray,
    as_column,
    check_confidence,
    complete_rows,
    deviations,
)
from neuronxa_tasks.statistics.correlation import missing_reason


@dataclass(frozen=True, slots=True)
class Line:
    """Least-squares line y = intercept + slope x.

    Attributes:
        slope: NaN where there is no line.
        intercept: value at x = 0.
        residual_sd: square root of the residual variance with n - 2 degrees of freedom.
        r2: share of the variance of y explained in the sample.
        n: complete pairs.
        n_dropped: pairs left out because a value was NaN.
        reason: why there is no line, or None.
    """

    slope: float
    intercept: float
    residual_sd: float
    r2: float
    n: int
    n_dropped: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """Values predicted at points x, each with a prediction interval.

    Attributes:
        predicted: `[m]` float64; NaN where there is no prediction.
        low: `[m]` lower end of the interval for one new observation.
        high: `[m]` upper end.
        extrapolated: `[m]` bool, True where x lies outside the x the line was fitted on.
        line: the line fitted on all points.
        confidence: level of the intervals.
    """

    predicted: FloatArray
    low: FloatArray
    high: FloatArray
    extrapolated: BoolArray
    line: Line
    confidence: float


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Every point predicted by the line through all the others.

    Attributes:
        predicted: `[n_given]` float64, NaN where the point is incomplete or the others have no
            line.
        low: `[n_given]` lower end of the prediction interval.
        high: `[n_given]` upper end.
        extrapolated: `[n_given]` bool, True where x lies outside that of the others.
        r2_loo: 1 - sum (y - predicted)^2 / sum (y - mean y)^2; below 0 the line predicts worse
            than the mean. NaN where a complete point has no prediction.
        mean_absolute_error: in the unit of y.
        covered: share of complete points inside their interval.
        line: the line fitted on all points.
        confidence: level of the intervals.
    """

    predicted: FloatArray
    low: FloatArray
    high: FloatArray
    extrapolated: BoolArray
    r2_loo: float
    mean_absolute_error: float
    covered: float
    line: Line
    confidence: float


def fit_line(x: ArrayLike, y: ArrayLike) -> Line:
    """Fits y = intercept + slope x by least squares.

    Args:
        x: `[n]` numbers, for example alignment.
        y: `[n]` numbers, for example accuracy.

    Returns:
        The line; NaN with a reason for fewer than four complete pairs or constant x. A constant y
        has the slope 0, and r2 NaN.

    Raises:
        NeuronXAError: lengths differ, or text or infinities in a column.
    """
    (used_x, used_y), _, n_dropped = complete_rows({"x": x, "y": y})
    n = len(used_x)
    reason = missing_reason(n, {"x": used_x})
    if reason is not None:
        return Line(math.nan, math.nan, math.nan, math.nan, n, n_dropped, reason)
    dx, dy = used_x - used_x.mean(), used_y - used_y.mean()
    slope = float(dx @ dy / (dx @ dx))
    left = float(((dy - slope * dx) ** 2).sum())
    total = float(dy @ dy)
    constant = bool(deviations(used_y[None, :])[1][0])
    return Line(
        slope=slope,
        intercept=float(used_y.mean() - slope * used_x.mean()),
        residual_sd=math.sqrt(left / (n - 2)),
        r2=math.nan if constant else 1.0 - left / total,
        n=n,
        n_dropped=n_dropped,
    )


def predict(
    x: ArrayLike, y: ArrayLike, new_x: ArrayLike, *, confidence: float = 0.95
) -> Predictions:
    """Predicts y at new x from the line through (x, y).

    The interval for one new observation is
    predicted +- t(n - 2) s sqrt(1 + 1/n + (x0 - mean x)^2 / sum (x - mean x)^2).
    It is not cut to [0, 1], so that a line that leads out of the possible can be seen.

    Args:
        x: `[n]` alignment of the known points.
        y: `[n]` accuracy of the known points.
        new_x: `[m]` alignment of the new points; NaN gives NaN.
        confidence: level of the intervals.

    Raises:
        NeuronXAError: see `fit_line`.
    """
    check_confidence(confidence)
    new = as_column(new_x, "new_x")
    line = fit_line(x, y)
    (used_x, _), _, _ = complete_rows({"x": x, "y": y})
    if line.reason is not None:
        empty = np.full(len(new), math.nan)
        outside = np.zeros(len(new), dtype=np.bool_)
        return Predictions(empty, empty.copy(), empty.copy(), outside, line, confidence)
    middle = used_x.mean()
    distance = (new - middle) ** 2 / ((used_x - middle) ** 2).sum()
    predicted = line.intercept + line.slope * new
    quantile = float(stats.t.ppf(0.5 + confidence / 2.0, line.n - 2))
    half = quantile * line.residual_sd * np.sqrt(1.0 + 1.0 / line.n + distance)
    return Predictions(
        predicted=predicted,
        low=predicted - half,
        high=predicted + half,
        extrapolated=np.asarray((new < used_x.min()) | (new > used_x.max()), dtype=np.bool_),
        line=line,
        confidence=confidence,
    )


def leave_one_out(x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95) -> LeaveOneOut:
    """Predicts each point from all the others, and says how good that was.

    r2_loo is 1 - PRESS / total sum of squares (Allen 1974). The interval of a point is the one
    of `predict`, with n - 1 points and t(n - 3).

    Args:
        x: `[n]` numbers, for example alignment.
        y: `[n]` numbers, for example accuracy.
        confidence: level of the intervals.

    Raises:
        NeuronXAError: see `fit_line`.
    """
    check_confidence(confidence)
    (used_x, used_y), kept, _ = complete_rows({"x": x, "y": y})
    line = fit_line(x, y)
    n = len(used_x)
    if line.reason is not None:
        empty = np.full(len(kept), math.nan)
        outside = np.zeros(len(kept), dtype=np.bool_)
        nan = math.nan
        return LeaveOneOut(
            empty, empty.copy(), empty.copy(), outside, nan, nan, nan, line, confidence
        )
    # Row i holds the n - 1 points other than i.
    column = np.arange(n - 1)[None, :]
    others = column + (column >= np.arange(n)[:, None])
    other_x, other_y = used_x[others], used_y[others]
    _, flat = deviations(other_x)
    mean_x, mean_y = other_x.mean(axis=1), other_y.mean(axis=1)
    dx, dy = other_x - mean_x[:, None], other_y - mean_y[:, None]
    sxx = np.where(flat, math.nan, (dx**2).sum(axis=1))
    slope = (dx * dy).sum(axis=1) / sxx
    variance = ((dy - slope[:, None] * dx) ** 2).sum(axis=1) / (n - 3)
    away = used_x - mean_x
    predicted = mean_y + slope * away
    quantile = float(stats.t.ppf(0.5 + confidence / 2.0, n - 3))
    half = quantile * np.sqrt(variance * (1.0 + 1.0 / (n - 1) + away**2 / sxx))
    low, high = predicted - half, predicted + half
    error = used_y - predicted
    constant = bool(deviations(used_y[None, :])[1][0])
    total = float(((used_y - used_y.mean()) ** 2).sum())
    missing = bool(np.isnan(predicted).any())

    def spread(values: FloatArray) -> FloatArray:
        whole = np.full(len(kept), math.nan)
        whole[kept] = values
        return whole

    outside = np.zeros(len(kept), dtype=np.bool_)
    outside[kept] = (used_x < other_x.min(axis=1)) | (used_x > other_x.max(axis=1))
    return LeaveOneOut(
        predicted=spread(predicted),
        low=spread(low),
        high=spread(high),
        extrapolated=outside,
        r2_loo=math.nan if constant else 1.0 - float(error @ error) / total,
        mean_absolute_error=float(np.abs(error).mean()),
        covered=(math.nan if missing else float(((low <= used_y) & (used_y <= high)).mean())),
        line=line,
        confidence=confidence,
    )
