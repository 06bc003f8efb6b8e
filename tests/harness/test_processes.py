"""Several processes give the scores of one. Gloo on the CPU, the real launcher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Command, Finished

pytestmark = pytest.mark.harness

TASKS = ",".join(
    (
        "neuronxa_mini_fra_Latn",
        "neuronxa_mini_rus_Cyrl",
        "neuronxa_mini_zho_Hans",
        "neuronxa_world_cloze_eng_Latn",
    )
)


def evaluate(command: Command, checkpoint: Path, processes: int, out: Path) -> Finished:
    arguments = (
        "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}", "--tasks", TASKS,
        "--metadata", json.dumps({"n": 51}), "--output_path", out, "--log_samples",
        "--batch_size", 8, "--device", "cpu",
    )  # fmt: skip
    if processes == 1:
        done = command("neuronxa", "run", *arguments)
    else:
        launch = ("--standalone", "--nproc-per-node", processes, "-m", "neuronxa_tasks", "run")
        done = command("torchrun", *launch, *arguments)
    assert done.code == 0, done.err
    return Finished(done.code, done.out, done.err, out)


@pytest.mark.slow
def test_three_processes(command: Command, checkpoint: Path, tmp_path: Path) -> None:
    compare(command, checkpoint, tmp_path, 3)


def test_two_processes(command: Command, checkpoint: Path, tmp_path: Path) -> None:
    compare(command, checkpoint, tmp_path, 2)


def compare(command: Command, checkpoint: Path, tmp_path: Path, processes: int) -> None:
    alone = evaluate(command, checkpoint, 1, tmp_path / "alone")
    together = evaluate(command, checkpoint, processes, tmp_path / "together")
    assert together.results["config"]["neuronxa"] == alone.results["config"]["neuronxa"]
    for task, entry in alone.results["results"].items():
        for name, value in entry.items():
            if isinstance(value, float):
                assert together.results["results"][task][name] == pytest.approx(value, abs=1e-12)
    task = "neuronxa_mini_rus_Cyrl"
    by_id = [
        {sample["doc_id"]: sample["nasca_max"] for sample in done.samples(task)}
        for done in (alone, together)
    ]
    assert by_id[0] == by_id[1]
    assert len(by_id[0]) == 51
