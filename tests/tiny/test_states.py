"""Sentence vectors: padding, batches, order, truncation, precision, errors."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import KINDS, TINY, byte_tokenizer, tiny_model
from torch import Tensor

from neuronxa_tasks.alignment.profile import profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder, token_weights
from neuronxa_tasks.states.families import FAMILIES
from neuronxa_tasks.states.vectors import SentenceVectors

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer()
ENGLISH = ["A dog.", "It rained all day long.", "Why?", "Bread and butter, please.", "No one."]
GERMAN = ["Ein Hund.", "Es hat den ganzen Tag geregnet.", "Warum?", "Brot und Butter.", "Niemand."]


@cache
def model_of(model_type: str) -> Any:
    return tiny_model(model_type)


def flat(vectors: SentenceVectors) -> list[Tensor]:
    return [*vectors.nas, *vectors.nav, *vectors.hidden]


def assert_close(ours: SentenceVectors, theirs: SentenceVectors) -> None:
    for one, other in zip(flat(ours), flat(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def row(vectors: SentenceVectors, i: int) -> list[Tensor]:
    return [each[i] for each in flat(vectors)]


@pytest.mark.parametrize("model_type", sorted(TINY))
def test_a_sentence_has_the_same_vector_alone_and_in_any_batch(model_type: str) -> None:
    model = model_of(model_type)
    alone = [Encoder(model, TOKENIZER)([each]) for each in ENGLISH]
    together = Encoder(model, TOKENIZER)(ENGLISH)
    for i, each in enumerate(alone):
        for one, other in zip(row(each, 0), row(together, i), strict=True):
            size = float(other.abs().max())
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * size)


texts = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1)


@settings(max_examples=40)
@given(texts.filter(lambda each: len(each) <= 8), st.integers(1, 9), st.integers(1, 9))
def test_batch_size_does_not_matter(sentences: list[str], one: int, other: int) -> None:
    model = model_of("llama")
    assert_close(
        Encoder(model, TOKENIZER, batch_size=one)(sentences),
        Encoder(model, TOKENIZER, batch_size=other)(sentences),
    )


@settings(max_examples=20)
@given(st.permutations(range(len(ENGLISH))))
def test_permuted_sentences_permute_the_vectors(order: list[int]) -> None:
    encode = Encoder(model_of("gpt2"), TOKENIZER)
    expected, ours = encode(ENGLISH), encode([ENGLISH[i] for i in order])
    for one, other in zip(flat(ours), flat(expected), strict=True):
        torch.testing.assert_close(one, other[order], rtol=1e-5, atol=1e-6)
    assert ours.tokens == tuple(expected.tokens[i] for i in order)


def test_equal_sentences_have_equal_vectors_to_the_last_bit() -> None:
    sentences = [ENGLISH[0], *ENGLISH, ENGLISH[0], ENGLISH[3]]
    done: list[int] = []
    vectors = Encoder(model_of("llama"), TOKENIZER, batch_size=2)(sentences, done.append)
    for each in flat(vectors):
        assert torch.equal(each[0], each[1])
        assert torch.equal(each[0], each[6])
        assert torch.equal(each[4], each[7])
    assert sum(done) == len(sentences)
    assert len(vectors) == len(sentences)


def test_sentences_with_equal_tokens_count_as_equal() -> None:
    """Truncation, or a tokenizer that strips spaces, can make them so."""
    vectors = Encoder(model_of("llama"), TOKENIZER, max_length=4)(["A dog.", "Why?", "A dove."])
    assert all(torch.equal(each[0], each[2]) for each in flat(vectors))
    assert vectors.tokens == (4, 4, 4)


def test_truncation_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    sentences = ["A dog.", "Why?", "A dog.", "A cat."]
    with caplog.at_level(logging.WARNING):
        vectors = Encoder(model_of("llama"), TOKENIZER, max_length=5)(sentences)
    assert vectors.truncated == 3
    assert vectors.tokens == (5, 4, 5, 5)
    assert "3 of 4 sentences are longer than the context of 5 tokens" in caplog.text


def test_the_end_is_what_truncation_cuts() -> None:
    encode = Encoder(model_of("llama"), TOKENIZER, max_length=5)
    cut, whole = encode(["A dog."]), encode(["A dog"])
    assert all(map(torch.equal, flat(cut), flat(whole)))


def test_context_of_the_model_is_the_default_limit() -> None:
    model = tiny_model("llama", max_position_embeddings=7)
    assert Encoder(model, TOKENIZER)(["A longer sentence."]).tokens == (7,)


def test_no_sentence() -> None:
    with pytest.raises(NeuronXAError, match="list of at least one string"):
        Encoder(model_of("llama"), TOKENIZER)([])


def test_a_string_is_not_a_list() -> None:
    with pytest.raises(NeuronXAError, match=r"list of at least one string, not 'A dog.'"):
        Encoder(model_of("llama"), TOKENIZER)("A dog.")


def test_a_sentence_without_tokens_is_named() -> None:
    with pytest.raises(NeuronXAError, match=r"no token of sentence 2 of 2, ''.*Remove"):
        Encoder(model_of("llama"), TOKENIZER)(["A dog.", ""])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"tap": "mid"}, "tap is 'mid'; it must be one of gate, inner"),
        ({"weights": "none"}, "weights is 'none'; it must be one of position, uniform, last"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_wrong_options_list_the_valid_ones(option: dict[str, Any], message: str) -> None:
    with pytest.raises(NeuronXAError, match=message):
        Encoder(model_of("llama"), TOKENIZER, **option)


@pytest.mark.parametrize(
    ("name", "layer", "message"),
    [
        ("model.layers.1.mlp.gate_proj.weight", 1, "neuron activations of layer 1"),
        ("model.layers.3.mlp.down_proj.weight", 4, "hidden states of layer 4"),
    ],
)
def test_damaged_weights_name_layer_and_sentence(name: str, layer: int, message: str) -> None:
    model = tiny_model("llama")
    with torch.no_grad():
        model.get_parameter(name)[0, 0] = torch.nan
    with pytest.raises(NeuronXAError, match=message + ".* for sentence 1 of 2, 'It rained"):
        Encoder(model, TOKENIZER, batch_size=2)(ENGLISH[1:3])


def test_one_sentence_that_overflows_is_the_one_named() -> None:
    model = tiny_model("llama")
    token = TOKENIZER("X")["input_ids"][0]
    with torch.no_grad():
        model.model.embed_tokens.weight[token] = torch.inf
    with pytest.raises(NeuronXAError, match=r"layer 0 .* for sentence 6 of 7, 'X is here.'"):
        Encoder(model, TOKENIZER)([*ENGLISH, "X is here.", ENGLISH[0]])


class Memory:
    """A device that has room for a number of sentences."""

    def __init__(self, model: Any, room: int) -> None:
        self.room = room
        self.seen: list[int] = []
        model.model.layers[1].register_forward_pre_hook(self.check)

    def check(self, _: Any, args: tuple[Tensor, ...]) -> None:
        self.seen.append(len(args[0]))
        if len(args[0]) > self.room:
            raise torch.OutOfMemoryError("no room")


def test_out_of_memory_halves_the_batch_and_keeps_it_so(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_model("llama")
    equally_long = [f"{text:<25}" for text in ENGLISH]
    expected = Encoder(model, TOKENIZER)(equally_long)
    memory = Memory(model, room=2)
    encode = Encoder(model, TOKENIZER, batch_size=64)
    with caplog.at_level(logging.WARNING):
        assert_close(encode(equally_long), expected)
    assert memory.seen == [5, 3, 2, 2, 1]
    assert encode.batch_size == 2
    assert "Out of memory; going on with batches of 3." in caplog.text
    assert "Out of memory; going on with batches of 2." in caplog.text
    encode(equally_long)
    assert memory.seen[5:] == [2, 2, 1]


def test_out_of_memory_with_one_sentence_is_an_error() -> None:
    model = tiny_model("llama")
    memory = Memory(model, room=0)
    with pytest.raises(NeuronXAError, match=r"on cpu with a single sentence of 11 tokens"):
        Encoder(model, TOKENIZER, batch_size=4)([f"Sentence {i}." for i in range(4)])
    assert memory.seen == [4, 2, 1]


def test_training_mode_is_refused() -> None:
    model = tiny_model("gpt2").train()
    with pytest.raises(NeuronXAError, match=r"training mode.*model.eval"):
        Encoder(model, TOKENIZER)(ENGLISH)


def test_the_model_is_left_as_it_was() -> None:
    model = tiny_model("llama")
    before = {name: each.clone() for name, each in model.state_dict().items()}
    config = model.config.to_dict()
    ids = torch.tensor([TOKENIZER("A dog.")["input_ids"]])
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    Encoder(model, TOKENIZER, tap="inner")(ENGLISH)
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, logits)
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert model.config.to_dict() == config
    assert not model.training
    assert torch.is_grad_enabled()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_no_cache_and_no_logits_are_made() -> None:
    model = tiny_model("llama")
    seen: list[Any] = []
    model.model.register_forward_hook(lambda _, __, output: seen.append(output.past_key_values))
    model.lm_head.register_forward_hook(lambda *_: pytest.fail("the LM head ran"))
    Encoder(model, TOKENIZER)(ENGLISH)
    assert set(seen) == {None}


def test_a_tokenizer_without_a_pad_token() -> None:
    model = model_of("llama")
    plain = byte_tokenizer(pad=False)
    assert plain.pad_token_id is None
    ours, expected = Encoder(model, plain)(ENGLISH), Encoder(model, TOKENIZER)(ENGLISH)
    assert all(map(torch.equal, flat(ours), flat(expected)))
    assert plain.pad_token_id is None


def test_bos_is_kept_with_the_weight_of_its_position() -> None:
    model = model_of("llama")
    with_bos = byte_tokenizer(bos=True)
    vectors = Encoder(model, with_bos)(["A dog."])
    assert vectors.tokens == (7,)
    bare = Encoder(model, with_bos, add_special_tokens=False)(["A dog."])
    assert bare.tokens == (6,)
    assert all(map(torch.equal, flat(bare), flat(Encoder(model, TOKENIZER)(["A dog."]))))
    assert not torch.equal(vectors.nas[0], bare.nas[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("model_type", KINDS)
def test_half_precision(model_type: str, dtype: torch.dtype) -> None:
    model = tiny_model(model_type)
    # A router that sends one token elsewhere changes a third of the neurons.
    at_least = 0.98 if FAMILIES[model_type].routed is None else 0.8
    exact = Encoder(model, TOKENIZER)(ENGLISH)
    vectors = Encoder(model.to(dtype), TOKENIZER)(ENGLISH)
    for one, other in zip(flat(vectors), flat(exact), strict=True):
        assert one.dtype == torch.float32
        similar = torch.nn.functional.cosine_similarity(one, other)
        assert float(similar.min()) > at_least
    assert profile(vectors, vectors).scores["mexa"] == 1.0


def test_profile_of_two_languages() -> None:
    encode = Encoder(model_of("llama"), TOKENIZER)
    both = profile(encode(ENGLISH), encode(GERMAN))
    assert both.n == 5
    assert both.nas.rivals.shape == both.nav.rivals.shape == (3, 4, 5)
    assert both.hidden.rivals.shape == (3, 5, 5)
    assert both.scores == {
        "nasca": both.nas.rates.mean(),
        "navca": both.nav.rates.mean(),
        "mexa": both.hidden.rates.mean(),
        "nasca_max": both.nas.rates.max(),
        "navca_max": both.nav.rates.max(),
        "mexa_max": both.hidden.rates.max(),
    }


@pytest.mark.parametrize("model_type", KINDS)
def test_a_text_aligned_with_itself_is_all_hits(model_type: str) -> None:
    encode = Encoder(model_of(model_type), TOKENIZER)
    assert set(profile(encode(ENGLISH), encode(ENGLISH)).scores.values()) == {1.0}


def test_states_are_shares_of_the_weight() -> None:
    vectors = Encoder(model_of("opt"), TOKENIZER)(ENGLISH)
    for nas, nav in zip(vectors.nas, vectors.nav, strict=True):
        assert 0 <= float(nas.min()) <= float(nas.max()) <= 1 + 1e-6
        assert float(nav.min()) >= 0
        assert torch.equal(nas > 0, nav > 0)  # ReLU: a neuron is on or silent


@pytest.mark.parametrize("kind", ["position", "uniform", "last"])
def test_token_weights(kind: Any) -> None:
    lengths = [1, 4, 3]
    expected = {
        "position": [[1, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], [1 / 6, 2 / 6, 3 / 6, 0]],
        "uniform": [[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3, 0]],
        "last": [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
    }[kind]
    ours = token_weights(torch.tensor(lengths), 4, kind)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, torch.tensor(expected).float())
