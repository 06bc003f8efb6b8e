"""The one language that moves a correlation most."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuronxa_tasks.statistics.columns import MIN_POINTS, FloatArray
from neuronxa_tasks.statistics.correlation import missing_reason, rowwise_correlation
from neuronxa_tasks.statistics.fisher import average_correlation


class Influence(NamedTuple):
    """What leaving out the most influential language does.

    Attributes:
        position: of the language; -1 where nothing can be left out.
        r: the correlation without it; NaN where nothing can be left out.
        change: r without it minus r with it.
    """

    position: int
    r: float
    change: float


NO_INFLUENCE = Influence(-1, math.nan, math.nan)


def most_influential(x: ArrayLike, y: ArrayLike) -> Influence:
    """Leaves out each language, in all models at once, and finds the largest change of r.

    Several models are averaged by Fisher's z with weights n - 3, as `average_correlation` does. A
    language without which a model would have no r is passed over: the average would change
    because a model is gone.

    Args:
        x: `[models, languages]` numbers, NaN where a model has no value.
        y: same shape.
    """
    table_x, table_y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    complete = ~(np.isnan(table_x) | np.isnan(table_y))
    models = [
        (row_x[kept], row_y[kept], kept)
        for row_x, row_y, kept in zip(table_x, table_y, complete, strict=True)
        if missing_reason(int(kept.sum()), {"x": row_x[kept], "y": row_y[kept]}) is None
    ]
    if not models:
        return NO_INFLUENCE
    languages = table_x.shape[1]
    r, n = np.empty((len(models), languages)), np.empty((len(models), languages))
    whole = []
    for i, (used_x, used_y, kept) in enumerate(models):
        count = len(used_x)
        whole.append(float(rowwise_correlation(used_x, used_y)))
        # [count, count - 1]: every row lacks one point
        rest = np.array([np.delete(np.arange(count), j) for j in range(count)])
        without = (
            rowwise_correlation(used_x[rest], used_y[rest])
            if count > MIN_POINTS
            else np.full(count, math.nan)
        )
        r[i], n[i] = whole[-1], count
        r[i, kept], n[i, kept] = without, count - 1
    together = _average(np.array(whole), np.array([len(each[0]) for each in models]))
    found = [
        math.nan if np.isnan(r[:, j]).any() else _average(r[:, j], n[:, j])
        for j in range(languages)
    ]
    changes = np.array(found) - together
    if np.isnan(changes).all():
        return NO_INFLUENCE
    largest = int(np.nanargmax(np.abs(changes)))
    return Influence(largest, found[largest], float(changes[largest]))


def _average(r: FloatArray, n: FloatArray) -> float:
    return float(r[0]) if len(r) == 1 else average_correlation(r, n).r
