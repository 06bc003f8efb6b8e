"""Losses of whole sentences, against the procedure of the authors' script on the same model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.bmlama_task import sentence_losses

pytestmark = pytest.mark.tiny

SENTENCES = (
    ("Michelangelo died in Rome.", "Michelangelo died in Venice."),
    ("Мікеланджело помер у Римі.", "x", "Michelangelo died in Rome."),
)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return tiny_model("llama")


def lm(model: torch.nn.Module, bos: bool, batch_size: int = 2, **more: int) -> HFLM:
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
    for losses, sentences in zip(found, SENTENCES, strict=True):
        for loss, sentence in zip(losses, sentences, strict=True):
            ids = tokenizer(sentence)["input_ids"]
            if bos:
                assert ids[0] == tokenizer.bos_token_id
            else:  # the harness' prefix token
                assert ids[0] != tokenizer.bos_token_id
                ids = [tokenizer.bos_token_id, *ids]
            with torch.no_grad():
                output = model(torch.tensor([ids]), labels=torch.tensor([ids]))
            assert loss == pytest.approx(float(output.loss), abs=1e-5)
    assert found[0][0] == found[1][2]  # one sentence is scored once


def test_a_sentence_that_does_not_fit_is_refused(model: torch.nn.Module) -> None:
    with pytest.raises(NeuronXAError, match="has 26 tokens, but the model can score 1 to 20"):
        sentence_losses(lm(model, bos=True, max_length=20), requests())
