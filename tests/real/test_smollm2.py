"""The scores of a published checkpoint: against one sentence at a time, and against themselves."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from neuronxa_tasks import Encoder, profile
from neuronxa_tasks.states import fused
from neuronxa_tasks.text.corpora import corpus

pytestmark = pytest.mark.real

N = 20
FRENCH = {
    "nas": [
        0, 1, 1, 0, 1, 0, 2, 1, 1, 1, 1, 4, 4, 8, 6, 5, 5, 4, 7, 7, 4, 4, 3, 4, 3, 3, 1, 1, 2, 1,
    ],
    "nav": [
        2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 1, 2, 1, 2, 1, 1, 1, 2, 2, 0, 0, 1, 1, 1, 1, 1,
    ],
    "hidden": [
        0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 1, 1, 1, 2, 1, 2,
    ],
}  # fmt: skip
"""Mutual hits per layer on the shipped text, n = 20, float32: a table that may not move."""


@pytest.fixture(scope="module")
def loaded(weights: Path) -> tuple[Any, Any]:
    folder = weights / "smollm2-135m"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def english(loaded: tuple[Any, Any]) -> list[naive.Sentence]:
    text = corpus("mini").load("eng_Latn", "fra_Latn", N).pivot
    return [naive.read(*loaded, sentence) for sentence in text]


def hits(sides: Sequence[Sequence[naive.Sentence]], states: Callable[[naive.Sentence], Any]) -> int:
    """Mutual nearest neighbours of weighted means, from the definition, in float64."""
    units = []
    for side in sides:
        means = [
            np.arange(1, len(values) + 1) @ values / np.arange(1, len(values) + 1).sum()
            for values in map(states, side)
        ]
        units.append(np.array([each / (np.linalg.norm(each) or 1) for each in means]))
    C = units[0] @ units[1].T
    np.fill_diagonal(rest := C.copy(), -np.inf)
    return int(((C.diagonal() > rest.max(0)) & (C.diagonal() > rest.max(1))).sum())


@pytest.mark.parametrize("code", ["fra_Latn", "swh_Latn"])
def test_counts_are_those_of_one_sentence_at_a_time(
    loaded: tuple[Any, Any], english: list[naive.Sentence], code: str
) -> None:
    text = corpus("mini").load("eng_Latn", code, N)
    encode = Encoder(*loaded, batch_size=8)
    found = profile(encode(text.pivot), encode(text.target))
    sides = (english, [naive.read(*loaded, sentence) for sentence in text.target])
    layers = range(loaded[0].config.num_hidden_layers)
    nas = [hits(sides, lambda s, i=i: s.gate[i] > 0) for i in layers]
    nav = [hits(sides, lambda s, i=i: np.abs(s.gate[i])) for i in layers]
    hidden = [hits(sides, lambda s, i=i: s.hidden[i]) for i in range(len(layers) + 1)]
    assert found.nas.mutual.tolist() == nas
    assert found.nav.mutual.tolist() == nav
    assert found.hidden.mutual.tolist() == hidden
    if code == "fra_Latn":
        assert {"nas": nas, "nav": nav, "hidden": hidden} == FRENCH


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_compiled_walk_changes_no_rival(
    loaded: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    model, tokenizer = copy.deepcopy(loaded[0]).to(dtype), loaded[1]
    text = corpus("mini").load("eng_Latn", "fra_Latn", N)
    monkeypatch.setattr(fused, "FEW_THREADS", sys.maxsize)
    compiled = Encoder(model, tokenizer)
    monkeypatch.setattr(fused, "FEW", sys.maxsize)
    plain = Encoder(model, tokenizer)
    assert (compiled.numba, plain.numba) == (version("numba"), "")
    one, other = (profile(encode(text.pivot), encode(text.target)) for encode in (compiled, plain))
    for kind in ("nas", "nav", "hidden"):
        assert np.array_equal(getattr(one, kind).rivals, getattr(other, kind).rivals)


def test_the_gguf_file_and_the_converted_copy_are_the_same_model(
    weights: Path, loaded: tuple[Any, Any]
) -> None:
    place = {"pretrained_model_name_or_path": weights / "gguf", "gguf_file": "smollm2-135m.gguf"}
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16)
    copy = loaded[0].state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor.float(), copy[name]), name
    tokenizer = AutoTokenizer.from_pretrained(**place)
    for text in corpus("mini").load("eng_Latn", "swh_Latn", N).target:
        assert tokenizer(text)["input_ids"] == loaded[1](text)["input_ids"]
