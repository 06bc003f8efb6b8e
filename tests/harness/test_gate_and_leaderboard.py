"""Real runs of small checkpoints: ranked by the leaderboard, judged by the gate.

The shipped Llama, a copy of it, one with shuffled FFN weights and a model of another architecture.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import Command, Forker
from safetensors.torch import load_file, save_file

from neuronxa_tasks.cli import main
from workshop import checkpoints

pytestmark = pytest.mark.harness

LLAMA = checkpoints.folder("llama")
LANGUAGES = ("deu_Latn", "ell_Grek", "fra_Latn", "rus_Cyrl", "swh_Latn", "zho_Hans")
CLOZE = ("swh_Latn",)
TASKS = [f"neuronxa_world_{code}" for code in LANGUAGES]
TASKS += [f"neuronxa_world_cloze_{code}" for code in CLOZE]
N = 40


def shuffled_ffn(folder: Path) -> Path:
    """The shipped Llama with the weights of every FFN matrix in a random order."""
    shutil.copytree(LLAMA, folder)
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in weights.items():
        if ".mlp." in name:
            order = torch.randperm(tensor.numel(), generator=generator)
            weights[name] = tensor.flatten()[order].reshape(tensor.shape).contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def runs(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Results folder of every checkpoint."""
    place = tmp_path_factory.mktemp("gate")
    models = {
        "llama": LLAMA,
        "copy": Path(shutil.copytree(LLAMA, place / "copy")),
        "damaged": shuffled_ffn(place / "damaged"),
        "qwen3": checkpoints.folder("qwen3"),
        "other n": LLAMA,
    }
    for name, model in models.items():
        done = forker(
            *("run", "--model", "hf-neuronxa", "--model_args", f"pretrained={model},dtype=float32"),
            *("--tasks", ",".join(TASKS[:1] if name == "other n" else TASKS)),
            *("--metadata", json.dumps({"n": N - 10 if name == "other n" else N})),
            *("--batch_size", 32, "--device", "cpu", "--log_samples"),
            *("--output_path", place / "out" / name),
            cwd=place,
        )
        assert done.code == 0, done.err
    return {name: place / "out" / name for name in models}


def verdict(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "gate.json").read_text(encoding="utf-8"))
    return found


def test_the_leaderboard_ranks_them(runs: dict[str, Path], tmp_path: Path) -> None:
    folders = {name: folder for name, folder in runs.items() if name != "other n"}
    renamed = []
    for name, folder in folders.items():
        (file,) = folder.rglob("results_*.json")
        renamed += ["--name", f"{file}={name}"]
    out = tmp_path / "board"
    assert main(["leaderboard", *map(str, folders.values()), *renamed, "-o", str(out)]) == 0
    with (out / "leaderboard.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    last = str(len(folders))
    for benchmark, metric, languages in (
        ("neuronxa_world", "nasca", LANGUAGES),
        ("world_cloze", "acc", CLOZE),
    ):
        ranks = {row["model"]: row for row in rows if row["benchmark"] == benchmark}
        assert set(ranks) == set(folders)
        assert {row["metric"] for row in ranks.values()} == {metric}
        assert {row["mean_over"] for row in ranks.values()} == {str(len(languages))}
        # The copy is the same model to the last digit; the damaged one is the last.
        assert ranks["llama"]["mean"] == ranks["copy"]["mean"]
        assert ranks["llama"]["rank"] == ranks["copy"]["rank"]
        assert ranks["damaged"]["rank"] == last
    alignment = {row["model"]: row for row in rows if row["metric"] == "nasca"}
    assert alignment["damaged"]["rank_low"] == last
    assert int(alignment["llama"]["rank_high"]) < len(folders)
    assert int(alignment["llama"]["rank_low"]) <= int(alignment["copy"]["rank"])


def test_the_gate_passes_the_equal_one(runs: dict[str, Path], tmp_path: Path) -> None:
    sides = ["--baseline", str(runs["llama"]), "--candidate", str(runs["copy"])]
    assert main(["gate", *sides, "-o", str(tmp_path / "gate")]) == 0
    found = verdict(tmp_path / "gate")
    assert found["verdict"] == "pass"
    assert found["tests"] == len(TASKS) + 1  # and the mean over languages
    assert {each["change"] for each in found["findings"]} == {0.0}
    assert {each["p"] for each in found["findings"]} == {1.0}


def test_the_gate_fails_the_damaged_one(
    runs: dict[str, Path], command: Command, tmp_path: Path
) -> None:
    """By the installed program, whose exit code a shell sees."""
    done = command(
        "neuronxa", "gate", "--baseline", runs["llama"], "--candidate", runs["damaged"], "-o", "x"
    )
    assert done.code == 1, done.out + done.err
    found = verdict(tmp_path / "x")["findings"]
    assert all(each["failed"] for each in found)
    assert all(each["method"].startswith("paired") for each in found)


def test_the_gate_refuses_another_n(runs: dict[str, Path], capsys: Any) -> None:
    sides = ["--baseline", str(runs["llama"]), "--candidate", str(runs["other n"])]
    assert main(["gate", *sides]) == 3
    assert f"n = {N} and with n = {N - 10}" in capsys.readouterr().err


def test_the_gate_refuses_a_broken_file(runs: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    (file,) = runs["copy"].rglob("results_*.json")
    broken = tmp_path / "results_broken.json"
    broken.write_bytes(file.read_bytes()[:3000])
    assert main(["gate", "--baseline", str(runs["llama"]), "--candidate", str(broken)]) == 2
    assert "cut off" in capsys.readouterr().err
