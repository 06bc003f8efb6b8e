"""Covariates against loops and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from models import byte_tokenizer

from neuronxa_tasks.alignment.covariates import covariates, hub_skewness, k_occurrence, skewness
from neuronxa_tasks.alignment.hits import cosine
from neuronxa_tasks.alignment.profile import profile_and_views
from neuronxa_tasks.alignment.surface import plain_tokens
from neuronxa_tasks.states.vectors import SentenceVectors


@given(st.data(), st.integers(2, 7))
def test_k_occurrence(data: st.DataObject, n: int) -> None:
    C = data.draw(hnp.arrays(np.float64, (n, n), elements=st.integers(0, 3).map(float)))
    k = data.draw(st.integers(1, n))
    # j is a neighbour of i unless k others are nearer.
    expected = [
        sum(sum(C[i, m] > C[i, j] for m in range(n)) < k for i in range(n)) for j in range(n)
    ]
    assert k_occurrence(torch.from_numpy(C), k).tolist() == expected
    assert k_occurrence(torch.from_numpy(C), n + 1).tolist() == [n] * n


@given(st.lists(st.integers(0, 9), min_size=2, max_size=20))
def test_skewness(values: list[int]) -> None:
    mean = math.fsum(values) / len(values)
    second, third = (math.fsum((v - mean) ** k for v in values) / len(values) for k in (2, 3))
    if len(set(values)) == 1:
        assert math.isnan(skewness(values))
    else:
        assert skewness(values) == pytest.approx(third / second**1.5, abs=1e-9)


def test_a_hub_shows() -> None:
    rng = np.random.default_rng(0)
    pivot, target = (torch.from_numpy(rng.standard_normal((60, 30))) for _ in range(2))
    shifted = pivot + 1.0  # a common direction, and targets that lie in it to several degrees
    counts = [k_occurrence(cosine(each, target)).numpy() for each in (pivot, shifted)]
    without, with_hubs = hub_skewness(np.stack(counts))
    assert with_hubs > without + 1


def test_few_sentences_have_no_hubs() -> None:
    assert math.isnan(hub_skewness(np.array([[1] * 9 + [91]]))[0])
    assert not math.isnan(hub_skewness(np.array([[10] * 10 + [21]]))[0])


def test_all_by_hand() -> None:
    tokenizer = byte_tokenizer(bos=True)
    tokenizer.add_special_tokens({"unk_token": "a"})  # the only byte it does not know
    pivot = SentenceVectors(
        nas=(torch.tensor([[1.0, 0.5], [0.0, 0.5]]),),
        nav=(torch.tensor([[3.0, 4.0], [0.0, 1.0]]),),
        hidden=(torch.tensor([[0.0, 2.0], [0.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])),
        tokens=(3, 3),
        truncated=0,
    )
    tokens = plain_tokens(tokenizer, ["bc", "ab"]), plain_tokens(tokenizer, ["aaab", "cc"])
    _, _, (occurrence,) = profile_and_views(pivot, pivot, {}, [k_occurrence])
    block = covariates(tokens, (pivot.sizes, pivot.sizes), occurrence, tokenizer.unk_token_id)
    assert block == {
        "fertility": 1.5,
        "unknown_rate": {"pivot": 0.25, "target": 0.5},
        "nas_density": {"pivot": [0.5], "target": [0.5]},
        "norm": {side: {"nav": [3.0], "hidden": [3.0, 1.0]} for side in ("pivot", "target")},
        "hub_skewness": {"nas": [None], "nav": [None], "hidden": [None, None]},
    }
