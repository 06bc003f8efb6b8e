"""`neuronxa doctor`: facts, verdict, exit code."""

from __future__ import annotations

import json
from pathlib import Path

import lm_eval
import pytest
import torch
from lm_eval.tasks import TaskManager
from models import byte_tokenizer

import neuronxa_tasks
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


WITHOUT_CUDA = pytest.mark.skipif(
    torch.cuda.is_available(), reason="there is a CUDA device; hide it with CUDA_VISIBLE_DEVICES="
)


def test_without_a_device(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--model_args", f"pretrained={checkpoint}"]) == 0
    assert "A full run will work." in capsys.readouterr().out


def test_the_notebook_lines_of_the_readme_without_a_device(checkpoint: Path) -> None:
    neuronxa_tasks.register()
    tasks = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False, metadata={"n": 5}
    )
    for arguments in (f"pretrained={checkpoint}", {"pretrained": str(checkpoint)}):
        results = lm_eval.simple_evaluate(
            model="hf-neuronxa",
            model_args=arguments,
            tasks=["neuronxa_mini_deu_Latn"],
            task_manager=tasks,
        )
        assert results["config"]["neuronxa"]["tasks"]["neuronxa_mini_deu_Latn"]["n"] == 5


@pytest.mark.parametrize("form", ["words", "json"])
def test_model_arguments_in_every_form_that_run_takes(
    form: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"pretrained": str(checkpoint), "dtype": "bfloat16"}
    words = (
        [json.dumps(given)]
        if form == "json"
        else [f"{key}={value}" for key, value in given.items()]
    )
    assert main(["doctor", "--device", "cpu", "--model_args", *words]) == 0
    out = capsys.readouterr().out
    assert "bfloat16 (" in out
    assert "add softmax_dtype=float32" in out


@pytest.mark.parametrize("more", ["dtype=bfloat16,softmax_dtype=float32", "dtype=float32"])
def test_a_softmax_that_rounds_is_told_only_where_it_does(
    more: str, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"pretrained={checkpoint},{more}"
    assert main(["doctor", "--device", "cpu", "--model_args", given]) == 0
    assert "softmax_dtype" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--n", "-5"], "--n is -5"),
        (["--n", "1"], "--n is 1"),
        (["--device", "banana"], "--device is 'banana', which is no device"),
        (["--device", "cpu:0"], "--device is 'cpu:0'"),
        (["--model_args", "pretrained=x,max_length=0"], "max_length is 0; it must be a whole"),
        (["--model_args", "pretrained=x,max_length=-5"], "max_length is -5"),
        (["--model_args", "pretrained=x,max_length=long"], "max_length is 'long'"),
        (["--model_args", "pretrained=x,add_bos_token=maybe"], "add_bos_token is 'maybe'; it must"),
        (["--model_args", '{"pretrained": "x"'], "--model_args cannot be read: Invalid JSON"),
        pytest.param(["--device", "cuda"], "no devices of this kind", marks=WITHOUT_CUDA),
        (["--device", "cuda:99"], "--device is 'cuda:99', but torch sees"),
    ],
)
def test_wrong_options_end_before_anything_is_loaded(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [] if "--model_args" in options else ["--model_args", "pretrained=/nowhere"]
    assert main(["doctor", *arguments, *options]) == 2
    told = capsys.readouterr().err
    assert told.startswith("neuronxa: error: ")
    assert words in told
    assert len(told.splitlines()) == 1
