"""Means over languages of what was compared."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from neuronxa_tasks.reports.gate.compare import (
    BOUNDED,
    ERRORS,
    NO_TEST,
    PAIRED,
    Compared,
    Comparison,
)
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


def compare_groups(compared: Sequence[Compared], rules: Rules) -> list[Comparison]:
    """Means over all languages, and over the groups of the rules, of each benchmark and metric.

    Groups of one language, and groups that are all languages, are left out.
    """
    by_board: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    for each in compared:
        if each.comparison.language:
            by_board[(each.comparison.benchmark, each.comparison.metric)].append(each)
    found = []
    for members in by_board.values():
        groups: dict[str, list[Compared]] = {ALL: members}
        for grouping in rules.groups:
            for each in members:
                label = getattr(languages.language(each.comparison.language), grouping)
                groups.setdefault(f"{grouping} {label}", []).append(each)
        found += [
            _group(name, of_group)
            for name, of_group in sorted(groups.items())
            if len(of_group) > 1 and (name == ALL or len(of_group) < len(members))
        ]
    return found


def _group(name: str, compared: Sequence[Compared]) -> Comparison:
    members = [each.comparison for each in compared]
    change = math.fsum(found.change for found in members) / len(members)
    paired = all(each.differences is not None for each in compared)
    items = _by_item(compared) if paired else None
    if items is not None:
        sums, per_item = items
        error = float(per_item.std(ddof=1) / math.sqrt(len(per_item))) if len(per_item) > 1 else 0.0
        interval, p, method = paired_interval(per_item), sign_flip_p(sums), PAIRED
    else:
        # Languages share their items, so their errors may all point the same way.
        error = math.fsum(found.error for found in members) / len(members)
        known = not math.isnan(error)
        interval = normal_interval(change, error) if known else NO_INTERVAL
        p = normal_p(change, error) if known else math.nan
        method = (BOUNDED if paired else ERRORS) if known else NO_TEST
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


def _by_item(compared: Sequence[Compared]) -> tuple[FloatArray, FloatArray] | None:
    """Differences of a group, one for each item in all its languages.

    An item in all its languages is one unit, because translations are no independent evidence.
    Items are lined up by their document numbers. These are numbers in the full data set, so that a
    language may lack some; only where every language counts from 0 without a gap, to different
    ends, nobody knows which item of one is which of another.

    Returns:
        `[items]` what is tested, in any unit, and `[items]` whose mean is the change; None where
        the items cannot be lined up.
    """
    sets = [each.ids for each in compared]
    everything = sorted(set().union(*sets))
    counted = all(sorted(ids) == list(range(len(ids))) for ids in sets)
    if counted and len({len(ids) for ids in sets}) > 1:
        return None
    place = {item: i for i, item in enumerate(everything)}
    sums = np.zeros(len(everything))
    equal = len({(each.unit, len(each.ids)) for each in compared}) == 1
    for each in compared:
        if each.differences is None:
            return None
        # Whole numbers stay whole where languages weigh the same, so that the test is exact.
        weight = 1.0 if equal else 1.0 / (each.unit * len(each.ids))
        sums[[place[item] for item in each.ids]] += weight * each.differences
    first = compared[0]
    scale = 1.0 / (first.unit * len(first.ids)) if equal else 1.0
    return sums, sums * (scale * len(everything) / len(compared))
