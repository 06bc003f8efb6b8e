"""The measures that a run asks for, of every layer of two languages."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from neuronxa_tasks.alignment.layer_pair import Active, Floats, Measure, layer_pair
from neuronxa_tasks.names import SCORES, measure_metric
from neuronxa_tasks.schema import MeasuresBlock
from neuronxa_tasks.states.vectors import SentenceVectors


@cache
def measure(name: str) -> Measure:
    """The measure of a name, see `names.MEASURES`."""
    found = importlib.import_module(f"{__package__}.measures.{name}").MEASURE
    assert isinstance(found, Measure)
    return found


@dataclass(frozen=True)
class Measured:
    """What the measures say of two languages.

    Attributes:
        block: For the results file.
        values: Metric, such as `cka_nas` -> [n], whose mean is the mean over the layers that have
            the number; absent where none has it.
    """

    block: MeasuresBlock = field(default_factory=dict)
    values: dict[str, Floats] = field(default_factory=dict)


def measured(
    names: Sequence[str],
    pivot: SentenceVectors,
    target: SentenceVectors,
    orders: Sequence[NDArray[np.int64]] = (),
) -> list[Measured]:
    """Compute measures, a layer at a time.

    Args:
        names: Of measures.
        pivot: Vectors of the pivot.
        target: Of the target, line-parallel, from the same encoder.
        orders: Further orders of the target's sentences, [n] each.

    Returns:
        What is found of the pairs, then of the pairs of each of `orders`.
    """
    found = [Measured({name: {} for name in names}) for _ in range(1 + len(orders))]
    for representation in SCORES.values():
        chosen = [name for name in names if representation in measure(name).representations]
        if not chosen:
            continue
        layers: list[list[list[Floats]]] = []
        counts = any(measure(name).counts for name in chosen)
        for place, (one, other) in enumerate(
            zip(getattr(pivot, representation), getattr(target, representation), strict=True)
        ):
            active = (_active(pivot, place), _active(target, place)) if counts else ()
            pair = layer_pair(one, other, active)
            pairs = [pair, *(pair.paired(order) for order in orders)]
            layers.append([[measure(name).values(each) for name in chosen] for each in pairs])
        for which, each in enumerate(found):
            for place, name in enumerate(chosen):
                _add(each, name, representation, np.stack([of[which][place] for of in layers]))
    return found


def _active(vectors: SentenceVectors, place: int) -> Active:
    return vectors.active[place], torch.tensor(vectors.tokens, dtype=torch.float64)


def _add(found: Measured, name: str, representation: str, values: Floats) -> None:
    """Add the values [L, n] of one measure of one representation."""
    found.block[name][representation] = _numbers(values)
    known = ~np.isnan(values).any(axis=1)
    if known.any():
        found.values[measure_metric(name, representation)] = values[known].mean(axis=0)


def _numbers(values: Floats) -> list[float | None]:
    means: Sequence[float] = values.mean(axis=1).tolist()
    return [None if math.isnan(value) else value for value in means]
