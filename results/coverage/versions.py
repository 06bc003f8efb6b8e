"""The statistics of this version, or of commit c081d09, called in one way by all simulations here.

Both hold at nominal 95 %. A function gives the interval that the report shows, or None.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Ends = tuple[float, float] | None
RESAMPLES = 799

try:
    from neuronxa_tasks import statistics as new
    from neuronxa_tasks.statistics.joint import joint_difference

    old: Any = None
except ImportError:  # c081d09
    from neuronxa_tasks.correlate.joint_difference import joint_difference

    from neuronxa_tasks import stats as old

    new: Any = None  # type: ignore[no-redef]


def options(description: str | None, repeats: int) -> tuple[int, np.random.Generator]:
    """`--repeats` and `--seed`; prints the first line of the output."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    error = math.sqrt(0.95 * 0.05 / chosen.repeats)
    print(f"{'c081d09' if old else 'now'}; {chosen.repeats} repeats, standard error {error:.3f}")
    return chosen.repeats, np.random.default_rng(chosen.seed)


def holds(ends: Ends, truth: float) -> float:
    """1 or 0; NaN where there is no interval."""
    if ends is None or math.isnan(ends[0]):
        return math.nan
    return float(ends[0] <= truth <= ends[1])


def noise(kind: str, rng: np.random.Generator, *shape: int) -> FloatArray:
    """Normal, or skewed (exponential), with mean 0 and variance 1."""
    if kind == "normal":
        return rng.normal(size=shape)
    return rng.exponential(size=shape) - 1.0


def _ends(found: Any) -> Ends:
    return (float(found.low), float(found.high))


def single(x: Any, y: Any, rng: np.random.Generator, kind: str = "pearson") -> tuple[Ends, Ends]:
    """Fisher's interval, and that of resampled or left out languages."""
    if new:
        found = new.correlation(x, y, rng=rng, kind=kind, n_permutations=1)
        return found.interval, _ends(found.jackknife)
    found = old.correlation(x, y, rng=rng, kind=kind, n_resamples=RESAMPLES, n_permutations=1)
    return found.interval, _ends(found.bootstrap)


def average(x: Any, y: Any, rng: np.random.Generator) -> Ends:
    """Of the average over models."""
    if new:
        return _ends(new.average_over_models(x, y).jackknife)
    return _ends(old.average_over_models(x, y, rng=rng, n_resamples=RESAMPLES).bootstrap)


def partial_average(x: Any, y: Any, z: Any, rng: np.random.Generator) -> tuple[Ends, float]:
    """Of the average of the partial correlations, and its p (NaN where there was none)."""
    if new:
        found = new.average_partial(x, y, [z] * len(x), rng=rng, n_permutations=199)
        return _ends(found.jackknife), float(found.permutation.p)
    singles = [old.partial_correlation(a, b, z) for a, b in zip(x, y, strict=True)]
    averaged = old.average_correlation(
        [one.r for one in singles], [one.n - one.n_covariates for one in singles]
    )
    return averaged.interval, math.nan


def pooled(x: FloatArray, y: FloatArray, effects: str, rng: np.random.Generator) -> Ends:
    """Of the correlation over all rows."""
    models, languages = x.shape
    labels = (
        [f"m{i}" for i in range(models) for _ in range(languages)],
        [f"l{j}" for _ in range(models) for j in range(languages)],
    )
    if new:
        return _ends(
            new.pooled_correlation(x.ravel(), y.ravel(), *labels, effects=effects).jackknife
        )
    found = old.pooled_correlation(
        x.ravel(), y.ravel(), *labels, rng=rng, effects=effects, n_resamples=RESAMPLES
    )
    return _ends(found.bootstrap)


def difference(y: Any, a: Any, b: Any, rng: np.random.Generator) -> tuple[Ends, float]:
    """Of two correlations with y in one model, and Williams' p."""
    if new:
        found = new.compare_correlations(y, a, b, rng=rng, n_permutations=1)
        return found.interval, float(found.williams.p)
    found = old.compare_correlations(y, a, b, rng=rng, n_resamples=RESAMPLES, n_permutations=1)
    return _ends(found.bootstrap), float(found.williams.p)


def difference_of_averages(y: Any, a: Any, b: Any, rng: np.random.Generator) -> Ends:
    """Of two averages over models."""
    if new:
        return joint_difference(y, a, b).interval
    return _ends(joint_difference(y, a, b, rng=rng, n_resamples=RESAMPLES).bootstrap)


def by_family(x: Any, y: Any, families: Sequence[str], rng: np.random.Generator) -> Ends:
    """With families left out; None in c081d09, which had nothing of the kind."""
    if new:
        found = new.correlation(x, y, rng=rng, families=families, n_permutations=1)
        return _ends(found.by_family)
    return None


def permutation(x: Any, y: Any, rng: np.random.Generator) -> float:
    """P of a plain permutation."""
    if new:
        return float(new.correlation(x, y, rng=rng, n_permutations=199).permutation.p)
    return float(old.correlation(x, y, rng=rng, n_resamples=1, n_permutations=199).permutation.p)
