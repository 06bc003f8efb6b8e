from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import (
    dummy_code,
    fisher_interval,
    partial_correlation,
    stack_covariates,
)

X = [0.91, 0.88, 0.74, 0.69, 0.83, 0.52, 0.41, 0.77, 0.35, 0.60, 0.28, 0.66]
Y = [0.55, 0.57, 0.48, 0.49, 0.52, 0.41, 0.43, 0.50, 0.36, 0.42, 0.37, 0.51]
Z1 = [1.0, 1.1, 1.4, 1.3, 1.2, 2.1, 2.4, 1.5, 3.0, 1.9, 3.6, 1.6]
Z2 = [5.2, 5.0, 4.1, 4.4, 4.9, 2.2, 2.6, 4.0, 1.1, 3.3, 1.4, 3.1]


def table(*columns):
    return np.column_stack(columns)


@pytest.mark.parametrize(
    ("kind", "covariates", "r", "p", "interval"),
    [
        # pingouin 0.7.0 (scipy 1.17.1), in an environment of its own:
        #   pingouin.partial_corr(frame, "x", "y", covar=["z1", ...], method=kind)
        # Its r and p are given in full, its intervals with two decimals.
        ("pearson", [Z1], 0.5831478648581726, 0.059694096314954946, (-0.03, 0.88)),
        ("pearson", [Z1, Z2], 0.3925707179302263, 0.26180643557848204, (-0.31, 0.82)),
        ("spearman", [Z1], 0.38696469940593825, 0.23971246383457756, None),
        ("spearman", [Z1, Z2], 0.388295720582062, 0.2675001743006553, None),
    ],
)
def test_goldens_of_pingouin(kind, covariates, r, p, interval):
    result = partial_correlation(X, Y, table(*covariates), kind=kind)
    assert result.r == pytest.approx(r, abs=1e-9)
    assert result.p == pytest.approx(p, abs=1e-9)
    assert result.df == 12 - 2 - len(covariates)
    if interval is not None:
        assert tuple(round(end, 2) for end in result.interval) == interval


def test_one_covariate_by_the_textbook_formula():
    r = np.corrcoef([X, Y, Z1])
    r_xy, r_xz, r_yz = r[0, 1], r[0, 2], r[1, 2]
    expected = (r_xy - r_xz * r_yz) / math.sqrt((1 - r_xz**2) * (1 - r_yz**2))
    assert partial_correlation(X, Y, Z1).r == pytest.approx(expected, abs=1e-12)


def test_two_covariates_by_the_inverse_of_the_correlation_matrix():
    inverse = np.linalg.inv(np.corrcoef([X, Y, Z1, Z2]))
    expected = -inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1])
    assert partial_correlation(X, Y, table(Z1, Z2)).r == pytest.approx(expected, abs=1e-12)


def test_the_interval_loses_one_point_per_covariate():
    r = partial_correlation(X, Y, table(Z1, Z2))
    z, half = math.atanh(r.r), reference.norm.ppf(0.975) / math.sqrt(12 - 2 - 3)
    assert r.interval == pytest.approx((math.tanh(z - half), math.tanh(z + half)), abs=1e-12)


def test_no_covariate_is_the_plain_correlation():
    result = partial_correlation(X, Y, np.empty((12, 0)))
    plain = reference.pearsonr(X, Y)
    assert result.r == pytest.approx(plain.statistic, abs=1e-12)
    assert result.p == pytest.approx(plain.pvalue, abs=1e-12)
    assert result.interval == pytest.approx(fisher_interval(plain.statistic, 12), abs=1e-12)


def test_columns_that_add_nothing_cost_nothing_and_are_counted():
    redundant = table(Z1, np.full(12, 7.0), 2 * np.array(Z1) - 3)
    result = partial_correlation(X, Y, redundant)
    assert (result.n_covariates, result.n_redundant, result.df) == (1, 2, 9)
    assert result.r == pytest.approx(partial_correlation(X, Y, Z1).r, abs=1e-9)


def test_a_confound_that_makes_both_is_taken_out():
    rng = np.random.default_rng(0)
    resource = rng.normal(size=5000)
    x, y = resource + rng.normal(size=(2, 5000))
    assert reference.pearsonr(x, y).statistic > 0.45
    assert abs(partial_correlation(x, y, resource).r) < 0.05


def test_rows_with_nan_anywhere_are_dropped_and_counted():
    result = partial_correlation([*X, 0.5, 0.6], [*Y, math.nan, 0.4], table([*Z1, 1.0, math.nan]))
    assert (result.n, result.n_dropped) == (12, 2)
    assert result.r == pytest.approx(partial_correlation(X, Y, Z1).r, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "covariates", "reason"),
    [
        (3, [Z1[:3]], "only 3 complete points"),
        (5, [Z1[:5], Z2[:5]], "2 independent covariates leave 5 points without degrees"),
        (12, [X], "the covariates explain x completely"),
        (12, [Y, Z1], "the covariates explain y completely"),
    ],
)
def test_no_partial_correlation_says_why(n, covariates, reason):
    result = partial_correlation(X[:n], Y[:n], table(*covariates))
    assert math.isnan(result.r)
    assert math.isnan(result.p)
    assert math.isnan(result.interval.low)
    assert result.n == n
    assert reason in (result.reason or "")


def test_a_constant_outcome_says_why():
    result = partial_correlation(X, [0.5] * 12, Z1)
    assert math.isnan(result.r)
    assert result.reason == "y has the same value in all 12 points"


def test_covariates_of_another_length_are_refused():
    with pytest.raises(NeuronXAError, match="covariate 0 has 5"):
        partial_correlation(X, Y, Z1[:5])
    with pytest.raises(NeuronXAError, match="5 rows"):
        partial_correlation(X, Y, np.empty((5, 0)))


column = st.lists(st.floats(-5, 5, width=16), min_size=9, max_size=9)


@settings(deadline=None)
@given(column, column, column, st.sampled_from(["pearson", "spearman"]))
def test_partial_correlation_is_symmetric_and_bounded(x, y, z, kind):
    one = partial_correlation(x, y, z, kind=kind)
    other = partial_correlation(y, x, z, kind=kind)
    if one.reason is None:
        assert -1 <= one.r <= 1
        if abs(one.r) < 1:
            assert -1 <= one.interval.low <= one.r <= one.interval.high <= 1
        assert one.r == pytest.approx(other.r, abs=1e-9)
    else:
        assert math.isnan(other.r)


@settings(deadline=None)
@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_the_scale_of_the_covariate_does_not_matter(factor, shift):
    moved = partial_correlation(X, Y, factor * np.array(Z1) + shift)
    assert moved.r == pytest.approx(partial_correlation(X, Y, Z1).r, abs=1e-9)


# --- labels -----------------------------------------------------------------------------------


def test_dummy_code_by_hand():
    code = dummy_code(["Latn", "Cyrl", "Latn", None, "Arab", "Latn", "Cyrl", "Latn"])
    assert code.reference == "Latn"
    assert code.columns == ("Arab", "Cyrl")
    assert code.singletons == ("Arab",)
    assert code.missing.tolist() == [False, False, False, True, False, False, False, False]
    expected = [[0, 0], [0, 1], [0, 0], None, [1, 0], [0, 0], [0, 1], [0, 0]]
    for row, wanted in zip(code.matrix, expected, strict=True):
        if wanted is None:
            assert np.isnan(row).all()
        else:
            assert row.tolist() == wanted


def test_adjusting_for_a_label_is_correlating_within_its_groups():
    script = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    x, y = np.array(X), np.array(Y)
    for start in (0, 4, 8):
        x[start : start + 4] -= x[start : start + 4].mean()
        y[start : start + 4] -= y[start : start + 4].mean()
    result = partial_correlation(X, Y, dummy_code(script).matrix)
    assert result.r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
    assert result.df == 12 - 2 - 2


def test_the_choice_of_reference_does_not_matter():
    script = ["a"] * 4 + ["b"] * 5 + ["c"] * 3
    other = [{"a": "b", "b": "a", "c": "c"}[label] for label in script]
    assert (dummy_code(script).reference, dummy_code(other).reference) == ("b", "a")
    one = partial_correlation(X, Y, dummy_code(script).matrix)
    two = partial_correlation(X, Y, dummy_code(other).matrix)
    assert one.r == pytest.approx(two.r, abs=1e-12)


def test_one_level_adjusts_for_nothing():
    assert dummy_code(["Latn"] * 6).matrix.shape == (6, 0)


def test_labels_that_saturate_are_refused():
    with pytest.raises(NeuronXAError, match="family has 5 levels in 7 labelled rows"):
        dummy_code(["a", "b", "c", "d", "e", "a", "b"], name="family")


@pytest.mark.parametrize(
    ("labels", "told"), [([None, ""], "no label in any of 2"), ([1, 2, 3, 4], "only texts")]
)
def test_labels_that_are_none_are_refused(labels, told):
    with pytest.raises(NeuronXAError, match=told):
        dummy_code(labels)


def test_covariates_stand_side_by_side():
    script = dummy_code(["a"] * 7 + ["b"] * 5).matrix
    assert stack_covariates(Z1, script, Z2).shape == (12, 3)
    assert stack_covariates(Z1, script, Z2)[:, 1].tolist() == [0.0] * 7 + [1.0] * 5
    with pytest.raises(NeuronXAError, match=r"\[3, 12\] rows"):
        stack_covariates(Z1, Z2[:3])
