"""How to estimate, and which cell was named beforehand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.cells import Pair, Study, Variable

Record = dict[str, Any]
"""One line of a table: column to text, number (NaN: not computable), truth value or None."""


@dataclass(frozen=True, slots=True)
class Primary:
    """The cell that was named before the results were seen.

    Attributes:
        y: label or benchmark of the outcome.
        x: label or metric of what explains it.
        model: one model; None where the average over models is the primary result.
    """

    y: str
    x: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to estimate.

    Attributes:
        seed: of every random draw; each test has its own stream, derived from its names.
        resamples: bootstrap resamples, and random permutations, of each test.
        confidence: level of all intervals.
        primary: see `Primary`.
        mixed_model: fit mixed models, too (needs statsmodels).
    """

    seed: int = 0
    resamples: int = 9999
    confidence: float = 0.95
    primary: Primary | None = None
    mixed_model: bool = False

    def stream(self, *names: str) -> np.random.Generator:
        """The random numbers of one test: another test more or less does not change them."""
        digest = hashlib.sha256("\x1f".join(names).encode()).digest()
        words = np.frombuffer(digest, dtype="<u4").tolist()
        return np.random.default_rng([self.seed, *words])


def is_named(pair: Pair, primary: Primary | None) -> bool:
    """Whether the primary cell is of this pair; between benchmarks the order does not matter."""
    if primary is None:
        return False

    def means(variable: Variable, text: str) -> bool:
        short = variable.metric if variable.kind == "alignment" else variable.benchmark
        return text in (variable.label, short)

    straight = means(pair.y, primary.y) and means(pair.x, primary.x)
    turned = means(pair.x, primary.y) and means(pair.y, primary.x)
    return straight or (turned and pair.x.kind == "benchmark")


def check_primary(study: Study, primary: Primary | None) -> None:
    """Refuses a primary cell that the study does not have, or has more than once.

    Raises:
        NeuronXAError: see above; the message lists what there is.
    """
    if primary is None:
        return
    found = [pair for pair in study.pairs if is_named(pair, primary)]
    named = f"{primary.y}:{primary.x}"
    if not found:
        cells = ", ".join(f"{pair.y.label}:{pair.x.label}" for pair in study.pairs)
        raise NeuronXAError(
            f"--primary is {named!r}, which is no cell here. There are {cells or 'none: no score '}"
            f"{'' if cells else 'has a benchmark to stand against'}."
        )
    if len(found) > 1:
        cells = ", ".join(f"{pair.y.label}:{pair.x.label}" for pair in found)
        raise NeuronXAError(
            f"--primary is {named!r}, which means {len(found)} cells ({cells}), and only one can "
            "be primary. Write one of these."
        )
    if primary.model is not None and primary.model not in found[0].models():
        raise NeuronXAError(
            f"--primary names the model {primary.model!r}, but {named} has "
            f"{', '.join(found[0].models())}. Write one of these, or no model."
        )


def primary_model(pair: Pair, primary: Primary | None) -> str | None:
    """The model whose single test is primary, if there is one."""
    if primary is None or not is_named(pair, primary):
        return None
    if primary.model is not None:
        return primary.model
    return pair.models()[0] if len(pair.models()) == 1 else None
