"""Real runs of small checkpoints: ranked by the leaderboard, judged by the gate.

The shipped Llama, a copy of it, one with shuffled FFN weights and, where it is shipped, a model of
another architecture.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from commands import BIN, ENVIRONMENT, Command
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.harness

SHIPPED = Path(__file__).parents[2] / "neuronxa_tasks" / "demo" / "checkpoints"
OTHERS = [
    name
    for name in ("qwen3", "mistral", "glm4", "olmo2")
    if (SHIPPED / name / "model.safetensors").exists()
]
LANGUAGES = ("deu_Latn", "ell_Grek", "fra_Latn", "rus_Cyrl", "swh_Latn", "zho_Hans")
CLOZE = ("fra_Latn", "swh_Latn")
TASKS = [f"neuronxa_world_{code}" for code in LANGUAGES]
TASKS += [f"neuronxa_world_cloze_{code}" for code in CLOZE]

Run = Callable[[str], Path]


def shuffled_ffn(folder: Path) -> Path:
    """The shipped Llama with the weights of every FFN matrix in a random order."""
    shutil.copytree(SHIPPED / "llama", folder)
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in weights.items():
        if ".mlp." in name:
            order = torch.randperm(tensor.numel(), generator=generator)
            weights[name] = tensor.flatten()[order].reshape(tensor.shape).contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Results folder of a checkpoint; each is run once."""
    place = tmp_path_factory.mktemp("gate")
    done: dict[str, Path] = {}

    def results(name: str) -> Path:
        if name in done:
            return done[name]
        model, tasks, n = SHIPPED / name, TASKS, 50
        if name == "copy":
            model = Path(shutil.copytree(SHIPPED / "llama", place / "copy"))
        elif name == "damaged":
            model = shuffled_ffn(place / "damaged")
        elif name == "other n":
            model, tasks, n = SHIPPED / "llama", TASKS[:1], 40
        out = place / "out" / name
        finished = subprocess.run(
            [BIN / "neuronxa", "run", "--model", "hf-neuronxa",
             "--model_args", f"pretrained={model},dtype=float32", "--tasks", ",".join(tasks),
             "--metadata", json.dumps({"n": n}), "--batch_size", "32", "--device", "cpu",
             "--output_path", out, "--log_samples"],
            capture_output=True, text=True, encoding="utf-8", timeout=800, check=False,
            env={**os.environ, **ENVIRONMENT},
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        done[name] = out
        return out

    return results


def test_the_leaderboard_ranks_them(run: Run, command: Command, tmp_path: Path) -> None:
    names = ["llama", "copy", "damaged", *OTHERS[:1]]
    folders = {name: run(name) for name in names}
    renamed = []
    for name, folder in folders.items():
        (file,) = folder.rglob("results_*.json")
        renamed += ["--name", f"{file}={name}"]
    done = command("neuronxa", "leaderboard", *folders.values(), *renamed, "-o", "board")
    assert done.code == 0, done.err
    with (tmp_path / "board" / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for benchmark, metric, languages in (
        ("neuronxa_world", "nasca", LANGUAGES),
        ("world_cloze", "acc", CLOZE),
    ):
        ranks = {row["model"]: row for row in rows if row["benchmark"] == benchmark}
        assert set(ranks) == set(names)
        assert {row["metric"] for row in ranks.values()} == {metric}
        assert {row["mean_over"] for row in ranks.values()} == {str(len(languages))}
        # The copy is the same model to the last digit; the damaged one is the last.
        assert ranks["llama"]["mean"] == ranks["copy"]["mean"]
        assert ranks["llama"]["rank"] == ranks["copy"]["rank"]
        assert ranks["damaged"]["rank"] == str(len(names))
    alignment = {row["model"]: row for row in rows if row["metric"] == "nasca"}
    assert alignment["damaged"]["rank_low"] == str(len(names))
    assert int(alignment["llama"]["rank_high"]) < len(names)
    assert int(alignment["llama"]["rank_low"]) <= int(alignment["copy"]["rank"])
    assert "damaged" in (tmp_path / "board" / "leaderboard.md").read_text(encoding="utf-8")


def test_the_gate_passes_the_equal_one(run: Run, command: Command, tmp_path: Path) -> None:
    done = command("neuronxa", "gate", "--baseline", run("llama"), "--candidate", run("copy"),
                   "-o", "gate")  # fmt: skip
    assert done.code == 0, done.out + done.err
    verdict = json.loads((tmp_path / "gate" / "gate.json").read_text(encoding="utf-8"))
    assert verdict["verdict"] == "pass"
    assert verdict["tests"] == len(TASKS) + 2
    assert {found["change"] for found in verdict["findings"]} == {0.0}
    assert {found["p"] for found in verdict["findings"]} == {1.0}


def test_the_gate_fails_the_damaged_one(run: Run, command: Command, tmp_path: Path) -> None:
    done = command("neuronxa", "gate", "--baseline", run("llama"), "--candidate", run("damaged"),
                   "-o", "gate")  # fmt: skip
    assert done.code == 1, done.out + done.err
    verdict = json.loads((tmp_path / "gate" / "gate.json").read_text(encoding="utf-8"))
    assert all(found["failed"] for found in verdict["findings"])
    assert all(found["method"].startswith("paired") for found in verdict["findings"])


def test_the_gate_refuses_another_n(run: Run, command: Command) -> None:
    done = command("neuronxa", "gate", "--baseline", run("llama"), "--candidate", run("other n"))
    assert done.code == 3, done.out + done.err
    assert "n = 50 and with n = 40" in done.err


def test_the_gate_refuses_a_broken_file(run: Run, command: Command, tmp_path: Path) -> None:
    (file,) = run("copy").rglob("results_*.json")
    broken = tmp_path / "results_broken.json"
    broken.write_bytes(file.read_bytes()[:3000])
    done = command("neuronxa", "gate", "--baseline", run("llama"), "--candidate", broken)
    assert done.code == 2, done.out + done.err
    assert "cut off" in done.err
    assert "Traceback" not in done.err
