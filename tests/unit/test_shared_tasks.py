"""Tasks of one name in several items of `--tasks`: one if their settings are equal, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from lm_eval.tasks import TaskManager

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch.shared_tasks import refuse_different, shared_tasks


@dataclass
class Task:
    """What is read of a task of the harness."""

    task_name: str
    config: dict[str, Any] = field(default_factory=dict)

    def dump_config(self) -> dict[str, Any]:
        return self.config


@dataclass
class Group:
    """What is read of a group of the harness."""

    name: str
    tasks: list[Task]

    def get_all_tasks(self) -> list[Task]:
        return self.tasks


def prompt(shot: int) -> Callable[[], int]:
    """A function of a config, made anew by each loading."""

    def doc_to_text() -> int:
        return shot

    return doc_to_text


def test_equal_settings_are_one_task_whatever_it_is_called_in_tables() -> None:
    first = Task("xnli_fr", {"num_fewshot": 2, "doc_to_text": prompt(1), "task_alias": "French"})
    second = Task("xnli_fr", {"num_fewshot": 2, "doc_to_text": prompt(2), "task_alias": "fr"})
    refuse_different([Group("one", [first]), second, Group("two", [second, Task("xnli_de")])])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"num_fewshot": 5}, "num_fewshot"),
        ({"num_fewshot": 2, "doc_to_text": "{{text}}"}, "doc_to_text"),
        ({"num_fewshot": 2, "metadata": {"pretrained": ["a", {"n": 1}]}}, "metadata"),
        ({"num_fewshot": None, "limit": 1}, "limit, num_fewshot"),
    ],
)
def test_different_settings_are_refused_by_name(changed: dict[str, Any], told: str) -> None:
    first, second = Task("xnli_fr", {"num_fewshot": 2}), Task("xnli_fr", changed)
    with pytest.raises(
        NeuronXAError, match=rf"xnli_fr is in mine and in xnli_fr .* settings \({told}\).* two runs"
    ):
        refuse_different([Group("mine", [Task("xnli_de"), first]), second])


def test_the_refusal_of_the_harness_is_back_afterwards() -> None:
    original = vars(TaskManager)["_check_duplicates"]
    with pytest.raises(KeyError, match="refuse_different"), shared_tasks():
        raise KeyError(TaskManager._check_duplicates.__name__)
    assert vars(TaskManager)["_check_duplicates"] is original
