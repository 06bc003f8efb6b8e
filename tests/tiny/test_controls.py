"""Controls: fresh weights, wrong pairs, and everything as it was before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from models import byte_tokenizer, tiny_config, tiny_model
from transformers import AutoModelForCausalLM

from neuronxa_tasks.alignment.controls import derangement, shuffled, untrained
from neuronxa_tasks.alignment.hits import align, cosine
from neuronxa_tasks.alignment.profile import profile, profile_and_views
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.resume.fingerprint import fingerprint
from neuronxa_tasks.states.encoder import Encoder

pytestmark = pytest.mark.tiny

MINI = Path(__file__).parents[2] / "neuronxa_tasks" / "text" / "data" / "mini"


def mini(code: str) -> list[str]:
    return (MINI / f"{code}.txt").read_text(encoding="utf-8").splitlines()


def lm_of(model: Any) -> Any:
    return SimpleNamespace(model=model, AUTO_MODEL_CLASS=AutoModelForCausalLM)


@given(st.integers(2, 30), st.integers(0, 2**32))
def test_derangement_moves_everything(n: int, seed: int) -> None:
    order = derangement(n, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(n))
    assert not (order == np.arange(n)).any()


def test_all_derangements_are_equally_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = [tuple(derangement(4, rng).tolist()) for _ in range(9000)]
    counts = {order: drawn.count(order) for order in set(drawn)}
    assert len(counts) == 9  # subfactorial of 4
    assert min(counts.values()) > 850
    assert max(counts.values()) < 1150


def test_one_sentence_cannot_be_paired_wrongly() -> None:
    with pytest.raises(NeuronXAError, match="1 sentence"):
        derangement(1, np.random.default_rng(0))


def test_shuffled_is_the_profile_of_reordered_sentences() -> None:
    encode = Encoder(tiny_model("llama"), byte_tokenizer())
    english, french = mini("eng_Latn")[:30], mini("fra_Latn")[:30]
    order = derangement(30, np.random.default_rng(5))
    by_hand = profile(encode(english), encode([french[i] for i in order]))
    wrong = {"wrong": shuffled(order)}
    ours = profile_and_views(encode(english), encode(french), wrong)[1]["wrong"]
    for name in ("nas", "nav", "hidden"):
        assert getattr(ours, name).rivals.tolist() == getattr(by_hand, name).rivals.tolist()


def test_wrong_pairs_of_meaningless_vectors_are_at_chance() -> None:
    rng = np.random.default_rng(1)
    pivot, target = rng.standard_normal((2, 2000, 10, 30))  # 2000 layers as repetitions
    order = torch.from_numpy(derangement(10, rng))
    wrong = align(list(pivot), list(target), lambda p, t: cosine(p, t)[:, order])
    rates = wrong.rates
    error = rates.std(ddof=1) / np.sqrt(len(rates))
    assert abs(rates.mean() - 1 / 19) < 3 * error
    assert error < 0.002


@pytest.mark.parametrize("model_type", ["llama", "gpt2", "mixtral"])
def test_fresh_weights_are_those_of_transformers(model_type: str) -> None:
    lm = lm_of(tiny_model(model_type, seed=3))
    before, state = fingerprint(lm.model), torch.get_rng_state()
    config = lm.model.config.to_dict()
    fingerprints = []
    for seed in (0, 1, 0):
        with untrained(lm, seed) as fresh:
            fingerprints.append(fingerprint(fresh))
            assert not fresh.training
        assert all(each.is_meta for each in fresh.parameters())  # the memory is free again
    first, second, again = fingerprints
    assert first == again
    assert len({first, second, before}) == 3
    assert fingerprint(lm.model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert lm.model.config.to_dict() == config
    torch.manual_seed(1)
    made = AutoModelForCausalLM.from_config(tiny_config(model_type), dtype=torch.float32)
    assert fingerprint(made) == second


def test_dtype_is_that_of_the_trained_model() -> None:
    lm = lm_of(tiny_model("llama").to(torch.bfloat16))
    with untrained(lm, 0) as fresh:
        assert {each.dtype for each in fresh.parameters()} == {torch.bfloat16}


def test_all_is_as_before_after_an_error() -> None:
    lm = lm_of(tiny_model("llama"))
    before = fingerprint(lm.model)
    with pytest.raises(KeyError), untrained(lm, 0):
        raise KeyError
    assert fingerprint(lm.model) == before


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("peft_config", {}, "it has an adapter"),
        ("quantization_method", "gptq", "it is quantised"),
        ("hf_device_map", {"model.layers.0": 0, "model.layers.1": 1}, "spread over devices"),
    ],
)
def test_what_cannot_be_drawn_anew_is_refused(attribute: str, value: Any, reason: str) -> None:
    model = tiny_model("llama")
    setattr(model, attribute, value)
    with (
        pytest.raises(NeuronXAError, match=f"`untrained` cannot be made.*{reason}.*Leave"),
        untrained(lm_of(model), 0),
    ):
        pass


def test_a_model_that_is_not_what_its_config_says_is_refused() -> None:
    model = tiny_model("llama")
    model.config = tiny_config("gpt2")
    with (
        pytest.raises(NeuronXAError, match=r"GPT2LMHeadModel.*LlamaForCausalLM"),
        untrained(lm_of(model), 0),
    ):
        pass


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device; run on one")
def test_on_a_gpu_one_model_at_a_time() -> None:
    lm = lm_of(tiny_model("llama", hidden_size=256, vocab_size=20000).to("cuda"))
    before = fingerprint(lm.model)
    with untrained(lm, 0) as fresh:
        assert lm.model.device.type == "cpu"
        assert fresh.device.type == "cuda"
        of_gpu = fingerprint(fresh)
    assert lm.model.device.type == "cuda"
    assert fingerprint(lm.model) == before
    lm.model.to("cpu")
    with untrained(lm, 0) as fresh:
        assert fingerprint(fresh) == of_gpu
