"""Our tasks and groups by name, from the names of the config files: no harness, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.plugin import task_configs
from neuronxa_tasks.text import languages

_COLUMNS = languages.CORPORA + languages.BENCHMARKS


@dataclass(frozen=True, slots=True)
class OwnTask:
    """A task that ships.

    Attributes:
        name: As for `--tasks`.
        family: The name without the language: `neuronxa_flores`.
        language: Its row of the language table.
    """

    name: str
    family: str
    language: languages.Language


@cache
def own_tasks() -> Mapping[str, OwnTask]:
    """Name -> task, sorted by name."""
    names = sorted(file.stem for file in task_configs().glob("*/neuronxa_*.yaml"))
    return {name: _task(name) for name in names}


@cache
def own_groups() -> Mapping[str, tuple[str, ...]]:
    """Name of a group -> its items, sorted by name. An item of the harness has no `neuronxa_`."""
    import yaml

    found: dict[str, tuple[str, ...]] = {}
    for file in task_configs().glob("*/_neuronxa_*.yaml"):
        config = yaml.load(
            file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )
        found[config["group"]] = tuple(map(str, config["task"]))
    return dict(sorted(found.items()))


def families() -> tuple[str, ...]:
    """What stands before the language in names of tasks, the longest first."""
    return tuple(sorted({task.family for task in own_tasks().values()}, key=len, reverse=True))


def own_name(name: str) -> str:
    """The name of our task that a name means with another code of the language.

    Args:
        name: An item of `--tasks`: `neuronxa_flores_fr` is `neuronxa_flores_fra_Latn`. Names that
            exist, that are not ours, and patterns with `*` or `?` stay as they are.

    Raises:
        NeuronXAError: The code is several languages, or the corpus lacks its language.
    """
    if name in own_tasks() or name in own_groups() or set(name) & set("*?[]"):
        return name
    family = next((each for each in families() if name.startswith(f"{each}_")), None)
    if family is None:
        return name
    code = name.removeprefix(f"{family}_")
    column = _column(family)
    if languages.find(code, column) is None and not languages.alike(code):
        return name  # the harness says that it is not there, with close names
    try:
        row = languages.resolve(code, column)
    except NeuronXAError as error:
        raise NeuronXAError(f"--tasks has {name}: {error}") from None
    same = [task for task in own_tasks().values() if task.language == row]
    found = next((task.name for task in same if task.family == family), None)
    if found is None:
        others = ", ".join(task.name for task in same) or "none"
        raise NeuronXAError(
            f"--tasks has {name}, but {family} has no {row.name} (`{row.code}`). Our tasks in this "
            f"language: {others}. `neuronxa list` shows all."
        )
    return found


def _task(name: str) -> OwnTask:
    for at in (index for index, char in enumerate(name) if char == "_"):  # the longest code first
        row = languages.find(name[at + 1 :], _column(name[:at]))
        if row:
            return OwnTask(name, name[:at], row)
    raise NeuronXAError(
        f"The task config {name} names no language of the table, so the installation is damaged. "
        "Install neuronxa-tasks again."
    )


def _column(family: str) -> str | None:
    column = family.removeprefix("neuronxa_")
    return column if column in _COLUMNS else None
