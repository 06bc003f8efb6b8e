"""Names and templates of the user that fit nothing: a slip of the keyboard, told by name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.files import Row
from neuronxa_tasks.results.naming.task_patterns import Pattern


def refuse_unused_names(
    names: Mapping[str, str], fitted: Collection[str], models: Collection[str]
) -> None:
    """Refuses another name for a model or a file that was not read.

    Args:
        names: what was given, old name or path to new name.
        fitted: the old names and paths that named something.
        models: models of the results.

    Raises:
        NeuronXAError: one that fits nothing; close ones are named.
    """
    for old, new in names.items():
        if old in fitted:
            continue
        close = difflib.get_close_matches(old, models, n=3)
        told = f"Close: {', '.join(close)}." if close else f"They are of {_some(models)}."
        raise NeuronXAError(
            f"--name is {f'{old}={new}'!r}, but the results have no model and no file called "
            f"{old!r}, so it would have no effect. {told}"
        )


def refuse_unused_templates(templates: Mapping[str, str], tasks: Collection[str]) -> None:
    """Refuses a template that fits no task.

    Raises:
        NeuronXAError: see above; some tasks are named.
    """
    for template, benchmark in templates.items():
        pattern = Pattern(template, benchmark)
        if not any(pattern.fits(task) for task in tasks):
            raise NeuronXAError(
                f"The task template {f'{template}={benchmark}'!r} fits no task of the results, so "
                f"it would have no effect. Tasks are {_some(tasks)}."
            )


def refuse_unused_alignment(alignment: Collection[str], rows: Collection[Row]) -> None:
    """Refuses the name of an alignment score that no table has.

    Raises:
        NeuronXAError: see above; the other metrics and benchmarks are named.
    """
    there = {row["metric"] for row in rows if row.get("kind") == "alignment"}
    for name in alignment:
        if not any(metric == name or metric.startswith(f"{name}_") for metric in there):
            others = {row["metric"] for row in rows} | {row.get("benchmark", "") for row in rows}
            raise NeuronXAError(
                f"--alignment names {name!r}, but no table has a metric, a benchmark or a column "
                f"called so. There are {_some(others - {''})}."
            )


def _some(names: Collection[str]) -> str:
    ordered = sorted(set(names))
    return ", ".join(ordered[:5]) + (", ..." if len(ordered) > 5 else "") if ordered else "none"
