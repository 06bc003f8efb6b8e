"""LAPE: entropies and specific neurons, against a naive computation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from neuronxa_tasks.alignment.lape import BAR, ActivityStore, bar_of, entropy, specific_neurons
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.printed_measures import lape_table
from neuronxa_tasks.schema import LapeBlock
from neuronxa_tasks.states.vectors import SentenceVectors

LANGUAGES = ("deu", "eng", "fra", "hin")
WIDTHS = (120, 90)
SENTENCES, TOKENS = 6, 50


def vectors(seed: int, own: slice) -> SentenceVectors:
    """Random counts; the neurons `own` of the last layer are active in this language alone."""
    rng = np.random.default_rng(seed)
    active = [
        torch.from_numpy(rng.integers(0, 20, (SENTENCES, width)).astype(np.float32))
        for width in WIDTHS
    ]
    active[-1][:, :8] = 0
    active[-1][:, own] = 45
    tokens = (TOKENS,) * (SENTENCES - 1) + (TOKENS + seed,)
    return SentenceVectors((), (), (), tokens, 0, active=tuple(active))


@pytest.fixture
def languages() -> dict[str, SentenceVectors]:
    return {
        name: vectors(seed, slice(2 * seed, 2 * seed + 2)) for seed, name in enumerate(LANGUAGES)
    }


def test_specific_neurons_as_by_hand(languages: dict[str, SentenceVectors], tmp_path: Path) -> None:
    store = ActivityStore(tmp_path)
    for name, each in languages.items():
        store.add(name, each)
        store.add(name, vectors(9, slice(0, 0)))  # the first one stays
    bar, found = specific_neurons(store, LANGUAGES)
    probabilities = np.array([
        [
            float(layer[:, neuron].sum()) / sum(each.tokens)
            for layer in each.active
            for neuron in range(layer.shape[1])
        ]
        for each in languages.values()
    ])  # fmt: skip
    values = sorted(probabilities.ravel())
    assert bar == pytest.approx(values[round(BAR * len(values)) - 1])
    candidates = []
    for neuron, column in enumerate(probabilities.T):
        if column.sum() > 0 and column.max() > bar:
            candidates.append((float(stats.entropy(column)), neuron))
    chosen = {neuron for _, neuron in sorted(candidates)[: round(0.01 * sum(WIDTHS))]}
    for language, row in zip(LANGUAGES, probabilities, strict=True):
        expected = {neuron for neuron in chosen if row[neuron] > bar}
        ours = {layer * WIDTHS[0] + place for layer in (0, 1) for place in found[language][layer]}
        assert ours == expected
    planted = sorted(place for of in found.values() for place in of[1])
    assert planted == [0, 1]  # of eight planted ones with entropy 0 the first two are 1 %
    assert store.tokens("hin") == SENTENCES * TOKENS + 3


def test_entropy_from_one_language_to_all() -> None:
    given_ = np.array([[0.5, 0.2, 0.0, 0.3], [0.0, 0.2, 0.0, 0.1], [0.0, 0.2, 0.0, 0.1]])
    found = entropy(given_)
    assert found[0] == 0.0
    assert found[1] == pytest.approx(math.log(3))
    assert math.isnan(found[2])
    assert found[3] == pytest.approx(stats.entropy([0.3, 0.1, 0.1]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=30), min_size=1, max_size=5))
def test_the_bar_is_the_value_of_its_rank(parts: list[list[float]]) -> None:
    arrays = [np.array([each]) for each in parts]
    values = sorted(value for each in parts for value in each)
    rank = round(BAR * len(values))
    if rank:
        assert bar_of(iter(arrays), iter(arrays)) == values[rank - 1]


def test_the_table_counts_neurons() -> None:
    block = LapeBlock(
        corpus="mini", pivot="eng", n=6, tap="gate", share=0.01, bar=0.7,
        tokens={"deu": 300, "eng": 300}, neurons=[100, 100, 100],
        specific={"deu": [[1, 2], [], [7]], "eng": [[], [], []]},
    )  # fmt: skip
    text = lape_table(block)
    assert "| deu      | 3       | 1.00%  | 2                     | 0      | 1    |" in text


def test_a_folder_that_refuses_is_named(
    languages: dict[str, SentenceVectors], tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(NeuronXAError, match=r"`lape` cannot be written to .*gone.*NEURONXA_CACHE"):
        ActivityStore(gone).add("deu", languages["deu"])
