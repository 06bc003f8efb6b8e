"""Means over languages of what was compared."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from neuronxa_tasks.reports.gate.compare import ERRORS, NO_TEST, PAIRED, Comparison, Pair
from neuronxa_tasks.reports.gate.rules import Rules
from neuronxa_tasks.reports.gate.signs import (
    NO_INTERVAL,
    normal_interval,
    normal_p,
    paired_interval,
    sign_flip_p,
)
from neuronxa_tasks.statistics.columns import FloatArray
from neuronxa_tasks.text import languages

ALL = "all languages"


def compare_groups(pairs: Sequence[Pair], rules: Rules) -> list[Comparison]:
    """Means over all languages, and over the groups of the rules, of each benchmark and metric.

    Groups of one language, and groups that are all languages, are left out.
    """
    by_board: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.comparison.language:
            by_board[(pair.comparison.benchmark, pair.comparison.metric)].append(pair)
    found = []
    for members in by_board.values():
        groups: dict[str, list[Pair]] = {ALL: members}
        for grouping in rules.groups:
            for pair in members:
                label = getattr(languages.language(pair.comparison.language), grouping)
                groups.setdefault(f"{grouping} {label}", []).append(pair)
        found += [
            _group(name, of_group)
            for name, of_group in sorted(groups.items())
            if len(of_group) > 1 and (name == ALL or len(of_group) < len(members))
        ]
    return found


def _group(name: str, pairs: Sequence[Pair]) -> Comparison:
    members = [pair.comparison for pair in pairs]
    change = math.fsum(found.change for found in members) / len(members)
    if all(pair.differences is not None for pair in pairs):
        sums, per_item = _together(pairs)
        error = float(per_item.std(ddof=1) / math.sqrt(len(per_item))) if len(per_item) > 1 else 0.0
        interval, p, method = paired_interval(per_item), sign_flip_p(sums), PAIRED
    else:
        # Languages share their items, so their errors may all point the same way.
        error = math.fsum(found.error for found in members) / len(members)
        known = not math.isnan(error)
        interval = normal_interval(change, error) if known else NO_INTERVAL
        p = normal_p(change, error) if known else math.nan
        method = ERRORS if known else NO_TEST
    sizes = {found.n for found in members}
    return Comparison(
        benchmark=members[0].benchmark,
        metric=members[0].metric,
        name=name,
        tasks=tuple(found.tasks[0] for found in members),
        language="",
        group=True,
        baseline=math.fsum(found.baseline for found in members) / len(members),
        candidate=math.fsum(found.candidate for found in members) / len(members),
        change=change,
        interval=interval,
        error=error,
        n=sizes.pop() if len(sizes) == 1 else None,
        p=p,
        method=method,
    )


def _together(pairs: Sequence[Pair]) -> tuple[FloatArray, FloatArray]:
    """Differences of a group: what is tested, and what is averaged.

    Where all languages have the same items, an item of all languages is one unit: its translations
    are no independent evidence. Otherwise every item of every language is one.
    """
    columns = [pair.differences for pair in pairs if pair.differences is not None]
    first = pairs[0]
    if all(pair.ids == first.ids and pair.unit == first.unit for pair in pairs):
        sums = np.sum(columns, axis=0)
        return sums, sums / (first.unit * len(pairs))
    total = sum(len(column) for column in columns)
    scaled = [
        column / pair.unit * (total / (len(column) * len(pairs)))
        for pair, column in zip(pairs, columns, strict=True)
    ]
    together = np.concatenate(scaled)
    return together, together
