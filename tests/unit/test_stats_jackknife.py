"""Leaving out languages and families, against loops that leave them out of the table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics import (
    average_correlation,
    average_over_models,
    average_partial,
    compare_correlations,
    correlation,
    dummy_code,
    partial_correlation,
)
from neuronxa_tasks.statistics.jackknife import MIN_UNITS, difference_interval, jackknife, left_out
from neuronxa_tasks.statistics.joint import joint_difference
from neuronxa_tasks.statistics.partial import column_basis

X = [0.91, 0.88, 0.74, 0.69, 0.83, 0.52, 0.41, 0.77, 0.35, 0.60, 0.28, 0.66]
Y = [0.55, 0.57, 0.48, 0.49, 0.52, 0.41, 0.43, 0.50, 0.36, 0.42, 0.37, 0.51]
FAMILIES = list("aaabbcdddefg")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def students(z: float, without: list[float], *, families: bool = False) -> tuple[float, float]:
    """The interval by hand."""
    g = len(without)
    variance = sum((one - z) ** 2 for one in without) * (1.0 if families else (g - 1) / g)
    reach = reference.t.ppf(0.975, g - 1) * math.sqrt(variance)
    return math.tanh(z - reach), math.tanh(z + reach)


def fisher(x: object, y: object) -> float:
    return math.atanh(reference.pearsonr(x, y).statistic)


def test_one_language_is_left_out_at_a_time() -> None:
    found = correlation(X, Y, rng=rng(), n_permutations=1).jackknife
    without = [fisher(np.delete(X, i), np.delete(Y, i)) for i in range(12)]
    assert (found.low, found.high) == pytest.approx(students(fisher(X, Y), without), abs=1e-12)
    assert found.units == 12


def test_one_family_is_left_out_at_a_time() -> None:
    found = correlation(X, Y, rng=rng(), families=FAMILIES, n_permutations=1).by_family
    rows = {family: np.array([each != family for each in FAMILIES]) for family in "abcdefg"}
    without = [fisher(np.array(X)[kept], np.array(Y)[kept]) for kept in rows.values()]
    expected = students(fisher(X, Y), without, families=True)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert found.units == 7


def test_families_of_one_language_each_are_the_languages() -> None:
    """But for the factor (g - 1) / g, which is left out for families."""
    found = correlation(X, Y, rng=rng(), families=list("abcdefghijkl"), n_permutations=1)
    widths = [
        math.atanh(each.high) - math.atanh(each.low) for each in (found.jackknife, found.by_family)
    ]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(12 / 11), abs=1e-9)


def test_ranks_are_formed_anew_and_move_along_the_tangent() -> None:
    found = correlation(X, Y, rng=rng(), kind="spearman", n_permutations=1)
    rho = reference.spearmanr(X, Y).statistic
    without = [reference.spearmanr(np.delete(X, i), np.delete(Y, i)).statistic for i in range(12)]
    z = math.atanh(rho)
    moved = [z + (one - rho) / (1 - rho**2) for one in without]
    assert (found.jackknife.low, found.jackknife.high) == pytest.approx(
        students(z, moved), abs=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(9, 16), st.integers(0, 3), st.booleans())
def test_partial_correlations_without_a_family(seed: int, n: int, k: int, labels: bool) -> None:
    """The formula with the hat matrix against a fit on what is left, labels among the covariates.

    A family that alone has a label takes that column with it, and its other rows nothing.
    """
    draw = rng(seed)
    x, y = draw.normal(size=(2, n))
    columns = [draw.normal(size=n) for _ in range(k)]
    if labels:
        columns += list(dummy_code(["a", "a", "b"] + ["c"] * (n - 3)).matrix.T)
    table = np.array(columns).reshape(len(columns), n).T
    units = np.array([0, 0, 1] + [2 + i // 2 for i in range(n - 3)])
    found = left_out(x, y, units, basis=column_basis(table.T))
    for unit, z in enumerate(found):
        kept = units != unit
        rest = partial_correlation(x[kept], y[kept], table[kept])
        if rest.reason is None:
            assert z == pytest.approx(math.atanh(rest.r), abs=1e-7)


def test_too_few_languages_or_a_perfect_line_have_no_interval() -> None:
    few = correlation(X[:4], Y[:4], rng=rng())
    assert math.isnan(few.jackknife.low)
    assert few.jackknife.reason == "4 languages; an interval over languages needs at least 5"
    assert MIN_UNITS == 5
    line = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0]
    bent = correlation(line, [*line[:5], 0.0], rng=rng())
    assert math.isnan(bent.jackknife.low)
    assert "without one language the correlation is exactly 1" in (bent.jackknife.reason or "")
    two = correlation(X, Y, rng=rng(), families=["a"] * 6 + ["b"] * 6, n_permutations=1)
    assert two.by_family.reason == "2 families; an interval over families needs at least 5"


def test_a_column_that_is_constant_without_one_language_has_no_interval() -> None:
    found = correlation([0, 0, 0, 0, 0, 1], [1, 2, 3, 4, 5, 9], rng=rng())
    assert math.isnan(found.jackknife.low)


def test_a_family_for_each_language_is_asked_for() -> None:
    with pytest.raises(NeuronXAError, match="3 families were given for 12 languages"):
        correlation(X, Y, rng=rng(), families=["a", "b", "c"])


def test_p_and_interval_agree_about_zero() -> None:
    for seed in range(200):
        x, y = rng(seed).normal(size=(2, 9))
        found = correlation(x, y, rng=rng(), n_permutations=1).jackknife
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_without_any_spread_only_zero_is_compatible_with_zero() -> None:
    assert jackknife(0.5, np.full(6, 0.5)).p == 0.0
    assert jackknife(0.0, np.zeros(6)).p == 1.0


# --- averages ---------------------------------------------------------------------------------


def models(seed: int, m: int = 4, n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    draw = rng(seed)
    common = draw.normal(size=(2, n))
    x = common[0] + 0.4 * draw.normal(size=(m, n))
    return x, 0.7 * x + common[1] + 0.4 * draw.normal(size=(m, n))


def test_an_average_leaves_a_language_out_of_all_models() -> None:
    x, y = models(1)
    x[1, 4] = y[2, 7] = math.nan
    found = average_over_models(x, y, families=FAMILIES)

    def average(kept: np.ndarray) -> float:
        r, n = [], []
        for row_x, row_y in zip(x, y, strict=True):
            use = kept & ~np.isnan(row_x) & ~np.isnan(row_y)
            r.append(reference.pearsonr(row_x[use], row_y[use]).statistic)
            n.append(int(use.sum()))
        return math.atanh(average_correlation(r, n).r)

    everything = np.ones(12, dtype=bool)
    z = average(everything)
    assert found.average.r == pytest.approx(math.tanh(z), abs=1e-12)
    assert found.n == (12, 11, 11, 12)
    without = [average(np.arange(12) != i) for i in range(12)]
    assert (found.jackknife.low, found.jackknife.high) == pytest.approx(
        students(z, without), abs=1e-9
    )
    by_family = [average(np.array(FAMILIES) != family) for family in "abcdefg"]
    assert (found.by_family.low, found.by_family.high) == pytest.approx(
        students(z, by_family, families=True), abs=1e-9
    )


def test_copies_of_one_model_are_no_further_evidence() -> None:
    one = average_over_models([X], [Y])
    ten = average_over_models([X] * 10, [Y] * 10)
    assert ten.jackknife.low == pytest.approx(one.jackknife.low, abs=1e-9)
    single = correlation(X, Y, rng=rng(), n_permutations=1).jackknife
    assert one.jackknife.low == pytest.approx(single.low, abs=1e-9)


def test_a_model_without_r_is_named_and_left_out() -> None:
    result = average_over_models([X, [0.5] * 12], [Y, Y])
    assert result.reasons == (None, "x has the same value in all 12 points")
    assert (result.average.count, result.average.n_skipped) == (1, 1)
    assert result.jackknife == average_over_models([X], [Y]).jackknife


def test_languages_that_no_model_has_are_no_units() -> None:
    more = average_over_models([[*X, math.nan]], [[*Y, 0.4]])
    assert more.jackknife == average_over_models([X], [Y]).jackknife


def test_tables_of_different_shape_are_refused() -> None:
    with pytest.raises(NeuronXAError, match="same models and languages"):
        average_over_models([X], [Y, Y])


# --- averages of partial correlations ---------------------------------------------------------


def test_partial_averages_against_a_loop() -> None:
    x, y = models(2)
    common = rng(3).normal(size=12)
    tables = [np.column_stack([common, rng(10 + m).normal(size=12)]) for m in range(4)]
    x[0, 3] = math.nan
    tables[1][5, 1] = math.nan
    found = average_partial(x, y, tables, rng=rng(), families=FAMILIES, n_permutations=99)

    def average(kept: np.ndarray) -> float:
        singles = [partial_correlation(x[m][kept], y[m][kept], tables[m][kept]) for m in range(4)]
        return math.atanh(
            average_correlation([one.r for one in singles], [one.n - 2 for one in singles]).r
        )

    z = average(np.ones(12, dtype=bool))
    assert found.average.r == pytest.approx(math.tanh(z), abs=1e-12)
    without = [average(np.arange(12) != i) for i in range(12)]
    assert (found.jackknife.low, found.jackknife.high) == pytest.approx(
        students(z, without), abs=1e-9
    )
    by_family = [average(np.array(FAMILIES) != family) for family in "abcdefg"]
    assert (found.by_family.low, found.by_family.high) == pytest.approx(
        students(z, by_family, families=True), abs=1e-9
    )
    assert found.p_languages == 10


def test_the_shuffle_given_covariates_is_that_of_freedman_and_lane() -> None:
    """The same orders, each with residuals from a fit of its own."""
    x, y = models(4, m=3)
    tables = [rng(20 + m).normal(size=(12, 2)) for m in range(3)]
    found = average_partial(x, y, tables, rng=rng(5), n_permutations=300)
    orders = rng(5).permuted(np.tile(np.arange(12), (300, 1)), axis=1)

    def mean(shuffle: np.ndarray | None) -> float:
        total = 0.0
        for row_x, row_y, table in zip(x, y, tables, strict=True):
            design = np.column_stack([np.ones(12), table])
            fit = design @ np.linalg.lstsq(design, row_y, rcond=None)[0]
            rest = row_y - fit
            new = row_y if shuffle is None else fit + rest[shuffle]
            total += partial_correlation(row_x, new, table).r
        return abs(total)

    observed = mean(None)
    extreme = sum(mean(order) >= observed - 1e-9 for order in orders)
    assert found.permutation.p == pytest.approx((extreme + 1) / 301, abs=1e-12)


def test_without_covariates_the_partial_average_is_the_average() -> None:
    x, y = models(6)
    partial = average_partial(x, y, [np.empty((12, 0))] * 4, rng=rng(), n_permutations=9)
    plain = average_over_models(x, y)
    assert partial.average.r == pytest.approx(plain.average.r, abs=1e-12)
    assert partial.jackknife.low == pytest.approx(plain.jackknife.low, abs=1e-9)


def test_a_model_whose_covariates_leave_nothing_is_left_out() -> None:
    x, y = models(7, m=2)
    tables = [rng(8).normal(size=(12, 1)), x[1][:, None]]
    found = average_partial(x, y, tables, rng=rng(), n_permutations=9)
    assert "explain x completely" in (found.models[1].reason or "")
    assert found.average.count == 1


def test_a_table_for_each_model_is_asked_for() -> None:
    x, y = models(9)
    with pytest.raises(NeuronXAError, match="1 tables of covariates were given for 4 models"):
        average_partial(x, y, [np.empty((12, 0))], rng=rng())


# --- differences ------------------------------------------------------------------------------


def test_the_interval_of_a_difference_by_brute_force() -> None:
    """Over a fine grid of directions, and by the ellipse's own equation."""
    x, y = models(11, m=1)
    other = x[0] + rng(12).normal(size=12)
    found = compare_correlations(y[0], x[0], other, rng=rng(), n_permutations=1)
    z = np.array([fisher(y[0], x[0]), fisher(y[0], other)])
    without = np.array(
        [
            [fisher(np.delete(y[0], i), np.delete(column, i)) for i in range(12)]
            for column in (x[0], other)
        ]
    )
    moved = without - z[:, None]
    covariance = moved @ moved.T * 11 / 12
    root = np.linalg.cholesky(covariance)
    angles = np.linspace(0, 2 * np.pi, 20_001)
    edge = z[:, None] + reference.t.ppf(0.975, 11) * root @ np.stack(
        [np.cos(angles), np.sin(angles)]
    )
    difference = np.tanh(edge[0]) - np.tanh(edge[1])
    assert found.interval == pytest.approx((difference.min(), difference.max()), abs=1e-4)


def test_zero_is_inside_where_the_t_interval_of_z_says_so() -> None:
    agreed = 0
    for seed in range(150):
        draw = rng(seed)
        first, second = (
            (float(z), z + 0.1 * draw.normal(size=9)) for z in draw.normal(0.4, 0.4, 2)
        )
        (low, high), reason = difference_interval(first, second)
        assert reason is None
        moved = (first[1] - first[0]) - (second[1] - second[0])
        error = math.sqrt((moved**2).sum() * 8 / 9)
        apart = abs(first[0] - second[0]) - reference.t.ppf(0.975, 8) * error
        if abs(apart) < 1e-3:  # the ellipse is drawn by 720 points
            continue
        inside = apart < 0
        agreed += inside
        assert inside == (low <= 1e-6 and high >= -1e-6)
    assert 20 < agreed < 140


def test_the_difference_of_averages_leaves_a_language_out_of_all_models() -> None:
    x, y = models(13)
    other = x + rng(14).normal(size=x.shape)
    x[2, 9] = math.nan
    found = joint_difference(y, x, other)
    kept = np.arange(12) != 9
    y, x, other = y[:, kept], x[:, kept], other[:, kept]

    def mean(first: np.ndarray, use: np.ndarray) -> float:
        return float(np.mean([fisher(a[use], b[use]) for a, b in zip(first, y, strict=True)]))

    everything = np.ones(11, dtype=bool)
    sides = [
        (mean(first, everything), np.array([mean(first, np.arange(11) != i) for i in range(11)]))
        for first in (x, other)
    ]
    assert found.difference == pytest.approx(
        math.tanh(sides[0][0]) - math.tanh(sides[1][0]), abs=1e-12
    )
    assert found.interval == pytest.approx(difference_interval(*sides)[0], abs=1e-9)
    assert found.n == 11


def test_a_score_against_itself_differs_by_nothing() -> None:
    x, y = models(15)
    found = joint_difference(y, x, x)
    assert found.difference == 0.0
    assert found.interval == pytest.approx((0.0, 0.0), abs=1e-9)
