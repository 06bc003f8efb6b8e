"""How often the intervals over sentences hold the truth. A report, not a test.

    python results/coverage/sentences.py [one | group] [--repeats 1000] [--seed 0]

`one`, of one language: draws n pairs of vectors, a meaning plus noise on either side, aligns them,
and prints the share of nominal 95 % intervals (`sentence_intervals`) that contain the score of a
very long run. New pairs are drawn with new rivals each time, so what the interval leaves out, the
other candidates, counts against it.

`group`, of the mean over languages that have the same sentences, some of which are hard in all of
them: `joint_intervals`; the interval that the harness' stderr of a group gives, which takes the
languages for independent; and `joint_intervals` of the difference between two models on these
sentences.
"""

from __future__ import annotations

import argparse
import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.alignment.hits import Alignment, align
from neuronxa_tasks.statistics.sentences import joint_intervals, sentence_intervals

LAYERS, WIDTH = 4, 20
LANGUAGES = 10
FloatArray: TypeAlias = NDArray[np.float64]


def draw(n: int, noise: float, rng: np.random.Generator) -> Alignment:
    """One language, aligned."""
    meaning = rng.standard_normal((n, WIDTH))
    sides = [
        [meaning + noise * rng.standard_normal((n, WIDTH)) for _ in range(LAYERS)] for _ in range(2)
    ]
    return align(sides[0], sides[1])


def draw_group(n: int, noise: float, rng: np.random.Generator) -> FloatArray:
    """[2, LANGUAGES, n] shares of layers: two models that see the same sentences."""
    hardness = np.exp(0.7 * rng.standard_normal((n, 1)))
    models = []
    for scale in (noise, 1.3 * noise):
        pivot = rng.standard_normal((n, WIDTH))
        spread = rng.standard_normal((LANGUAGES, LAYERS, n, WIDTH))
        cosines = _unit(pivot) @ _unit(pivot + scale * hardness * spread).swapaxes(-1, -2)
        own = np.diagonal(cosines, axis1=-2, axis2=-1)
        best = (cosines.max(axis=-1) == own) & (cosines.max(axis=-2) == own)  # never a tie
        models.append(best.mean(axis=1))
    return np.array(models)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def one(repeats: int, rng: np.random.Generator) -> None:
    """Prints a line per n and noise."""
    print("   n  noise  score  coverage")
    for n in (20, 50, 100, 200):
        for noise in (2.0, 1.0, 0.5):
            truth = np.mean([draw(n, noise, rng).mean for _ in range(4 * repeats)])
            held: list[bool] = []
            for _ in range(repeats):
                interval = sentence_intervals({"x": draw(n, noise, rng).shares})["x"]
                held.append(_holds(interval, float(truth)))
            print(f"{n:4d} {noise:6.1f} {truth:6.3f} {np.mean(held):9.3f}")


def group(repeats: int, rng: np.random.Generator) -> None:
    """Prints a line per n and noise."""
    print(f"{LANGUAGES} languages")
    print("   n  noise   mean  joint  harness  difference  joint")
    texts = [0] * LANGUAGES
    for n in (50, 100):
        for noise in (1.5, 0.8):
            truth = np.mean(
                [draw_group(n, noise, rng).mean(axis=(1, 2)) for _ in range(repeats)], 0
            )
            held: list[tuple[bool, bool, bool]] = []
            for _ in range(repeats):
                a, b = draw_group(n, noise, rng)
                ends = joint_intervals({"mean": a, "difference": a - b}, texts)
                error = math.sqrt((a.var(axis=1, ddof=1) / n).sum()) / LANGUAGES
                held.append(
                    (
                        _holds(ends["mean"], truth[0]),
                        abs(a.mean() - truth[0]) <= 1.96 * error,
                        _holds(ends["difference"], truth[0] - truth[1]),
                    )
                )
            joint, harness, difference = np.mean(held, axis=0)
            print(
                f"{n:4d} {noise:6.1f} {truth[0]:6.3f} {joint:6.3f} {harness:8.3f} "
                f"{truth[0] - truth[1]:11.3f} {difference:6.3f}"
            )


def _holds(ends: tuple[float, float] | None, truth: float) -> bool:
    return ends is not None and ends[0] <= truth <= ends[1]


def main() -> None:
    """Prints one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("part", nargs="?", choices=["one", "group"], default="one")
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    error = math.sqrt(0.95 * 0.05 / options.repeats)
    print(f"{options.repeats} repeats; standard error of a share about {error:.3f}")
    run = one if options.part == "one" else group
    run(options.repeats, np.random.default_rng(options.seed))


if __name__ == "__main__":
    main()
