"""How often intervals of one model hold the truth: r, rho, and the difference of two r.

    python results/coverage/single.py [--repeats 1000]

`type I` is at .05, where the two correlations are equal: of the interval (0 outside) and of
Williams' test.
"""

from __future__ import annotations

import math

import numpy as np
from versions import difference, holds, noise, options, single


def correlations(repeats: int, rng: np.random.Generator) -> None:
    """Coverage of r and rho."""
    print("values  n  rho  r: Fisher  r: languages  rho: Fisher  rho: languages")
    for kind in ("normal", "skewed"):
        for n in (6, 8, 10, 14, 20, 30):
            for rho in (0.0, 0.5, 0.8):
                held = []
                # Spearman's rho of a bivariate normal; of the skewed values nobody has a formula.
                ranked = 6 / math.pi * math.asin(rho / 2) if kind == "normal" else math.nan
                for _ in range(repeats):
                    x = noise(kind, rng, n)
                    y = rho * x + math.sqrt(1 - rho**2) * noise(kind, rng, n)
                    row = [holds(ends, rho) for ends in single(x, y, rng)]
                    if not math.isnan(ranked):
                        row += [holds(ends, ranked) for ends in single(x, y, rng, "spearman")]
                    else:
                        row += [math.nan, math.nan]
                    held.append(row)
                columns = np.array(held).T
                told = "  ".join(
                    f"{np.nanmean(c):9.3f}" if np.isfinite(c).any() else "        –"
                    for c in columns
                )
                print(f"{kind}  {n:2d}  {rho:.1f}  {told}", flush=True)


def differences(repeats: int, rng: np.random.Generator) -> None:
    """Coverage and type I of the difference of two r."""
    print("two scores with one outcome")
    print("values  n  r1  r2  r12  coverage  type I: interval  Williams")
    for kind in ("normal", "skewed"):
        for n in (8, 14, 30):
            for r1, r2, r12 in (
                (0.0, 0.0, 0.5),
                (0.5, 0.5, 0.9),
                (0.8, 0.8, 0.9),
                (0.8, 0.5, 0.7),
                (0.8, 0.7, 0.9),
            ):
                root = np.linalg.cholesky([[1, r1, r2], [r1, 1, r12], [r2, r12, 1]])
                held = []
                for _ in range(repeats):
                    y, a, b = root @ noise(kind, rng, 3, n)
                    ends, p = difference(y, a, b, rng)
                    held.append((holds(ends, r1 - r2), holds(ends, 0.0), float(p <= 0.05)))
                covered, zero, williams = np.nanmean(held, axis=0)
                told = f"{1 - zero:.3f}  {williams:.3f}" if r1 == r2 else "–  –"
                print(f"{kind}  {n:2d}  {r1}  {r2}  {r12}  {covered:.3f}  {told}", flush=True)


def ends_by_seed(rng: np.random.Generator) -> None:
    """One sample of ten languages: the lower end with four seeds."""
    x = rng.normal(size=10)
    y = 0.7 * x + 0.7 * rng.normal(size=10)
    lower = [single(x, y, np.random.default_rng(seed))[1] for seed in range(4)]
    print("lower end by seed: " + ", ".join(f"{ends[0]:.3f}" for ends in lower if ends))


def main() -> None:
    """Prints three tables."""
    repeats, rng = options(__doc__, 1000)
    correlations(repeats, rng)
    differences(repeats, rng)
    ends_by_seed(rng)


if __name__ == "__main__":
    main()
