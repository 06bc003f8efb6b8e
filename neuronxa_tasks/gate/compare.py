"""Baseline and candidate joined: per task, and per group of languages."""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np

from neuronxa_tasks import languages
from neuronxa_tasks.correlate.study import METRIC_PREFERENCE
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.gate.checkpoint import Checkpoint, Score
from neuronxa_tasks.gate.rules import Rules
from neuronxa_tasks.gate.signs import (
    NO_INTERVAL,
    Interval,
    fisher_p,
    normal_interval,
    normal_p,
    paired_interval,
    sign_flip_p,
)
from neuronxa_tasks.leaderboard.scores import DEFAULT_METRIC
from neuronxa_tasks.results.items import Items, read_items
from neuronxa_tasks.stats.columns import FloatArray

PAIRED = "paired, exact sign flips"
COUNTS = "unpaired, Fisher's exact test of counts"
ERRORS = "unpaired, normal test of standard errors"
NO_TEST = "none"

ALL = "all languages"


class NotComparable(NeuronXAError):  # noqa: N818 - the name of the verdict
    """Two results that say nothing about each other.

    Attributes:
        reasons: one sentence for each task.
    """

    exit_code = 3

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        shown = " ".join(self.reasons[:3])
        more = f" And {len(reasons) - 3} more." if len(reasons) > 3 else ""
        super().__init__(
            f"The two cannot be compared. {shown}{more} Run the candidate as the baseline was run, "
            "or name the tasks under `ignore` in the configuration."
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """One score of both, or the mean of a group.

    Attributes:
        benchmark: `neuronxa_flores`, `xnli`, ...
        metric: `nasca`, `acc`, ...
        name: language key, the task's name where the language is not known, or the group.
        tasks: names in the harness.
        language: key of the language table; empty for a group and an unknown language.
        group: whether it is a mean over languages.
        baseline: score.
        candidate: score.
        change: candidate - baseline, positive where the candidate is better.
        interval: of `change`, at 95 %, not adjusted.
        error: standard error of `change`; NaN where it is not known.
        n: items of each; of a group, of each language; None where they differ or are not known.
        p: one-sided, small where the candidate is worse; NaN where there is no test.
        method: `PAIRED`, `COUNTS`, `ERRORS` or `NO_TEST`.
    """

    benchmark: str
    metric: str
    name: str
    tasks: tuple[str, ...]
    language: str
    group: bool
    baseline: float
    candidate: float
    change: float
    interval: Interval
    error: float
    n: int | None
    p: float
    method: str


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


@dataclass(frozen=True, slots=True)
class _Pair:
    """A score of both, with the differences item by item where they are known."""

    comparison: Comparison
    ids: tuple[int, ...] = ()
    differences: FloatArray | None = field(default=None, repr=False)
    unit: int = 1


def join(baseline: Checkpoint, candidate: Checkpoint, rules: Rules) -> Joined:
    """Compares all scores that the rules look at.

    Raises:
        NotComparable: a task was run in another way, on other items, or nothing is in common.
        NeuronXAError: NaN in the baseline, a metric or language of the rules that the baseline does
            not have, or damaged samples.
    """
    old, new = _looked_at(baseline, candidate, rules)
    broken = [score for score in old.values() if math.isnan(score.value)]
    if broken:
        raise NeuronXAError(
            f"{broken[0].metric} of {broken[0].task} is NaN in the baseline ({broken[0].source}), "
            "so there is nothing to compare with. Give another baseline, or put the task under "
            "`ignore`."
        )
    shared = [key for key in old if key in new]
    nan = tuple(new[key] for key in new if math.isnan(new[key].value))
    alive = [key for key in shared if not math.isnan(new[key].value)]
    missing = tuple(old[key] for key in old if key not in new)
    if not shared:
        raise NotComparable(
            [
                f"They have no task and metric in common: the baseline has {_listed(old)}, the "
                f"candidate {_listed(new)}."
            ]
        )
    reasons = [reason for key in alive if (reason := _differs(old[key], new[key]))]
    if reasons:
        raise NotComparable(list(dict.fromkeys(reasons)))
    pairs = [_pair(old[key], new[key]) for key in alive]
    tasks = [pair.comparison for pair in pairs]
    _check_languages(rules, [*old.values()])
    unpaired = sum(found.method != PAIRED for found in tasks)
    notes = []
    if unpaired:
        notes.append(
            f"{unpaired} of {len(tasks)} comparisons are unpaired or untested, because samples are "
            "missing in one of the two or the metric is no mean over items. Run both with "
            "--log_samples to find smaller drops."
        )
    if baseline.fingerprint and baseline.fingerprint == candidate.fingerprint:
        notes.append("Both results are of the same weights.")
    return Joined(
        comparisons=(*tasks, *_groups(pairs, rules)),
        missing=missing,
        nan=nan,
        new=tuple(new[key] for key in new if key not in old),
        notes=tuple(notes),
    )


def _listed(scores: Mapping[tuple[str, str], Score]) -> str:
    named = [f"{metric} of {task}" for task, metric in list(scores)[:3]]
    return ", ".join(named) + (", ..." if len(scores) > 3 else "") if named else "none"


# --- which scores -----------------------------------------------------------------------------


def _looked_at(
    baseline: Checkpoint, candidate: Checkpoint, rules: Rules
) -> tuple[dict[tuple[str, str], Score], dict[tuple[str, str], Score]]:
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
    names = (score.task, score.benchmark, score.language)
    return any(fnmatchcase(name, pattern) for pattern in rules.ignore for name in names if name)


def _check_languages(rules: Rules, scores: Sequence[Score]) -> None:
    there = {score.language for score in scores}
    for code in rules.must_not_regress:
        if code not in there:
            raise NeuronXAError(
                f"The configuration says that {code} must not regress, but the baseline has no "
                "task of it that is looked at. Run it for both, or remove the language."
            )


def _differs(old: Score, new: Score) -> str | None:
    """Why two values of one task and metric are not comparable, or None."""
    if None not in (old.n, new.n) and old.n != new.n:
        return f"{old.task} was run with n = {old.n} and with n = {new.n}."
    for name in sorted(set(old.settings) | set(new.settings)):
        one, other = old.settings.get(name), new.settings.get(name)
        if one == other:
            continue
        if name == "text":
            if one and other:
                return f"{old.task} was run on different sentences."
            continue
        return f"{old.task} was run with {name} = {_told(one)} and with {name} = {_told(other)}."
    return None


def _told(value: object) -> str:
    return "not given" if value is None else repr(value) if isinstance(value, str) else str(value)


# --- one task ---------------------------------------------------------------------------------


def _pair(old: Score, new: Score) -> _Pair:
    items = _items(old), _items(new)
    if items[0] is not None and items[1] is not None:
        return _paired(old, new, items[0], items[1])
    return _Pair(_unpaired(old, new))


def _items(score: Score) -> Items | None:
    if score.samples is None:
        return None
    return read_items(score.samples, score.metric, score.value)


def _paired(old: Score, new: Score, before: Items, after: Items) -> _Pair:
    if before.ids != after.ids:
        raise NotComparable([f"{old.task} has other items in the samples of the two."])
    both = [pair for pair in zip(before.hashes, after.hashes, strict=True) if all(pair)]
    if any(one != other for one, other in both):
        raise NotComparable([f"{old.task} was run on different items, as the samples show."])
    sign = -1.0 if old.lower_is_better else 1.0
    # Whole numbers as long as both sides count something, so that the test is exact.
    unit = before.unit * after.unit
    differences = sign * (after.values * before.unit - before.values * after.unit)
    shares = differences / unit
    n = len(shares)
    error = float(shares.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    p, interval = sign_flip_p(differences), paired_interval(shares)
    return _Pair(_comparison(old, new, interval, error, p, PAIRED), before.ids, differences, unit)


def _unpaired(old: Score, new: Score) -> Comparison:
    """From counts where the scores are shares of n items, else from standard errors."""
    sign = -1.0 if old.lower_is_better else 1.0
    change = sign * (new.value - old.value)
    counts = [_count(score) for score in (old, new)]
    hits = [count for count in counts if count is not None]
    error = math.hypot(_error(old), _error(new))
    mean_over_layers = old.kind == "alignment" and not old.metric.endswith("_max")
    if len(hits) == 2 and old.n and not old.lower_is_better and not mean_over_layers:
        return _comparison(
            old,
            new,
            normal_interval(change, error),
            error,
            fisher_p(hits[0], hits[1], old.n),
            COUNTS,
        )
    if math.isnan(error):
        return _comparison(old, new, NO_INTERVAL, math.nan, math.nan, NO_TEST)
    interval, p = normal_interval(change, error), normal_p(change, error)
    return _comparison(old, new, interval, error, p, ERRORS)


def _count(score: Score) -> int | None:
    """Hits of a score that is a share of n items, or None."""
    if score.n is None or not 0.0 <= score.value <= 1.0:
        return None
    hits = score.value * score.n
    return round(hits) if abs(hits - round(hits)) < 1e-6 * max(1.0, hits) else None


def _error(score: Score) -> float:
    """Standard error of a score.

    A share of n items, or a mean of shares, varies at most as a single hit does.
    """
    if not math.isnan(score.stderr):
        return score.stderr
    if score.n is None or not 0.0 <= score.value <= 1.0:
        return math.nan
    if score.kind != "alignment" and _count(score) is None:
        return math.nan
    return math.sqrt(score.value * (1.0 - score.value) / score.n)


def _comparison(
    old: Score, new: Score, interval: Interval, error: float, p: float, method: str
) -> Comparison:
    sign = -1.0 if old.lower_is_better else 1.0
    return Comparison(
        benchmark=old.benchmark,
        metric=old.metric,
        name=old.language or old.task,
        tasks=(old.task,),
        language=old.language,
        group=False,
        baseline=old.value,
        candidate=new.value,
        change=sign * (new.value - old.value),
        interval=interval,
        error=error,
        n=old.n if old.n is not None else new.n,
        p=p,
        method=method,
    )


# --- groups -----------------------------------------------------------------------------------


def _groups(pairs: Sequence[_Pair], rules: Rules) -> list[Comparison]:
    """Means over languages, of each benchmark and metric, where there are at least two."""
    by_board: dict[tuple[str, str], list[_Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.comparison.language:
            by_board[(pair.comparison.benchmark, pair.comparison.metric)].append(pair)
    found = []
    for members in by_board.values():
        groups: dict[str, list[_Pair]] = {ALL: members}
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


def _group(name: str, pairs: Sequence[_Pair]) -> Comparison:
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


def _together(pairs: Sequence[_Pair]) -> tuple[FloatArray, FloatArray]:
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
