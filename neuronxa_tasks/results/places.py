"""What the entries of a results file are: tasks and groups, and the language of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.block import SCORES
from neuronxa_tasks.results.metric_values import metrics_of
from neuronxa_tasks.results.naming.task_names import language_of, locate, template_of
from neuronxa_tasks.results.run_facts import dictionary

Place = tuple[str, str, str]
"""Kind, benchmark and language of a task."""


def entries_of(content: dict[str, Any], path: str) -> dict[str, Any]:
    """Tasks and groups with their metrics."""
    return {**dictionary(content, "groups", path), **dictionary(content, "results", path)}


class Groups:
    """Which entries are groups, and of what.

    Attributes:
        parents: group to its children, which may be groups.
        names: all groups.
    """

    def __init__(self, content: dict[str, Any], path: str) -> None:
        self.parents = {
            group: [str(child) for child in children] if isinstance(children, list) else []
            for group, children in dictionary(content, "group_subtasks", path).items()
        }
        self.names = {name for name, children in self.parents.items() if children}
        self.names |= set(dictionary(content, "groups", path))

    def below(self, group: str) -> set[str]:
        """Children, their children, and so on."""
        found: set[str] = set()
        waiting = list(self.parents.get(group) or [])
        while waiting:
            child = waiting.pop()
            if child not in found:
                found.add(child)
                waiting += self.parents.get(child) or []
        return found


def places_of(
    entries: Mapping[str, Any],
    groups: Groups,
    alignment: Mapping[str, Any],
    templates: Mapping[str, str] | None,
) -> tuple[dict[str, Place | None], list[str]]:
    """The place of every entry that counts, None where its language is not known.

    A group that is a language (`global_mmlu_sw`, whose tasks are subjects: `global_mmlu_sw_law`)
    stands for its parts, if it has a metric. A group whose tasks have languages or benchmarks of
    their own is none, whatever its name says, and they count.

    Returns:
        Task to place, without groups that are none and without parts of those that are one; and
        the groups whose name says a language though they are none.
    """
    found = {
        task: _place(task, metrics if task not in groups.names else {}, alignment, templates)
        for task, metrics in entries.items()
    }
    parts: set[str] = set()
    misnamed: list[str] = []
    for group in sorted(groups.names & set(found)):
        place = found[group]
        if place is None:
            continue
        below = groups.below(group)
        if not all(_is_part(task, found.get(task), group, place, templates) for task in below):
            misnamed.append(group)
        elif metrics_of(entries[group]):
            parts |= below
    return {
        task: place
        for task, place in found.items()
        if task not in parts
        and task not in misnamed
        and not (task in groups.names and (place is None or not metrics_of(entries[task])))
    }, misnamed


def _is_part(
    task: str,
    part: Place | None,
    group: str,
    whole: Place,
    templates: Mapping[str, str] | None,
) -> bool:
    """Whether a task of a group is the group's language and a part of its benchmark, or nothing."""
    if part is None:
        return True
    return part[2] == whole[2] and (
        f"{part[1]}_".startswith(f"{whole[1]}_")  # mmmlu_stem in mmmlu
        or template_of(task, templates) == template_of(group, templates)  # anatomy in stem
        or whole[1] == group  # the parts of japanese_leaderboard are called anything
    )


def _place(
    task: str,
    metrics: object,
    alignment: Mapping[str, Any],
    templates: Mapping[str, str] | None,
) -> Place | None:
    if task in alignment:
        facts = alignment[task]
        language = language_of(facts["target"], facts["corpus"])
        return ("alignment", f"neuronxa_{facts['corpus']}", language) if language else None
    found = locate(task, templates)
    if found is not None:
        return ("benchmark", *found)
    scores = {str(key).partition(",")[0] for key in metrics} if isinstance(metrics, dict) else set()
    if task.startswith("neuronxa_") and scores & set(SCORES):
        # Scores without their block; the caller refuses them.
        return ("alignment", task, "")
    return None


def refuse_incomplete(
    content: dict[str, Any], entries: Mapping[str, Any], groups: Groups, path: str
) -> None:
    """Refuses a file that announces tasks and has no result of them.

    Raises:
        NeuronXAError: see above; the first of them are named.
    """
    announced = set(dictionary(content, "configs", path))
    announced |= set(dictionary(content, "n-samples", path))
    for children in groups.parents.values():
        announced |= set(children)
    missing = sorted(announced - set(entries) - groups.names - set(groups.parents))
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise NeuronXAError(
            f"{path} is incomplete: {len(missing)} of its tasks have no result ({shown}). "
            "Run them again, or leave the file out."
        )
