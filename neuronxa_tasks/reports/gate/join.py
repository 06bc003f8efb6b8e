"""Baseline and candidate joined: per task, and per group of languages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.gate.checkpoint import Checkpoint, Score
from neuronxa_tasks.reports.gate.comparable import NotComparable, difference, scales
from neuronxa_tasks.reports.gate.compare import BOUNDED, PAIRED, Comparison, compare
from neuronxa_tasks.reports.gate.groups import compare_groups
from neuronxa_tasks.reports.gate.rules import Rules
from neuronxa_tasks.reports.gate.selection import check_languages, looked_at, unfitting


@dataclass(frozen=True, slots=True)
class Joined:
    """What two checkpoints have in common, and what not.

    Attributes:
        comparisons: tasks, then groups, by benchmark and metric.
        missing: scores of the baseline that the candidate lacks.
        nan: scores that are NaN in the candidate.
        new: scores that only the candidate has.
        notes: what a reader should know, one sentence each.
    """

    comparisons: tuple[Comparison, ...]
    missing: tuple[Score, ...] = ()
    nan: tuple[Score, ...] = ()
    new: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()


def join(baseline: Checkpoint, candidate: Checkpoint, rules: Rules) -> Joined:
    """Compares all scores that the rules look at.

    Raises:
        NotComparable: a task was run in another way, on other items, or nothing is in common.
        NeuronXAError: NaN in the baseline, a metric or language of the rules that the baseline does
            not have, or damaged samples.
    """
    _refuse_random_weights(baseline, candidate)
    old, new = looked_at(baseline, candidate, rules)
    broken = [score for score in old.values() if math.isnan(score.value)]
    if broken:
        raise NeuronXAError(
            f"{broken[0].metric} of {broken[0].task} is NaN in the baseline ({broken[0].source}), "
            "so there is nothing to compare with. Give another baseline, or put the task under "
            "`ignore`."
        )
    shared = [key for key in old if key in new]
    # The baseline knows the language of a task whose only score is NaN.
    nan = tuple(old.get(key, new[key]) for key in new if math.isnan(new[key].value))
    alive = [key for key in shared if not math.isnan(new[key].value)]
    missing = tuple(old[key] for key in old if key not in new)
    if not shared:
        raise NotComparable(
            [
                f"They have no task and metric in common: the baseline has {_listed(old)}, the "
                f"candidate {_listed(new)}."
            ]
        )
    reasons = [reason for key in alive if (reason := difference(old[key], new[key]))]
    reasons += scales((old[key] for key in alive), (new[key] for key in alive))
    if reasons:
        raise NotComparable(list(dict.fromkeys(reasons)))
    compared = [compare(old[key], new[key]) for key in alive]
    tasks = [each.comparison for each in compared]
    check_languages(rules, old.values())
    unpaired = sum(found.method != PAIRED for found in tasks)
    notes = []
    if unpaired:
        notes.append(
            f"{unpaired} of {len(tasks)} comparisons are unpaired or untested, because samples are "
            "missing in one of the two or the metric is no mean over items. Run both with "
            "--log_samples to find smaller drops."
        )
    groups = compare_groups(compared, rules)
    bounded = sum(found.method == BOUNDED for found in groups)
    if bounded:
        notes.append(
            f"{bounded} means over languages are tested as if all languages erred together: these "
            "have different numbers of items, counted from 0, so that nobody knows which are "
            "translations of each other. Smaller drops may go unseen."
        )
    if baseline.harness != candidate.harness:
        notes.append(
            f"The harness was {', '.join(baseline.harness) or 'unknown'} for the baseline and "
            f"{', '.join(candidate.harness) or 'unknown'} for the candidate; task versions are "
            "equal."
        )
    if baseline.fingerprint and baseline.fingerprint == candidate.fingerprint:
        notes.append("Both results are of the same weights.")
    notes += [
        f"`ignore` has {pattern!r}, which fits no task, benchmark or language of the two."
        for pattern in unfitting(baseline, candidate, rules)
    ]
    return Joined(
        comparisons=(*tasks, *groups),
        missing=missing,
        nan=nan,
        new=tuple(new[key] for key in new if key not in old),
        notes=tuple(notes),
    )


def _refuse_random_weights(baseline: Checkpoint, candidate: Checkpoint) -> None:
    """A model that was partly drawn at random is not the checkpoint that is judged."""
    reasons = [
        f"{side.random_weights} weights of the {name} ({side.model}) were not in its checkpoint "
        "and were drawn at random."
        for name, side in (("baseline", baseline), ("candidate", candidate))
        if side.random_weights
    ]
    if reasons:
        raise NotComparable(
            reasons,
            "Its scores are not those of the checkpoint: correct the checkpoint or its "
            "config.json, and run it again.",
        )


def _listed(scores: Mapping[tuple[str, str], Score]) -> str:
    named = [f"{metric} of {task}" for task, metric in list(scores)[:3]]
    return ", ".join(named) + (", ..." if len(scores) > 3 else "") if named else "none"
