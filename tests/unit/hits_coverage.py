"""How often the intervals over sentences hold the truth. A report, not a test.

    python tests/unit/hits_coverage.py [--repeats 1000] [--seed 0]

Draws n pairs of vectors, a meaning plus noise on either side, aligns them, and prints the share of
nominal 95 % intervals (`sentence_intervals`) that contain the score of a very long run. New pairs
are drawn with new rivals each time, so what the interval leaves out, the other candidates, counts
against it. pytest does not collect this file.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from neuronxa_tasks.alignment import Alignment, align
from neuronxa_tasks.intervals import sentence_intervals

LAYERS, WIDTH = 4, 20


def draw(n: int, noise: float, rng: np.random.Generator) -> Alignment:
    meaning = rng.standard_normal((n, WIDTH))
    sides = [
        [meaning + noise * rng.standard_normal((n, WIDTH)) for _ in range(LAYERS)] for _ in range(2)
    ]
    return align(*sides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    error = math.sqrt(0.95 * 0.05 / options.repeats)
    print(f"{options.repeats} repeats; standard error of a share about {error:.3f}")
    print("   n  noise  score  coverage")
    for n in (20, 50, 100, 200):
        for noise in (2.0, 1.0, 0.5):
            truth = np.mean([draw(n, noise, rng).mean for _ in range(4 * options.repeats)])
            held = []
            for _ in range(options.repeats):
                interval = sentence_intervals({"x": draw(n, noise, rng).shares})["x"]
                held.append(interval is not None and interval[0] <= truth <= interval[1])
            print(f"{n:4d} {noise:6.1f} {truth:6.3f} {np.mean(held):9.3f}")


if __name__ == "__main__":
    main()
