"""Vectors and counts of every family equal the naive computation."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
import torch
from models import TINY, blocks_that_run, byte_tokenizer, tiny_model

from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.names import Weights
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.families import FAMILIES

pytestmark = pytest.mark.tiny

MINI = Path(__file__).parents[2] / "neuronxa_tasks" / "text" / "data" / "mini"
MARGIN = 5e-6
# Where GELU's argument is far below zero its value, and so the product's sign, is a rounding error.
SATURATED = {"gemma4_unified_text"}
TOKENIZER = byte_tokenizer(bos=True)


@cache
def model_of(model_type: str) -> Any:
    return tiny_model(model_type, seed=1)


def mini(code: str) -> list[str]:
    return (MINI / f"{code}.txt").read_text(encoding="utf-8").splitlines()


def flores(data_dir: Path, code: str, length: int) -> list[str]:
    path = data_dir / "flores200" / "devtest" / f"{code}.devtest"
    # The start of each line: several times as fast, and still real text.
    return [line[:length] for line in path.read_text("utf-8").split("\n")]


def check(
    model_type: str,
    texts: tuple[list[str], list[str]],
    n: int,
    kinds: tuple[Weights, ...] = ("position",),
) -> None:
    """Compare the vectors and counts of one model for two languages, for both taps."""
    model = model_of(model_type)
    pairs = []
    for pair in zip(*texts, strict=True):
        both = [naive.read(model, TOKENIZER, text) for text in pair]
        # Nearer to zero than the rounding of float32, a neuron is neither on nor off.
        if min(each.margin for each in both) > MARGIN and not (
            model_type in SATURATED and any(saturated(each) for each in both)
        ):
            pairs.append((pair, both))
        if len(pairs) == n:
            break
    assert len(pairs) == n
    texts = tuple(zip(*(pair for pair, _ in pairs), strict=True))  # type: ignore[assignment]
    sentences = list(zip(*(both for _, both in pairs), strict=True))
    layers = len(sentences[0][0].hidden)
    published = naive.mexa_layers(*sentences) if "position" in kinds else None
    for kind in kinds:
        # Hidden states are the same for both taps.
        hidden = [
            [[naive.mean(s.hidden[layer], kind) for s in each] for each in sentences]
            for layer in range(layers)
        ]
        of_hidden = [naive.cosines(*each) for each in hidden]
        for tap in ("gate", "inner"):
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
            assert len(vectors[0].hidden) == blocks_that_run(model) + 1 == layers
            for layer in range(layers):
                for side in (0, 1):
                    close(vectors[side].hidden[layer], hidden[layer][side])
                same(aligned.hidden, layer, of_hidden[layer])
            if kind == "position":
                assert aligned.hidden.rates.tolist() == published


def saturated(sentence: naive.Sentence) -> bool:
    """Whether a value of the tap `inner` is smaller than what rounding makes of it."""
    return any(bool(((a != 0) & (np.abs(a) < 1e-6)).any()) for a in sentence.inner)


def close(ours: Any, theirs: Any) -> None:
    theirs = np.array(theirs)
    size = np.abs(theirs).max()
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-5 * size)


def same(aligned: Any, layer: int, cosines: Any) -> None:
    assert aligned.rivals[:, layer].tolist() == naive.rivals(cosines)
    assert aligned.mutual[layer] == naive.hits(cosines)


def test_every_family_has_a_golden() -> None:
    assert sorted(FAMILIES) == sorted(TINY)
    assert set(naive.RECIPES) < set(TINY)


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_shipped_text(model_type: str) -> None:
    check(model_type, (mini("eng_Latn"), mini("deu_Latn")), n=4)


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "glm", "opt", "mixtral", "qwen3_next"])
def test_all_token_weights(model_type: str) -> None:
    check(model_type, (mini("eng_Latn"), mini("deu_Latn")), 15, ("position", "uniform", "last"))


@pytest.mark.data
@pytest.mark.parametrize("model_type", sorted(TINY))
def test_flores(model_type: str, data_dir: Path) -> None:
    length = 40 if FAMILIES[model_type].routed is None else 20  # experts go token by token
    texts = (flores(data_dir, "eng_Latn", length), flores(data_dir, "fra_Latn", length))
    check(model_type, texts, n=40)


def test_signs_of_hidden_states() -> None:
    sentences = mini("deu_Latn")[:5]
    vectors = Encoder(model_of("llama"), TOKENIZER, variants=["hidden_sign"])(sentences)
    without = Encoder(model_of("llama"), TOKENIZER)(sentences)
    assert without.signs == ()
    assert all(map(torch.equal, vectors.hidden, without.hidden))
    assert len(vectors.signs) == len(vectors.hidden)
    for i, sentence in enumerate(sentences):
        hidden = naive.read(model_of("llama"), TOKENIZER, sentence).hidden
        for ours, states in zip(vectors.signs, hidden, strict=True):
            share = naive.nas_counts(states, "position") / sum(
                naive.weights(len(states), "position")
            )
            np.testing.assert_allclose(ours[i].numpy(), share, atol=1e-6)
