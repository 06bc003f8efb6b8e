"""Leaderboard: how often any two equal models are put in an order, at .05 for all pairs at once.

    python results/coverage/ranks.py [--repeats 400]

Languages differ with a standard deviation of 1. `equal`: all models are equal, and differ by luck
(.3) in each language; `uneven`: some by .1 and some by .6; `skewed`: exponential. `pairs`: models
in equal pairs, each pair .15 above the next, and `found` is the share of the unequal pairs that
are told apart.
"""

from __future__ import annotations

import numpy as np
from versions import noise, old, options

try:
    from neuronxa_tasks.reports.boards.ranks import rank_models
except ImportError:
    from neuronxa_tasks.leaderboard.ranks import rank_models


def told_apart(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`[m, m]`: the model of the row is better for sure than that of the column."""
    if old:
        from neuronxa_tasks.leaderboard.ranks import _resampled_means, _told_apart

        return _told_apart(scores, _resampled_means(scores, rng, 799), 0.95)
    found = rank_models(scores, rng=rng, n_resamples=1)
    return (found.adjusted_p <= 0.05) & (found.means[:, None] > found.means[None, :])


def main() -> None:
    """Prints a line per number of models and languages."""
    repeats, rng = options(__doc__, 400)
    print("models  languages  equal  uneven  skewed  pairs  found")
    for models, languages in ((14, 6), (14, 8), (14, 10), (8, 6), (8, 8), (14, 14), (30, 14)):
        row = []
        found = 0.0
        for case in ("equal", "uneven", "skewed", "pairs"):
            wrong = 0
            level = 0.15 * (np.arange(models) // 2) if case == "pairs" else np.zeros(models)
            spread = np.full(models, 0.3)
            if case == "uneven":
                spread = np.where(np.arange(models) % 2, 0.6, 0.1)
            kind = "skewed" if case == "skewed" else "normal"
            for _ in range(repeats):
                own = spread[:, None] * noise(kind, rng, models, languages)
                scores = rng.normal(size=languages) + own + level[:, None]
                better = told_apart(scores, rng)
                right = level[:, None] > level[None, :] + 1e-9
                wrong += bool((better & ~right).any())
                if case == "pairs":
                    found += float(better[right].mean()) / repeats
            row.append(wrong / repeats)
        told = "  ".join(f"{share:.3f}" for share in [*row, found])
        print(f"{models}  {languages}  {told}", flush=True)


if __name__ == "__main__":
    main()
