"""Variants against loops, and the laws they must obey."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from neuronxa_tasks.alignment.hits import align, cosine
from neuronxa_tasks.alignment.profile import profile_and_views
from neuronxa_tasks.alignment.variants import (
    VIEWS,
    centred_cosine,
    csls,
    subset,
    variant_alignments,
)
from neuronxa_tasks.names import VARIANTS
from neuronxa_tasks.states.vectors import SentenceVectors

Vectors = NDArray[np.float64]


def csls_of(pivot: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return csls(cosine(pivot, target))


COMPARE = [cosine, centred_cosine, csls_of]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Vectors, Vectors]:
    """Two [n, F] arrays of small whole numbers, where ties and zero vectors are common."""
    shape = (draw(st.integers(2, 13)), draw(st.integers(1, 5)))
    array = hnp.arrays(np.float64, shape, elements=st.integers(-2, 3).map(float))
    return draw(array), draw(array)


def matrix(compare: Any, both: tuple[Vectors, Vectors]) -> Vectors:
    return np.asarray(compare(*map(torch.from_numpy, both)))


def naive_cosine(a: Vectors, b: Vectors) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths > 1e-9 else 0.0


def naive_cosines(pivot: Vectors, target: Vectors) -> list[list[float]]:
    return [[naive_cosine(p, t) for t in target] for p in pivot]


@given(pairs())
def test_centred(both: tuple[Vectors, Vectors]) -> None:
    moved = []
    for vectors in both:
        mean = [math.fsum(column) / len(vectors) for column in vectors.T]
        moved.append(np.array([[x - m for x, m in zip(v, mean, strict=True)] for v in vectors]))
    np.testing.assert_allclose(matrix(centred_cosine, both), naive_cosines(*moved), atol=1e-9)


@given(pairs())
def test_csls(both: tuple[Vectors, Vectors]) -> None:
    C = naive_cosines(*both)
    n = len(C)

    def nearest(cosines: list[float]) -> float:
        best = sorted(cosines, reverse=True)[:10]
        return sum(best) / len(best)

    rows = [nearest(C[i]) for i in range(n)]
    columns = [nearest([C[i][j] for i in range(n)]) for j in range(n)]
    expected = [[2 * C[i][j] - rows[i] - columns[j] for j in range(n)] for i in range(n)]
    np.testing.assert_allclose(matrix(csls_of, both), expected, atol=1e-12)


@given(pairs(), st.data())
def test_an_added_constant_leaves_centred_alone(
    both: tuple[Vectors, Vectors], data: st.DataObject
) -> None:
    pivot, target = both
    constant = data.draw(hnp.arrays(np.float64, pivot.shape[1], elements=st.integers(-9, 9)))
    before, after = matrix(centred_cosine, both), matrix(centred_cosine, (pivot, target + constant))
    np.testing.assert_allclose(after, before, atol=1e-9)
    hits = [
        align([pivot], [t], centred_cosine).rivals.tolist() for t in (target, target + constant)
    ]
    assert hits[0] == hits[1]


def test_an_added_constant_changes_the_cosine() -> None:
    pivot = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert align([pivot], [pivot + 5.0], centred_cosine).mutual.tolist() == [4]
    assert align([pivot], [pivot + 5.0]).mutual.tolist() == [0]


def test_vectors_that_do_not_differ_have_no_direction_once_centred() -> None:
    equal = np.full((5, 3), 0.1)  # their mean is rounded
    assert matrix(centred_cosine, (equal, equal)).tolist() == np.zeros((5, 5)).tolist()


@given(pairs(), st.sampled_from(COMPARE), st.randoms(use_true_random=False))
def test_order_of_the_pairs_does_not_matter(
    both: tuple[Vectors, Vectors], compare: Any, random: Any
) -> None:
    order = list(range(len(both[0])))
    random.shuffle(order)
    before = align([both[0]], [both[1]], compare).rivals[:, 0]
    after = align([both[0][order]], [both[1][order]], compare).rivals[:, 0]
    assert after.tolist() == before[:, order].tolist()


@given(pairs(), st.data())
def test_a_repeated_pair_loses_exactly_its_own_hit(
    both: tuple[Vectors, Vectors], data: st.DataObject
) -> None:
    """The two copies are each other's rivals; for all others the copy is a rival as the first was.

    So the number of hits falls by one where the pair was a hit, and else stays.
    """
    i = data.draw(st.integers(0, len(both[0]) - 1))
    more = [np.concatenate([vectors, vectors[i : i + 1]]) for vectors in both]
    before, after = align([both[0]], [both[1]]), align([more[0]], [more[1]])
    for kind, name in enumerate(("forward", "backward", "mutual")):
        was_hit = int(before.rivals[kind, 0, i] == 0)
        assert getattr(after, name)[0] == getattr(before, name)[0] - was_hit


def test_csls_takes_from_a_hub() -> None:
    # Target 0 lies in the middle and is nearest to all pivots.
    pivot = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    target = np.array([[1.3, 1.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert align([pivot], [target]).forward.tolist() == [1]
    assert align([pivot], [target], csls_of).forward.tolist() == [3]


def test_subset_is_the_same_for_all_and_keeps_narrow_layers() -> None:
    wide, narrow = torch.arange(20.0).repeat(3, 1), torch.arange(4.0).repeat(3, 1)
    first, second, third = subset([wide, wide, narrow], 5)
    assert first.shape == (3, 5)
    assert first[0].tolist() == sorted(set(first[0].tolist()))
    assert torch.equal(first, second)
    assert third is narrow


@pytest.mark.parametrize("variant", VARIANTS)
def test_which_representations_a_variant_has(variant: str) -> None:
    generator = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
        nas, nav, top, up, hidden, signs = (
            torch.rand(9, f, generator=generator) for f in (7, 7, 7, 7, 3, 3)
        )
        sides.append(
            SentenceVectors((nas,), (nav,), (hidden,), (1,) * 9, 0, (signs,), (top,), (up,))
        )
    found = variant_alignments(variant, *sides)
    _, seen, _ = profile_and_views(*sides, VIEWS)
    again = variant_alignments(variant, *sides, seen)
    assert {k: v.rivals.tolist() for k, v in found.items()} == {
        k: v.rivals.tolist() for k, v in again.items()
    }
    names = {
        "width_matched": ["nas", "nav"],
        "hidden_sign": ["hidden"],
        "top_decile": ["nas"],
        "up_sign": ["nas"],
    }
    assert list(found) == names.get(variant, ["nas", "nav", "hidden"])
    own = {"hidden_sign": "signs", "top_decile": "top", "up_sign": "up"}
    if variant in own:
        by_hand = align(*(getattr(side, own[variant]) for side in sides))
        assert found[names[variant][0]].rivals.tolist() == by_hand.rivals.tolist()
