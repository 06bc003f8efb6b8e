from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import average_correlation, correlation, fisher_interval
from neuronxa_tasks.statistics.correlation import rowwise_correlation
from neuronxa_tasks.statistics.resampling import exchange_p

X = [0.91, 0.88, 0.74, 0.69, 0.83, 0.52, 0.41, 0.77, 0.35, 0.60, 0.28, 0.66]
Y = [0.55, 0.57, 0.48, 0.49, 0.52, 0.41, 0.43, 0.50, 0.36, 0.42, 0.37, 0.51]

# Multiples of 1/64 keep sums exact, so that a property can ask for more than closeness.
value = st.integers(-640, 640).map(lambda i: i / 64)
columns = st.integers(4, 12).flatmap(
    lambda n: st.tuples(
        st.lists(value, min_size=n, max_size=n), st.lists(value, min_size=n, max_size=n)
    )
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def quick(x, y, **options):
    return correlation(x, y, rng=rng(), **{"n_permutations": 200, **options})


# --- against independent implementations -------------------------------------------------------


def test_pearson_and_its_interval_equal_scipy():
    ours = quick(X, Y)
    theirs = reference.pearsonr(X, Y)
    low, high = theirs.confidence_interval(0.95)
    assert ours.r == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.interval == pytest.approx((low, high), abs=1e-12)
    assert (ours.n, ours.n_dropped, ours.reason) == (12, 0, None)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_the_interval_at_other_levels_equals_scipy(confidence):
    low, high = reference.pearsonr(X, Y).confidence_interval(confidence)
    assert quick(X, Y, confidence=confidence).interval == pytest.approx((low, high), abs=1e-12)


def test_spearman_with_ties_equals_scipy():
    x, y = [1, 2, 2, 3, 3, 3, 7, 8], [2, 1, 4, 4, 3, 9, 9, 8]
    assert quick(x, y, kind="spearman").r == pytest.approx(
        reference.spearmanr(x, y).statistic, abs=1e-12
    )


def test_the_interval_of_spearman_is_that_of_bonett_and_wright():
    rho, n = 0.6, 28
    half = reference.norm.ppf(0.975) * math.sqrt((1 + 0.6**2 / 2) / (28 - 3))
    expected = (math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))
    assert fisher_interval(rho, n, kind="spearman") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
@pytest.mark.parametrize("n", [4, 5, 6, 7])
def test_exact_p_equals_a_loop_over_all_orders(kind, n):
    x, y = X[:n], Y[3 : 3 + n]
    of = reference.pearsonr if kind == "pearson" else reference.spearmanr
    observed = abs(of(x, y).statistic)
    orders = list(itertools.permutations(y))
    extreme = sum(abs(of(x, order).statistic) >= observed - 1e-12 for order in orders)
    permutation = quick(x, y, kind=kind).permutation
    assert permutation.method == "exact"
    assert permutation.n_permutations == math.factorial(n)
    assert permutation.p == pytest.approx(extreme / len(orders), abs=1e-12)


def test_monte_carlo_p_agrees_with_scipy_within_its_error():
    x, y = X, Y[5:] + Y[:5]
    ours = correlation(x, y, rng=rng(1), n_permutations=20_000).permutation
    theirs = reference.permutation_test(
        (y,),
        lambda order: abs(reference.pearsonr(x, order).statistic),
        permutation_type="pairings",
        n_resamples=4000,
        alternative="greater",
        rng=rng(2),
    )
    error = math.sqrt(ours.p * (1 - ours.p) * (1 / 20_000 + 1 / 4000))
    assert ours.method == "monte carlo"
    assert abs(ours.p - theirs.pvalue) < 4 * error


def test_monte_carlo_p_counts_the_observed_order_and_is_never_zero():
    x = np.arange(12.0)
    permutation = correlation(x, x, rng=rng(), n_permutations=99).permutation
    assert permutation.p == pytest.approx(1 / 100)


def test_rowwise_correlation_equals_a_loop():
    a, b = rng(6).normal(size=(2, 50, 9))
    naive = [np.corrcoef(row_a, row_b)[0, 1] for row_a, row_b in zip(a, b, strict=True)]
    assert rowwise_correlation(a, b) == pytest.approx(naive, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e200])
def test_tiny_and_huge_values_do_not_overflow(scale):
    scaled = quick(np.array(X) * scale, Y)
    assert scaled.r == pytest.approx(reference.pearsonr(X, Y).statistic, abs=1e-12)


# --- no r -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_fewer_than_four_points_give_nan_n_and_a_reason(n):
    result = quick(X[:n], Y[:n])
    assert math.isnan(result.r)
    assert result.n == n
    assert result.reason == f"only {n} complete points; a correlation needs at least 4"
    assert math.isnan(result.interval.low)
    assert math.isnan(result.jackknife.low)
    assert math.isnan(result.permutation.p)
    assert result.permutation.method == "none"


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
@pytest.mark.parametrize("name", ["x", "y"])
def test_a_constant_column_gives_nan_n_and_a_reason(kind, name):
    # Summed in another order, 0.1 + 0.2 and 0.3 differ by rounding only.
    flat = [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3]
    pair = {"x": X[:5], "y": Y[:5], name: flat}
    result = quick(pair["x"], pair["y"], kind=kind)
    assert math.isnan(result.r)
    assert result.n == 5
    assert result.reason == f"{name} has the same value in all 5 points"


def test_pairs_with_nan_are_dropped_and_counted():
    x = [*X, math.nan, 0.5, None]
    y = [*Y, 0.4, math.nan, math.nan]
    result = quick(x, y)
    assert (result.n, result.n_dropped) == (12, 3)
    assert result.r == quick(X, Y).r


def test_a_perfect_line_gives_one():
    result = quick(X, [3 * v - 1 for v in X])
    assert result.r == 1.0
    assert result.interval == (1.0, 1.0)
    assert "no finite Fisher z" in (result.jackknife.reason or "")


def test_points_that_happen_to_be_in_order_claim_no_certainty():
    result = quick(X[:5], [math.exp(v) for v in X[:5]], kind="spearman")
    assert result.r == 1.0
    assert math.isnan(result.interval.low)
    assert math.isnan(result.jackknife.low)
    assert result.permutation.p == 2 / 120


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        ([1, 2, 3, math.inf], [1, 2, 3, 4], "x is infinite in row 3"),
        ([1, 2, 3, 4], [1, 2, 3], "x has 4, y has 3 rows"),
        (["0.5", "0.6", "0.1", "0.2"], [1, 2, 3, 4], "x holds '0.5', which is no number"),
        ([1, 2, 3, "n/a"], [1, 2, 3, 4], "which is no number"),
        ([[1, 2, 3, 4]], [1, 2, 3, 4], r"x has the shape \(1, 4\)"),
        ([1j, 2, 3, 4], [1, 2, 3, 4], "which is no number"),
    ],
)
def test_bad_columns_are_refused_by_name(x, y, told):
    with pytest.raises(NeuronXAError, match=told):
        quick(x, y)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"kind": "kendall"}, "'kendall'"),
        ({"confidence": 95}, "confidence level is 95"),
        ({"n_permutations": 0}, "n_permutations is 0"),
    ],
)
def test_bad_options_are_refused(option, told):
    with pytest.raises(NeuronXAError, match=told):
        quick(X, Y, **option)


def test_a_percentage_is_no_correlation():
    with pytest.raises(NeuronXAError, match=r"lie in \[-1, 1\]"):
        fisher_interval(93.2, 14)


# --- determinism ------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_result_and_another_a_different_one():
    def run(seed):
        return correlation(X, Y[3:] + Y[:3], rng=rng(seed), n_permutations=500)

    assert run(1).permutation == run(1).permutation
    assert run(1).permutation != run(2).permutation
    assert run(1).jackknife.low == run(2).jackknife.low  # nothing is drawn for it


# --- properties -------------------------------------------------------------------------------


def _varies(column):
    return len(set(column)) > 1


@settings(max_examples=60, deadline=None)
@given(columns, st.sampled_from(["pearson", "spearman"]))
def test_r_is_symmetric_and_bounded(pair, kind):
    x, y = pair
    assume(_varies(x) and _varies(y))
    one, other = (quick(*order, kind=kind, n_permutations=20) for order in ((x, y), (y, x)))
    assert one.r == pytest.approx(other.r, abs=1e-12)
    if abs(one.r) < 1:
        assert -1 <= one.interval.low <= one.r <= one.interval.high <= 1
        if one.jackknife.reason is None:
            assert -1 <= one.jackknife.low <= one.r <= one.jackknife.high <= 1
            assert one.jackknife.low == pytest.approx(other.jackknife.low, abs=1e-9)
    assert 0 < one.permutation.p <= 1


@settings(max_examples=60, deadline=None)
@given(columns, st.floats(0.01, 100), st.floats(-50, 50), st.booleans())
def test_r_does_not_see_scale_and_shift_and_turns_with_the_sign(pair, factor, shift, flip):
    x, y = pair
    assume(_varies(x) and _varies(y))
    sign = -1 if flip else 1
    moved = rowwise_correlation(sign * factor * np.array(x) + shift, np.array(y))
    assert moved == pytest.approx(sign * rowwise_correlation(np.array(x), np.array(y)), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(columns, st.randoms())
def test_the_order_of_the_languages_does_not_matter(pair, random):
    x, y = pair
    assume(_varies(x) and _varies(y))
    order = list(range(len(x)))
    random.shuffle(order)
    moved = rowwise_correlation(np.array(x)[order], np.array(y)[order])
    assert moved == pytest.approx(rowwise_correlation(np.array(x), np.array(y)), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(columns)
def test_spearman_only_sees_the_order(pair):
    x, y = pair
    assume(_varies(x) and _varies(y))
    bent = rowwise_correlation(np.array(x) ** 3, np.array(y), "spearman")
    assert bent == pytest.approx(
        rowwise_correlation(np.array(x), np.array(y), "spearman"), abs=1e-12
    )


@given(st.floats(-0.999, 0.999), st.integers(4, 200))
def test_intervals_shrink_with_n_and_widen_with_confidence(r, n):
    low, high = fisher_interval(r, n)
    more_low, more_high = fisher_interval(r, n + 1)
    wide_low, wide_high = fisher_interval(r, n, confidence=0.99)
    assert wide_low <= low <= more_low <= r <= more_high <= high <= wide_high


# --- averages ---------------------------------------------------------------------------------


def test_average_by_hand():
    r, n = [0.9, 0.5, -0.2], [14, 20, 9]
    z = [math.atanh(v) for v in r]
    mean = (11 * z[0] + 17 * z[1] + 6 * z[2]) / 34
    result = average_correlation(r, n)
    assert result.r == pytest.approx(math.tanh(mean), abs=1e-12)
    assert (result.count, result.n_total, result.n_skipped) == (3, 43, 0)


def test_the_average_of_one_is_that_one():
    assert average_correlation([0.7], [14]).r == pytest.approx(0.7, abs=1e-12)


def test_missing_correlations_are_skipped_and_counted():
    result = average_correlation([0.9, math.nan, 0.5], [14, 2, 20])
    assert (result.count, result.n_skipped) == (2, 1)
    assert result.r == average_correlation([0.9, 0.5], [14, 20]).r


@pytest.mark.parametrize(
    ("r", "reason"),
    [([math.nan], "no correlation to average"), ([0.5, 1.0], "has no finite Fisher z")],
)
def test_no_average_says_why(r, reason):
    result = average_correlation(r, [14] * len(r))
    assert math.isnan(result.r)
    assert reason in (result.reason or "")


@pytest.mark.parametrize(
    ("r", "n", "told"),
    [
        ([1.2], [14], "1.2"),
        ([0.5], [3], "n = 3.0"),
        ([0.5], [7.5], "7.5"),
        ([0.5], [7, 8], "own n"),
    ],
)
def test_impossible_averages_are_refused(r, n, told):
    with pytest.raises(NeuronXAError, match=told):
        average_correlation(r, n)


# --- exchange of signs ------------------------------------------------------------------------


def test_exchange_p_equals_a_loop_over_all_signs():
    differences = np.array([0.5, -0.25, 1.0, 0.0, 0.125, 0.75])
    observed = abs(differences.sum())
    totals = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=6)]
    expected = np.mean([total >= observed - 1e-12 for total in totals])
    assert exchange_p(differences, rng(), 10).p == pytest.approx(expected, abs=1e-12)


def test_exchange_p_does_not_depend_on_the_unit():
    differences = np.array([0.5, -0.25, 1.0, 0.0, 0.125, 0.75])
    assert exchange_p(differences * 1e-15, rng(), 10) == exchange_p(differences, rng(), 10)


def test_random_signs_agree_with_all_signs_within_monte_carlo_error():
    differences = rng(10).normal(0.3, 1, size=14)
    exact = exchange_p(differences, rng(), 1)
    # A 15th difference that is tiny beside the others moves to the Monte Carlo branch.
    random = exchange_p(np.append(differences, 1e-9), rng(11), 20_000)
    assert (exact.method, random.method) == ("exact", "monte carlo")
    assert random.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p * (1 - exact.p) / 20_000))


# --- more shuffles where p is small -----------------------------------------------------------


def test_shuffling_goes_on_where_p_is_small():
    few = correlation(X, Y, rng=rng(), n_permutations=99, finest=20_000).permutation
    assert few.n_permutations == 20_000
    assert few.p < 1 / 100  # what 99 shuffles could say
    many = correlation(X, Y[5:] + Y[:5], rng=rng(), n_permutations=99, finest=20_000).permutation
    assert many.n_permutations == 99


def test_two_stages_keep_the_level():
    """P(p <= u) <= u at every u, over all counts of a uniform p: exact, by the binomial."""
    first, last = 19, 199
    for u in (0.01, 0.05, 0.3, 0.52, 0.55, 0.6, 0.9):
        # Under the null the share of shuffles as extreme is uniform; average over a fine grid.
        shares = (np.arange(400) + 0.5) / 400
        total = 0.0
        for share in shares:
            early = np.arange(first + 1)
            chance = reference.binom.pmf(early, first, share)
            stop = early >= 10
            total += chance[stop & ((early + 1) / (first + 1) <= u)].sum()
            for b, c in zip(early[~stop], chance[~stop], strict=True):
                most = math.floor(u * (last + 1) + 1e-9) - 1 - b
                total += c * (reference.binom.cdf(most, last - first, share) if most >= 0 else 0.0)
        assert total / len(shares) <= u + 2e-3
