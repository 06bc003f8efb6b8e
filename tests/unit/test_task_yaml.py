"""The generated task configs against the repository and the harness' own index."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml

from neuronxa_tasks.harness.configs import task_yaml
from neuronxa_tasks.names import METRICS
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.languages import BENCHMARKS, benchmark_languages

CONFIGS = Path(__file__).parents[2] / "task_configs"
SUBGROUPS = {  # published number of languages, less English, less what FLORES-200 lacks
    "xnli": 15 - 1,
    "xstorycloze": 11 - 1,
    "belebele": 122 - 1 - 5,
    "m_mmlu": 34 - 1 - 1,
    "m_arc": 31 - 1,
    "bmlama53": 53 - 1 - 1,
    "xcopa": 11,
    "xwinograd": 6 - 1,
    "pawsx": 7 - 1,
    "global_mmlu": 15 - 1,
    "global_mmlu_full": 42 - 1,
    "mmlu_prox": 29 - 1 - 1,
    "mmmlu": 14,
    "include": 44,
    "global_piqa": 141 - 1 - 45,
    "afrixnli": 18 - 1,
}


@pytest.fixture(scope="module")
def harness(task_manager: Any) -> Any:
    """The harness' own tasks and ours."""
    return task_manager


@pytest.fixture(scope="module")
def harness_alone(configs_once: None) -> set[str]:
    return set(TaskManager().all_tasks)


@pytest.mark.parametrize(("corpus", "size"), [("flores", 204), ("tatoeba", 112)])
def test_every_language_is_indexed_and_has_its_own_task(
    harness: Any, corpus: str, size: int
) -> None:
    names = [f"neuronxa_{corpus}_{code}" for code in CORPORA[corpus].codes]
    assert len(names) == len(set(names)) == size
    index = harness.task_index
    assert all(index[name].yaml_path == CONFIGS / corpus / f"{name}.yaml" for name in names)
    for code, name in zip(CORPORA[corpus].codes, names, strict=True):
        config = load_yaml(index[name].yaml_path, resolve_func=False)
        assert config.pop("class").endswith("neuronxa_tasks.harness.tasks.alignment.NeuronXATask")
        assert config == {
            "task": name,
            "dataset_path": corpus,
            "dataset_name": code,
            "num_fewshot": 0,
            "metadata": {"version": 1.0},
        }


def test_names_clash_with_none_of_the_harness(harness: Any, harness_alone: set[str]) -> None:
    ours = {
        yaml.safe_load(text).get("task" if path.split("/")[1].startswith("neuronxa_") else "group")
        for path, text in task_yaml.own_files().items()
        if path.endswith(".yaml")
    }
    assert len(ours) == sum(path.endswith(".yaml") for path in task_yaml.own_files())
    assert not ours & harness_alone
    assert ours <= set(harness.all_tasks)
    assert set(harness.all_tasks) >= harness_alone


def test_groups_hold_their_languages_without_english(harness: Any) -> None:
    def members(group: str) -> list[str]:
        entry = harness.task_index[group]
        config = load_yaml(entry.yaml_path, resolve_func=False)
        metrics = [each["metric"] for each in config["aggregate_metric_list"]]
        assert metrics == list(METRICS)
        assert metrics[:8] == [
            "nasca",
            "navca",
            "mexa",
            "nasca_max",
            "navca_max",
            "mexa_max",
            "surface",
            "token_overlap",
        ]
        assert all(each["weight_by_size"] is False for each in config["aggregate_metric_list"])
        tasks: list[str] = config["task"]
        assert len(tasks) == len(set(tasks))
        assert not any(task.endswith("eng_Latn") for task in tasks)
        assert set(tasks) <= set(harness.all_subtasks)
        return tasks

    assert len(members("neuronxa_flores")) == 203
    assert len(members("neuronxa_tatoeba")) == 112
    assert len(members("neuronxa_mini")) == len(CORPORA["mini"].codes) - 1
    assert set(SUBGROUPS) == set(BENCHMARKS)
    for benchmark, size in SUBGROUPS.items():
        found = members(f"neuronxa_flores_{benchmark}")
        assert len(found) == size
        assert {task.removeprefix("neuronxa_flores_") for task in found} == {
            row.code
            for row in benchmark_languages(benchmark).values()
            if row.flores and row.code != "eng_Latn"
        }


def test_xnli_group_is_xnli(harness: Any) -> None:
    config = load_yaml(harness.task_index["neuronxa_flores_xnli"].yaml_path, resolve_func=False)
    codes = "arb_Arab bul_Cyrl deu_Latn ell_Grek fra_Latn hin_Deva rus_Cyrl spa_Latn swh_Latn "
    codes += "tha_Thai tur_Latn urd_Arab vie_Latn zho_Hans"
    assert config["task"] == [f"neuronxa_flores_{code}" for code in codes.split()]


def test_children_are_tiny_and_templates_are_not_indexed() -> None:
    for path, text in task_yaml.own_files().items():
        name = path.split("/")[1]
        if name.startswith("neuronxa_"):
            assert len(text.splitlines()) == 3
        if name.endswith("_yaml"):
            assert not name.endswith(".yaml")
            assert len(text.splitlines()) <= 6


def test_readmes_name_every_task_and_group() -> None:
    for corpus in ("flores", "tatoeba", "mini"):
        text = (CONFIGS / corpus / "README.md").read_text(encoding="utf-8")
        for heading in (
            "Paper",
            "Citation",
            "Licence of the text",
            "Groups and Tasks",
            "Changelog",
        ):
            assert f"\n### {heading}\n" in text
        listed = re.findall(r"^\* `(neuronxa_\w+)`: \S", text, flags=re.M)
        made = {
            Path(path).stem.removeprefix("_")
            for path in task_yaml.own_files()
            if path.startswith(f"{corpus}/") and path.endswith(".yaml")
        }
        assert len(listed) == len(set(listed))
        assert set(listed) == made


def test_yaml_reads_awkward_codes_back_as_text() -> None:
    codes = ["no", "on", "1", "1e3", "null", "~", "a: b", "#x", "y", "0x1F", "1_000", "é", "12:30"]
    files = task_yaml.task_files("own", codes, {"": codes}, "folder", {"data_dir": "/a b: #c/é"})
    for code in codes:
        child = yaml.safe_load(files[f"neuronxa_own_{code}.yaml"])
        assert child["dataset_name"] == code
        assert child["task"] == f"neuronxa_own_{code}"
    shared = files["_neuronxa_own_yaml"].replace("!function ", "")
    assert yaml.safe_load(shared)["dataset_kwargs"] == {"data_dir": "/a b: #c/é"}
    assert yaml.safe_load(files["_neuronxa_own.yaml"])["task"] == [
        f"neuronxa_own_{code}" for code in codes
    ]


@given(st.text(string.printable + "é中\u2028\x85\U0001f600\ufeff", min_size=1))
def test_any_text_survives_yaml(text: str) -> None:
    files = task_yaml.task_files("own", [], {}, "folder", {"data_dir": text})
    shared = files["_neuronxa_own_yaml"].replace("!function ", "", 1)
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        config = yaml.load(shared.encode("utf-8"), Loader=loader)
        assert config["dataset_kwargs"] == {"data_dir": text}
