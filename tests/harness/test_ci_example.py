"""The example workflow: sound as a file, and its shell steps run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from commands import BIN, ENVIRONMENT
from transformers import AutoModelForCausalLM

from neuronxa_tasks.world import shipped

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "gate-checkpoint.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    found = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    return {step.get("name", step.get("uses")): step for step in workflow["jobs"]["gate"]["steps"]}


def test_it_asks_for_little_and_trusts_nobody(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow["jobs"]["gate"]
    for step in steps(workflow).values():
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        # What people type reaches the shell as a variable, never as a piece of the script.
        assert "${{" not in step.get("run", "")
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if "uses:" in line:
            assert re.search(r"# v\d+\.\d+\.\d+$", line)


def test_nothing_that_is_gated_comes_from_a_cache(workflow: dict[Any, Any]) -> None:
    """A cache of Actions is written by whoever can run the workflow."""
    assert "neuronxa_resume=off" in workflow["env"]["MODEL_ARGS"].split(",")
    assert "$MODEL_ARGS" in steps(workflow)["Evaluate"]["run"]


def test_the_report_is_kept_when_the_gate_fails(workflow: dict[Any, Any]) -> None:
    names = list(steps(workflow))
    assert names.index("Report") < names.index("Gate") < names.index("Upload")
    for name in ("Summary", "Upload"):
        assert steps(workflow)[name]["if"] == "${{ !cancelled() }}"
    kept = steps(workflow)["Upload"]["with"]["path"].split()
    assert kept == ["candidate", "gate", "report.html"]


def run_step(
    workflow: dict[Any, Any], name: str, folder: Path, model: Path
) -> subprocess.CompletedProcess[str]:
    """Runs a step as the runner does: `bash -e`, with the workflow's variables.

    Only what is run is smaller: two languages of the toy world, on the CPU.
    """
    variables = {
        "TASKS": "neuronxa_world_fra_Latn,neuronxa_world_ell_Grek",
        "MODEL_ARGS": workflow["env"]["MODEL_ARGS"].replace("bfloat16", "float32"),
        "RUN_OPTIONS": f"{workflow['env']['RUN_OPTIONS']} --device cpu",
        "MODEL": str(model),
        "REVISION": "main",
        "NEURONXA_CACHE": str(folder / "cache"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    assert set(workflow["env"]) >= {"TASKS", "MODEL_ARGS", "RUN_OPTIONS"}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps(workflow)[name]["run"]],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=1500, check=False,
        env={**os.environ, **ENVIRONMENT, **variables, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip


@pytest.mark.harness
@pytest.mark.timeout(3600)
def test_its_steps_run_as_they_stand(workflow: dict[Any, Any], tmp_path: Path) -> None:
    good, bad = shipped.folder(), tmp_path / "bad"
    shutil.copytree(good, bad)
    model = AutoModelForCausalLM.from_pretrained(good)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(0.01)
    model.save_pretrained(bad)
    (tmp_path / "gate.toml").write_text('metrics = ["mexa"]\n', encoding="utf-8")

    done = run_step(workflow, "Evaluate", tmp_path, good)
    assert done.returncode == 0, done.stderr
    first = run_step(workflow, "Gate", tmp_path, good)
    assert first.returncode == 2
    assert "::error::There is no accepted result yet" in first.stdout
    assert run_step(workflow, "Summary", tmp_path, good).returncode == 0
    assert not (tmp_path / "summary.md").exists()

    # Accepted: the candidate compared with itself passes.
    shutil.copytree(tmp_path / "candidate", tmp_path / "accepted")
    done = run_step(workflow, "Gate", tmp_path, good)
    assert done.returncode == 0, done.stdout + done.stderr

    shutil.rmtree(tmp_path / "candidate")
    done = run_step(workflow, "Evaluate", tmp_path, bad)
    assert done.returncode == 0, done.stderr
    done = run_step(workflow, "Report", tmp_path, bad)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "report.html").stat().st_size > 10_000
    done = run_step(workflow, "Gate", tmp_path, bad)
    assert done.returncode == 1, done.stdout + done.stderr
    assert run_step(workflow, "Summary", tmp_path, bad).returncode == 0
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "mexa" in summary
    assert (tmp_path / "gate" / "gate.xml").is_file()
