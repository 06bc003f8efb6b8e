"""How often a language's scoring waits for the device that has its vectors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.alignment.controls import derangement, shuffled
from neuronxa_tasks.alignment.covariates import k_occurrence
from neuronxa_tasks.alignment.profile import profile, profile_and_views
from neuronxa_tasks.alignment.variants import VIEWS
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.reading import fetch, fetch_all
from neuronxa_tasks.states.vectors import SentenceVectors

READS = (
    "item",
    "cpu",
    "tolist",
    "numpy",
    "nonzero",
    "unique",
    "bincount",
    "__bool__",
    "__int__",
    "__float__",
    "__index__",
)
"""What of a tensor waits for its device, as long as it is not in main memory."""


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note each reading of a tensor by this package; not those of a model's own code."""
    seen: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        original = getattr(torch.Tensor, name)

        def reading(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            module = sys._getframe(1).f_globals["__name__"]
            came_from_cpu = getattr(self, "came_from_cpu", False)  # `.cpu().numpy()` reads once
            if module.startswith(("neuronxa_tasks.", __name__)) and not came_from_cpu:
                seen.append(name)
            found = original(self, *args, **kwargs)
            if name == "cpu":
                found.came_from_cpu = True
            return found

        return reading

    with monkeypatch.context() as patch:
        for name in READS:
            patch.setattr(torch.Tensor, name, noting(name))
        yield seen


def vectors(layers: int, n: int = 12, seed: int = 0) -> SentenceVectors:
    draw = torch.Generator().manual_seed(seed)
    one, two, three = (
        tuple(torch.rand(n, width, generator=draw) for _ in range(count))
        for width, count in ((8, layers), (8, layers), (4, layers + 1))
    )
    return SentenceVectors(one, two, three, (3,) * n, 0)


@pytest.mark.parametrize("layers", [2, 32])
def test_scoring_reads_once_and_the_facts_of_a_side_once(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pivot, target = vectors(layers), vectors(layers, seed=1)
    views = {**VIEWS, "shuffled": shuffled(derangement(12, np.random.default_rng(0)))}
    with counted_reads(monkeypatch) as seen:
        profile_and_views(pivot, target, views, [k_occurrence])
    assert seen == ["cpu"]
    with counted_reads(monkeypatch) as seen:
        _ = target.sizes, target.sizes
    assert seen == ["cpu"]


def test_reads_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with counted_reads(monkeypatch) as seen:
        one = torch.tensor([1.5])
        _ = float(one), one.tolist(), bool(one), one.item()
    assert seen == ["__float__", "tolist", "__bool__", "item"]


@pytest.mark.tiny
@pytest.mark.parametrize(
    ("model_type", "sizes", "of_a_layer"),
    [("llama", {}, 0), ("mixtral", {}, 1), ("mixtral", {"num_local_experts": 12}, 1)],
)
def test_a_pass_reads_as_often_whatever_the_layers_and_experts(
    model_type: str, sizes: dict[str, int], of_a_layer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a mixture one reading per layer: how many tokens each expert has."""
    counts = []
    for layers in (2, 6):
        model = tiny_model(model_type, num_hidden_layers=layers, **sizes)
        encode = Encoder(model, byte_tokenizer())
        encode(["One sentence."])
        with counted_reads(monkeypatch) as seen:
            encode(["A sentence.", "Another one."])
        counts.append(len(seen))
    assert counts[1] - counts[0] == 4 * of_a_layer
    assert counts[0] <= 3 + 2 * of_a_layer  # two are of weights that are in main memory


def test_views_are_what_each_alone_gives() -> None:
    pivot, target = vectors(3, 20), vectors(3, 20, seed=1)
    own, seen, (occurrence,) = profile_and_views(pivot, target, VIEWS, [k_occurrence])
    alone = profile(pivot, target)
    for name in ("nas", "nav", "hidden"):
        assert getattr(own, name).rivals.tolist() == getattr(alone, name).rivals.tolist()
        assert occurrence[name].shape == (len(getattr(pivot, name)), 20)
        assert (occurrence[name].sum(axis=1) == 200).all()  # ten of each, without ties
    assert seen["csls"].nas.rivals.tolist() != own.nas.rivals.tolist()


def test_fetch_keeps_shapes_and_values() -> None:
    groups = [
        [torch.arange(6).reshape(2, 3) + i for i in range(4)],
        [torch.tensor(7), torch.tensor(8)],
    ]
    matrices, scalars = fetch_all(groups)
    assert matrices.tolist() == [each.tolist() for each in groups[0]]
    assert scalars.tolist() == [7, 8]
    assert fetch(groups[0]).dtype == np.int64
