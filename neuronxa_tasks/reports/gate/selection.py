"""Which scores of two checkpoints the rules look at."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import DEFAULT_METRIC, METRIC_PREFERENCE
from neuronxa_tasks.reports.gate.checkpoint import Checkpoint, Score
from neuronxa_tasks.reports.gate.rules import Rules

Scores = dict[tuple[str, str], Score]
"""(task, metric) to score."""


def looked_at(baseline: Checkpoint, candidate: Checkpoint, rules: Rules) -> tuple[Scores, Scores]:
    """The scores of both sides that count.

    Raises:
        NeuronXAError: a metric of the rules that neither has, or limits of one that is not used.
    """
    sides = baseline.scores, candidate.scores
    everything = [score for side in sides for score in side.values()]
    known = {score.metric for score in everything}
    for metric in (*rules.metrics, *rules.per_metric):
        if metric not in known:
            close = difflib.get_close_matches(metric, known, n=3)
            hint = f"Close: {', '.join(close)}." if close else f"They have {', '.join(known)}."
            raise NeuronXAError(
                f"The configuration names the metric {metric!r}, which neither of the two has, so "
                f"it would have no effect. {hint}"
            )
    of_task: dict[str, set[str]] = defaultdict(set)
    for score in everything:
        if not _ignored(score, rules):
            of_task[score.task].add(score.metric)
    wanted = {
        (task, metric)
        for task, metrics in of_task.items()
        for metric in (metrics & set(rules.metrics) if rules.metrics else {_usual(metrics)})
    }
    tested = {metric for _, metric in wanted}
    unused = sorted(set(rules.per_metric) - tested)
    if unused:
        raise NeuronXAError(
            f"The configuration has limits for {unused[0]!r}, but only {', '.join(sorted(tested))} "
            f"are looked at, so they would have no effect. Add {unused[0]!r} to `metrics`."
        )
    old, new = ({key: side[key] for key in side if key in wanted} for side in sides)
    return old, new


def _usual(metrics: Iterable[str]) -> str:
    preferred = (DEFAULT_METRIC, *METRIC_PREFERENCE)
    return next((name for name in preferred if name in metrics), min(metrics))


def _ignored(score: Score, rules: Rules) -> bool:
    return any(_fits(score, pattern) for pattern in rules.ignore)


def _fits(score: Score, pattern: str) -> bool:
    names = (score.task, score.benchmark, score.language)
    return any(fnmatchcase(name, pattern) for name in names if name)


def unfitting(baseline: Checkpoint, candidate: Checkpoint, rules: Rules) -> list[str]:
    """Patterns of `ignore` that fit nothing: one set of rules may serve several runs."""
    scores = [*baseline.scores.values(), *candidate.scores.values()]
    return [pattern for pattern in rules.ignore if not any(_fits(s, pattern) for s in scores)]


def check_languages(rules: Rules, scores: Iterable[Score]) -> None:
    """Refuses languages that must not regress and are not there.

    Raises:
        NeuronXAError: the baseline has no task of one of them.
    """
    there = {score.language for score in scores}
    for code in rules.must_not_regress:
        if code not in there:
            raise NeuronXAError(
                f"The configuration says that {code} must not regress, but the baseline has no "
                "task of it that is looked at. Run it for both, or remove the language."
            )
