"""The compiled walk through an activation against loops and against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("numba", reason="the extra `fast` is not installed")

from neuronxa_tasks.states import fused
from neuronxa_tasks.states.encoder import token_weights
from neuronxa_tasks.states.fused import states_and_sizes
from neuronxa_tasks.states.pooling import mean, pool, sizes, states, tokens_of

DTYPES = (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(("position", "uniform", "last")))
def test_as_a_loop(dtype: torch.dtype, data: st.DataObject, kind: Any) -> None:
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    longest, width = max(lengths), data.draw(st.integers(1, 40))
    shape = (len(lengths), longest, width)
    numbers = st.sampled_from([-3.5, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.25, 2.0])
    values = torch.from_numpy(data.draw(hnp.arrays(np.float32, shape, elements=numbers))).to(dtype)
    weights = token_weights(torch.tensor(lengths), longest, kind)
    expected = np.zeros((3, len(lengths), width))
    for b, length in enumerate(lengths):
        for t in range(length):
            w = float(weights[b, t])
            expected[0, b] += w * (values[b, t].double().numpy() > 0)
            expected[1, b] += w * np.abs(values[b, t].double().numpy())
            expected[2, b] += w * values[b, t].double().numpy()
    before = values.clone()
    for shaped in (values, values.reshape(-1, width)):  # OPT flattens
        tokens = tokens_of(weights)
        total = fused.mean(shaped, tokens)
        assert total is not None
        ours = [*(states_and_sizes(shaped, tokens) or []), total]
        np.testing.assert_allclose(torch.stack(ours).numpy(), expected, atol=1e-6)
    assert torch.equal(values, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, fused.WIDE - 1, fused.WIDE + 1, 2 * fused.WIDE])
def test_as_torch(dtype: torch.dtype, width: int) -> None:
    generator = torch.Generator().manual_seed(width)
    values = torch.randn(3, 17, width, generator=generator).to(dtype)
    tokens = tokens_of(token_weights(torch.tensor([17, 9, 1]), 17, "position"))
    ours = states_and_sizes(values, tokens)
    assert ours is not None
    for one, other in zip(ours, pool(values, tokens, [states, sizes]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    total = fused.mean(values, tokens)
    torch.testing.assert_close(total, mean(values, tokens), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_finite(dtype: torch.dtype) -> None:
    values = torch.tensor([[[torch.nan, -torch.nan, torch.inf, -torch.inf]]]).to(dtype)
    nas, nav = states_and_sizes(values, tokens_of(torch.ones(1, 1))) or []
    assert nas.tolist() == [[0, 0, 1, 0]]  # NaN is not above 0
    assert nav[0, :2].isnan().all()
    assert nav[0, 2:].tolist() == [torch.inf, torch.inf]


def test_padding_counts_nothing_even_if_it_is_not_finite() -> None:
    values = torch.tensor([[[1.0], [3.0], [torch.nan]]])
    tokens = tokens_of(torch.tensor([[0.25, 0.75, 0.0]]))
    assert [float(each) for each in states_and_sizes(values, tokens) or []] == [1.0, 2.5]


def test_what_it_does_not_take_is_left_to_torch() -> None:
    tokens = tokens_of(torch.full((2, 3), 1 / 3))
    assert states_and_sizes(torch.ones(2, 3, 4, dtype=torch.float16), tokens) is None
    assert states_and_sizes(torch.ones(2, 3, 8)[..., :4], tokens) is None
    assert states_and_sizes(torch.ones(2, 3, 4, device="meta"), tokens) is None
    assert fused.mean(torch.ones(2, 3, 8)[..., :4], tokens) is None
