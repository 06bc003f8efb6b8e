"""The examination sees what would spoil a full run."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models import KINDS, byte_tokenizer, tiny_model
from torch import nn

from neuronxa_tasks.commands import examination as doctor
from neuronxa_tasks.commands.examination import Examination, examine, vector_bytes
from neuronxa_tasks.states.encoder import Encoder

pytestmark = pytest.mark.tiny

TOKENIZER = byte_tokenizer(bos=True)


def failed(examination: Examination) -> list[str]:
    assert examination.ok == all(check.ok for check in examination.checks)
    return [check.name for check in examination.checks if not check.ok]


@pytest.mark.parametrize("model_type", KINDS)
def test_a_sound_model(model_type: str) -> None:
    examination = examine(tiny_model(model_type), TOKENIZER)
    assert failed(examination) == []
    assert len(examination.checks) == 9
    assert str(examination).endswith("A full run will work.")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_sound(dtype: torch.dtype) -> None:
    assert failed(examine(tiny_model("llama").to(dtype), TOKENIZER)) == []


def test_facts() -> None:
    facts = dict(examine(tiny_model("nemotron_h"), TOKENIZER).facts)
    assert facts["model"] == "NemotronHForCausalLM, model_type nemotron_h"
    assert facts["layers"] == "4, with feed-forward neurons: 1, 3"
    assert facts["neurons per layer"] == "112 (1x), 16 (1x)"
    assert facts["dtype"].startswith("float32 (")
    assert facts["devices"].startswith("cpu (")
    assert facts["special tokens"] == "bos '<s>', eos '</s>', pad '<pad>', unk None"
    assert facts["added to a text"] == "1 special tokens by default"


def test_memory_is_that_of_the_vectors() -> None:
    model = tiny_model("llama")
    vectors = Encoder(model, TOKENIZER)(["Why?"])
    # NAS and NAV: 4 layers of 48; hidden states: 5 of 32; float32, pivot and target.
    expected = 2 * 100 * 4 * (2 * 4 * 48 + 5 * 32)
    assert vector_bytes(vectors, 100) == {torch.device("cpu"): expected}


GIB = 2**30
ONE, TWO, MAIN = torch.device("cuda:0"), torch.device("cuda:1"), torch.device("cpu")


@pytest.mark.parametrize(
    ("needed", "ok"),
    [
        ({ONE: 3 * GIB, TWO: 3 * GIB}, True),  # together more than either has
        ({ONE: 3 * GIB, TWO: 9 * GIB}, True),  # what the second cannot hold is kept in main memory
        ({ONE: 3 * GIB, TWO: 21 * GIB}, False),
        ({ONE: 9 * GIB, TWO: 12 * GIB}, False),
        ({ONE: 3 * GIB, MAIN: 19 * GIB}, True),
        ({ONE: 9 * GIB, MAIN: 19 * GIB}, False),
    ],
)
def test_memory_of_each_device_is_its_own(
    needed: dict[torch.device, int], ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 20 * GIB

    monkeypatch.setattr(doctor.psutil, "virtual_memory", Memory)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (4 * GIB, 80 * GIB))
    check = doctor._memory_check(needed)
    assert check.ok is ok, check.detail
    assert "3.0 GiB of 4.0 GiB free on cuda:0" in check.detail or needed[ONE] != 3 * GIB


def test_unknown_architecture() -> None:
    model = tiny_model("llama")
    model.config.model_type = "brandnew"
    examination = examine(model, TOKENIZER)
    assert failed(examination) == ["architecture"]
    assert "A full run will not work." in str(examination)


def damaged(model: Any) -> None:
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan


def silent(model: Any) -> None:
    with torch.no_grad():
        model.model.layers[2].mlp.gate_proj.weight.zero_()


def bypassed(model: Any) -> None:
    model.model.layers[1].mlp.forward = lambda x: x


def looks_back(model: Any) -> None:
    """Attention that also reads the padding behind a sentence."""

    class Mean(nn.Module):
        def forward(self, hidden_states: torch.Tensor, **_: Any) -> tuple[torch.Tensor, None]:
            return hidden_states.mean(dim=1, keepdim=True).expand_as(hidden_states), None

    for layer in model.model.layers:
        layer.self_attn = Mean()


@pytest.mark.parametrize(
    ("spoil", "check", "words"),
    [
        (damaged, "forward pass", "NaN or infinite"),
        (bypassed, "forward pass", "fired 0 times"),
        (silent, "sparsity", "damaged or not loaded"),
        (looks_back, "padding", "ignores the attention mask"),
        (lambda model: model.train(), "forward pass", "training mode"),
    ],
)
def test_what_would_spoil_a_run(spoil: Any, check: str, words: str) -> None:
    model = tiny_model("llama")
    spoil(model)
    examination = examine(model, TOKENIZER)
    assert failed(examination) == [check]
    assert words in str(examination)


def test_a_tokenizer_larger_than_the_model() -> None:
    model = tiny_model("llama", vocab_size=250)
    examination = examine(model, TOKENIZER, sentences=["Why?", "The bread is still warm."])
    assert failed(examination) == ["vocabulary"]
    assert "259 tokens, but 250 rows in the embedding" in str(examination)
    assert failed(examine(model, TOKENIZER)) == ["vocabulary", "forward pass"]


def test_tokens_that_were_only_added_are_no_fault() -> None:
    tokenizer = byte_tokenizer(bos=True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>", "<video>"]})
    assert failed(examine(tiny_model("llama"), tokenizer)) == []


def test_a_short_context() -> None:
    examination = examine(tiny_model("llama"), TOKENIZER, max_length=20)
    assert failed(examination) == ["context"]
    assert "context of 20 tokens" in str(examination)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 1000

    monkeypatch.setattr(doctor.psutil, "virtual_memory", Memory)
    assert failed(examine(tiny_model("llama"), TOKENIZER)) == ["memory"]
