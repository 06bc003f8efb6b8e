"""The cut into batches is the best there is, and keeps its limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.states.batches import PASS, PASS_ON_CPU, TOKENS_ON_CPU, cut

lengths_of = st.lists(st.integers(1, 400), min_size=1, max_size=9).map(
    lambda lengths: sorted(lengths, reverse=True)
)


def all_cuts(n: int) -> Iterator[list[int]]:
    """Every way to write n as an ordered sum."""
    if n == 0:
        yield []
    for first in range(1, n + 1):
        for rest in all_cuts(n - first):
            yield [first, *rest]


def price(lengths: list[int], sizes: list[int], fixed: int) -> int:
    total, start = 0, 0
    for size in sizes:
        total += size * lengths[start] + fixed
        start += size
    return total


def allowed(lengths: list[int], sizes: list[int], most: int, tokens: float) -> bool:
    start = 0
    for size in sizes:
        if size > most or (size > 1 and size * lengths[start] > tokens):
            return False
        start += size
    return True


@pytest.mark.parametrize(
    ("device", "fixed", "tokens"),
    [("cpu", PASS_ON_CPU, TOKENS_ON_CPU), ("cuda", PASS, float("inf"))],
)
@given(lengths=lengths_of, most=st.integers(1, 9))
def test_no_cut_is_better(
    device: str, fixed: int, tokens: float, lengths: list[int], most: int
) -> None:
    ours = cut(lengths, most, device)
    assert sum(ours) == len(lengths)
    assert allowed(lengths, ours, most, tokens)
    best = min(
        price(lengths, sizes, fixed)
        for sizes in all_cuts(len(lengths))
        if allowed(lengths, sizes, most, tokens)
    )
    assert price(lengths, ours, fixed) == best


def test_sentences_of_one_length_fill_the_batches() -> None:
    assert cut([10] * 100, 32) == [32, 32, 32, 4]
    assert cut([10] * 100, 1000) == [64, 36]  # 640 tokens
    assert cut([10] * 100, 1000, "cuda") == [100]


def test_a_sentence_over_the_limit_is_alone() -> None:
    assert cut([5000, 700, 10, 10], 32) == [1, 1, 2]


def test_nothing() -> None:
    assert cut([], 32) == []
