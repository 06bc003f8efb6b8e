"""All pairs against the comparison of two languages, and what the store writes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuronxa_tasks.alignment.hits import count_rivals, unit
from neuronxa_tasks.alignment.language_matrix import (
    Layer,
    VectorStore,
    hit_matrix,
    hits_block,
    mutual_hits,
)
from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.matrices import Matrices, plan
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.sentence_pairs import Pairs

CODES = ("a", "b", "c", "d", "e")


def language(rng: np.random.Generator, n: int = 12, scale: float = 1.0) -> SentenceVectors:
    meaning = np.random.default_rng(0).normal(size=(n, 9))

    def layers(count: int) -> tuple[torch.Tensor, ...]:
        noise = rng.normal(size=(count, n, 9))
        return tuple(torch.tensor(scale * (meaning + each), dtype=torch.float32) for each in noise)

    return SentenceVectors(layers(2), layers(2), layers(3), (1,) * n, 0)


@pytest.fixture
def languages() -> dict[str, SentenceVectors]:
    rng = np.random.default_rng(7)
    return {code: language(rng) for code in CODES}


def stored(folder: Path, languages: dict[str, SentenceVectors], **options: bool) -> VectorStore:
    store = VectorStore(folder, **options)
    for code, vectors in languages.items():
        store.add(code, vectors)
    return store


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(2, 4), st.integers(2, 6), st.integers(1, 3)),
        elements=st.integers(-2, 2).map(float),
    )
)
def test_hits_of_several_languages_at_once(values: np.ndarray) -> None:
    vectors = torch.stack([unit(torch.from_numpy(each)) for each in values])
    expected = [int((count_rivals(vectors[0] @ other.T)[2] == 0).sum()) for other in vectors]
    assert mutual_hits(vectors[0], vectors).tolist() == expected


@pytest.mark.parametrize("block_bytes", [1, 12 * 9 * 8 * 2, 2**30])
def test_every_block_size_gives_the_hits_of_each_pair(
    tmp_path: Path, languages: dict[str, SentenceVectors], block_bytes: int
) -> None:
    store = stored(tmp_path, languages)
    layers = store.layers("a")
    assert [layer.name for layer in layers] == [
        "nas.0", "nas.1", "nav.0", "nav.1", "hidden.0", "hidden.1", "hidden.2"
    ]  # fmt: skip
    for layer in layers:
        matrix = hit_matrix(store, layer, CODES, block_bytes=block_bytes)
        assert (np.diagonal(matrix) == -1).all()
        for i, one in enumerate(CODES):
            for j, other in enumerate(CODES):
                if i != j:
                    found = getattr(profile(languages[one], languages[other]), layer.representation)
                    assert matrix[i, j] == found.mutual[layer.position]


def test_layers_are_in_order_beyond_nine(tmp_path: Path) -> None:
    nas, nav, hidden = (tuple(torch.ones(2, 1) for _ in range(12)) for _ in range(3))
    many = SentenceVectors(nas, nav, hidden, (1, 1), 0)
    layers = stored(tmp_path, {"a": many}).layers("a")
    assert [layer.position for layer in layers] == [*range(12)] * 3


def test_half_precision_takes_half_the_disk_and_never_overflows(
    tmp_path: Path, languages: dict[str, SentenceVectors]
) -> None:
    huge = {code: language(np.random.default_rng(i), scale=1e7) for i, code in enumerate(CODES)}
    sizes = []
    for name, half in (("half", True), ("full", False)):
        folder = tmp_path / name
        folder.mkdir()
        store = stored(folder, huge, half=half)
        sizes.append(sum(path.stat().st_size for path in folder.iterdir()))
        block = store.block(Layer("hidden", 1), CODES)
        assert torch.isfinite(block).all()
        assert block.dtype == torch.float64
        expected = torch.stack([unit(huge[code].hidden[1]) for code in CODES])
        assert torch.allclose(block, expected, atol=1e-3 if half else 1e-12, rtol=0)
    assert sizes[0] < 0.75 * sizes[1]  # the headers are alike


def test_a_language_is_written_once(tmp_path: Path, languages: dict[str, SentenceVectors]) -> None:
    store = stored(tmp_path, {"a": languages["a"]})
    store.add("a", languages["b"])
    expected = unit(languages["a"].nas[0])
    assert torch.equal(store.block(Layer("nas", 0), ["a"])[0], expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_language_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match=r"vectors of x are not in .* NEURONXA_CACHE"):
        VectorStore(tmp_path).layers("x")


def test_a_full_disk_is_told(
    tmp_path: Path, languages: dict[str, SentenceVectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 3 * 7 * 12 * 9 * 4  # three languages of seven layers

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    store = VectorStore(tmp_path, languages=4)
    with pytest.raises(NeuronXAError, match=r"0\.0 GiB are free.*larger disk.*half"):
        store.add("a", languages["a"])
    assert list(tmp_path.iterdir()) == []
    VectorStore(tmp_path, languages=3).add("a", languages["a"])
    store.add("b", languages["b"])  # two and this one are still to come


def test_the_block_is_a_lower_triangle() -> None:
    first = np.array([[-1, 3, 1], [3, -1, 0], [1, 0, -1]])
    second = np.array([[-1, 2, 5], [2, -1, 0], [5, 0, -1]])
    block = hits_block([first, second], first_layer=1)
    assert block == {
        "layers": 2,
        "sum": [[], [5], [6, 0]],
        "best": [[], [3], [5, 0]],
        "best_layer": [[], [1], [2, 1]],
    }


def test_the_folder_may_go_once_the_parts_are_together(
    tmp_path: Path, languages: dict[str, SentenceVectors]
) -> None:
    """The first process removes it while others still put their blocks together."""
    settings = {
        "corpus": "mini", "pivot": "a", "tap": "gate", "weights": "position",
        "routed_nav": False, "pairs": "all",
    }  # fmt: skip
    lines = dict.fromkeys(range(12), ("x", "y"))
    tasks = {code: Pairs({**settings, "target": code}, {}, lines) for code in CODES[1:]}

    def alone(work: Any) -> list[Any]:
        return [work()]

    def and_gone(work: Any) -> list[Any]:
        parts = alone(work)
        shutil.rmtree(tmp_path)
        return parts

    blocks = []
    for end in (alone, and_gone):
        matrices = Matrices(plan(tasks), tmp_path, end)
        for code in CODES[1:]:
            matrices.keep(tasks[code].settings, languages["a"], languages[code])
        blocks += matrices.compare("cpu")
    assert blocks[0] == blocks[1]
