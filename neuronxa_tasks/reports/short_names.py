"""Names of models as tables show them: short, and still different from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_NAMED = ("model", "of", "a", "b")
"""Columns of records that may hold a model."""


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Model to its name without the folders or the organisation before it.

    A name that two models would share keeps as many parts as it needs:
    `a/x/llama` and `b/x/llama` stay whole, `google/gemma-7b` becomes `gemma-7b`.

    Args:
        models: different names.
    """
    names = list(dict.fromkeys(models))
    parts = {name: [part for part in name.split("/") if part] or [name] for name in names}
    depth = dict.fromkeys(names, 1)
    while True:
        shown = {name: "/".join(parts[name][-depth[name] :]) for name in names}
        counts = Counter(shown.values())
        longer = [n for n in names if counts[shown[n]] > 1 and depth[n] < len(parts[n])]
        if not longer:
            break
        for name in longer:
            depth[name] += 1
    return {name: shown[name] if counts[shown[name]] == 1 else name for name in names}


def in_records(records: Sequence[dict[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Copies of the records of a table in which models have their short names.

    Args:
        records: of one table.
        names: see `short_names`.
    """
    return [
        record | {key: names.get(record[key], record[key]) for key in _NAMED if key in record}
        for record in records
    ]


def legend(names: Mapping[str, str]) -> list[str]:
    """A sentence that says which model a short name is, where names were cut."""
    cut = [f"{short} is {name}" for name, short in names.items() if short != name]
    if not cut:
        return []
    return [f"Short names of models, whole in the CSV files: {'; '.join(cut)}."]
