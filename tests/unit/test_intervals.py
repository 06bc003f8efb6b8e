"""Intervals over sentences against a bootstrap in a loop."""

from __future__ import annotations

import numpy as np
import pytest

from neuronxa_tasks.intervals import sentence_intervals
from neuronxa_tasks.stats import score_interval


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


@pytest.mark.parametrize("value", [0.0, 1.0, 0.35])
def test_no_spread_is_no_interval(value: float) -> None:
    assert sentence_intervals({"x": [value] * 50}) == {"x": None}
