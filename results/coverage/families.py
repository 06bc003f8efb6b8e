"""Related languages: how often independent scores seem to correlate, at .05.

    python results/coverage/families.py [--repeats 500]

The languages are those of four benchmarks, with their families and genera. Half of the variance
given as `related` is common to a family, half to a genus; alignment and accuracy are independent
of each other. `family, rho .6` is how often the interval by family holds a correlation of .6.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from versions import FloatArray, by_family, holds, options, permutation, single

try:
    from neuronxa_tasks.text.languages import benchmark_languages

    MMLU = "m_mmlu"
except ImportError:
    from neuronxa_tasks.languages import benchmark_languages

    MMLU = "mmmlu"  # its name in c081d09


def draw(rows: list[Any], related: float, rng: np.random.Generator) -> FloatArray:
    """Values that families and genera share in part, `[languages]`."""

    def effect(kind: str) -> FloatArray:
        values = {label: rng.normal() for label in sorted({getattr(r, kind) for r in rows})}
        return np.array([values[getattr(row, kind)] for row in rows])

    return np.asarray(
        math.sqrt(related / 2) * (effect("family") + effect("genus"))
        + math.sqrt(1 - related) * rng.normal(size=len(rows))
    )


def main() -> None:
    """Prints a line per benchmark and share."""
    repeats, rng = options(__doc__, 500)
    print("benchmark  languages  families  related  permutation  languages  families  "
          "family, rho .6")  # fmt: skip
    for benchmark in ("xstorycloze", "xnli", MMLU, "belebele"):
        rows = [row for row in benchmark_languages(benchmark).values() if row.code != "eng_Latn"]
        families = [row.family for row in rows]
        for related in (0.0, 0.25, 0.5, 0.8):
            out = []
            for _ in range(repeats):
                x, y = draw(rows, related, rng), draw(rows, related, rng)
                apart = by_family(x, y, families, rng)
                both = by_family(x, 0.6 * x + 0.8 * y, families, rng)
                out.append(
                    (
                        permutation(x, y, rng) <= 0.05,
                        1 - holds(single(x, y, rng)[1], 0.0),
                        1 - holds(apart, 0.0),
                        holds(both, 0.6),
                    )
                )
            columns = np.array(out, dtype=float).T
            told = "  ".join(
                f"{np.nanmean(c):.3f}" if np.isfinite(c).any() else "–" for c in columns
            )
            print(
                f"{benchmark}  {len(rows)}  {len(set(families))}  {related:.2f}  {told}", flush=True
            )


if __name__ == "__main__":
    main()
