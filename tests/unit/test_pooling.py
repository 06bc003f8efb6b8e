"""Weighted sums over tokens against loops."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuronxa_tasks.states import pooling
from neuronxa_tasks.states.encoder import token_weights
from neuronxa_tasks.states.pooling import mean, pool, sizes, states, tokens_of, top_decile

KINDS = ("position", "uniform", "last")


def naive_top(values: list[float]) -> list[bool]:
    """Above the smallest value that at least nine tenths of them do not exceed."""
    n = len(values)
    quantile = min(x for x in values if Fraction(sum(y <= x for y in values), n) >= Fraction(9, 10))
    return [x > quantile for x in values]


@pytest.mark.parametrize("block", [1, 20, 10**6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@settings(max_examples=15)
@given(st.data(), st.sampled_from(KINDS))
def test_pool(block: int, dtype: torch.dtype, data: st.DataObject, kind: Any) -> None:
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    longest, width = max(lengths), data.draw(st.integers(1, 12))
    values = data.draw(
        hnp.arrays(
            np.float32, (len(lengths), longest, width), elements=st.integers(-3, 3).map(float)
        )
    )
    values[..., 0] += 0.5
    weights = token_weights(torch.tensor(lengths), longest, kind)
    expected = np.zeros((3, len(lengths), width))
    for b, length in enumerate(lengths):
        for t in range(length):
            w = float(weights[b, t])
            expected[0, b] += w * (values[b, t] > 0)
            expected[1, b] += w * np.abs(values[b, t])
            expected[2, b] += w * np.array(naive_top(values[b, t].tolist()))
    given_values = torch.from_numpy(values.copy()).to(dtype)
    before = given_values.clone()
    pooling_block, pooling.BLOCK = pooling.BLOCK, block
    try:
        for shaped in (given_values, given_values.reshape(-1, width)):  # OPT flattens
            ours = pool(shaped, tokens_of(weights), [states, sizes, top_decile])
            np.testing.assert_allclose(torch.stack(ours).numpy(), expected, atol=1e-6)
    finally:
        pooling.BLOCK = pooling_block
    assert torch.equal(given_values, before)
    assert all(each.dtype == torch.float32 for each in ours)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.sampled_from(KINDS))
def test_spans(lengths: list[int], kind: Any) -> None:
    weights = token_weights(torch.tensor(lengths), max(lengths), kind)
    found = tokens_of(weights).spans
    assert found == tuple((length - 1 if kind == "last" else 0, length) for length in lengths)


def test_padding_counts_nothing_even_if_it_is_not_finite() -> None:
    values = torch.tensor([[[1.0], [3.0], [torch.nan]]])
    tokens = tokens_of(torch.tensor([[0.25, 0.75, 0.0]]))
    assert [float(each) for each in pool(values, tokens, [states, sizes])] == [1.0, 2.5]


def test_mean() -> None:
    values = torch.tensor([[[1.0, -2.0], [3.0, 4.0]]])
    tokens = tokens_of(torch.tensor([[0.25, 0.75]]))
    for dtype in (torch.float32, torch.bfloat16):
        for shaped in (values, values[0]):
            assert mean(shaped.to(dtype), tokens).tolist() == [[2.5, 2.5]]


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=st.integers(-4, 4).map(float)))
def test_top_decile_is_at_most_a_tenth(values: Any) -> None:
    ours = top_decile(torch.from_numpy(values)[None], torch.empty(1, len(values)))[0]
    assert (ours > 0).tolist() == naive_top(values.tolist())
    assert float(ours.sum()) <= len(values) / 10


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device; run on one")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_gpu_the_same(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4, 9, 50, generator=generator).to(dtype)
    weights = token_weights(torch.tensor([9, 7, 3, 1]), 9, "position")
    here = pool(values, tokens_of(weights), [states, sizes, top_decile])
    there = pool(
        values.cuda(), tokens_of(weights).to(torch.device("cuda")), [states, sizes, top_decile]
    )
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(other.cpu(), one)
