"""Cosine, rivals and alignment against loops, and their laws."""

from __future__ import annotations

import math
from typing import Any

import naive
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from neuronxa_tasks.alignment.hits import Alignment, align, cosine, count_rivals
from neuronxa_tasks.errors import NeuronXAError

Vectors = NDArray[np.float32]
WHOLE = st.integers(0, 3).map(float)


@st.composite
def pairs(draw: st.DrawFn, elements: Any = WHOLE, width: int = 5) -> tuple[Vectors, Vectors]:
    """Two [n, F] arrays of small whole numbers, where ties and zero vectors are common."""
    n = draw(st.integers(2, 7))
    shape = (n, draw(st.integers(1, width)))
    array = hnp.arrays(np.float32, shape, elements=elements)
    return draw(array), draw(array)


def rivals_of(pivot: Any, target: Any) -> list[list[int]]:
    return align([pivot], [target]).rivals[:, 0].tolist()


def exact(vectors: Vectors) -> list[NDArray[np.int64]]:
    return list(vectors.astype(np.int64))


@given(pairs(st.floats(-100, 100, width=32)))
def test_cosine_equals_the_formula(both: tuple[Vectors, Vectors]) -> None:
    ours = cosine(*map(torch.from_numpy, both))
    theirs = naive.cosines(*(list(each.astype(float)) for each in both))
    assert ours.dtype == torch.float64
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)


def test_cosine_by_hand() -> None:
    pivot = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]])
    target = torch.tensor([[4.0, 3.0], [1.0, 0.0], [0.0, 2.0]])
    expected = [[0.96, 0.6, 0.8], [0.0, 0.0, 0.0], [-0.8, -1.0, 0.0]]
    np.testing.assert_allclose(cosine(pivot, target).numpy(), expected, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_cosine_is_computed_in_float64(dtype: torch.dtype) -> None:
    vectors = torch.randn(6, 500, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = naive.cosines(*[list(vectors.double().numpy())] * 2)
    np.testing.assert_allclose(cosine(vectors, vectors).numpy(), expected, atol=1e-14)


def test_cosine_of_very_large_and_very_small_vectors() -> None:
    tiny, huge = torch.full((2, 3), 1e-30), torch.full((2, 3), 1e30)
    np.testing.assert_allclose(cosine(tiny, huge).numpy(), np.ones((2, 2)), atol=1e-12)


def test_rivals_by_hand() -> None:
    #        pair 0 has rival 1 in its row; pair 1 has rival 0 in its row (a tie) and in its
    #        column; pair 2 has none.
    similarity = torch.tensor([[0.5, 0.7, 0.1], [0.6, 0.6, 0.2], [0.3, 0.0, 0.9]])
    assert count_rivals(similarity.double()).tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 0]]


def test_either_counts_a_sentence_once() -> None:
    # Sentence 1 is a rival of pair 0 in row and column, sentence 2 only in the column.
    similarity = torch.tensor([[0.5, 0.9, 0.0], [0.9, 1.0, 0.0], [0.8, 0.0, 1.0]])
    row, column, either = count_rivals(similarity.double())[:, 0].tolist()
    assert (row, column, either) == (1, 2, 2)


@given(pairs())
def test_rivals_equal_exact_arithmetic(both: tuple[Vectors, Vectors]) -> None:
    """Cosines of whole-number vectors, compared as fractions: ties are ties."""
    assert rivals_of(*both) == naive.rivals(naive.exact_cosines(*map(exact, both)))


@given(pairs(st.floats(-1, 1, width=32).filter(lambda x: abs(x) > 1e-3), width=8))
def test_hits_are_pairs_without_a_rival(both: tuple[Vectors, Vectors]) -> None:
    aligned = align([both[0]], [both[1]])
    row, column, either = aligned.rivals[:, 0]
    assert aligned.forward[0] == np.sum(row == 0)
    assert aligned.backward[0] == np.sum(column == 0)
    assert aligned.mutual[0] == np.sum((row == 0) & (column == 0)) == np.sum(either == 0)
    assert (np.maximum(row, column) <= either).all()
    assert (either <= np.minimum(row + column, aligned.n - 1)).all()
    assert aligned.mutual[0] <= min(aligned.forward[0], aligned.backward[0])


@given(pairs(), st.randoms())
def test_permuted_sentences_permute_the_rivals(both: tuple[Vectors, Vectors], random: Any) -> None:
    order = list(range(len(both[0])))
    random.shuffle(order)
    permuted = align([both[0][order]], [both[1][order]])
    assert (permuted.rivals == align([both[0]], [both[1]]).rivals[:, :, order]).all()


@given(pairs())
def test_swapping_the_languages_swaps_row_and_column(both: tuple[Vectors, Vectors]) -> None:
    there, back = align([both[0]], [both[1]]), align([both[1]], [both[0]])
    assert (there.rivals[[1, 0, 2]] == back.rivals).all()
    assert there.rates.tolist() == back.rates.tolist()


@given(pairs(), st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**20]))
def test_length_of_a_vector_does_not_matter(both: tuple[Vectors, Vectors], factor: float) -> None:
    scaled = both[1].copy()
    scaled[0] *= np.float32(factor)
    assert rivals_of(both[0], scaled) == rivals_of(*both)


@given(pairs())
def test_a_permutation_of_the_neurons_does_not_matter(both: tuple[Vectors, Vectors]) -> None:
    assert rivals_of(both[0][:, ::-1].copy(), both[1][:, ::-1].copy()) == rivals_of(*both)


@given(hnp.arrays(np.float32, (6, 4), elements=st.integers(1, 9).map(float)))
def test_the_same_text_on_both_sides_is_all_hits(vectors: Vectors) -> None:
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distinct = np.unique(vectors.round(4), axis=0)
    if len(distinct) < 2:
        return
    aligned = align([distinct], [distinct])
    assert aligned.mean == aligned.max == 1.0


def test_a_repeated_pair_hits_neither_time() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 1, 2]]
    aligned = align([vectors], [vectors])
    assert aligned.rivals[2, 0].tolist() == [0, 1, 1, 0]


def test_equal_vectors_tie_whatever_the_rounding_of_a_product() -> None:
    """A repeated target never beats its twin, at any place and any size."""
    generator = torch.Generator().manual_seed(0)
    pivot = torch.randn(101, 1237, generator=generator)
    target = pivot + 0.1 * torch.randn(101, 1237, generator=generator)
    pivot[70] = pivot[3]
    target[70] = target[3]
    rivals = align([pivot], [target]).rivals[:, 0]
    assert (rivals[:, [3, 70]] == 1).all()
    assert np.delete(rivals, [3, 70], axis=1).sum() == 0


def test_a_zero_vector_ties_with_everything() -> None:
    pivot = np.eye(3, dtype=np.float32)
    pivot[1] = 0
    aligned = align([pivot], [np.eye(3, dtype=np.float32)])
    assert aligned.rivals[0, 0].tolist() == [0, 2, 0]
    assert aligned.mutual.tolist() == [2]


def test_all_zero_is_no_hit() -> None:
    zero = np.zeros((4, 3), dtype=np.float32)
    assert (align([zero], [zero]).rivals == 3).all()


def test_random_vectors_hit_at_the_level_of_chance() -> None:
    """E[mu] = 1 / (2n - 1): the largest of the 2n - 1 entries of a row and a column."""
    generator = torch.Generator().manual_seed(0)
    n, rounds = 5, 4000
    layers = [torch.randn(2, n, 64, generator=generator) for _ in range(rounds)]
    rate = align([each[0] for each in layers], [each[1] for each in layers]).mean
    chance = 1 / (2 * n - 1)
    error = math.sqrt(chance * (1 - chance) / (n * rounds))
    assert abs(rate - chance) < 4 * error


def test_layers_stay_apart() -> None:
    generator = np.random.default_rng(0)
    pivot = [generator.normal(size=(5, width)) for width in (3, 8)]
    target = [generator.normal(size=(5, width)) for width in (3, 8)]
    both = align(pivot, target)
    assert both.rivals.shape == (3, 2, 5)
    for layer in (0, 1):
        assert (both.rivals[:, layer] == align([pivot[layer]], [target[layer]]).rivals[:, 0]).all()


def test_scores_of_a_profile() -> None:
    rivals = np.array([[[0, 0, 1, 2], [0, 3, 0, 0]]] * 3)
    aligned = Alignment(rivals)
    assert aligned.n == 4
    assert aligned.mutual.tolist() == [2, 3]
    assert aligned.rates.tolist() == [0.5, 0.75]
    assert (aligned.mean, aligned.max) == (0.625, 0.75)


def test_lists_are_vectors_too() -> None:
    assert align([[[1.0, 0.0], [0.0, 1.0]]], [[[2.0, 1.0], [0.0, 1.0]]]).mutual.tolist() == [2]


@pytest.mark.parametrize(
    ("pivot", "target", "message"),
    [
        ([], [], "The pivot has 0 layers and the target 0"),
        ([np.ones((2, 3))], [np.ones((2, 3))] * 2, "The pivot has 1 layers and the target 2"),
        ([np.ones((2, 3))], [np.ones((3, 3))], r"Layer 0: .* \[2, 3\] .* \[3, 3\]"),
        ([np.ones((2, 3))], [np.ones((2, 4))], r"Layer 0: .* the same width"),
        ([np.ones(3)], [np.ones(3)], r"Layer 0: .* \[3\]"),
        ([np.ones((1, 3))], [np.ones((1, 3))], "1 sentence pair has no rivals.*100"),
        ([np.zeros((0, 3))], [np.zeros((0, 3))], "0 sentence pair"),
        (
            [np.eye(2), np.array([[1.0, np.nan], [0.0, 1.0]])],
            [np.eye(2)] * 2,
            "Layer 1 has a vector that is not finite",
        ),
        ([np.full((2, 2), np.inf)], [np.eye(2)], "Layer 0 has a vector that is not finite"),
    ],
)
def test_errors_say_what_is_wrong(pivot: Any, target: Any, message: str) -> None:
    with pytest.raises(NeuronXAError, match=message):
        align(pivot, target)
