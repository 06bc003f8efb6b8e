"""Vectors and counts of every family equal the naive computation."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
from models import TINY, byte_tokenizer, tiny_model

from neuronxa_tasks.architectures import FAMILIES
from neuronxa_tasks.states import Encoder, profile

pytestmark = pytest.mark.tiny

MINI = Path(__file__).parents[2] / "neuronxa_tasks" / "data" / "mini"
N = 40
TOKENIZER = byte_tokenizer(bos=True)


@cache
def model_of(model_type: str) -> Any:
    return tiny_model(model_type, seed=1)


def mini(code: str) -> list[str]:
    return (MINI / f"{code}.txt").read_text(encoding="utf-8").splitlines()[:N]


def flores(data_dir: Path, code: str) -> list[str]:
    path = data_dir / "flores200" / "devtest" / f"{code}.devtest"
    # Half of each line: twice as fast, and still real text.
    return [line[: len(line) // 2] for line in path.read_text("utf-8").split("\n")[:N]]


def check(model_type: str, english: list[str], other: list[str]) -> None:
    """Compare everything that can be selected, for one model and two languages."""
    model = model_of(model_type)
    texts = (english, other)
    sentences = [[naive.read(model, TOKENIZER, text) for text in each] for each in texts]
    for tap in ("gate", "inner"):
        for kind in ("position", "uniform", "last"):
            encode = Encoder(model, TOKENIZER, tap=tap, weights=kind, batch_size=16)
            vectors = [encode(each) for each in texts]
            aligned = profile(*vectors)
            for layer in range(len(sentences[0][0].gate)):
                states = [[getattr(s, tap)[layer] for s in each] for each in sentences]
                counts = [[naive.nas_counts(a, kind) for a in each] for each in states]
                values = [[naive.mean(np.abs(a), kind) for a in each] for each in states]
                for side in (0, 1):
                    total = [[sum(naive.weights(len(a), kind))] for a in states[side]]
                    close(vectors[side].nas[layer], counts[side] / np.array(total))
                    close(vectors[side].nav[layer], values[side])
                same(aligned.nas, layer, naive.exact_cosines(*counts))
                same(aligned.nav, layer, naive.cosines(*values))
            for layer in range(len(sentences[0][0].hidden)):
                hidden = [[naive.mean(s.hidden[layer], kind) for s in each] for each in sentences]
                for side in (0, 1):
                    close(vectors[side].hidden[layer], hidden[side])
                same(aligned.hidden, layer, naive.cosines(*hidden))
            if kind == "position":
                assert aligned.hidden.rates.tolist() == naive.mexa_layers(*sentences)


def close(ours: Any, theirs: Any) -> None:
    theirs = np.array(theirs)
    size = np.abs(theirs).max()
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-5 * size)


def same(aligned: Any, layer: int, cosines: Any) -> None:
    assert aligned.rivals[:, layer].tolist() == naive.rivals(cosines)
    assert aligned.mutual[layer] == naive.hits(cosines)


def test_every_family_has_a_golden() -> None:
    assert sorted(FAMILIES) == sorted(TINY) == sorted(naive.RECIPES)


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_shipped_text(model_type: str) -> None:
    check(model_type, mini("eng_Latn")[:12], mini("deu_Latn")[:12])


@pytest.mark.data
@pytest.mark.parametrize("model_type", sorted(TINY))
def test_flores(model_type: str, data_dir: Path) -> None:
    check(model_type, flores(data_dir, "eng_Latn"), flores(data_dir, "fra_Latn"))


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_hidden_states_are_those_of_transformers(model_type: str) -> None:
    model = model_of(model_type)
    text = mini("eng_Latn")[0]
    vectors = Encoder(model, TOKENIZER, weights="last")([text])
    expected = [each[-1] for each in naive.read(model, TOKENIZER, text).hidden]
    assert len(vectors.hidden) == len(vectors.nas) + 1 == len(expected)
    for ours, theirs in zip(vectors.hidden, expected, strict=True):
        close(ours[0], theirs)
