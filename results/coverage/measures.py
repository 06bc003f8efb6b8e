"""Measures of two languages: what noise gives, how often intervals hold, what a bootstrap adds.

    python results/coverage/measures.py [--repeats 200]

n = 100 sentence pairs, 400 neurons. `noise`: two independent languages, mean of the measure and its
standard deviation; chance is what docs/measures.md says. `related`: both languages are 20 common
directions and more noise of their own; `held` is how often the interval of a run holds the mean of
all repeats, and `wide` its mean width. `bootstrap`: the mean of the measure computed again on
sentences drawn with replacement, less the measure; `of repeated` is that over the standard
deviation, the bias that an ordinary bootstrap would have.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

from neuronxa_tasks.alignment.intervals import metric_intervals
from neuronxa_tasks.alignment.layer_pair import layer_pair
from neuronxa_tasks.alignment.measuring import measure
from neuronxa_tasks.names import MEASURES, measure_metric

Floats = NDArray[np.float64]
N, WIDTH, COMMON = 100, 400, 20
NAMES = [name for name in MEASURES if not measure(name).counts]
NOISE = 2.5
DRAWS = 30


def values(one: Floats, other: Floats) -> dict[str, Floats]:
    """Metric -> [n], of every measure that needs vectors alone."""
    pair = layer_pair(torch.from_numpy(one), torch.from_numpy(other))
    return {measure_metric(name, "nas"): measure(name).values(pair) for name in NAMES}


def related(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two languages with the same 20 directions, and more noise of their own."""
    common = rng.normal(size=(N, COMMON))
    directions = np.random.default_rng(0).normal(size=(COMMON, WIDTH)) / np.sqrt(COMMON)
    one, other = (common @ directions + NOISE * rng.normal(size=(N, WIDTH)) for _ in range(2))
    return one, other


def biased_cka(one: Floats, other: Floats) -> float:
    """With the usual estimator of HSIC (Kornblith et al. 2019)."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    within = np.linalg.norm(one @ one.T) * np.linalg.norm(other @ other.T)
    return float(((one @ one.T) * (other @ other.T)).sum() / within)


def main() -> None:
    """Prints a line per measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(1)
    of_noise: dict[str, list[float]] = {}
    for _ in range(repeats):
        one, other = rng.normal(size=(2, N, WIDTH))
        for name, each in values(one, other).items():
            of_noise.setdefault(name, []).append(float(each.mean()))
        of_noise.setdefault("biased CKA", []).append(biased_cka(one, other))
    found: dict[str, list[float]] = {}
    ends: dict[str, list[tuple[float, float]]] = {}
    repeated: dict[str, list[float]] = {}
    for repeat in range(repeats):
        one, other = related(rng)
        now = values(one, other)
        for name, interval in metric_intervals(now).items():
            found.setdefault(name, []).append(float(now[name].mean()))
            ends.setdefault(name, []).append(interval or (np.nan, np.nan))
        if repeat < repeats // 20:
            for _ in range(DRAWS):
                drawn = rng.integers(0, N, N)
                for name, again in values(one[drawn], other[drawn]).items():
                    moved = float(again.mean() - now[name].mean())
                    repeated.setdefault(name, []).append(moved)
    print("measure        noise  (sd)    related (sd)    held  wide   bootstrap  of repeated")
    for name, noise in of_noise.items():
        line = f"{name.removesuffix('_nas'):13s} {np.mean(noise):6.3f} ({np.std(noise):.3f})"
        if name in found:
            truth, spread = np.mean(found[name]), np.std(found[name])
            low, high = np.array(ends[name]).T
            held = np.mean((low <= truth) & (truth <= high))
            bias = np.mean(repeated[name])
            line += f" {truth:7.3f} ({spread:.3f})   {held:.3f}  {np.mean(high - low):.3f}"
            line += f"  {bias:9.3f}  {bias / spread:11.1f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
