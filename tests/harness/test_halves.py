"""A run of two processes with half of the shipped model each is that of one process.

Tensor parallelism of transformers (`tp_plan=auto`): the real command, the real launcher, gloo on
the CPU.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import BIN, ENVIRONMENT, Command, Finished, in_new_process

from neuronxa_tasks.world import shipped

pytestmark = pytest.mark.harness

ALIGNMENT = [f"neuronxa_world_{code}" for code in ("deu_Latn", "hin_Deva")]
CLOZE = "neuronxa_world_cloze_eng_Latn"
ASKED = {
    "n": 12,
    "measures": ["cka", "mrr", "iou", "lape"],
    "pairs": "all",
    "covariates": "bits_per_byte",
    "control": "shuffled",
    "variants": ["csls", "top_decile", "up_sign", "hidden_sign"],
}
CLOSE = 2e-5
"""Sums over the halves differ in their last digits; what is written has five or six."""


def arguments(out: Path, tasks: Sequence[str], asked: dict[str, Any], *, halves: bool) -> list[str]:
    model = f"pretrained={shipped.folder()},dtype=float32" + ",tp_plan=auto" * halves
    return [
        "run", "--model", "hf-neuronxa", "--model_args", model, "--tasks", ",".join(tasks),
        "--metadata", json.dumps(asked), "--output_path", str(out), "--log_samples",
        "--batch_size", "8", "--device", "cpu",
    ]  # fmt: skip


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What differs between two contents of JSON."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{place}]")
    elif one != other:
        yield path, one, other


def kept(folder: Path) -> int:
    return len(list(folder.rglob("*.json.gz")))


def test_two_processes_with_half_of_the_model_score_as_one(
    neuronxa: Command, tmp_path: Path
) -> None:
    tasks = [*ALIGNMENT, CLOZE]
    one = neuronxa(*arguments(tmp_path / "out", tasks, ASKED, halves=False))
    assert one.code == 0, one.err
    folder = tmp_path / "halves"
    folder.mkdir()
    command = arguments(folder / "out", tasks, ASKED, halves=True)
    two = in_new_process(
        "torchrun", "--standalone", "--nproc-per-node", 2, "-m", "neuronxa_tasks", *command,
        cwd=folder, NEURONXA_RESUME="on", NEURONXA_RESUME_DIR=str(folder / "kept"),
    )  # fmt: skip
    assert two.code == 0, two.err
    blocks = [done.results["config"]["neuronxa"] for done in (one, two)]
    assert blocks[1]["model"].pop("tensor_parallel") == 2
    assert blocks[0]["model"] == blocks[1]["model"]  # the fingerprint is that of the whole
    for path, a, b in differences(*blocks):
        assert isinstance(a, float), (path, a, b)
        assert a == pytest.approx(b, rel=CLOSE, abs=CLOSE), path
    for name in ("nas", "nav", "hidden"):  # hits are whole numbers
        assert blocks[0]["pairs"][0][name] == blocks[1]["pairs"][0][name]
    for task in tasks:
        for name, value in one.results["results"][task].items():
            found = two.results["results"][task][name]
            assert found == (pytest.approx(value, abs=CLOSE) if type(value) is float else value)
        samples = [done.samples(task) for done in (one, two)]
        assert len(samples[0]) == len(samples[1]) > 0
        rivals = [[{key: row[key] for key in row if key in ("doc_id", "acc", "nasca_max",
                   "navca_max", "mexa_max")} for row in rows] for rows in samples]  # fmt: skip
        assert rivals[0] == rivals[1]
    # Shown once and kept once, by the first of the two.
    assert two.out.count("NeuronXA, world against eng_Latn") == 1
    assert two.err.count("2/2 [") == one.err.count("2/2 [") > 0  # the bar
    assert kept(folder / "kept") == len(ALIGNMENT)


def machines(folder: Path, command: Sequence[str]) -> list[Finished]:
    """One launcher for each of two machines, each with one process and a disk of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    launch = [
        "--nnodes", 2, "--nproc-per-node", 1, "--rdzv-backend", "c10d", "--rdzv-id", port,
        "--rdzv-endpoint", f"127.0.0.1:{port}", "--local-addr", "127.0.0.1",
    ]  # fmt: skip
    places = [folder / f"machine{number}" for number in range(2)]
    started = []
    for place in places:
        place.mkdir(exist_ok=True)
        disk = {"NEURONXA_RESUME": "on", "NEURONXA_RESUME_DIR": str(place / "kept")}
        with (place / "told").open("w") as told:
            started.append(
                subprocess.Popen(
                    [BIN / "torchrun", *map(str, launch), "-m", "neuronxa_tasks", *command],
                    stdout=told, stderr=subprocess.STDOUT, cwd=place,
                    env={**os.environ, **ENVIRONMENT, **disk},
                )
            )  # fmt: skip
    try:
        codes = [each.wait(timeout=600) for each in started]
    finally:
        for each in started:
            each.kill()
            each.wait()
    return [
        Finished(code, (place / "told").read_text(encoding="utf-8"), "", place / "out")
        for code, place in zip(codes, places, strict=True)
    ]


@pytest.mark.slow
def test_halves_on_two_machines_are_saved_once_and_found_again(tmp_path: Path) -> None:
    """The harness would save on both; what is on the disk of the second alone is not used."""
    asked = {"n": 12, "measures": "cka"}
    first = arguments(Path("out"), ALIGNMENT, asked, halves=True)
    done = machines(tmp_path, first)
    assert [each.code for each in done] == [0, 0], [each.out for each in done]
    # Either launcher may have been given rank 0.
    (of_first,) = [each for each in done if (each.folder).exists()]
    (other,) = [each for each in done if each is not of_first]
    assert of_first.out.count("NeuronXA, world against eng_Latn") == 1
    assert "NeuronXA, world against eng_Latn" not in other.out
    assert kept(of_first.folder.parent) == len(ALIGNMENT)
    assert kept(other.folder.parent) == 0
    # Found by one process only, for all.
    alone = arguments(Path("again"), ALIGNMENT, asked, halves=True)
    again = in_new_process(
        "torchrun", "--standalone", "--nproc-per-node", 2, "-m", "neuronxa_tasks", *alone,
        cwd=tmp_path, NEURONXA_RESUME="on",
        NEURONXA_RESUME_DIR=str(of_first.folder.parent / "kept"),
    )  # fmt: skip
    assert again.code == 0, again.err
    (file,) = (tmp_path / "again").rglob("results_*.json")
    block = json.loads(file.read_text(encoding="utf-8"))["config"]["neuronxa"]
    assert block["kept"] == sorted(ALIGNMENT)
    assert block["tasks"] == of_first.results["config"]["neuronxa"]["tasks"]
    # On one disk without an entry, on the other with all: the first decides, and none waits.
    mixed = machines(tmp_path, first)
    assert [each.code for each in mixed] == [0, 0], [each.out for each in mixed]


@pytest.mark.slow
def test_doctor_of_two_processes_speaks_once(tmp_path: Path) -> None:
    done = in_new_process(
        "torchrun", "--standalone", "--nproc-per-node", 2, "-m", "neuronxa_tasks", "doctor",
        "--model_args", f"pretrained={shipped.folder()},dtype=float32,tp_plan=auto", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.count("A full run will work.") == 1
