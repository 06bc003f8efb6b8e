from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import expected_rate, survival


def naive(b: int, n: int, m: int) -> float:
    """Share of the choices of m - 1 others in which none of the first b is chosen."""
    choices = list(itertools.combinations(range(n - 1), m - 1))
    return sum(all(other >= b for other in chosen) for chosen in choices) / len(choices)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_survival_equals_a_loop_over_all_choices(n):
    for m in range(1, n + 1):
        expected = [naive(b, n, m) for b in range(n)]
        assert survival(range(n), m, n=n) == pytest.approx(expected, abs=1e-12)


def test_survival_at_the_sizes_of_real_runs():
    for n, m in ((100, 50), (1012, 100), (2000, 100)):
        b = np.arange(0, n, 37)
        expected = [math.comb(n - 1 - i, m - 1) / math.comb(n - 1, m - 1) for i in b.tolist()]
        assert survival(b, m, n=n) == pytest.approx(expected, abs=1e-11)


def test_the_expected_score_equals_all_smaller_matrices():
    """Every choice of m of n sentences, scored anew from its own similarity matrix."""
    rng = np.random.default_rng(0)
    n, m = 8, 5
    similarity = rng.normal(size=(n, n)) + 1.5 * np.eye(n)

    def rivals(matrix):
        own = np.diag(matrix)[:, None]
        either = (matrix >= own) | (own <= matrix.T)
        return either.sum(axis=1) - 1

    rates = [
        np.mean(rivals(similarity[np.ix_(chosen, chosen)]) == 0)
        for chosen in itertools.combinations(range(n), m)
    ]
    assert expected_rate(rivals(similarity), m) == pytest.approx(np.mean(rates), abs=1e-12)


def test_all_sentences_give_the_observed_hits_exactly():
    rivals = np.array([[0, 3, 0, 1], [2, 0, 0, 0]])
    assert survival(rivals, 4).tolist() == [[1, 0, 1, 0], [0, 1, 1, 1]]
    assert expected_rate(rivals, 4).tolist() == [0.5, 0.75]


def test_one_sentence_alone_is_always_a_hit():
    assert survival([0, 1, 2, 3], 1).tolist() == [1, 1, 1, 1]


@given(st.integers(2, 60), st.data())
def test_fewer_sentences_never_lower_the_rate(n, data):
    rivals = data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    rates = [float(expected_rate(rivals, m)) for m in range(1, n + 1)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert all(few >= many - 1e-12 for few, many in itertools.pairwise(rates))


def test_no_sentences_have_no_rate():
    assert np.isnan(expected_rate(np.zeros((3, 0)), 1)).tolist() == [True] * 3


@pytest.mark.parametrize(
    ("rivals", "m", "told"),
    [
        ([0, 1, 2], 4, "only 1 to n = 3"),
        ([0, 1, 2], 0, "m = 0"),
        ([0, 1, 3], 2, r"has 3.0 rivals"),
        ([0, -1, 2], 2, r"has -1.0 rivals"),
        ([0, 0.5, 2], 2, r"has 0.5 rivals"),
        ([0, math.nan, 2], 2, "nan"),
        (["a", "b"], 1, "whole numbers"),
    ],
)
def test_impossible_counts_are_refused(rivals, m, told):
    with pytest.raises(NeuronXAError, match=told):
        survival(rivals, m)


def test_a_single_count_needs_its_n():
    with pytest.raises(NeuronXAError, match="Pass n"):
        survival(2, 3)
    assert survival(2, 3, n=5) == pytest.approx(naive(2, 5, 3))
