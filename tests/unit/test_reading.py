"""How often a language's scoring waits for the device that has its vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from neuronxa_tasks.alignment.controls import derangement, shuffled
from neuronxa_tasks.alignment.covariates import k_occurrence
from neuronxa_tasks.alignment.profile import profile, profile_and_views
from neuronxa_tasks.alignment.variants import VIEWS
from neuronxa_tasks.states.reading import fetch, fetch_all
from neuronxa_tasks.states.vectors import SentenceVectors

READS = ("item", "cpu", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__")
"""What of a tensor waits for its device, as long as it is not in main memory."""


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note each reading of a tensor; `fetch_all` reads with `.cpu().numpy()`, which counts one."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in READS:
            original = getattr(torch.Tensor, name)

            def reading(self: torch.Tensor, *args: object, _of=original, _name=name):  # type: ignore[no-untyped-def]
                if not getattr(self, "came_from_cpu", False):
                    seen.append(_name)
                found = _of(self, *args)
                if _name == "cpu":
                    found.came_from_cpu = True
                return found

            patch.setattr(torch.Tensor, name, reading)
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
    assert len(seen) >= 4


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
