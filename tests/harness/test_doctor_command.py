"""`neuronxa doctor`: facts, verdict, exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from models import byte_tokenizer

from neuronxa_tasks.cli import main

pytestmark = [pytest.mark.harness, pytest.mark.tiny]


def doctor(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["doctor", "--model_args", f"pretrained={folder}", "--device", "cpu"])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_sound_model(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = doctor(checkpoint, capsys)
    assert code == 0
    assert "LlamaForCausalLM" in out
    assert "A full run will work." in out


def test_model_without_known_neurons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=2))
    model.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    code, out, _ = doctor(tmp_path, capsys)
    assert code == 1
    assert "A full run will not work." in out


def test_no_such_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = doctor(tmp_path / "nowhere", capsys)
    assert code == 2
    assert "could not be loaded" in err.splitlines()[-1]
