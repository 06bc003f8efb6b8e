"""RankC against the published formula, a hand-computed example and all orders of ties."""

from __future__ import annotations

import json
import math
from itertools import pairwise, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.losses import rankc_from_samples, read_losses, sample_files
from neuronxa_tasks.statistics.rankc import consistency, rankc

distinct = st.integers(1, 9).flatmap(
    lambda n: st.tuples(*(st.permutations([x / 7 for x in range(n)]) for _ in range(2)))
)
tied = st.integers(1, 5).flatmap(
    lambda n: st.tuples(
        *(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=n, max_size=n) for _ in range(2))
    )
)


def published(order1: list[int], order2: list[int]) -> float:
    """Equations of Qi et al., one query: candidates from the best to the worst."""
    n = len(order1)
    total = sum(math.exp(n - k + 1) for k in range(1, n + 1))
    value = 0.0
    for j in range(1, n + 1):
        shared = len(set(order1[:j]) & set(order2[:j]))
        value += math.exp(n - j + 1) / total * shared / j
    return value


def orders(losses: list[float]) -> list[list[int]]:
    """All orders of the candidates in which no better one comes after a worse one."""
    return [
        list(order)
        for order in permutations(range(len(losses)))
        if all(losses[a] <= losses[b] for a, b in pairwise(order))
    ]


def test_hand_computed() -> None:
    # Three candidates, the first two swapped: nothing shared at j = 1, everything at j = 2 and 3.
    # Weights e^3, e^2, e^1 over their sum: 0.66524096, 0.24472847, 0.09003057.
    assert consistency([1.0, 2.0, 3.0], [2.0, 1.0, 3.0]) == pytest.approx(0.33475904, abs=1e-8)
    # Reversed: 0, then 1 of 2, then all.
    assert consistency([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(0.2123948, abs=1e-7)


@given(distinct)
def test_equals_the_published_formula(losses: tuple[list[float], list[float]]) -> None:
    first, second = losses
    expected = published(*(sorted(range(len(each)), key=each.__getitem__) for each in losses))
    assert consistency(first, second) == pytest.approx(expected, abs=1e-12)
    assert consistency(second, first) == pytest.approx(expected, abs=1e-12)
    assert consistency(first, first) == pytest.approx(1.0)


@given(tied)
def test_ties_count_as_ordered_at_random(losses: tuple[list[float], list[float]]) -> None:
    every = [published(one, two) for one, two in product(*map(orders, losses))]
    assert consistency(*losses) == pytest.approx(sum(every) / len(every), abs=1e-12)


def test_nothing_ranked_is_no_agreement() -> None:
    # At random |top-j and top-j| / j is j / N on average: the floor is the weighted mean of j / N.
    for n, floor in ((10, 0.158), (2, 0.634)):
        constant = [1.0] * n
        assert consistency(constant, constant) == pytest.approx(floor, abs=5e-4)
    assert consistency([1.0], [7.0]) == 1.0


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([1.0, 2.0], [1.0], "same length"),
        ([], [], "one loss per candidate"),
        ([[1.0]], [[1.0]], "list of one loss"),
        ([1.0, math.nan], [1.0, 2.0], "not finite"),
    ],
)
def test_refuses(first: Any, second: Any, words: str) -> None:
    with pytest.raises(NeuronXAError, match=words):
        consistency(first, second)


def test_matched_by_id() -> None:
    first = {0: np.array([1.0, 2.0, 3.0]), 5: np.array([1.0, 2.0]), 7: np.array([1.0])}
    second = {5: np.array([1.0, 2.0]), 0: np.array([2.0, 1.0, 3.0]), 9: np.array([1.0])}
    found = rankc(first, second)
    assert found.value == pytest.approx((0.33475904 + 1) / 2, abs=1e-8)
    assert (found.n, found.left_out) == (2, 2)
    assert rankc(first, {5: np.array([1.0, math.nan])}) == pytest.approx(
        (math.nan, 0, 3), nan_ok=True
    )
    with pytest.raises(NeuronXAError, match="Query 5 has 2 candidates in one language and 3"):
        rankc(first, {5: np.ones(3)})


def write(folder: Path, code: str, losses: dict[int, list[Any]], date: str = "2025-01-01") -> Path:
    path = folder / f"samples_neuronxa_bmlama53_{code}_{date}T00-00-00.000000.jsonl"
    samples = [
        {
            "doc_id": index,
            "doc": {"id": id_},
            "cross_entropy": {"losses": values, "tokens": [3, 1, 1][: len(values)]},
        }
        for index, (id_, values) in enumerate(losses.items())
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in samples), encoding="utf-8")
    return path


def test_from_samples(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    write(tmp_path / "model", "en", {0: [1.0, 2.0, 3.0], 4: [1.0, 2.0]})
    write(tmp_path / "model", "fr", {4: [1.0, 2.0], 0: [2.0, 1.0, 3.0]})
    write(tmp_path / "model", "ceb", {0: [1.0, 2.0, 3.0], 4: [math.nan, None]})
    files = sample_files(tmp_path)
    assert list(files) == ["ceb", "en", "fr"]
    found = rankc_from_samples(files)
    assert list(found) == [("en", "ceb"), ("en", "fr")]
    assert found["en", "fr"] == pytest.approx(((0.33475904 + 1) / 2, 2, 0), abs=1e-8)
    assert found["en", "ceb"] == (1.0, 1, 1)
    assert list(rankc_from_samples(files, [("fr", "ceb")])) == [("fr", "ceb")]
    assert list(read_losses(files["fr"], "sum")[0]) == [6.0, 1.0, 3.0]
    assert rankc_from_samples(files, [("fr", "fr")], by="sum")["fr", "fr"].value == pytest.approx(1)
    with pytest.raises(NeuronXAError, match="no samples of de, only of ceb, en, fr"):
        rankc_from_samples(files, [("en", "de")])
    write(tmp_path, "en", {0: [1.0]}, date="2025-02-02")
    with pytest.raises(NeuronXAError, match="more than one run"):
        sample_files(tmp_path)


def test_refuses_other_samples(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text('{"doc_id": 0, "doc": {"id": 0}, "acc": 1.0}\n', encoding="utf-8")
    with pytest.raises(NeuronXAError, match="not of BMLAMA-53"):
        read_losses(path)
    sample = '{"doc_id": %d, "doc": {"id": 3}, "cross_entropy": {"losses": [1.0]}}\n'
    path.write_text(sample % 0 + sample % 1, encoding="utf-8")
    with pytest.raises(NeuronXAError, match="query 3 twice"):
        read_losses(path)
