"""Measures of two languages' vectors, against naive loops and other packages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import linalg, spatial, stats
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.neighbors import NearestNeighbors

from neuronxa_tasks.alignment.layer_pair import LayerPair, layer_pair
from neuronxa_tasks.alignment.measuring import measure, measured
from neuronxa_tasks.names import MEASURES
from neuronxa_tasks.states.vectors import SentenceVectors

Floats: TypeAlias = NDArray[np.float64]
DOCS = Path(__file__).parents[2] / "docs" / "measures.md"
N, F = 23, 9


def drawn(seed: int, n: int = N, width: int = F, noise: float = 1.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(n, width)) + 0.5
    return one, one + noise * rng.normal(size=(n, width))


TOKENS = 5


def counts(vectors: Floats) -> Floats:
    """Of TOKENS tokens of a sentence, those at which each neuron is active: some whole number."""
    return np.clip(np.round(2 * vectors + 1), 0, TOKENS)


def pair_of(one: Floats, other: Floats) -> LayerPair:
    tokens = torch.full((len(one),), float(TOKENS), dtype=torch.float64)
    active = [(torch.from_numpy(counts(each)).float(), tokens) for each in (one, other)]
    return layer_pair(torch.from_numpy(one), torch.from_numpy(other), (active[0], active[1]))


def number(name: str, one: Floats, other: Floats) -> float:
    return float(measure(name).values(pair_of(one, other)).mean())


# --- by hand, in loops or by another package ---------------------------------------------------


def cosine(a: Floats, b: Floats) -> float:
    return float(1 - spatial.distance.cosine(a, b))


def naive_anc(one: Floats, other: Floats) -> float:
    found = [
        stats.pearsonr(a, b).statistic
        for a, b in zip(one.T, other.T, strict=True)
        if np.ptp(a) > 0 and np.ptp(b) > 0
    ]
    return float(np.mean(found))


def naive_hsic(one: Floats, other: Floats) -> float:
    """Song et al. 2012, as sums over tuples of different sentences."""
    k, m, n = one @ one.T, other @ other.T, len(one)
    two = three = four = 0.0
    for i in range(n):
        for j in set(range(n)) - {i}:
            two += k[i, j] * m[i, j]
            for q in set(range(n)) - {i, j}:
                three += k[i, j] * m[i, q]
                for r in set(range(n)) - {i, j, q}:
                    four += k[i, j] * m[q, r]
    falling = [math.perm(n, size) for size in (2, 3, 4)]
    return two / falling[0] - 2 * three / falling[1] + four / falling[2]


def naive_cka(one: Floats, other: Floats) -> float:
    product = naive_hsic(one, one) * naive_hsic(other, other)
    return naive_hsic(one, other) / math.sqrt(product)


def naive_rsa(one: Floats, other: Floats) -> float:
    a, b = (spatial.distance.pdist(each, "cosine") for each in (one, other))
    return float(stats.spearmanr(a, b).statistic)


def naive_procrustes(one: Floats, other: Floats) -> float:
    one, other = (each - each.mean(axis=0) for each in (one, other))
    one, other = (each / np.linalg.norm(each) for each in (one, other))
    rotation, _ = linalg.orthogonal_procrustes(one, other)
    return 1 - float(np.linalg.norm(one @ rotation - other)) ** 2 / 2


def naive_knn(one: Floats, other: Floats) -> float:
    near = [
        NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(each)
        for each in (one, other)
    ]
    both = [each.kneighbors(return_distance=False) for each in near]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*both, strict=True)]))


def ranks(one: Floats, other: Floats) -> Iterable[int]:
    for a, b in ((one, other), (other, one)):
        for i in range(len(a)):
            own = cosine(a[i], b[i])
            yield 1 + sum(cosine(a[i], b[j]) >= own for j in range(len(b)) if j != i)


def naive_mrr(one: Floats, other: Floats) -> float:
    truth = np.eye(len(one))
    table = np.array([[cosine(a, b) for b in other] for a in one])
    # With one true label, the precision at it is its reciprocal rank.
    both = [label_ranking_average_precision_score(truth, each) for each in (table, table.T)]
    return float(np.mean(both))


def naive_recall(one: Floats, other: Floats) -> float:
    return float(np.mean([rank <= 10 for rank in ranks(one, other)]))


def naive_margin(one: Floats, other: Floats) -> float:
    found = []
    for a, b in ((one, other), (other, one)):
        for i in range(len(a)):
            rivals = sorted(cosine(a[i], b[j]) for j in range(len(b)) if j != i)
            found.append(cosine(a[i], b[i]) - float(np.mean(rivals[-10:])))
    return float(np.mean(found))


def naive_iou(one: Floats, other: Floats) -> float:
    sets = [
        {f for f in range(each.shape[1]) if counts(each)[:, f].sum() > 0.5 * TOKENS * len(each)}
        for each in (one, other)
    ]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


NAIVE: dict[str, Callable[[Floats, Floats], float]] = {
    "anc": naive_anc,
    "cka": naive_cka,
    "iou": naive_iou,
    "knn": naive_knn,
    "margin": naive_margin,
    "mrr": naive_mrr,
    "procrustes": naive_procrustes,
    "recall_at_10": naive_recall,
    "rsa": naive_rsa,
}
"""The list of tests: a line for each measure."""

AGREE = {"anc": 1e-12, "rsa": 1e-12, "procrustes": 1e-9}
TURNED = ("cka", "knn", "procrustes", "rsa")
"""A rotation of one language leaves them as they are."""
WHOLE = ("anc", "cka", "procrustes", "rsa")
"""Numbers of all sentences at once."""


def test_every_measure_has_its_file_its_line_and_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(NAIVE) == set(MEASURES)
    assert set(MEASURES) <= set(rows)


@pytest.mark.parametrize("name", sorted(NAIVE))
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_as_a_naive_loop(name: str, noise: float) -> None:
    one, other = drawn(3, noise=noise)
    assert number(name, one, other) == pytest.approx(NAIVE[name](one, other), abs=1e-9)


@pytest.mark.parametrize("width", [4, 60])
@pytest.mark.parametrize("name", ["procrustes", "cka"])
def test_with_fewer_and_more_neurons_than_sentences(name: str, width: int) -> None:
    one, other = drawn(4, 14, width)
    assert number(name, one, other) == pytest.approx(NAIVE[name](one, other), abs=1e-9)


def test_procrustes_and_the_disparity_of_scipy() -> None:
    one, other = drawn(5)
    _, _, disparity = spatial.procrustes(one, other)
    assert number("procrustes", one, other) == pytest.approx(math.sqrt(1 - disparity), abs=1e-9)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_equal_vectors_have_the_greatest_value(name: str) -> None:
    one, _ = drawn(6)
    found = measure(name).values(pair_of(one, one))
    if name == "margin":
        assert 0 < found.mean() < 1
    else:
        np.testing.assert_allclose(found, 1.0, atol=1e-9)


@pytest.mark.parametrize("name", TURNED)
def test_a_rotation_changes_nothing(name: str) -> None:
    one, other = drawn(7)
    turn = stats.ortho_group.rvs(F, random_state=0)
    if name in ("cka", "procrustes"):
        shifted = 3 * (other @ turn) + 5  # nor do a shift and a scale
        assert number(name, one, shifted) == pytest.approx(number(name, one, other), abs=1e-9)
        assert number(name, one, 3 * (one @ turn) + 5) == pytest.approx(1, abs=1e-9)
    assert number(name, one, other @ turn) == pytest.approx(number(name, one, other), abs=1e-9)
    assert number("anc", one, other @ turn) < number("anc", one, other) - 0.1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(12, 30), width=st.integers(2, 40))
def test_within_its_range_and_the_same_in_any_order(seed: int, n: int, width: int) -> None:
    one, other = drawn(seed, n, width)
    order = np.random.default_rng(seed).permutation(n)
    for name in MEASURES:
        values = measure(name).values(pair_of(one, other))
        assert values.shape == (n,)
        if np.isnan(values).all():
            assert name == "iou"  # no neuron is active in most tokens
            continue
        assert measure(name).lowest - 1e-9 <= values.mean() <= 1 + 1e-9
        again = measure(name).values(pair_of(one[order], other[order]))
        np.testing.assert_allclose(again, values[order], atol=1e-7)
        back = measure(name).values(pair_of(other, one))
        assert back.mean() == pytest.approx(values.mean(), abs=1e-9)


@pytest.mark.parametrize(("name", "chance", "close"), [
    ("anc", 0.0, 0.02), ("cka", 0.0, 0.02), ("rsa", 0.0, 0.02), ("margin", -0.12, 0.02),
    ("knn", 10 / 99, 0.02), ("recall_at_10", 10 / 100, 0.02),
    ("mrr", sum(1 / rank for rank in range(1, 101)) / 100, 0.015),
])  # fmt: skip
def test_independent_vectors_are_at_chance(name: str, chance: float, close: float) -> None:
    rng = np.random.default_rng(0)
    found = [
        number(name, rng.normal(size=(100, 200)), rng.normal(size=(100, 200))) for _ in range(20)
    ]
    assert np.mean(found) == pytest.approx(chance, abs=close)


def test_procrustes_and_the_biased_cka_are_not_near_0_for_noise() -> None:
    """Why the table says so, and why CKA is the unbiased one."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(100, 2000)), rng.normal(size=(100, 2000))
    assert number("procrustes", one, other) > 0.9
    biased = np.linalg.norm(one.T @ other) ** 2 / (
        np.linalg.norm(one @ one.T) * np.linalg.norm(other @ other.T)
    )
    assert biased > 0.9
    assert abs(number("cka", one, other)) < 0.05


@pytest.mark.parametrize("name", [*WHOLE, "iou"])
def test_the_spread_of_the_values_is_the_jackknife(name: str) -> None:
    one, other = drawn(8, 40)
    values = measure(name).values(pair_of(one, other))
    n = len(values)
    without = np.array([
        number(name, np.delete(one, i, axis=0), np.delete(other, i, axis=0)) for i in range(n)
    ])  # fmt: skip
    error = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    ours = values.std(ddof=1) / math.sqrt(n)
    exact = name in ("anc", "cka", "iou")
    assert ours == pytest.approx(error, rel=1e-6 if exact else 0.15)
    if exact:
        moved = number(name, one, other) + (n - 1) * (without.mean() - without)
        np.testing.assert_allclose(values, moved, atol=1e-9)
    else:
        assert np.corrcoef(values, -without)[0, 1] > 0.98


def test_a_constant_neuron_does_not_count() -> None:
    one, other = drawn(9)
    one[:, 2], other[:, 5] = 0.25, 0.0
    one[:, 7] = 0.0
    one[4, 7] = 1.0  # active for one sentence: without it, it is constant
    assert number("anc", one, other) == pytest.approx(naive_anc(one, other), abs=1e-12)


@pytest.mark.parametrize("name", WHOLE)
def test_vectors_that_do_not_vary_have_no_number(name: str) -> None:
    one, other = drawn(10)
    same = np.tile(one[:1], (N, 1))
    for flat in (same, np.zeros_like(one)):
        assert np.isnan(measure(name).values(pair_of(flat, other))).all()
        assert np.isnan(measure(name).values(pair_of(other, flat))).all()


def test_ties_are_as_good_as_chance() -> None:
    flat = np.ones((N, F))
    assert number("knn", flat, flat) == pytest.approx(10 / (N - 1))
    assert number("mrr", flat, flat) == pytest.approx(1 / N)
    assert number("recall_at_10", flat, flat) == 0.0
    assert number("margin", flat, flat) == pytest.approx(0.0, abs=1e-12)


def test_iou_does_not_see_which_sentences_belong_together() -> None:
    one, other = drawn(11, 40, 50)
    pair = pair_of(one, other)
    order = np.random.default_rng(0).permutation(40)
    found = measure("iou").values(pair).mean()
    assert 0 < found < 1
    assert measure("iou").values(pair.paired(order)).mean() == pytest.approx(found)


def vectors(seed: int, layers: int = 2, flat: bool = False) -> SentenceVectors:
    rng = np.random.default_rng(seed)

    def some(count: int) -> Any:
        return tuple(torch.from_numpy(rng.random((N, F))).float() for _ in range(count))

    hidden = some(layers + 1)
    if flat:
        hidden = (torch.ones(N, F), *hidden[1:])
    active = tuple((TOKENS * each).round() for each in some(layers))
    return SentenceVectors(some(layers), some(layers), hidden, (TOKENS,) * N, 0, active=active)


def test_layers_and_their_mean() -> None:
    one, other = vectors(1), vectors(2)
    (found,) = measured(["cka", "mrr"], one, other)
    assert set(found.block) == {"cka", "mrr"}
    for name in found.block:
        for what in ("nas", "nav", "hidden"):
            both = zip(getattr(one, what), getattr(other, what), strict=True)
            layers = [measure(name).values(layer_pair(a, b)).mean() for a, b in both]
            assert found.block[name][what] == pytest.approx(layers)
            values = found.values[f"{name}_{what}"]
            assert values.shape == (N,)
            assert values.mean() == pytest.approx(np.mean(layers))


def test_a_layer_without_a_number_is_null_and_left_out_of_the_mean() -> None:
    (found,) = measured(["cka"], vectors(1, flat=True), vectors(2))
    first, *others = found.block["cka"]["hidden"]
    assert first is None
    assert found.values["cka_hidden"].mean() == pytest.approx(np.mean(others))


def test_another_order_is_the_same_as_other_sentences() -> None:
    one, other = vectors(3), vectors(4)
    order = np.random.default_rng(0).permutation(N)
    _, shuffled = measured(MEASURES, one, other, [order])
    at = torch.from_numpy(order)
    moved = SentenceVectors(
        *(tuple(each[at] for each in getattr(other, what)) for what in ("nas", "nav", "hidden")),
        other.tokens, 0, active=tuple(each[at] for each in other.active),
    )  # fmt: skip
    (expected,) = measured(MEASURES, one, moved)
    assert shuffled.block.keys() == expected.block.keys()
    for metric, values in expected.values.items():
        np.testing.assert_allclose(shuffled.values[metric], values, atol=1e-9)


def test_nothing_is_computed_that_was_not_asked_for() -> None:
    (found,) = measured([], vectors(1), vectors(2))
    assert found.block == {}
    assert found.values == {}
