"""The exact tests of the gate against enumeration, other libraries, and themselves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from neuronxa_tasks import statistics
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.gate import signs
from neuronxa_tasks.reports.gate.signs import fisher_p, normal_p, paired_interval, sign_flip_p

WHOLE = st.lists(st.integers(-6, 6), min_size=1, max_size=9)


def enumerated(differences: list[int]) -> float:
    """All patterns of signs, one by one."""
    observed = sum(differences)
    patterns = list(itertools.product((1, -1), repeat=len(differences)))
    sums = [sum(s * abs(d) for s, d in zip(p, differences, strict=True)) for p in patterns]
    return sum(each <= observed for each in sums) / len(sums)


@given(WHOLE)
def test_p_is_the_share_of_sign_patterns(differences: list[int]) -> None:
    assert sign_flip_p(differences) == pytest.approx(enumerated(differences), abs=1e-12)


@given(WHOLE, st.integers(1, 50))
def test_the_unit_does_not_matter(differences: list[int], unit: int) -> None:
    scaled = [unit * each for each in differences]
    assert sign_flip_p(scaled) == pytest.approx(sign_flip_p(differences), abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_hits_give_the_exact_mcnemar_test(pairs: list[tuple[bool, bool]]) -> None:
    a, b = np.array(pairs, dtype=float).T
    worse, better = sign_flip_p(b - a), sign_flip_p(a - b)
    assert min(1.0, 2 * min(worse, better)) == pytest.approx(statistics.mcnemar(a, b).p, abs=1e-12)


def test_against_the_permutation_test_of_scipy() -> None:
    rng = np.random.default_rng(3)
    differences = rng.integers(-4, 4, 12)
    other = scipy_stats.permutation_test(
        [differences.astype(float)],
        lambda values, axis: np.sum(values, axis=axis),
        permutation_type="samples",
        n_resamples=5000,  # more than 2^12: all of them
        alternative="less",
    )
    assert sign_flip_p(differences) == pytest.approx(float(other.pvalue), abs=1e-12)


def test_fractions_are_rounded_finely() -> None:
    differences = np.random.default_rng(4).normal(size=11)
    exact = enumerated(list(np.rint(differences * 1e9).astype(int)))
    assert sign_flip_p(differences) == pytest.approx(exact, abs=2e-3)


def test_above_the_budget_the_test_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(5).integers(-32, 33, 100)
    fine = sign_flip_p(differences)
    monkeypatch.setattr(signs, "BUDGET", 300_000)
    assert sign_flip_p(differences) == pytest.approx(fine, abs=0.02)
    assert sign_flip_p(np.zeros(100)) == 1.0


def test_a_against_a_has_p_1_in_1000_draws() -> None:
    for seed in range(1000):
        scores = np.random.default_rng(seed).uniform(size=50)
        assert sign_flip_p(scores - scores) == 1.0


def test_false_alarms_stay_below_the_level() -> None:
    """Over all 2^n equally likely signs of fixed sizes, P(p <= alpha) <= alpha."""
    sizes = (1, 1, 2, 3, 5, 5, 8, 13)
    p = np.array(
        [
            sign_flip_p([sign * size for sign, size in zip(pattern, sizes, strict=True)])
            for pattern in itertools.product((1, -1), repeat=len(sizes))
        ]
    )
    for alpha in (0.01, 0.05, 0.2, 0.5):
        assert (p <= alpha).mean() <= alpha


def test_no_items_no_p() -> None:
    assert math.isnan(sign_flip_p([]))
    with pytest.raises(NeuronXAError, match="not all finite"):
        sign_flip_p([1.0, math.nan])
    with pytest.raises(NeuronXAError, match="shape"):
        sign_flip_p([[1.0], [2.0]])


def test_interval_of_hits_is_that_of_agresti_and_min() -> None:
    """Computed by hand: b = 2 lost, c = 9 won, n = 30."""
    found = paired_interval([-1.0] * 2 + [1.0] * 9 + [0.0] * 19)
    centre = 7 / 32
    reach = 1.959963984540054 * math.sqrt((12 - 49 / 32) / 32 / 32)
    assert found == pytest.approx((centre - reach, centre + reach), abs=1e-12)


def test_interval_of_shares_is_students() -> None:
    values = np.random.default_rng(6).uniform(-0.5, 0.5, 25)
    expected = scipy_stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert paired_interval(values) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_where_all_differ_alike_the_interval_is_a_bound() -> None:
    q = 1 - 0.025 ** (1 / 3)  # that many of the items may differ otherwise, from -1 to 1
    assert paired_interval([0.25] * 3) == pytest.approx((0.25 * (1 - q) - q, 0.25 * (1 - q) + q))
    assert all(math.isnan(end) for end in paired_interval([7.0, 7.0, 7.0]))
    assert all(math.isnan(end) for end in paired_interval([0.25]))
    low, high = paired_interval([0.0] * 20)
    assert low == pytest.approx(-high)
    assert low < 0.0 < high


def test_counts_alone_are_tested_by_fisher() -> None:
    table = np.array([[60, 40], [75, 25]])
    expected = scipy_stats.fisher_exact(table, alternative="less").pvalue
    assert fisher_p(75, 60, 100) == pytest.approx(expected, rel=1e-9)


def test_normal_test() -> None:
    assert normal_p(-1.96, 1.0) == pytest.approx(0.025, abs=1e-4)
    assert normal_p(0.0, 0.0) == 1.0
    assert normal_p(-0.1, 0.0) == 0.0
