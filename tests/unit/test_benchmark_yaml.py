"""The generated groups and BMLAMA-53 configs against the repository and the harness' own index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.task import Task
from lm_eval.tasks._factory import TaskFactory
from lm_eval.tasks._index import TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from neuronxa_tasks.harness.configs import benchmark_yaml
from neuronxa_tasks.harness.launch.shared_tasks import shared_tasks
from neuronxa_tasks.results import locate
from neuronxa_tasks.text.languages import BENCHMARKS, benchmark_languages, find

CONFIGS = Path(__file__).parents[2] / "task_configs"


class Named(Task):  # type: ignore[misc]
    """A task without its data."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def task_name(self) -> str:
        return self.name

    def dump_config(self) -> dict[str, str]:
        return {"task": self.name}


Named.__abstractmethods__ = frozenset()


@pytest.fixture(scope="module")
def harness(task_manager: Any) -> Any:
    """The harness' own tasks and ours; loading one reads its config but no data."""

    def build(self: Any, entry: Any, overrides: Any) -> Task:
        return Named(self._load_full_config(entry, overrides)["task"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TaskFactory, "_build_task", build)
        yield task_manager


def leaves(harness: Any, name: str) -> list[str]:
    loaded = harness.load([name])
    everything = [task.task_name for task in loaded["groups"][name].get_all_tasks()]
    assert len(everything) == len(set(everything))
    return everything


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_groups_hold_alignment_and_benchmark_of_the_same_languages(
    harness: Any, benchmark: str
) -> None:
    tasks = leaves(harness, f"neuronxa_with_{benchmark}")
    aligned = {task for task in tasks if task.startswith("neuronxa_flores_")}
    located = {task: locate(task) for task in tasks if task not in aligned}
    # A language may be a group of subjects, and a benchmark two parts.
    names = {place[0] for place in located.values() if place}
    assert names == {benchmark} or all(name.startswith(f"{benchmark}_") for name in names)
    assert None not in located.values()
    codes = {place[1] for place in located.values() if place}
    assert codes == {row.code for row in benchmark_languages(benchmark).values()}
    assert names != {benchmark} or len(located) == len(codes)
    expected = {code for code in codes if code != "eng_Latn" and (row := find(code)) and row.flores}
    assert {task.removeprefix("neuronxa_flores_") for task in aligned} == expected


def test_the_paper_in_one_run(harness: Any) -> None:
    tasks = leaves(harness, "neuronxa_paper")
    parts = {name: leaves(harness, f"neuronxa_with_{name}") for name in benchmark_yaml.PAPER}
    assert set(tasks) == {task for part in parts.values() for task in part}
    assert len(parts) == 5
    aligned = [task for task in tasks if task.startswith("neuronxa_flores_")]
    assert aligned == leaves(harness, "neuronxa_flores_paper")
    assert "neuronxa_flores_eng_Latn" not in aligned


def test_shared_tasks(harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two groups with a common task are refused side by side, and work inside one group."""
    both = ["neuronxa_with_xnli", "neuronxa_with_xstorycloze"]
    with pytest.raises(ValueError, match="Duplicate task 'neuronxa_flores_arb_Arab'"):
        harness.load(both)
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"group: mine\ntask: [{', '.join(both)}]\n", encoding="utf-8")
    for name, entry in TaskIndex.build([tmp_path]).items():  # what --include_path does
        monkeypatch.setitem(harness.task_index, name, entry)  # other tests read this index too
    loaded = harness.load(["mine"])
    assert len(loaded["tasks"]) == len(set(leaves(harness, both[0]) + leaves(harness, both[1])))


def test_bmlama_has_a_task_per_language(harness: Any) -> None:
    codes = sorted(benchmark_languages("bmlama53"))
    assert len(codes) == 53
    assert leaves(harness, "neuronxa_bmlama53") == [f"neuronxa_bmlama53_{code}" for code in codes]
    for code in codes:
        entry = harness.task_index[f"neuronxa_bmlama53_{code}"]
        assert entry.yaml_path == CONFIGS / "bmlama53" / f"neuronxa_bmlama53_{code}.yaml"
        config = load_yaml(entry.yaml_path, resolve_func=False)
        assert config.pop("class").endswith("neuronxa_tasks.harness.tasks.bmlama.BmlamaTask")
        assert config == {
            "task": f"neuronxa_bmlama53_{code}",
            "dataset_path": "bmlama53",
            "dataset_name": code,
            "num_fewshot": 0,
            "metadata": {"version": 2.0},
        }


def test_readmes_name_every_task_and_group() -> None:
    for folder in ("bmlama53", "sib200", "benchmarks"):
        text = (CONFIGS / folder / "README.md").read_text(encoding="utf-8")
        for heading in ("Paper", "Citation", "Groups and Tasks", "Changelog"):
            assert f"\n### {heading}\n" in text
        listed = re.findall(r"^\* `(neuronxa_\w+)`: \S", text, flags=re.M)
        made = {
            Path(path).stem.removeprefix("_")
            for path in benchmark_yaml.own_files()
            if path.startswith(f"{folder}/") and path.endswith(".yaml")
        }
        assert len(listed) == len(set(listed))
        assert set(listed) == made


def test_documented_commands_name_what_exists(harness: Any) -> None:
    root = CONFIGS.parent
    for page in (root / "docs" / "benchmarks.md", CONFIGS / "benchmarks" / "README.md"):
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"--tasks ([\w,]+)", text)
        assert named
        for tasks in named:
            with shared_tasks():
                assert harness.load(tasks.split(","))["tasks"]
        assert set(re.findall(r"`(neuronxa_(?:with|flores)_\w+)`", text)) <= set(harness.all_tasks)
