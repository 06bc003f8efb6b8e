"""Intervals over sentences against a bootstrap in a loop."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats as scipy_stats

from neuronxa_tasks.statistics import score_interval
from neuronxa_tasks.statistics.sentences import (
    joint_intervals,
    ratio_interval,
    same_value_interval,
    sentence_intervals,
)


def test_against_a_loop() -> None:
    values = np.random.default_rng(1).integers(0, 6, 100) / 5
    rng = np.random.default_rng(2)
    means = sorted(sum(values[rng.integers(100)] for _ in range(100)) / 100 for _ in range(4000))
    low, high = sentence_intervals({"x": values})["x"] or (0.0, 0.0)
    assert low == pytest.approx(means[100], abs=0.008)
    assert high == pytest.approx(means[3900], abs=0.008)


def test_against_the_statistics_module() -> None:
    hits = np.random.default_rng(3).random((6, 80)) < 0.3
    ours = sentence_intervals({"x": hits.mean(axis=0)})["x"]
    theirs = score_interval(hits, rng=np.random.default_rng(4)).bootstrap
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_the_same_twice_and_wider_with_more_confidence() -> None:
    values = {"a": [0.0, 1.0] * 20, "b": [0.0, 1.0] * 20}
    first = sentence_intervals(values)
    assert first == sentence_intervals(values)
    assert first["a"] == first["b"] is not None
    wide = sentence_intervals(values, confidence=0.99)["a"]
    assert wide is not None
    assert first["a"] is not None
    assert wide[0] < first["a"][0] < 0.5 < first["a"][1] < wide[1]


def test_no_hit_among_n_has_the_exact_upper_bound() -> None:
    """0 of 100, by scipy's Clopper-Pearson; of 100 hits the lower one."""
    none = scipy_stats.binomtest(0, 100).proportion_ci(0.95, method="exact")
    assert sentence_intervals({"x": [0.0] * 100})["x"] == pytest.approx((none.low, none.high))
    every = scipy_stats.binomtest(100, 100).proportion_ci(0.95, method="exact")
    assert sentence_intervals({"x": [1.0] * 100})["x"] == pytest.approx((every.low, every.high))
    assert none.high == pytest.approx(0.0362, abs=1e-4)


def test_one_value_for_all_leaves_room_for_any_other() -> None:
    """A share q of the sentences might have had another value, at worst 0 or 1 (or -1)."""
    q = scipy_stats.binomtest(0, 50).proportion_ci(0.95, method="exact").high
    same = [0.35] * 50
    assert sentence_intervals({"x": same})["x"] == pytest.approx(
        ((1 - q) * 0.35, (1 - q) * 0.35 + q)
    )
    assert sentence_intervals({"x": same}, differences=["x"])["x"] == pytest.approx(
        ((1 - q) * 0.35 - q, (1 - q) * 0.35 + q)
    )
    assert sentence_intervals({"x": [7.0] * 50}) == {"x": None}


def test_the_bound_holds_as_often_as_it_says() -> None:
    """Exact: the chance of n equal values whose bound misses the mean is at most .025 a side."""
    for n in (5, 20, 100):
        low, high = same_value_interval(0.0, n) or (0.0, 0.0)
        assert low == 0.0
        # At a mean just above the bound, no hit at all has the chance (1 - mean)^n.
        assert (1 - high) ** n == pytest.approx(0.025)


def correlated(languages: int = 8, n: int = 60) -> np.ndarray:
    """Languages that find the same sentences hard."""
    rng = np.random.default_rng(11)
    ease = rng.random(n)
    return np.array([(rng.random(n) < ease).astype(float) for _ in range(languages)])


def test_the_mean_of_languages_against_a_loop() -> None:
    values = correlated()
    rng = np.random.default_rng(12)
    means = []
    for _ in range(4000):
        rows = rng.integers(60, size=60)
        means.append(float(np.mean([language[rows].mean() for language in values])))
    low, high = joint_intervals({"x": values}, ["text"] * 8)["x"] or (0.0, 0.0)
    assert low == pytest.approx(np.quantile(means, 0.025), abs=0.008)
    assert high == pytest.approx(np.quantile(means, 0.975), abs=0.008)


def test_languages_with_other_sentences_are_drawn_on_their_own() -> None:
    values = correlated()
    together = joint_intervals({"x": values}, ["text"] * 8)["x"] or (0.0, 0.0)
    apart = joint_intervals({"x": values}, list("abcdefgh"))["x"] or (0.0, 0.0)
    # Independent languages: the standard error of the mean is that of one over sqrt(8).
    error = np.sqrt((values.var(axis=1) / 60).sum()) / 8
    assert apart[1] - apart[0] == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert together[1] - together[0] > 1.5 * (apart[1] - apart[0])


def test_one_language_alone_has_its_own_interval() -> None:
    values = correlated()[:1]
    assert joint_intervals({"x": values}, ["t"])["x"] == sentence_intervals({"x": values[0]})["x"]
    together = joint_intervals({"x": np.ones((3, 9))}, ["t"] * 3)["x"]
    assert together == sentence_intervals({"x": np.ones(9)})["x"]
    apart = joint_intervals({"x": np.ones((3, 9))}, ["a", "b", "c"])["x"]
    assert apart is not None
    assert together is not None
    assert apart[0] < together[0] < apart[1] == 1.0


def test_a_ratio_against_a_loop() -> None:
    rng = np.random.default_rng(13)
    sizes = rng.integers(20, 200, 80).astype(float)
    bits = sizes * rng.normal(1.5, 0.2, 80)
    ratios = []
    for _ in range(4000):
        rows = rng.integers(80, size=80)
        ratios.append(bits[rows].sum() / sizes[rows].sum())
    low, high = ratio_interval(bits, sizes) or (0.0, 0.0)
    assert low == pytest.approx(np.quantile(ratios, 0.025), abs=0.004)
    assert high == pytest.approx(np.quantile(ratios, 0.975), abs=0.004)
    assert ratio_interval([2.0, 4.0], [1.0, 2.0]) is None


def test_a_group_with_many_texts_takes_no_longer_than_a_moment() -> None:
    """As the 112 languages of Tatoeba, each with English sentences of its own."""
    rng = np.random.default_rng(14)
    values = {name: rng.random((112, 100)) for name in "abcde"}
    start = time.process_time()
    found = joint_intervals(values, range(112))
    assert time.process_time() - start < 4  # 0.2 s where it was written; a table each takes 14 s
    for name, each in values.items():
        error = np.sqrt((each.var(axis=1) / 100).sum()) / 112
        low, high = found[name] or (0.0, 0.0)
        assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
        assert (low + high) / 2 == pytest.approx(each.mean(), abs=error)
    assert joint_intervals({"a": values["a"]}, range(112))["a"] == found["a"]
