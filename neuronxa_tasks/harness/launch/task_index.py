"""The index of task names: of ours alone where a run needs no more.

The harness (0.4.13) reads 14,683 task configs one by one before every run, which takes several
seconds. An index of ours takes a tenth of a second.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from lm_eval.tasks import manager
from lm_eval.tasks._index import Entry, Kind, TaskIndex

from neuronxa_tasks.harness.launch.catalogue import own_name
from neuronxa_tasks.harness.link import linked_folder
from neuronxa_tasks.harness.plugin import task_configs

logger = logging.getLogger("lm_eval.tasks._index")
"""The harness' own logger: what is said here, it would say."""

_BUILD = vars(TaskIndex)["build"].__func__
_OURS = "neuronxa_"
_WILD = frozenset("*?[")

Index: TypeAlias = dict[str, Entry]


def items(tasks: str | Sequence[str]) -> tuple[str, ...]:
    """The items of `--tasks`, split at commas as the harness splits them."""
    return tuple(item for text in ([tasks] if isinstance(tasks, str) else tasks)
                 for item in text.split(","))  # fmt: skip


@contextmanager
def needed_names(asked: Sequence[str]) -> Iterator[list[str]]:
    """Let the harness index its own tasks only where the asked ones need them.

    Args:
        asked: Items of `--tasks`: names, patterns, files.

    Yields:
        A list, which then has the names of the last index, sorted.
    """
    before = vars(TaskIndex)["build"]
    names: list[str] = []

    def build(paths: Sequence[Path], *, resolve_includes: bool = True) -> Index:
        """As the harness' `TaskIndex.build`, whose first path is its own folder."""
        included: Index = _BUILD(paths[1:], resolve_includes=resolve_includes)
        index = included if suffices(asked, included) else _joined(paths[0], included)
        names[:] = sorted(index)
        return index

    TaskIndex.build = staticmethod(build)
    try:
        yield names
    finally:
        TaskIndex.build = before


def read_ahead(asked: Sequence[str], include_path: str | None = None) -> None:
    """Read the harness' names if a run of these tasks needs them, for runs that are forks of this.

    Args:
        asked: Items of `--tasks`.
        include_path: A folder with further task configs.
    """
    included = [task_configs(), *([Path(include_path)] if include_path else [])]
    if not suffices([own_name(item) for item in asked], _BUILD(included)):
        _harness_index(Path(manager.__file__).parent)


def suffices(asked: Sequence[str], index: Mapping[str, Entry]) -> bool:
    """Do all names, and all that they consist of, stand in the index and begin with `neuronxa_`?

    Other names may be the harness' even where an included folder has them, too: a tag then has more
    tasks, and the harness warns of a task of its own that is replaced.

    Args:
        asked: Items of `--tasks`.
        index: Without the harness' own tasks.
    """
    return all(_is_within(item, index, frozenset()) for item in asked)


def _is_within(item: str, index: Mapping[str, Entry], above: frozenset[str]) -> bool:
    if not item.startswith(_OURS) or item.endswith(".yaml") or item in above:
        return False
    if _WILD & set(item):  # of which every match is ours
        from lm_eval.utils import pattern_match

        names = pattern_match([item], list(index))
        return bool(names) and all(_is_within(name, index, above | {item}) for name in names)
    entry = index.get(item)
    if entry is None:
        return False
    if entry.kind is Kind.TAG:
        return all(_is_within(name, index, above | {item}) for name in entry.tags)
    if entry.kind is Kind.GROUP:
        members = (entry.cfg or {}).get("task")
        return isinstance(members, list) and all(
            _is_within(name, index, above | {item}) for name in map(_name, members)
        )
    return True


def _name(member: Any) -> str:
    """Name of a group's member; empty for one that is not told by a name alone."""
    if isinstance(member, dict) and "group" not in member:
        member = member.get("task")
    return member if isinstance(member, str) else ""


def _joined(own: Path, included: Index) -> Index:
    """The harness' index with ours and the user's over it; what they replace is told."""
    found = dict(_harness_index(own))
    for name, entry in included.items():
        if name in found:
            logger.warning(
                "Task '%s' from %s overrides existing task from %s",
                name,
                entry.yaml_path,
                found[name].yaml_path,
            )
        found[name] = entry
    return found


@cache
def _harness_index(folder: Path) -> Mapping[str, Entry]:
    """The harness' own tasks, without copies of ours; read once for all runs of a process."""
    index: Index = _BUILD([folder])
    linked = linked_folder(folder)
    return {
        name: each
        for name, each in index.items()
        if linked is None or each.yaml_path is None or linked not in each.yaml_path.parents
    }
