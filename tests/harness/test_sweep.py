"""A series of checkpoints in the real harness: killed, resumed, one broken, then under torchrun."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import BIN, ENVIRONMENT
from hub import Repository, serve
from models import byte_tokenizer, tiny_model

from neuronxa_tasks.names import CHECKED

pytestmark = pytest.mark.harness

HARNESS = (
    "--model", "hf-neuronxa", "--tasks", "neuronxa_mini_fra_Latn,neuronxa_world_cloze_fra_Latn",
    "--limit", "20", "--batch_size", "8", "--device", "cpu",
)  # fmt: skip
LOADED = CHECKED
"""Stands in the log of a run that has begun."""


def save(folder: Path, seed: int) -> Path:
    """A tiny random checkpoint of its own."""
    tiny_model("llama", seed=seed).save_pretrained(folder)
    byte_tokenizer(bos=True).save_pretrained(folder)
    return folder


def start(*words: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "neuronxa", "sweep", *map(str, words), "--", *HARNESS],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        env={**os.environ, **ENVIRONMENT, **environment},
    )  # fmt: skip


def sweep(*words: object, **environment: str) -> tuple[int, str]:
    process = start(*words, **environment)
    told, _ = process.communicate(timeout=1500)
    return process.returncode, told


def wait_for_text(path: Path, text: str) -> None:
    for _ in range(6000):
        if path.is_file() and text in path.read_text(encoding="utf-8", errors="replace"):
            return
        time.sleep(0.1)
    raise AssertionError(f"{path} never said {text!r}")


def content(out: Path, step: int) -> dict[str, object]:
    (path,) = (out / f"step-{step}" / "harness").glob("results_*.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_series_is_killed_goes_on_and_is_whole_in_the_end(tmp_path: Path) -> None:
    series, out = tmp_path / "series", tmp_path / "out"
    save(series / "step-10", 1)
    save(series / "step-20", 2)
    save(series / "step-30", 3)
    weights = series / "step-30" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    resumed = {"NEURONXA_CACHE": str(tmp_path / "cache")}

    process = start(series, "-o", out, **resumed)
    wait_for_text(out / "step-20" / "log.txt", LOADED)
    process.kill()
    process.wait()
    run = int((out / "step-20" / ".lock").read_text(encoding="utf-8").split()[0])
    os.killpg(run, signal.SIGKILL)
    assert (out / "step-10" / "checkpoint.json").is_file()
    assert not (out / "step-20" / "checkpoint.json").exists()
    before = (out / "step-10" / "checkpoint.json").stat().st_mtime_ns

    code, told = sweep(series, "-o", out, **resumed)
    assert code == 1, told
    assert "step-10: complete, skipped" in told
    assert "step-20: complete after" in told
    assert "step-30: NO RESULT" in told
    assert "trends of 2 checkpoints" in told
    assert (out / "step-10" / "checkpoint.json").stat().st_mtime_ns == before

    weights.write_bytes(whole)
    launcher = "torchrun --standalone --nproc-per-node 2"
    code, told = sweep(
        series, "-o", out, "--launcher", f"{BIN}/{launcher}", ACCELERATE_USE_CPU="true", **resumed
    )
    assert code == 0, told
    assert told.count("complete, skipped") == 2
    rows = list(csv.DictReader((out / "trends" / "trends.csv").open(encoding="utf-8")))
    for step in (10, 20, 30):
        results = content(out, step)["results"]
        assert isinstance(results, dict)
        for task, benchmark, metric in (
            ("neuronxa_mini_fra_Latn", "neuronxa_mini", "mexa"),
            ("neuronxa_world_cloze_fra_Latn", "world_cloze", "acc"),
        ):
            wanted = {"step": str(step), "benchmark": benchmark, "metric": metric}
            (row,) = [row for row in rows if wanted.items() <= row.items()]
            assert float(row["value"]) == results[task][f"{metric},none"]
    assert "same weights" not in told


@pytest.mark.timeout(3600)
def test_revisions_of_the_hub_are_a_series(tmp_path: Path) -> None:
    folders = {step: save(tmp_path / f"saved-{step}", step) for step in (1, 2)}
    revisions = {
        f"org/tiny@step{step}": Repository({p.name: p.read_bytes() for p in folder.iterdir()})
        for step, folder in folders.items()
    }
    for folder in folders.values():
        shutil.rmtree(folder)
    out = tmp_path / "out"
    with serve(revisions) as hub:
        environment = hub.environment(tmp_path / "hub")
        code, told = sweep(*revisions, "-o", out, "--no-figures", **environment)
    assert code == 0, told
    assert "same weights" not in told
    for step in (1, 2):
        config = content(out, step)["config"]
        assert isinstance(config, dict)
        assert config["model_revision"] == f"step{step}"
        assert config["model_sha"] == revisions[f"org/tiny@step{step}"].revision
    text = (out / "trends" / "report.md").read_text(encoding="utf-8")
    assert "| 1 | org/tiny@step1 |" in text
    assert "| 2 | org/tiny@step2 |" in text
