"""Odd sentences, odd tokenizers and broken models at the encoder's door."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import naive
import numpy as np
import pytest
import torch
from models import byte_tokenizer, tiny_model
from torch import Tensor

from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder

pytestmark = pytest.mark.tiny

ODD = {
    "emoji": "🙂👩‍👩‍👧‍👦🏳️‍🌈",
    "right to left": "\u200fשלום עולם \u202eabc\u202c",
    "combining marks": "e\u0301\u0323 \u0915\u094d\u0937\u093f Z\u0351\u036b\u0343",
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe",
    "only zero width": "\u200b",
    "NUL": "a\x00b\x00",
    "controls": "\x01\x1b[31m\x7f\x85",
    "line ends": "a\r\nb\u2028c\u2029d",
    "one token": "a",
    "white space": " \t ",
    "outside the basic plane": "𝔸𒀀\U0010ffff",
    "not a character": "\ufffe\uffff",
    "Thai without spaces": "ภาษาไทยไม่มีช่องว่าง",
}


@cache
def llama() -> Any:
    return tiny_model("llama")


def bare_tokenizer() -> Any:
    """No padding, start or end token."""
    tokenizer = byte_tokenizer(pad=False)
    for name in ("bos_token", "eos_token"):
        setattr(tokenizer, name, None)
    return tokenizer


def test_odd_sentences_together_are_what_each_is_alone() -> None:
    encode = Encoder(llama(), byte_tokenizer(bos=True))
    sentences = list(ODD.values())
    together = encode(sentences)
    for i, sentence in enumerate(sentences):
        read = naive.read(llama(), byte_tokenizer(bos=True), sentence)
        for layer, states in enumerate(read.gate):
            size = np.abs(states).max()
            np.testing.assert_allclose(
                together.nav[layer][i].numpy(),
                naive.mean(np.abs(states), "position"),
                rtol=1e-5,
                atol=1e-5 * size,
            )
    assert set(profile(together, together).scores.values()) == {1.0}


def test_what_only_looks_alike_is_not_equal() -> None:
    """Composed and decomposed letters, with and without a zero-width space, are other tokens."""
    alike = ["é", "e\u0301", "ab", "a\u200bb", "a\x00b"]
    vectors = Encoder(llama(), byte_tokenizer())(alike)
    assert len({tuple(row) for row in vectors.hidden[0].tolist()}) == len(alike)


def test_no_pad_no_start_no_end_token() -> None:
    tokenizer, text = bare_tokenizer(), ["A dog.", "It rained all day long.", "Why?"]
    assert tokenizer.pad_token_id is tokenizer.bos_token_id is tokenizer.eos_token_id is None
    ours, expected = (Encoder(llama(), each)(text) for each in (tokenizer, byte_tokenizer()))
    assert ours.tokens == tuple(len(each) for each in text)
    for name in ("nas", "nav", "hidden"):
        assert all(map(torch.equal, getattr(ours, name), getattr(expected, name)))
    assert tokenizer.pad_token_id is None


def test_an_empty_sentence_is_named_unless_a_start_token_is_there() -> None:
    for tokenizer in (bare_tokenizer(), byte_tokenizer()):
        with pytest.raises(NeuronXAError, match=r"no token of sentence 2 of 2, ''.*Remove"):
            Encoder(llama(), tokenizer)(["A dog.", ""])
    assert Encoder(llama(), byte_tokenizer(bos=True))(["A dog.", ""]).tokens == (7, 1)


def test_a_token_beyond_the_embedding_is_named_before_the_forward_pass() -> None:
    model = tiny_model("llama", vocab_size=150)
    ran: list[int] = []
    model.model.register_forward_pre_hook(lambda *_: ran.append(1))
    encode = Encoder(model, byte_tokenizer())
    fits = [chr(i) for i in range(32, 127) if max(byte_tokenizer()(chr(i))["input_ids"]) < 150]
    encode(["".join(fits)])
    ran.clear()
    with pytest.raises(
        NeuronXAError, match=r"the token 258 for sentence 2 of 2, '中', but .* has 150 rows"
    ):
        encode(["".join(fits), "中"])
    assert not ran


def test_five_thousand_tokens(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_model("llama", max_position_embeddings=1024)
    sentences = ["x" * 5000, "A dog.", "y" * 5000]
    with caplog.at_level(logging.WARNING):
        vectors = Encoder(model, byte_tokenizer())(sentences)
    assert vectors.tokens == (1024, 6, 1024)
    assert vectors.truncated == 2
    assert "2 of 3 sentences are longer than the context of 1024 tokens" in caplog.text
    cut = Encoder(model, byte_tokenizer())(["x" * 1024])
    assert torch.equal(vectors.hidden[0][0], cut.hidden[0][0])


def test_five_thousand_tokens_that_fit() -> None:
    model = tiny_model("llama", max_position_embeddings=8192, num_hidden_layers=1)
    vectors = Encoder(model, byte_tokenizer())(["ab" * 2500, "A dog."])
    assert vectors.tokens == (5000, 6)
    assert vectors.truncated == 0
    assert float(vectors.nas[0].max()) <= 1 + 1e-5  # 5000 weights still sum to 1


def test_identical_sentences() -> None:
    encode = Encoder(llama(), byte_tokenizer(), batch_size=2)
    vectors = encode(["Why?"] * 7)
    assert all(bool((each == each[0]).all()) for each in vectors.nav)
    assert profile(vectors, vectors).nas.rivals.tolist() == [[[6] * 7] * 4] * 3


def poison(value: float) -> Callable[[Any], None]:
    def damage(model: Any) -> None:
        with torch.no_grad():
            model.get_parameter("model.layers.2.mlp.gate_proj.weight")[3, 5] = value

    return damage


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_poisoned_weight_names_layer_sentence_and_dtype(value: float) -> None:
    model = tiny_model("llama")
    poison(value)(model)
    long = "It rained. " * 40
    with pytest.raises(NeuronXAError) as caught:
        Encoder(model, byte_tokenizer())([long, "A dog."])
    message = str(caught.value)
    assert "The neuron activations of layer 2 are NaN or infinite for sentence" in message
    assert "It rained." in message
    assert len(message) < 400
    assert "(model in float32)" in message
    assert "damaged weights" in message


def test_a_sentence_that_overflows_float16() -> None:
    model = tiny_model("llama").half()
    with torch.no_grad():
        model.model.layers[1].post_attention_layernorm.weight.fill_(6e4)
    with pytest.raises(NeuronXAError) as caught:
        Encoder(model, byte_tokenizer())(["X"])
    assert "layer 1 are NaN or infinite for sentence 1 of 1, 'X'" in str(caught.value)
    assert "float16 holds nothing above 65,504" in str(caught.value)
    assert "dtype=bfloat16" in str(caught.value)


@pytest.mark.parametrize("layer", [0, 3])
def test_memory_that_runs_out_in_the_middle_of_a_pass(layer: int) -> None:
    """Hooks before it have fired already: nothing of the failed pass is left in the vectors."""
    sentences = [f"Sentence number {i}, {'very ' * (i % 4)}short." for i in range(20)]
    expected = Encoder(tiny_model("llama"), byte_tokenizer())(sentences)
    model = tiny_model("llama")
    failed: list[int] = []

    def check(_: Any, args: tuple[Tensor, ...]) -> None:
        batch, time, _ = args[0].shape
        if batch * time > 150:
            failed.append(batch)
            raise torch.OutOfMemoryError("no room for an activation")

    model.model.layers[layer].mlp.register_forward_pre_hook(check)
    encode = Encoder(model, byte_tokenizer(), batch_size=16)
    ours = encode(sentences)
    assert failed
    assert all(later <= (one + 1) // 2 for one, later in pairwise(failed))
    assert encode.batch_size == (failed[-1] + 1) // 2
    for name in ("nas", "nav", "hidden"):
        for one, other in zip(getattr(ours, name), getattr(expected, name), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))
    before = len(failed)
    encode(sentences)
    assert len(failed) == before  # the smaller batch is kept
