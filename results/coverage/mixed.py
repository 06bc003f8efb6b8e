"""Mixed models: how often a slope that is 0 on average is found, at .05. Needs statsmodels.

    python results/coverage/mixed.py [--repeats 200]

6 models. `slopes differ`: the slope of a language (or model) is drawn with standard deviation .5;
`language alone`: alignment and accuracy are nearly the same in all models, and independent.
"""

from __future__ import annotations

import numpy as np
from versions import FloatArray, new, old, options

MODELS = 6


def draw(case: str, languages: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Alignment and accuracy, `[MODELS, languages]`."""

    def normal(rows: int, columns: int) -> FloatArray:
        return rng.normal(size=(rows, columns))

    if case == "language alone":
        x = normal(1, languages) + 0.2 * normal(MODELS, languages)
        y = normal(1, languages) + 0.2 * normal(MODELS, languages) + normal(MODELS, 1)
        return x, y
    x = normal(MODELS, languages) + normal(1, languages)
    y = normal(MODELS, 1) + normal(1, languages) + 0.5 * normal(MODELS, languages)
    if case == "slopes differ by language":
        y = y + 0.5 * normal(1, languages) * (x - x.mean(axis=0))
    if case == "slopes differ by model":
        y = y + 0.5 * normal(MODELS, 1) * (x - x.mean(axis=1, keepdims=True))
    return x, y


def main() -> None:
    """Prints a line per case."""
    repeats, rng = options(__doc__, 200)
    print("languages  type I  not converged  case")
    for case, languages in (
        ("slopes differ by language", 14),
        ("slopes differ by model", 14),
        ("language alone", 8),
        ("language alone", 14),
        ("slopes are 0", 14),
    ):
        labels = (
            [f"m{i}" for i in range(MODELS) for _ in range(languages)],
            [f"l{j}" for _ in range(MODELS) for j in range(languages)],
        )
        found = []
        for _ in range(repeats):
            x, y = draw(case, languages, rng)
            fit = (new or old).mixed_model(x.ravel(), y.ravel(), *labels)
            found.append((fit.p <= 0.05, not fit.converged))
        rejected, failed = np.mean(found, axis=0)
        print(f"{languages:9d}  {rejected:.3f}  {failed:.3f}  {case}", flush=True)


if __name__ == "__main__":
    main()
