"""Runs in one process: batches, kept results by argument and environment, what a run tells."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import neuronxa_tasks
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.model import NeuronXALM

pytestmark = [pytest.mark.harness, pytest.mark.tiny]

TASKS = ("neuronxa_mini_fra_Latn", "neuronxa_mini_rus_Cyrl")


def run(lm: Any, *tasks: str, **metadata: Any) -> dict[str, Any]:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()),
        include_defaults=False,
        metadata={"n": 12} | metadata,
    )
    results: dict[str, Any] = lm_eval.simple_evaluate(
        model=lm, tasks=list(tasks or TASKS), task_manager=manager, bootstrap_iters=0
    )
    return results


def block(results: dict[str, Any]) -> str:
    """The block without the list of what came from disk, which is all that may differ."""
    found = {key: value for key, value in results["config"]["neuronxa"].items() if key != "kept"}
    return json.dumps(found)


def kept(results: dict[str, Any]) -> list[str]:
    return results["config"]["neuronxa"]["kept"]


def samples(results: dict[str, Any]) -> str:
    return json.dumps(results["samples"], default=handle_non_serializable)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json.gz"))


def test_automatic_batch_size(checkpoint: Path) -> None:
    """`auto` starts with the largest batch; the benchmark of the same run finds its own."""
    tasks = (*TASKS, "neuronxa_world_cloze_eng_Latn")
    found = [
        run(NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=size), *tasks)
        for size in ("auto", 64, "auto:2")
    ]
    assert block(found[0]) == block(found[1]) == block(found[2])
    for results in found:
        assert "acc,none" in results["results"][tasks[-1]]


def test_folder_by_argument(checkpoint: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"pretrained": str(checkpoint), "device": "cpu", "batch_size": 8}
    for mode, written in (("off", 0), ("refresh", 2), ("on", 2), (True, 2)):
        lm = NeuronXALM(**given, neuronxa_resume=mode, neuronxa_resume_dir=str(tmp_path / "kept"))
        run(lm)
        assert len(files(tmp_path / "kept")) == written
    with pytest.raises(NeuronXAError, match="neuronxa_resume is 'yes'; it must be one of"):
        NeuronXALM(**given, neuronxa_resume="yes")


@pytest.mark.parametrize("kind", [HFLM, NeuronXALM])
def test_folder_by_environment(
    kind: Any, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    lm = kind(pretrained=str(checkpoint), device="cpu", batch_size=8)
    off = run(lm)
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_CACHE", str(tmp_path))
    first = run(lm)
    assert len(files(tmp_path / "scores")) == 2
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path / "other"))
    run(lm)
    assert len(files(tmp_path / "other")) == 2
    with caplog.at_level(logging.INFO, logger="lm_eval.neuronxa"):
        second = run(lm)
    assert "2 of 2 languages were scored before" in caplog.text
    assert block(off) == block(first) == block(second)
    assert kept(off) == kept(first) == []
    assert kept(second) == ["neuronxa_mini_fra_Latn", "neuronxa_mini_rus_Cyrl"]
    assert samples(off) == samples(first) == samples(second)
    monkeypatch.setenv("NEURONXA_RESUME", "maybe")
    with pytest.raises(NeuronXAError, match="NEURONXA_RESUME is 'maybe'"):
        run(lm)


def test_everything_beside_the_scores_comes_back(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path))
    lm = NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=8)
    asked = {
        "control": ["untrained", "shuffled"],
        "control_seeds": 2,
        "variants": ["centred", "csls", "width_matched", "hidden_sign"],
        "covariates": "bits_per_byte",
    }
    first, second = run(lm, **asked), run(lm, **asked)
    assert block(first) == block(second)
    assert samples(first) == samples(second)
    assert first["results"] == second["results"]
    assert len(files(tmp_path)) == 2 * (1 + 2)


def test_trained_a_little_is_another_model(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path))
    model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    lm = NeuronXALM(pretrained=model, tokenizer=str(checkpoint), batch_size=8)
    first = run(lm)
    model.model.layers[0].mlp.gate_proj.weight.data.neg_()
    second = run(lm)
    assert len(files(tmp_path)) == 4
    assert block(first) != block(second)
    model.model.layers[0].mlp.gate_proj.weight.data.neg_()
    assert block(run(lm)) == block(first)
    assert len(files(tmp_path)) == 4


def test_hooks_of_others_are_not_kept(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setenv("NEURONXA_RESUME", "on")
    monkeypatch.setenv("NEURONXA_RESUME_DIR", str(tmp_path))
    lm = NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=8)
    with caplog.at_level(logging.INFO, logger="lm_eval.neuronxa"):
        plain = run(lm)
        handle = lm.model.model.layers[1].register_forward_hook(
            lambda module, inputs, output: -output
        )
        steered = run(lm)
        handle.remove()
    assert (
        "Results are not kept for this model: its module model.layers.1 has a hook" in caplog.text
    )
    assert block(steered) != block(plain)
    assert len(files(tmp_path)) == 2


def test_weights_from_chance_are_in_the_results(checkpoint: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for layer in (0, 1):
        del tensors[f"model.layers.{layer}.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    for folder, count in ((checkpoint, 0), (tmp_path, 2)):
        lm = NeuronXALM(
            pretrained=str(folder), tokenizer=str(checkpoint), device="cpu", batch_size=8
        )
        assert run(lm)["config"]["neuronxa"]["model"]["random_weights"] == count


def test_english_is_missed_beside_another_pivot(
    checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lm = NeuronXALM(pretrained=str(checkpoint), device="cpu", batch_size=8)
    words = "English is not among the targets"
    run(lm, "neuronxa_mini", n=2)
    run(lm, *TASKS, pivot="deu_Latn")  # these two were chosen one by one
    run(lm, "neuronxa_mini", "neuronxa_mini_eng_Latn", pivot="deu_Latn", n=2)
    assert words not in caplog.text
    run(lm, "neuronxa_mini", pivot="deu_Latn", n=2)
    assert words in caplog.text
    assert "neuronxa_mini_eng_Latn to --tasks" in caplog.text
    assert caplog.text.count(words) == 1
