"""Pairs within and between groups against loops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import WithinBetween, within_between

LABELS = ("a", "a", "a", "b", "b", "c")


def similarity(seed: int, n: int = 6, boost: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = np.triu(rng.random((n, n)), 1)
    matrix: np.ndarray = half + half.T
    for i, j in itertools.permutations(range(n), 2):
        matrix[i, j] += boost * (LABELS[i] == LABELS[j])
    np.fill_diagonal(matrix, np.nan)
    return matrix


def compare(
    matrix: np.ndarray, labels: Sequence[Hashable] = LABELS, seed: int = 1, **options: int
) -> WithinBetween:
    settings = {"n_resamples": 999, "n_permutations": 999} | options
    return within_between(matrix, labels, rng=np.random.default_rng(seed), **settings)


def loop(matrix: np.ndarray, labels: tuple[str, ...]) -> tuple[list[float], list[float]]:
    kinds: tuple[list[float], list[float]] = ([], [])
    for i, j in itertools.combinations(range(len(labels)), 2):
        kinds[labels[i] != labels[j]].append(matrix[i, j])
    return kinds


@given(st.integers(0, 10**6))
def test_means_against_a_loop(seed: int) -> None:
    matrix = similarity(seed)
    within, between = loop(matrix, LABELS)
    found = compare(matrix, n_resamples=20, n_permutations=20)
    assert found.within == pytest.approx(np.mean(within))
    assert found.between == pytest.approx(np.mean(between))
    assert found.difference == pytest.approx(np.mean(within) - np.mean(between))
    assert (found.n, found.n_within, found.n_between) == (6, len(within), len(between))


@pytest.mark.parametrize(("seed", "boost"), [(0, 0.0), (3, 0.3), (4, 1.0)])
def test_p_against_all_orders_of_the_labels(seed: int, boost: float) -> None:
    matrix = similarity(seed, boost=boost)
    found = compare(matrix, n_permutations=5000)
    differences = []
    for labels in itertools.permutations(LABELS):
        within, between = loop(matrix, labels)
        differences.append(abs(np.mean(within) - np.mean(between)))
    exact = np.mean([each >= abs(found.difference) - 1e-12 for each in differences])
    assert found.p == pytest.approx(exact, abs=0.03)


def test_interval_against_a_loop() -> None:
    n = 14
    labels = [i % 3 for i in range(n)]
    matrix = np.full((n, n), np.nan)
    rng = np.random.default_rng(5)
    for i, j in itertools.combinations(range(n), 2):
        matrix[i, j] = matrix[j, i] = rng.random() + 0.4 * (labels[i] == labels[j])
    found = compare(matrix, labels, n_resamples=6000)
    differences = []
    for _ in range(2000):
        drawn = rng.integers(n, size=n)
        kinds: tuple[list[float], list[float]] = ([], [])
        for i, j in itertools.combinations(drawn, 2):
            if i != j:
                kinds[labels[i] != labels[j]].append(matrix[i, j])
        differences.append(np.mean(kinds[0]) - np.mean(kinds[1]))
    low, high = np.quantile(differences, [0.025, 0.975])
    assert found.interval.low == pytest.approx(low, abs=0.02)
    assert found.interval.high == pytest.approx(high, abs=0.02)
    assert found.interval.low < found.difference < found.interval.high


def test_the_order_of_the_things_changes_no_mean() -> None:
    matrix = similarity(8)
    order = np.random.default_rng(0).permutation(6)
    found, turned = (
        compare(matrix),
        compare(matrix[np.ix_(order, order)], [LABELS[i] for i in order]),
    )
    assert (found.within, found.between) == pytest.approx((turned.within, turned.between))


@pytest.mark.parametrize(
    ("labels", "reason"), [("aaaaaa", "between groups"), ("abcdef", "within a group")]
)
def test_one_kind_of_pair_alone(labels: str, reason: str) -> None:
    found = compare(similarity(2), list(labels))
    assert reason in str(found.reason)
    assert math.isnan(found.difference)
    assert math.isnan(found.p)
    assert math.isnan(found.within) is (reason == "within a group")


def test_what_is_no_similarity_is_refused() -> None:
    matrix = similarity(2)
    with pytest.raises(NeuronXAError, match=r"shape \(6, 6\), but there are 5 labels"):
        compare(matrix, LABELS[:5])
    matrix[0, 1] = 7.0
    with pytest.raises(NeuronXAError, match="not symmetric"):
        compare(matrix)
