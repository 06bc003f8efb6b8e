"""One score of the baseline against the same of the candidate."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from neuronxa_tasks.reports.gate.checkpoint import Score
from neuronxa_tasks.reports.gate.comparable import NotComparable
from neuronxa_tasks.reports.gate.signs import (
    NO_INTERVAL,
    Interval,
    fisher_p,
    normal_interval,
    normal_p,
    paired_interval,
    sign_flip_p,
)
from neuronxa_tasks.results.items import IncompleteSamples, Items, read_items
from neuronxa_tasks.statistics.columns import FloatArray

PAIRED = "paired, exact sign flips"
BOUNDED = "paired in each language, normal test with all errors added up"
COUNTS = "unpaired, Fisher's exact test of counts"
ERRORS = "unpaired, normal test of standard errors"
NO_TEST = "none"


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
        method: `PAIRED`, `BOUNDED`, `COUNTS`, `ERRORS` or `NO_TEST`.
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
class Compared:
    """A score of both.

    Attributes:
        comparison: the result.
        ids: documents.
        differences: `[n]` candidate - baseline of each, in units of 1 / `unit`, turned so that more
            is better; None where they are not known.
        unit: see `differences`.
    """

    comparison: Comparison
    ids: tuple[int, ...] = ()
    differences: FloatArray | None = field(default=None, repr=False)
    unit: int = 1


def compare(old: Score, new: Score) -> Compared:
    """Compares two values, item by item where both have samples.

    Raises:
        NotComparable: the samples are of different items.
        NeuronXAError: damaged samples.
    """
    items = _items(old), _items(new)
    if items[0] is not None and items[1] is not None:
        return compare_items(old, new, items[0], items[1])
    return Compared(_unpaired(old, new))


def _items(score: Score) -> Items | None:
    if score.samples is None:
        return None
    try:
        return read_items(score.samples, score.metric, score.value, score.n)
    except IncompleteSamples as error:
        # Half of the items, or none, are no smaller sample of the same: nobody chose them.
        raise NotComparable([str(error)]) from error


def compare_items(old: Score, new: Score, before: Items, after: Items) -> Compared:
    """Compares two values whose items are known.

    Raises:
        NotComparable: other items.
    """
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
    return Compared(
        _comparison(old, new, interval, error, p, PAIRED), before.ids, differences, unit
    )


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
