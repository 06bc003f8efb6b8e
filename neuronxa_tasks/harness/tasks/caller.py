"""The call of the harness in which a task is loaded: what it was given, and what would be lost.

The harness merges model arguments and metadata before a task sees them. They are still separate in
the frame of `simple_evaluate`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from lm_eval.utils import simple_parse_args_string

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.answers import refuse_unkeyed
from neuronxa_tasks.harness.frames import arguments_of_the_call

_ARGUMENTS: ContextVar[Collection[str] | None] = ContextVar("model arguments", default=None)


def checked_call() -> Collection[str]:
    """Check how the harness was called.

    Returns:
        Names of the model arguments, which cannot be told from misspelt metadata later.

    Raises:
        NeuronXAError: Metadata that the harness drops, or a cache of answers that knows no model.
    """
    if (told := _ARGUMENTS.get()) is not None:  # before the call, which checks again
        return told
    given = arguments_of_the_call()
    refuse_unkeyed(given.get("lm"))
    _refuse_lost(given.get("metadata"), given.get("task_manager"))
    arguments = given.get("model_args")
    if isinstance(arguments, str):
        arguments = simple_parse_args_string(arguments)
    return tuple(arguments or ())


@contextmanager
def arguments_of_the_run(names: Collection[str]) -> Iterator[None]:
    """Tell tasks that are loaded inside which names are those of model arguments."""
    token = _ARGUMENTS.set(tuple(names))
    try:
        yield
    finally:
        _ARGUMENTS.reset(token)


def _refuse_lost(metadata: object, manager: Any) -> None:
    """The harness (0.4.13) reads `metadata=` only where it makes the task manager itself."""
    if not isinstance(metadata, Mapping):
        return
    used = getattr(manager, "metadata", None) or {}
    lost = {key: value for key, value in metadata.items() if used.get(key, ...) != value}
    if lost:
        raise NeuronXAError(
            f"simple_evaluate() was given metadata={lost!r} beside a task_manager, and the harness "
            "then ignores it: the scores would be those of other options. Give it to the task "
            "manager: TaskManager(include_path=str(neuronxa_tasks.task_configs()), "
            f"metadata={lost!r})."
        )
