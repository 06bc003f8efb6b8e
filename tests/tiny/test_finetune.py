"""The fine-tuning on a tiny random model: learns, repeats itself, leaves nothing half-written."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from models import byte_tokenizer, tiny_model
from safetensors.torch import load_file

from neuronxa_tasks.commands import transfer
from neuronxa_tasks.commands.finetune import (
    REPORT,
    Example,
    Settings,
    encode,
    finetune,
    log_likelihoods,
)
from neuronxa_tasks.errors import NeuronXAError

pytestmark = pytest.mark.tiny

EXAMPLES = tuple(
    Example(premise, hypothesis, label)
    for premise, hypothesis, label in (
        ("The dog sleeps.", "An animal rests.", 0),
        ("The dog sleeps.", "It is a brown dog.", 1),
        ("The dog sleeps.", "The dog runs.", 2),
        ("Two boys eat.", "Boys have food.", 0),
    )
)
SETTINGS = Settings(steps=30, batch=4, lr=2e-2, rank=4, seed=3)
SOURCE: dict[str, Any] = {"kind": "file", "where": "test"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base")
    tiny_model("llama").save_pretrained(folder)
    byte_tokenizer(bos=True).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def adapter(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("adapter") / "new" / "first"
    finetune(base, EXAMPLES, SOURCE, out, SETTINGS, "cpu")
    return out


def test_likelihoods_are_those_of_the_harness() -> None:
    model, tokenizer = tiny_model("llama"), byte_tokenizer(bos=True)
    (sequences,) = encode(tokenizer, EXAMPLES[:1], 1024)
    with torch.no_grad():
        found = log_likelihoods(model, sequences).tolist()
    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1, device="cpu")
    requests = [SimpleNamespace(args=("", choice)) for choice in EXAMPLES[0].choices()]
    assert found == pytest.approx([total for total, _ in lm.loglikelihood(requests)], abs=1e-3)


def test_learns(base: str, adapter: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    report = json.loads((adapter / REPORT).read_text(encoding="utf-8"))
    assert report["loss"]["last"] < 0.1 < report["loss"]["first"]
    assert len(report["loss"]["steps"]) == SETTINGS.steps
    assert report["settings"] == {"steps": 30, "batch": 4, "lr": 2e-2, "rank": 4, "seed": 3}
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    for choices, example in zip(
        encode(byte_tokenizer(bos=True), EXAMPLES, None), EXAMPLES, strict=True
    ):
        with torch.no_grad():
            assert int(log_likelihoods(model, choices).argmax()) == example.label


def test_same_seed_same_weights(base: str, adapter: Path, tmp_path: Path) -> None:
    torch.rand(1)  # the state of the process' own random numbers means nothing
    before = torch.get_rng_state()
    finetune(base, EXAMPLES, SOURCE, tmp_path / "again", SETTINGS, "cpu")
    assert torch.equal(before, torch.get_rng_state())
    file = "adapter_model.safetensors"
    assert (tmp_path / "again" / file).read_bytes() == (adapter / file).read_bytes()
    other = Settings(steps=1, batch=4, lr=2e-2, rank=4, seed=4)
    finetune(base, EXAMPLES, SOURCE, tmp_path / "other", other, "cpu")
    weights = load_file(tmp_path / "other" / file)
    assert not all(torch.equal(weights[k], v) for k, v in load_file(adapter / file).items())


def test_never_replaces_and_leaves_nothing(base: str, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match="exists already"):
        finetune(base, EXAMPLES, SOURCE, adapter, SETTINGS, "cpu")
    long = Example("x" * 1024, "y", 0)
    with pytest.raises(NeuronXAError, match=r"Row 1 .* has \d+ tokens, but .* context is 1024"):
        finetune(base, [EXAMPLES[0], long], SOURCE, tmp_path / "a" / "b", SETTINGS, "cpu")
    wild = Settings(steps=5, batch=4, lr=1e30, rank=4)
    with pytest.raises(NeuronXAError, match=r"The loss is .* at step \d"):
        finetune(base, EXAMPLES, SOURCE, tmp_path / "a" / "b", wild, "cpu")
    with pytest.raises(NeuronXAError, match="'no/such/model' cannot be loaded"):
        finetune("no/such/model", EXAMPLES, SOURCE, tmp_path / "a" / "b", SETTINGS, "cpu")
    assert list(tmp_path.iterdir()) == []


def test_refuses_without_peft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    transfer.add_arguments(parser)
    options = parser.parse_args(["base", "--train", "none", "-o", str(tmp_path / "x")])
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(NeuronXAError, match=r"pip install neuronxa-tasks\[peft\]"):
        transfer.run(options)


def test_the_command(base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = tmp_path / "train.jsonl"
    rows = [
        {"premise": each.premise, "hypothesis": each.hypothesis, "label": each.label}
        for each in EXAMPLES
    ]
    train.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    parser = argparse.ArgumentParser()
    transfer.add_arguments(parser)
    out = tmp_path / "adapter"
    arguments = [base, "--train", str(train), "-o", str(out), "--steps", "1", "--device", "cpu"]
    assert transfer.run(parser.parse_args(arguments)) == 0
    assert f"pretrained={base},peft={out}" in capsys.readouterr().out
    assert {"adapter_config.json", "adapter_model.safetensors", REPORT} <= {
        file.name for file in out.iterdir()
    }
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    assert report["train"]["n"] == len(EXAMPLES)
