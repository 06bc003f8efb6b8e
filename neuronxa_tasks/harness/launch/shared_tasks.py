"""Items of `--tasks` that share tasks: each runs once and counts in every group that has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from neuronxa_tasks.errors import NeuronXAError


@contextmanager
def shared_tasks() -> Iterator[None]:
    """Let the harness take groups that overlap, in place of its refusal.

    It runs the tasks by name, and a group averages its tasks by name, so a task of two groups runs
    once. Inside one group the harness itself allows that. What stays refused is one name for
    different configs: a group may change the tasks in it (other few-shot examples, another prompt),
    and only one of them would run.
    """
    from lm_eval.tasks import TaskManager

    original = vars(TaskManager)["_check_duplicates"]
    TaskManager._check_duplicates = staticmethod(refuse_different)
    try:
        yield
    finally:
        TaskManager._check_duplicates = original


def refuse_different(built: Sequence[Any]) -> None:
    """Refuse two tasks of one name whose configs differ.

    Args:
        built: tasks and groups of the harness, as the items of `--tasks` made them.

    Raises:
        NeuronXAError: there are such tasks; the first one is named, with what differs.
    """
    seen: dict[str, tuple[str, dict[str, Any]]] = {}
    for item in built:
        group = hasattr(item, "get_all_tasks")
        source = str(item.name if group else item.task_name)
        for task in item.get_all_tasks() if group else [item]:
            config = _config(task)
            where, first = seen.setdefault(task.task_name, (source, config))
            differing = sorted(
                key for key in first.keys() | config.keys() if first.get(key) != config.get(key)
            )
            if differing:
                raise NeuronXAError(
                    f"The task {task.task_name} is in {where} and in {source} of --tasks with "
                    f"different settings ({', '.join(differing)}), and a run has one task of a "
                    "name. Make two runs; their results are joined when they are read."
                )


def _config(task: Any) -> dict[str, Any]:
    """The settings of a task, without its name in tables."""
    found: dict[str, Any] = task.dump_config()
    return {key: _plain(value) for key, value in found.items() if key != "task_alias"}


def _plain(value: Any) -> Any:
    """The value with functions by name: each loading of a config makes them anew."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return getattr(value, "__qualname__", None) or repr(value)
