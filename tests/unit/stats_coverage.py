"""How often the intervals of neuronxa_tasks.statistics hold the truth. A report, not a test.

    python tests/unit/stats_coverage.py [--repeats 1000] [--seed 0]

Draws normal data with a known correlation and prints, per n and rho, the share of nominal 95 %
intervals that contain rho: Fisher's, the bootstrap's (BCa) and Fisher's for Spearman (Bonett &
Wright). Below it, ten models over the same languages: the interval that takes them for
independent, and the bootstrap over languages. pytest does not collect this file.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from neuronxa_tasks.statistics import BootstrapInterval, Interval, average_over_models, correlation


def inside(interval: Interval | BootstrapInterval, truth: float) -> float:
    """1 or 0; NaN where there is no interval."""
    if math.isnan(interval.low):
        return math.nan
    return float(interval.low <= truth <= interval.high)


def single(n: int, rho: float, repeats: int, rng: np.random.Generator) -> list[float]:
    hits = []
    # Spearman's rho of a bivariate normal with correlation rho.
    rank_rho = 6 / math.pi * math.asin(rho / 2)
    for _ in range(repeats):
        x, e = rng.normal(size=(2, n))
        y = rho * x + math.sqrt(1 - rho**2) * e
        pearson = correlation(x, y, rng=rng, n_resamples=999, n_permutations=1)
        spearman = correlation(x, y, rng=rng, kind="spearman", n_resamples=1, n_permutations=1)
        hits.append(
            [
                inside(pearson.interval, rho),
                inside(pearson.bootstrap, rho),
                inside(spearman.interval, rank_rho),
            ]
        )
    return np.nanmean(hits, axis=0).tolist()


def several(n: int, models: int, repeats: int, rng: np.random.Generator) -> list[float]:
    """Models that share x and most of y: rho is the same in all, and so is the luck."""
    rho, shared = 0.8, 0.9
    hits = []
    for _ in range(repeats):
        x, common = rng.normal(size=(2, n))
        own = rng.normal(size=(models, n))
        noise = math.sqrt(shared) * common + math.sqrt(1 - shared) * own
        y = rho * x + math.sqrt(1 - rho**2) * noise
        result = average_over_models([x] * models, y, rng=rng, n_resamples=399)
        hits.append([inside(result.average.interval, rho), inside(result.bootstrap, rho)])
    return np.nanmean(hits, axis=0).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    error = math.sqrt(0.95 * 0.05 / options.repeats)
    print(f"{options.repeats} repeats; standard error of a share about {error:.3f}")
    print("   n   rho  fisher    bca  spearman")
    for n in (5, 10, 14, 30, 100):
        for rho in (0.0, 0.5, 0.9):
            shares = single(n, rho, options.repeats, rng)
            print(f"{n:4d} {rho:5.1f}  {shares[0]:6.3f} {shares[1]:6.3f} {shares[2]:9.3f}")
    print("ten models that share their languages, rho 0.8")
    print("   n  independent  bootstrap over languages")
    for n in (14, 30, 100):
        shares = several(n, 10, options.repeats, rng)
        print(f"{n:4d} {shares[0]:12.3f} {shares[1]:25.3f}")


if __name__ == "__main__":
    main()
