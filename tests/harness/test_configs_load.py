"""Every shipped config is indexed, loads, and clashes with no name of the harness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lm_eval.tasks import TaskManager

import neuronxa_tasks
from neuronxa_tasks.text.corpora import CORPORA

pytestmark = pytest.mark.harness


def load(corpus: str, folder: str | None) -> dict[str, Any]:
    manager = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()),
        include_defaults=False,
        metadata={} if folder is None else {"data_dir": folder},
    )
    names = [f"neuronxa_{corpus}_{code}" for code in CORPORA[corpus].codes]
    assert set(names) <= set(manager.all_subtasks)
    return manager.load(names)["tasks"]


def check(corpus: str, tasks: dict[str, Any], count: int) -> None:
    assert len(tasks) == count
    for name, task in tasks.items():
        assert name == f"neuronxa_{corpus}_{task.target}"
        assert task.pivot == "eng_Latn"
        assert len(task.test_docs()) == 100
        assert task.config.dataset_name == task.target


@pytest.mark.data
def test_all_of_flores(data_dir: Path) -> None:
    check("flores", load("flores", str(data_dir / "flores200" / "devtest")), 204)


@pytest.mark.data
def test_all_of_tatoeba(data_dir: Path) -> None:
    check("tatoeba", load("tatoeba", str(data_dir / "tatoeba")), 112)


@pytest.mark.parametrize("corpus", ["mini", "world"])
def test_all_shipped_text(corpus: str) -> None:
    check(corpus, load(corpus, None), 15)


def test_no_name_is_one_of_the_harness() -> None:
    ours = TaskManager(
        include_path=str(neuronxa_tasks.task_configs()), include_defaults=False
    ).all_tasks
    theirs = set(TaskManager().all_tasks)
    assert len(ours) > 300
    assert not theirs & set(ours)
