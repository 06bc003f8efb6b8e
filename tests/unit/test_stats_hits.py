from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import mcnemar, paired_difference, score_interval

hits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def compare(a, b, **options):
    return paired_difference(
        a, b, rng=rng(), **{"n_resamples": 300, "n_permutations": 300, **options}
    )


# --- McNemar ----------------------------------------------------------------------------------


@given(hits)
def test_mcnemar_is_the_binomial_test_of_the_items_that_differ(pairs):
    a, b = zip(*pairs, strict=True)
    result = mcnemar(a, b)
    differing = result.only_a + result.only_b
    fewer = min(result.only_a, result.only_b)
    tail = sum(math.comb(differing, i) for i in range(fewer + 1)) / 2**differing
    assert result.p == pytest.approx(min(1.0, 2 * tail), abs=1e-9)
    assert result.both + result.only_a + result.only_b + result.neither == result.n == len(a)
    assert mcnemar(b, a).p == result.p


def test_mcnemar_by_hand():
    a = [1] * 10 + [0] * 2 + [1] * 5 + [0] * 3
    b = [0] * 10 + [1] * 2 + [1] * 5 + [0] * 3
    result = mcnemar(a, b)
    assert (result.both, result.only_a, result.only_b, result.neither) == (5, 10, 2, 3)
    # 2 * (C(12,0) + C(12,1) + C(12,2)) / 2^12
    assert result.p == pytest.approx(2 * (1 + 12 + 66) / 4096, abs=1e-12)


def test_mcnemar_without_items_has_no_p():
    result = mcnemar([], [])
    assert math.isnan(result.p)
    assert result.n == 0


def test_mcnemar_refuses_what_is_no_hit():
    with pytest.raises(NeuronXAError, match=r"hits_b holds 0.5"):
        mcnemar([0, 1], [0.5, 1])
    with pytest.raises(NeuronXAError, match="2 and 3 items"):
        mcnemar([0, 1], [0, 1, 1])
    with pytest.raises(NeuronXAError, match="shape"):
        mcnemar([[0, 1]], [[0, 1]])


# --- paired difference ------------------------------------------------------------------------


def test_the_permutation_equals_a_loop_over_all_exchanges():
    a = np.array([1, 1, 1, 0, 1, 0, 1, 1, 0, 1])
    b = np.array([0, 1, 0, 0, 1, 1, 0, 0, 0, 1])
    observed = abs(a.sum() - b.sum())
    totals = [
        abs(np.where(swap, b, a).sum() - np.where(swap, a, b).sum())
        for swap in itertools.product((False, True), repeat=10)
    ]
    result = compare(a, b)
    assert result.permutation.p == pytest.approx(np.mean(np.array(totals) >= observed), abs=1e-12)
    assert result.permutation.method == "exact"
    # For hits, exchanging is McNemar's test.
    assert result.permutation.p == pytest.approx(mcnemar(a, b).p, abs=1e-12)


def test_the_bootstrap_agrees_with_scipy():
    a, b = rng(1).integers(0, 2, size=(2, 100))
    theirs = reference.bootstrap(
        (a - b,), np.mean, n_resamples=20_000, method="percentile", rng=rng(2)
    ).confidence_interval
    ours = compare(a, b, n_resamples=20_000).bootstrap
    assert ours.low == pytest.approx(theirs.low, abs=0.011)
    assert ours.high == pytest.approx(theirs.high, abs=0.011)


def test_matrices_compare_the_mean_over_layers():
    a, b = rng(3).integers(0, 2, size=(8, 50)), rng(4).integers(0, 2, size=(12, 50))
    result = compare(a, b)
    assert result.difference == pytest.approx(a.mean() - b.mean(), abs=1e-12)
    assert result == compare(a.mean(axis=0), b.mean(axis=0))


def test_the_same_system_twice_does_not_differ():
    result = compare([0, 1, 1, 0, 1], [0, 1, 1, 0, 1])
    assert result.difference == 0.0
    assert result.permutation.p == 1.0
    # Up to q of the items could differ, by up to 1 either way.
    q = 1 - 0.025 ** (1 / 5)
    assert (result.bootstrap.low, result.bootstrap.high) == pytest.approx((-q, q))
    assert (result.bootstrap.method, result.reason) == ("bound", None)


def test_equal_differences_above_one_have_no_bound():
    result = compare([3, 3, 3], [0, 0, 0])
    assert math.isnan(result.bootstrap.low)
    assert "by more than 1" in (result.reason or "")


def test_no_items_have_no_difference():
    result = compare([], [])
    assert math.isnan(result.difference)
    assert result.reason == "no items"


@settings(max_examples=50, deadline=None)
@given(hits)
def test_exchanging_the_systems_turns_the_sign(pairs):
    a, b = zip(*pairs, strict=True)
    one, other = compare(a, b), compare(b, a)
    assert one.difference == pytest.approx(-other.difference, abs=1e-12)
    assert one.permutation == other.permutation
    if one.reason is None:
        assert one.bootstrap.low == pytest.approx(-other.bootstrap.high, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ([0.5, math.nan], [0, 1], "scores_a holds NaN"),
        ([0, 1, 1], [0, 1], "3 and 2 items"),
        (["a", "b"], [0, 1], "scores_a has the type"),
        (np.zeros((0, 3)), [0, 1, 1], "shape"),
    ],
)
def test_bad_items_are_refused(a, b, told):
    with pytest.raises(NeuronXAError, match=told):
        compare(a, b)


# --- interval of a score ----------------------------------------------------------------------


def test_the_score_is_the_mean_and_the_maximum_over_layers():
    matrix = rng(5).integers(0, 2, size=(6, 80))
    result = score_interval(matrix, rng=rng(), n_resamples=200)
    assert result.score == pytest.approx(matrix.mean(), abs=1e-12)
    assert result.score_max == pytest.approx(matrix.mean(axis=1).max(), abs=1e-12)
    assert result.standard_error == pytest.approx(reference.sem(matrix.mean(axis=0)), abs=1e-12)
    assert (result.n, result.layers) == (80, 6)


def test_the_bootstrap_equals_a_loop_over_the_same_draws():
    matrix = rng(6).integers(0, 2, size=(5, 30))
    result = score_interval(matrix, rng=rng(7), n_resamples=250)
    means, tops = [], []
    for draw in rng(7).integers(0, 30, size=(250, 30)):
        rates = [np.mean([layer[i] for i in draw]) for layer in matrix]
        means.append(np.mean(rates))
        tops.append(max(rates))
    for ours, naive in ((result.bootstrap, means), (result.bootstrap_max, tops)):
        expected = np.quantile(naive, [0.025, 0.975])
        assert (ours.low, ours.high) == pytest.approx(tuple(expected), abs=1e-9)


def test_layers_that_hit_together_are_less_sure_than_layers_that_do_not():
    one = rng(8).integers(0, 2, size=(1, 100))
    copies = score_interval(np.repeat(one, 20, axis=0), rng=rng(), n_resamples=500)
    fresh = score_interval(rng(9).integers(0, 2, size=(20, 100)), rng=rng(), n_resamples=500)
    assert copies.standard_error > 3 * fresh.standard_error
    single = score_interval(one, rng=rng(), n_resamples=500)
    assert copies.bootstrap.low == pytest.approx(single.bootstrap.low, abs=1e-12)


@pytest.mark.parametrize("value", [0, 1])
def test_where_all_are_alike_the_interval_is_the_exact_bound(value):
    result = score_interval(np.full((4, 20), value), rng=rng(), n_resamples=50)
    assert result.score == value
    exact = reference.binomtest(20 * value, 20).proportion_ci(0.95, method="exact")
    for found in (result.bootstrap, result.bootstrap_max):
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
        assert found.method == "bound"


def test_no_sentences_have_no_score():
    result = score_interval(np.zeros((4, 0)), rng=rng())
    assert math.isnan(result.score)
    assert (result.n, result.layers, result.reason) == (0, 4, "no sentences")
