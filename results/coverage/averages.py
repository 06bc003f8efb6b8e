"""How often intervals over several models hold the truth: averages, partial averages, pooled.

    python results/coverage/averages.py [--repeats 400]

Models see the same languages: 90 % of the variance of alignment and accuracy over languages is
common to all of them. rho is the correlation over languages, and the partial one. `type I` is of
the partial average's p at .05, where rho is 0.
"""

from __future__ import annotations

import math

import numpy as np
from versions import (
    FloatArray,
    average,
    difference_of_averages,
    holds,
    noise,
    options,
    partial_average,
    pooled,
)

COMMON = 0.9


def draw(
    kind: str, models: int, languages: int, rho: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """X and y of `[models, languages]`."""

    def pair(rows: int) -> tuple[FloatArray, FloatArray]:
        x = noise(kind, rng, rows, languages)
        return x, rho * x + math.sqrt(1 - rho**2) * noise(kind, rng, rows, languages)

    (a, b), (e, f) = pair(1), pair(models)
    return (
        math.sqrt(COMMON) * a + math.sqrt(1 - COMMON) * e,
        math.sqrt(COMMON) * b + math.sqrt(1 - COMMON) * f,
    )


def main() -> None:
    """Prints a line per setting."""
    repeats, rng = options(__doc__, 400)
    names = ["average", "partial, 1 number", "partial, 4 labels", "type I", "pooled, model"]
    names += ["pooled, both", "difference"]
    print("values  models  languages  rho  " + "  ".join(names))
    for kind in ("normal", "skewed"):
        for models, languages in ((5, 6), (5, 8), (5, 14), (14, 14), (5, 30)):
            for rho in (0.0, 0.5, 0.8):
                if kind == "skewed" and (languages < 8 or rho == 0.5):
                    continue
                held = []
                for _ in range(repeats):
                    x, y = draw(kind, models, languages, rho, rng)
                    other, _ = draw(kind, models, languages, rho, rng)
                    other = 0.8 * x + 0.6 * other  # so it correlates by .8 rho with y
                    number = rng.normal(size=(languages, 1))
                    labels = (np.arange(languages) % 4)[:, None] == np.arange(1, 4)
                    given, p = partial_average(x, y, number, rng)
                    row = [holds(average(x, y, rng), rho), holds(given, rho)]
                    if languages >= 10:
                        row.append(holds(partial_average(x, y, labels * 1.0, rng)[0], rho))
                    else:
                        row.append(math.nan)
                    row.append(float(p <= 0.05) if rho == 0.0 and not math.isnan(p) else math.nan)
                    row += [holds(pooled(x, y, each, rng), rho) for each in
                            ("model", "model+language")]  # fmt: skip
                    row.append(holds(difference_of_averages(y, x, other, rng), 0.2 * rho))
                    held.append(row)
                shares = [np.nanmean(column) if np.isfinite(column).any() else math.nan
                          for column in np.array(held).T]  # fmt: skip
                told = "  ".join(
                    f"{share:.3f}".rjust(len(name)).replace("nan", "  –")
                    for share, name in zip(shares, names, strict=True)
                )
                print(f"{kind}  {models:6d}  {languages:9d}  {rho:3.1f}  {told}", flush=True)


if __name__ == "__main__":
    main()
