"""RankC: how well two languages agree on the ranking of the same candidates.

Qi, Fernández, Bisazza, "Cross-Lingual Consistency of Factual Knowledge in Multilingual Language
Models", EMNLP 2023: for a query with N candidates

    sum over j = 1..N of w_j * |top-j of language 1 and top-j of language 2| / j,
    w = softmax over j of (N - j + 1),

and RankC is the mean over queries. Candidates are matched by their index. It says nothing about
which candidate is right.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuronxa_tasks.errors import NeuronXAError

Losses = dict[int, NDArray[np.float64]]
"""Id of a query -> loss of each candidate."""


class RankC(NamedTuple):
    """Agreement of two languages.

    Attributes:
        value: Mean over queries, in (0, 1]; NaN where n is 0.
        n: Number of queries that both languages have with finite losses.
        left_out: Number of queries that only one has, or whose losses are not finite.
    """

    value: float
    n: int
    left_out: int


def consistency(losses1: ArrayLike, losses2: ArrayLike) -> float:
    """Return the agreement of two rankings of the same candidates.

    Equal losses have no order. They are taken as ordered at random, in each language on its own,
    and the result is the expected value: two languages that rank nothing do not agree by the order
    in which the candidates are listed. Without ties this is the published formula.

    Args:
        losses1: N finite numbers, the loss of each candidate; lower is better.
        losses2: The same for the other language.

    Returns:
        A number in (0, 1]; 1 for equal rankings.

    Raises:
        NeuronXAError: Different or zero numbers of candidates, or a loss that is not finite.
    """
    first, second = (np.asarray(losses, dtype=np.float64) for losses in (losses1, losses2))
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise NeuronXAError(
            f"Rankings of shape {first.shape} and {second.shape} cannot be compared: each must be "
            "a list of one loss per candidate, of the same length. Take files of one release."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise NeuronXAError(
            "A candidate has a loss that is not finite, so the candidates have no ranking. Run the "
            "model in a wider dtype, or leave the query out."
        )
    ranks = np.arange(1, first.size + 1)
    overlap = (_in_top(first, ranks) * _in_top(second, ranks)).sum(axis=0)
    weights = np.exp(-ranks.astype(np.float64))  # softmax of N - j + 1, up to a common factor
    return float(weights @ (overlap / ranks) / weights.sum())


def rankc(losses1: Losses, losses2: Losses) -> RankC:
    """Return RankC of two languages over the queries that both have.

    Args:
        losses1: Losses by query id.
        losses2: The same for the other language.

    Raises:
        NeuronXAError: A query has different numbers of candidates in the two languages.
    """
    values: list[float] = []
    for query in sorted(losses1.keys() & losses2.keys()):
        first, second = losses1[query], losses2[query]
        if first.shape != second.shape:
            raise NeuronXAError(
                f"Query {query} has {first.size} candidates in one language and {second.size} in "
                "the other, so they cannot be matched. Take files of one release."
            )
        if np.isfinite(first).all() and np.isfinite(second).all():
            values.append(consistency(first, second))
    left_out = len(losses1.keys() | losses2.keys()) - len(values)
    return RankC(float(np.mean(values)) if values else math.nan, len(values), left_out)


def _in_top(losses: NDArray[np.float64], ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Chance of each candidate (row) to be among the best j (column), ties in random order."""
    better = (losses[None, :] < losses[:, None]).sum(axis=1)
    equal = (losses[None, :] == losses[:, None]).sum(axis=1)
    places = (ranks[None, :] - better[:, None]) / equal[:, None]
    clipped: NDArray[np.float64] = np.clip(places, 0.0, 1.0)
    return clipped
