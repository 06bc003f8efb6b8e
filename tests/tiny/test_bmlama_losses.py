"""Losses of whole sentences, against the procedure of the authors' script on the same model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.tasks.bmlama import sentence_losses

pytestmark = pytest.mark.tiny

SENTENCES = (
    ("Michelangelo died in Rome.", "Michelangelo died in Venice."),
    ("Мікеланджело помер у Римі.", "x", "Michelangelo died in Rome."),
)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return tiny_model("llama")


def lm(model: torch.nn.Module, bos: bool, batch_size: int = 2, **more: Any) -> HFLM:
    return HFLM(
        pretrained=model, tokenizer=byte_tokenizer(bos=bos), batch_size=batch_size, device="cpu",
        **more,
    )  # fmt: skip


def requests() -> list[SimpleNamespace]:
    return [SimpleNamespace(args=sentences) for sentences in SENTENCES]


@pytest.mark.parametrize("bos", [True, False])
def test_losses_are_those_of_the_script(model: torch.nn.Module, bos: bool) -> None:
    """`model(input_ids, labels=input_ids).loss` with a prefix token before the sentence."""
    tokenizer = byte_tokenizer(bos=bos)
    found = sentence_losses(lm(model, bos), requests())
    for each, sentences in zip(found, SENTENCES, strict=True):
        for loss, tokens, sentence in zip(each["losses"], each["tokens"], sentences, strict=True):
            ids = tokenizer(sentence)["input_ids"]
            if bos:
                assert ids[0] == tokenizer.bos_token_id
            else:  # the harness' prefix token
                assert ids[0] != tokenizer.bos_token_id
                ids = [tokenizer.bos_token_id, *ids]
            with torch.no_grad():
                output = model(torch.tensor([ids]), labels=torch.tensor([ids]))
            assert loss == pytest.approx(float(output.loss), abs=1e-5)
            assert tokens == len(ids) - 1
    assert found[0]["losses"][0] == found[1]["losses"][2]  # one sentence is scored once


def test_losses_in_half_precision_do_not_come_in_steps() -> None:
    """In bfloat16 the harness' sums lie on a grid; with a float32 softmax they do not."""
    lm_bf16 = lm(tiny_model("llama").to(torch.bfloat16), bos=True)
    found = sentence_losses(lm_bf16, requests())
    sums = [
        loss * tokens
        for each in found
        for loss, tokens in zip(each["losses"], each["tokens"], strict=True)
    ]
    on_the_grid = [float(torch.tensor(value).bfloat16()) == value for value in sums]
    assert not any(on_the_grid)
    assert lm_bf16.softmax_dtype is None  # the benchmarks of the run stay as they were


def test_a_dtype_that_the_user_chose_stays(model: torch.nn.Module) -> None:
    chosen = lm(model, bos=True, softmax_dtype="bfloat16")
    (first, *_), _ = (each["losses"] for each in sentence_losses(chosen, requests()))
    (exact, *_), _ = (each["losses"] for each in sentence_losses(lm(model, True), requests()))
    assert first != exact
    assert chosen.softmax_dtype == torch.bfloat16


def test_a_sentence_that_does_not_fit_is_refused(model: torch.nn.Module) -> None:
    with pytest.raises(NeuronXAError, match="has 26 tokens, but the model can score 1 to 20"):
        sentence_losses(lm(model, bos=True, max_length=20), requests())


def test_a_tokenizer_without_bos_and_eos_is_refused(model: torch.nn.Module) -> None:
    bare = byte_tokenizer()
    bare.bos_token = bare.eos_token = None
    with pytest.raises(NeuronXAError, match=r"BMLAMA-53 cannot be computed.*prefix_token_id=ID"):
        sentence_losses(HFLM(pretrained=model, tokenizer=bare), requests())
