from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import compare_correlations, williams_test

Y = [0.55, 0.57, 0.48, 0.49, 0.52, 0.41, 0.43, 0.50, 0.36, 0.42, 0.37, 0.51]
A = [0.91, 0.88, 0.74, 0.69, 0.83, 0.52, 0.41, 0.77, 0.35, 0.60, 0.28, 0.66]
B = [0.62, 0.80, 0.55, 0.61, 0.50, 0.47, 0.52, 0.66, 0.40, 0.39, 0.44, 0.49]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def compare(y, a, b, **options):
    return compare_correlations(y, a, b, rng=rng(), **{"n_permutations": 200, **options})


def test_williams_of_silver_hittner_and_may():
    """Silver, Hittner & May (2006, Applied Psychological Measurement 30, 152-153).

    The example of their program DEPCOR (r_jk = .3, r_jh = .4, r_kh = .5, n = 100), which the R
    package cocor (Diedenhofen & Musch 2015) keeps among its own tests with four decimals.
    """
    result = williams_test(0.3, 0.4, 0.5, 100)
    assert result.df == 97
    assert result.t == pytest.approx(-1.0767, abs=5e-5)
    assert result.p == pytest.approx(0.2843, abs=5e-5)


def test_williams_of_steigers_case_a():
    """Steiger (1980, p. 249, case A); psych::r.test(103, .4, .5, .1) prints t -0.89, p < 0.37."""
    result = williams_test(0.4, 0.5, 0.1, 103)
    assert result.df == 100
    assert round(result.t, 2) == -0.89
    # Steiger's own Z* for the case is -.8913 (the exact value is -.8887): the two are close.
    assert result.t == pytest.approx(-0.8913, abs=0.01)
    assert result.p < 0.38


@pytest.mark.parametrize(
    ("r_jk", "r_jh", "r_kh", "n", "t", "df", "slack"),
    [
        # Printed by R's cocor in public analyses, correlations rounded to four decimals. The
        # slack is what that rounding can move.
        (0.5447, 0.8, 0.0729, 70, -2.8114, 67, 1e-3),
        (0.8066, 0.2383, 0.2255, 177, 9.3823, 174, 5e-3),
        (-0.1741, 0.2015, 0.3734, 646, -9.0340, 643, 5e-3),
    ],
)
def test_williams_of_cocor(r_jk, r_jh, r_kh, n, t, df, slack):
    result = williams_test(r_jk, r_jh, r_kh, n)
    assert result.df == df
    assert result.t == pytest.approx(t, abs=slack)


def test_p_of_cocor():
    # The first of the outputs above prints p-value = 0.0065.
    assert williams_test(0.5447, 0.8, 0.0729, 70).p == pytest.approx(0.0065, abs=1e-4)


def test_williams_by_the_form_of_hotelling():
    """Williams' t written with the matrix itself, as in Graham & Baldwin (2014).

    K = det of the correlation matrix taken by numpy; the same statistic arranged differently.
    """
    r12, r13, r23, n = 0.83, 0.71, 0.64, 14
    matrix = np.array([[1, r12, r13], [r12, 1, r23], [r13, r23, 1]])
    k = np.linalg.det(matrix)
    below = 2 * k * (n - 1) / (n - 3) + (r12 + r13) ** 2 / 4 * (1 - r23) ** 3
    t = (r12 - r13) * math.sqrt((n - 1) * (1 + r23)) / math.sqrt(below)
    result = williams_test(r12, r13, r23, n)
    assert result.t == pytest.approx(t, abs=1e-9)
    assert result.p == pytest.approx(2 * reference.t.sf(abs(t), n - 3), abs=1e-9)


@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.integers(4, 200))
def test_exchanging_the_two_turns_the_sign(r_jk, r_jh, r_kh, n):
    assume(np.linalg.det([[1, r_jk, r_jh], [r_jk, 1, r_kh], [r_jh, r_kh, 1]]) > 1e-6)
    one, other = williams_test(r_jk, r_jh, r_kh, n), williams_test(r_jh, r_jk, r_kh, n)
    assert one.t == pytest.approx(-other.t, abs=1e-9)
    assert one.p == pytest.approx(other.p, abs=1e-12)
    assert 0 <= one.p <= 1


def test_equal_correlations_do_not_differ():
    result = williams_test(0.5, 0.5, 0.3, 20)
    assert (result.t, result.p) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "n", "reason"),
    [
        ((0.5, 0.4, 0.3), 3, "only 3 complete points"),
        ((math.nan, 0.4, 0.3), 20, "missing"),
        ((0.5, 0.5, 1.0), 20, "same up to a linear change"),
    ],
)
def test_no_t_says_why(values, n, reason):
    result = williams_test(*values, n)
    assert math.isnan(result.t)
    assert math.isnan(result.p)
    assert reason in (result.reason or "")


def test_impossible_correlations_are_refused():
    with pytest.raises(NeuronXAError, match="No data have the correlations"):
        williams_test(0.9, -0.9, 0.9, 20)
    with pytest.raises(NeuronXAError, match=r"r_jh is 1\.5"):
        williams_test(0.9, 1.5, 0.9, 20)


def test_the_comparison_takes_its_correlations_from_the_data():
    result = compare(Y, A, B)
    r = np.corrcoef([Y, A, B])
    assert result.r_first == pytest.approx(r[0, 1], abs=1e-12)
    assert result.r_second == pytest.approx(r[0, 2], abs=1e-12)
    assert result.r_between == pytest.approx(r[1, 2], abs=1e-12)
    assert result.difference == pytest.approx(r[0, 1] - r[0, 2], abs=1e-12)
    assert result.williams.t == pytest.approx(
        williams_test(r[0, 1], r[0, 2], r[1, 2], 12).t, abs=1e-9
    )
    assert result.interval.low < result.difference < result.interval.high


def test_the_permutation_equals_a_loop_over_all_exchanges():
    y, a, b = Y[:7], A[:7], B[:7]
    z_a, z_b = reference.zscore(a), reference.zscore(b)
    z_y = reference.zscore(y)
    totals = []
    for swap in itertools.product((False, True), repeat=7):
        first = np.where(swap, z_b, z_a)
        second = np.where(swap, z_a, z_b)
        totals.append(abs(z_y @ first - z_y @ second))
    expected = np.mean([total >= totals[0] - 1e-9 for total in totals])
    result = compare(y, a, b).permutation
    assert (result.method, result.n_permutations) == ("exact", 128)
    assert result.p == pytest.approx(expected, abs=1e-12)


def test_spearman_compares_ranks():
    result = compare(Y, A, B, kind="spearman")
    assert result.r_first == pytest.approx(reference.spearmanr(Y, A).statistic, abs=1e-12)
    assert result.r_between == pytest.approx(reference.spearmanr(A, B).statistic, abs=1e-12)


def test_only_complete_triples_count():
    result = compare([*Y, 0.4, 0.4], [*A, math.nan, 0.4], [*B, 0.2, math.nan])
    assert (result.n, result.n_dropped) == (12, 2)
    assert result.difference == compare(Y, A, B).difference


def test_a_variable_against_itself_has_no_t_but_a_difference_of_zero():
    result = compare(Y, A, A)
    assert result.difference == 0.0
    assert math.isnan(result.williams.t)
    assert result.permutation.p == 1.0
    assert result.interval == (0.0, 0.0)


@pytest.mark.parametrize(
    ("y", "a", "reason"),
    [(Y[:3], A[:3], "only 3 complete points"), ([1.0] * 4, A[:4], "outcome has the same value")],
)
def test_no_difference_says_why(y, a, reason):
    result = compare(y, a, B[: len(y)])
    assert math.isnan(result.difference)
    assert reason in (result.reason or "")
    assert result.n == len(y)


def test_the_same_seed_gives_the_same_result():
    assert compare(Y, A, B) == compare(Y, A, B)
