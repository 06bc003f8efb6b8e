"""Weights that the checkpoint lacks are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from models import byte_tokenizer, tiny_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from neuronxa_tasks.commands.examination import examine
from neuronxa_tasks.states.random_weights import random_weights

pytestmark = pytest.mark.tiny

LOST = "model.layers.1.mlp.down_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_model("llama").save_pretrained(tmp_path)
    return tmp_path


def test_sound_checkpoint(folder: Path) -> None:
    assert random_weights(AutoModelForCausalLM.from_pretrained(folder)) == []


def test_model_without_a_checkpoint() -> None:
    assert random_weights(tiny_model("llama")) == []


def test_missing_tensor(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    del tensors[LOST]
    save_file(tensors, file, metadata={"format": "pt"})
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert random_weights(model) == [LOST]
    examination = examine(model, byte_tokenizer())
    assert not examination.ok
    assert LOST in str(examination)
