"""What a measure sees: one layer of two languages; and what a measure is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuronxa_tasks.alignment.hits import TIE
from neuronxa_tasks.states.memory import side_by_side

Floats: TypeAlias = NDArray[np.float64]

Active: TypeAlias = tuple[Tensor, Tensor]
"""Tokens at which each neuron is active, [n, F], and tokens, [n]."""

NEIGHBOURS = 10
"""k of every measure that looks at nearest neighbours."""


@dataclass(frozen=True)
class LayerPair:
    """The vectors of n sentence pairs in one layer, and their inner products.

    The products are computed once for all measures: three matrix products, of which one is what
    the scores need, too.

    Attributes:
        pivot: The pivot's vectors, [n, F].
        target: The target's, line-parallel.
        within: Inner products of a language's sentences with each other, [n, n], for each of both.
        across: Inner products of each pivot sentence (rows) with each target sentence, [n, n].
        active: For both languages the number of tokens at which each neuron is active, [n, F], and
            the number of tokens, [n]; empty unless a measure needs them.
    """

    pivot: Tensor
    target: Tensor
    within: tuple[Floats, Floats]
    across: Floats
    active: tuple[Active, ...] = ()

    @property
    def n(self) -> int:
        """Number of sentence pairs."""
        return len(self.across)

    @property
    def vectors(self) -> tuple[Tensor, Tensor]:
        """The pivot's and the target's, in float64."""
        return _doubles(self.pivot, self.target)

    @cached_property
    def cosines(self) -> Floats:
        """[n, n], pivot in rows, target in columns; 0 with a vector of zeros."""
        return self.across / np.outer(*map(_norms, self.within))

    @cached_property
    def cosines_within(self) -> tuple[Floats, Floats]:
        """[n, n] of each language's sentences with each other."""
        one, other = (each / np.outer(_norms(each), _norms(each)) for each in self.within)
        return one, other

    @cached_property
    def centred(self) -> tuple[Floats, Floats]:
        """`within` after the mean vector of each language is taken away; zeros where all are it."""
        one, other = (_centred(each) for each in self.within)
        return one, other

    @cached_property
    def rivals(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[n] each: sentences as near as the true one, among the targets and among the pivots."""
        own = self.cosines.diagonal()
        row = np.count_nonzero(self.cosines >= own[:, None] - TIE, axis=1) - 1
        column = np.count_nonzero(self.cosines >= own[None, :] - TIE, axis=0) - 1
        return row, column

    def paired(self, order: NDArray[np.int64]) -> LayerPair:
        """The same vectors with the target's sentences in another order, [n]."""
        at = torch.from_numpy(order)
        return LayerPair(
            self.pivot,
            self.target[at.to(self.target.device)],
            (self.within[0], self.within[1][np.ix_(order, order)]),
            self.across[:, order],
            (
                *self.active[:1],
                *((of[at.to(of.device)], tokens[at]) for of, tokens in self.active[1:]),
            ),
        )


def layer_pair(pivot: Tensor, target: Tensor, active: tuple[Active, ...] = ()) -> LayerPair:
    """Prepare one layer.

    Args:
        pivot: [n, F], any float dtype, on any device.
        target: [n, F].
        active: See `LayerPair`.
    """
    pivot, target = side_by_side(pivot, target)
    one, other = _doubles(pivot, target)
    within = (_products(one, one), _products(other, other))
    return LayerPair(pivot, target, within, _products(one, other), active)


@dataclass(frozen=True, slots=True)
class Measure:
    """How alike the vectors of two languages are, as one number per layer.

    Attributes:
        values: [n], one value per sentence, whose mean is the number; NaN where there is none. A
            number of all sentences at once gives its `influence`.
        least: Sentence pairs that it needs.
        lowest: Least value that is possible; the greatest is 1.
        representations: What it is computed of.
        counts: Whether it needs `LayerPair.active`.
    """

    values: Callable[[LayerPair], Floats]
    least: int
    lowest: float = 0.0
    representations: tuple[str, ...] = ("nas", "nav", "hidden")
    counts: bool = False


def influence(value: float, without: Floats) -> Floats:
    """One value per sentence for a number that only all sentences together have.

    value + (n - 1) (mean of the leave-one-out numbers - the one without this sentence). Their mean
    is the number itself, and the standard error of that mean is the jackknife's (Efron & Tibshirani
    1993, section 11.2). So no sentence is ever there twice, as it would be in a bootstrap sample,
    which raises CKA and its relatives.

    Args:
        value: Of all sentences.
        without: [n], without each of them; NaN counts as no influence.
    """
    if not np.isfinite(value):
        return np.full(len(without), np.nan)
    known = np.isfinite(without)
    if not known.any():
        return np.full(len(without), value)
    away = np.where(known, np.mean(without[known]) - without, 0.0)
    return np.asarray(value + (len(without) - 1) * away)


def _doubles(pivot: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if pivot.device.type == "mps":  # has no float64
        pivot, target = pivot.cpu(), target.cpu()
    return pivot.to(torch.float64), target.to(torch.float64)


def _products(one: Tensor, other: Tensor) -> Floats:
    found: Floats = (one @ other.T).cpu().numpy()
    return found


def _norms(products: Floats) -> Floats:
    norms = np.sqrt(products.diagonal())
    return np.where(norms > 0, norms, 1.0)


def _centred(products: Floats) -> Floats:
    rows = products.mean(axis=0)
    centred = products - rows - rows[:, None] + rows.mean()
    rounding = TIE * float(np.abs(products.diagonal()).max())
    return centred if float(centred.diagonal().max()) > rounding else np.zeros_like(centred)
