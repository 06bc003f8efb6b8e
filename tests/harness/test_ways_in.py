"""Acceptance of the main job: one command, three ways in, one results file."""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
from commands import Command, Finished
from models import byte_tokenizer, tiny_model

pytestmark = [pytest.mark.harness, pytest.mark.data]

TARGETS = {"neuronxa_flores_fra_Latn": "fra_Latn", "neuronxa_flores_swh_Latn": "swh_Latn"}
TASKS = ",".join(TARGETS)
SCORES = {"nasca": "nas", "navca": "nav", "mexa": "hidden"}


def metadata(data_dir: Path, **more: object) -> str:
    return json.dumps({"data_dir": str(data_dir / "flores200" / "devtest"), **more})


@pytest.fixture(scope="module")
def expected(data_dir: Path) -> dict[str, dict[str, list[int]]]:
    """Hits per layer by the naive computation, one sentence at a time."""
    model, tokenizer = tiny_model("llama"), byte_tokenizer(bos=True)

    def read(code: str) -> list[naive.Sentence]:
        file = data_dir / "flores200" / "devtest" / f"{code}.devtest"
        lines = [line.strip() for line in file.read_text(encoding="utf-8").split("\n")[:100]]
        return [naive.read(model, tokenizer, line) for line in lines]

    pivot = read("eng_Latn")
    return {task: naive_hits(pivot, read(target)) for task, target in TARGETS.items()}


def naive_hits(pivot: list[naive.Sentence], target: list[naive.Sentence]) -> dict[str, list[int]]:
    hits: dict[str, list[int]] = {"nas": [], "nav": []}
    for layer in range(len(pivot[0].gate)):
        gates = [[each.gate[layer] for each in side] for side in (pivot, target)]
        nas = [[naive.nas_counts(gate, "position") for gate in side] for side in gates]
        nav = [[naive.mean(np.abs(gate), "position") for gate in side] for side in gates]
        hits["nas"].append(naive.hits(naive.exact_cosines(*nas)))
        hits["nav"].append(naive.hits(naive.cosines(*nav)))
    mexa = naive.mexa_layers(pivot, target)
    return {**hits, "hidden": [round(rate * len(pivot)) for rate in mexa]}


def check(done: Finished, expected: dict[str, Any]) -> dict[str, Any]:
    assert done.code == 0, done.err
    results = done.results
    block = results["config"]["neuronxa"]
    assert block["schema"] == 2
    for task, hits in expected.items():
        assert {name: block["tasks"][task][name]["mutual"] for name in hits} == hits
        for score, name in SCORES.items():
            rates = [count / 100 for count in hits[name]]
            entry = results["results"][task]
            assert entry[f"{score},none"] == pytest.approx(sum(rates) / len(rates), abs=1e-12)
            assert entry[f"{score}_max,none"] == max(rates)
            assert entry[f"{score}_stderr,none"] > 0
    return results


def test_neuronxa_run(
    command: Command, checkpoint: Path, data_dir: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    done = command(
        "neuronxa", "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}",
        "--tasks", TASKS, "--metadata", metadata(data_dir), "--output_path", "out",
        "--log_samples", "--batch_size", 16, "--device", "cpu",
    )  # fmt: skip
    results = check(done, expected)
    # The table comes last, and stands alone; behind it is where the results are.
    assert "|nasca" not in done.out
    assert "NeuronXA, flores against eng_Latn" in done.out
    (file,) = done.folder.rglob("results_*.json")
    assert done.out.rstrip().split("\n")[-2:] == [
        f"Results: {file.relative_to(tmp_path)}", "Next: neuronxa report out -o report.html"
    ]  # fmt: skip
    for noise in ("Traceback", "INFO", "Building contexts", "fatal"):
        assert noise not in done.err

    block = results["config"]["neuronxa"]
    assert block["model"]["class_name"] == "LlamaForCausalLM"
    assert block["model"]["dtype"] == "float32"
    assert block["model"]["layers"] == 4
    assert block["versions"]["lm_eval"]
    task = block["tasks"]["neuronxa_flores_fra_Latn"]
    assert (task["n"], task["pivot"], task["target"]) == (100, "eng_Latn", "fra_Latn")
    assert (task["tap"], task["weights"], task["source"]["kind"]) == ("gate", "position", "folder")

    # The logged rivals give the hit counts back.
    samples = done.samples("neuronxa_flores_fra_Latn")
    assert len(samples) == 100
    kinds = {"row": "forward", "column": "backward", "either": "mutual"}
    for score, name in SCORES.items():
        for kind, key in kinds.items():
            rivals = [sample[f"{score}_max"][kind] for sample in samples]
            assert [sum(r == 0 for r in layer) for layer in zip(*rivals, strict=True)] == (
                task[name][key]
            )


def test_plain_harness_command(
    command: Command, checkpoint: Path, data_dir: Path, expected: dict[str, Any]
) -> None:
    path = command("neuronxa", "path").out.strip()
    done = command(
        "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={checkpoint}",
        "--include_path", path, "--tasks", TASKS, "--metadata", metadata(data_dir),
        "--output_path", "out", "--device", "cpu",
    )  # fmt: skip
    results = check(done, expected)
    assert results["config"]["neuronxa"]["auto_batch"] == 64  # nothing was said
    assert results["config"]["batch_size"] == 1


@pytest.fixture
def copied_harness(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with the harness in it, but with few tasks, to be changed."""
    import lm_eval

    real, copy = Path(lm_eval.__file__).parent, tmp_path / "site" / "lm_eval"
    (copy / "tasks").mkdir(parents=True)
    for place, but in ((real, "tasks"), (real / "tasks", "")):
        for path in place.iterdir():
            if path.name != but and (place == real or path.suffix == ".py"):
                (copy / path.relative_to(real)).symlink_to(path)
    return tmp_path / "site"


def test_linked_the_literal_command_needs_no_flag(
    command: Command, checkpoint: Path, copied_harness: Path
) -> None:
    root = Path(__file__).parents[2]
    path = {"PYTHONPATH": f"{copied_harness}:{root}"}
    python = Path(sys.executable).name
    done = command(python, "-m", "neuronxa_tasks", "link", **path)
    linked = copied_harness / "lm_eval" / "tasks" / "neuronxa"
    assert done.code == 0, done.err
    assert f"task configs are copied to {linked}" in done.out

    done = command(
        python, "-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={checkpoint}",
        "--tasks", "neuronxa_mini_fra_Latn", "--metadata", '{"n": 20}', "--output_path", "out",
        "--device", "cpu", **path,
    )  # fmt: skip
    assert done.code == 0, done.err
    results = done.results
    assert results["config"]["neuronxa"]["tasks"]["neuronxa_mini_fra_Latn"]["n"] == 20
    source = results["configs"]["neuronxa_mini_fra_Latn"]["metadata"]["config_source"]
    assert source == str(linked / "mini" / "neuronxa_mini_fra_Latn.yaml")
    assert "overrides" not in done.err

    done = command(python, "-m", "neuronxa_tasks", "unlink", **path)
    assert done.code == 0, done.err
    assert not linked.exists()


def test_notebook(
    command: Command, checkpoint: Path, data_dir: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    script = f"""
import json, lm_eval, neuronxa_tasks
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable
from pathlib import Path

neuronxa_tasks.register()
results = lm_eval.simple_evaluate(
    model="hf-neuronxa", model_args="pretrained={checkpoint}", tasks={list(TARGETS)!r},
    device="cpu", task_manager=TaskManager(include_path=str(neuronxa_tasks.task_configs()),
                             metadata={metadata(data_dir)}),
)
del results["samples"]
Path("out").mkdir()
Path("out/results_x.json").write_text(json.dumps(results, default=handle_non_serializable))
"""
    done = command(Path(sys.executable).name, "-c", script)
    assert check(done, expected)["config"]["neuronxa"]["auto_batch"] == 64


def test_entry_point_names_the_model() -> None:
    (entry,) = (e for e in entry_points(group="lm_eval.models") if e.name == "hf-neuronxa")
    from lm_eval.models.huggingface import HFLM

    assert issubclass(entry.load(), HFLM)


def test_beside_unmodified_harness_tasks(
    neuronxa: Command, checkpoint: Path, data_dir: Path, tmp_path: Path
) -> None:
    """XNLI as the harness ships it; `datasets` finds the repository's name as a folder."""
    repository = tmp_path / "facebook" / "xnli"
    repository.mkdir(parents=True)
    configs = "".join(
        f"- config_name: {code}\n  data_files:\n"
        f"  - split: train\n    path: {code}.jsonl\n"
        f"  - split: validation\n    path: {code}.jsonl\n"
        for code in ("fr", "sw")
    )
    (repository / "README.md").write_text(f"---\nconfigs:\n{configs}---\n", encoding="utf-8")
    for code in ("fr", "sw"):
        lines = (data_dir / "xnli" / f"{code}.jsonl").read_text(encoding="utf-8").splitlines()
        (repository / f"{code}.jsonl").write_text("\n".join(lines[:12]) + "\n", encoding="utf-8")
    done = neuronxa(
        "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}",
        "--tasks", f"xnli_fr,xnli_sw,{TASKS}", "--metadata", metadata(data_dir, n=20),
        "--output_path", "out", "--num_fewshot", 2, "--device", "cpu",
    )  # fmt: skip
    assert done.code == 0, done.err
    results = done.results["results"]
    assert 0 <= results["xnli_fr"]["acc,none"] <= 1
    assert 0 <= results["neuronxa_flores_fra_Latn"]["nasca,none"] <= 1
    shots = done.results["n-shot"]
    assert (shots["xnli_fr"], shots["neuronxa_flores_fra_Latn"]) == (2, 0)
