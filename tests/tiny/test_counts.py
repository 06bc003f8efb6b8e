"""Tokens at which each neuron is active: the encoder against the naive computation."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.states.encoder import Encoder

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer(bos=True)
TEXT = ("The old well is dry.", "No.", "Rain fell on the hills all night, and the river rose.")


@pytest.mark.parametrize("weights", ["position", "last"])
@pytest.mark.parametrize("model_type", ["llama", "opt", "mixtral", "jamba", "qwen2_moe"])
@pytest.mark.parametrize("tap", ["gate", "inner"])
def test_counts_are_those_of_every_token(model_type: str, tap: str, weights: str) -> None:
    model = tiny_model(model_type, seed=1)
    encode = Encoder(model, TOKENIZER, tap=tap, weights=weights, counts=True, batch_size=2)
    found = encode(TEXT)
    assert len(found.active) == len(found.nas)
    plain = Encoder(model, TOKENIZER, tap=tap, weights=weights, batch_size=2)(TEXT)
    assert plain.active == ()
    for layer, (ours, nas) in enumerate(zip(found.active, plain.nas, strict=True)):
        assert ours.shape == nas.shape
        for row, text in enumerate(TEXT):
            activation = getattr(naive.read(model, TOKENIZER, text), tap)[layer]
            expected = (np.asarray(activation) > 0).sum(axis=0)
            # At rounding's distance from 0 a neuron is neither on nor off.
            unsure = (np.abs(np.asarray(activation)) < 1e-6).any(axis=0)
            np.testing.assert_array_equal(ours[row].numpy()[~unsure], expected[~unsure])
    for ours, nas in zip(found.nas, plain.nas, strict=True):
        assert ours.tolist() == nas.tolist()  # counting changes nothing else


def test_uniform_weights_say_the_same() -> None:
    found = Encoder(tiny_model("llama"), TOKENIZER, weights="uniform", counts=True)(TEXT)
    tokens = np.array(found.tokens)[:, None]
    for counts, nas in zip(found.active, found.nas, strict=True):
        np.testing.assert_allclose(nas.numpy() * tokens, counts.numpy(), atol=1e-4)
