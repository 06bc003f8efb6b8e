"""The verdict: rules applied to comparisons. Pure, and without chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neuronxa_tasks.reports.gate.checkpoint import Score
from neuronxa_tasks.reports.gate.compare import NO_TEST, Comparison
from neuronxa_tasks.reports.gate.join import Joined
from neuronxa_tasks.reports.gate.rules import Rules
from neuronxa_tasks.statistics import benjamini_hochberg, holm
from neuronxa_tasks.statistics.columns import FloatArray

Status = Literal["pass", "regression", "untested", "drop", "low", "missing", "NaN", "skipped"]

FAILURES = ("regression", "untested", "drop", "low", "missing", "NaN")

_CLOSE = 1e-9
"""Limits are met by scores that differ from them by rounding alone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules say of one task or group.

    Attributes:
        benchmark: as in the comparison.
        metric: as in the comparison.
        name: language, task or group.
        tasks: names in the harness.
        status: `pass`; `regression`: the test found it worse; `untested`: it fell by `min_effect`
            or more and no test was possible; `drop`: it fell by more than `max_drop`; `low`: below
            `min_score`; `missing` or `NaN` in the candidate; `skipped`: missing, which the rules
            allow.
        reasons: of a failure, one sentence each.
        comparison: None where the candidate has no value.
        p_adjusted: for the number of tests; NaN where there is none.
        protected: whether the language must not regress.
    """

    benchmark: str
    metric: str
    name: str
    tasks: tuple[str, ...]
    status: Status
    reasons: tuple[str, ...]
    comparison: Comparison | None
    p_adjusted: float
    protected: bool

    @property
    def failed(self) -> bool:
        """Whether the gate fails by this finding alone."""
        return self.status in FAILURES


@dataclass(frozen=True, slots=True)
class Verdict:
    """May the candidate pass?

    Attributes:
        findings: tasks, then groups, by benchmark and metric; what the candidate lacks comes last.
        tests: number of tests made.
        notes: what a reader should know, one sentence each.
    """

    findings: tuple[Finding, ...]
    tests: int
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no finding is a failure."""
        return not self.failures

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that fail the gate."""
        return tuple(finding for finding in self.findings if finding.failed)


def judge(joined: Joined, rules: Rules) -> Verdict:
    """Applies the rules.

    A test fails a task or group where its p, adjusted for the number of tests, is at most `alpha`
    and the drop is at least `min_effect`. A drop of that size that nothing could test fails as
    well: nobody knows that it is luck. The languages that must not regress are a family of their
    own without `min_effect`; each of the two families then has half of `alpha`, so that with Holm's
    correction the chance of any false alarm is at most `alpha`. `max_drop` and `min_score` are
    limits, not tests: luck alone can break them.
    """
    protected = [found.language in rules.must_not_regress for found in joined.comparisons]
    adjusted = adjust([found.p for found in joined.comparisons], protected, rules)
    findings = [
        _finding(found, float(p), alone, rules)
        for found, p, alone in zip(joined.comparisons, adjusted, protected, strict=True)
    ]
    findings += [_absent(score, "NaN", rules) for score in joined.nan]
    findings += [_absent(score, "missing", rules) for score in joined.missing]
    notes = list(joined.notes)
    untested = sum(found.method == NO_TEST for found in joined.comparisons)
    if untested:
        notes.append(
            f"{untested} of them could not be tested: neither samples nor n nor a standard error. "
            "They pass only where they fell by less than `min_effect`."
        )
    if joined.new:
        names = dict.fromkeys(score.task for score in joined.new)
        notes.append(
            f"Only the candidate has {', '.join(list(names)[:5])}{', ...' * (len(names) > 5)}: "
            "looked at for nothing."
        )
    return Verdict(tuple(findings), sum(not math.isnan(p) for p in adjusted), tuple(notes))


def adjust(p: Sequence[float], protected: Sequence[bool], rules: Rules) -> FloatArray:
    """P values adjusted for their number, to be compared with `alpha`.

    Args:
        p: `[n]`, NaN where there is no test.
        protected: `[n]`, which belong to the family of the languages that must not regress.
        rules: say how.

    Returns:
        `[n]` in the order given.
    """
    corrected = {"holm": holm, "bh": benjamini_hochberg}.get(rules.correction)
    values, alone = np.array(p, dtype=np.float64), np.array(protected, dtype=np.bool_)
    if corrected is None:
        return values
    families = [family for family in (alone, ~alone) if family.any()]
    for family in families:
        values[family] = np.minimum(1.0, len(families) * corrected(values[family]))
    return values


def _finding(found: Comparison, p: float, protected: bool, rules: Rules) -> Finding:
    limits = rules.of(found.metric)
    drop = -found.change
    failures: list[tuple[Status, str]] = []
    smallest = 0.0 if protected else limits.min_effect
    fell = drop >= smallest - _CLOSE and drop > 0.0
    if p <= rules.alpha and fell:
        failures.append(("regression", f"fell by {drop:.3f}, adjusted p = {p:.2g}"))
    if found.method == NO_TEST and fell:
        failures.append(
            (
                "untested",
                f"fell by {drop:.3f}, and neither samples nor n nor a standard error can say "
                "whether that is luck: run both with --log_samples, or set min_effect of "
                f"[metric.{found.metric}] to the drop that you accept",
            )
        )
    if limits.max_drop is not None and drop > limits.max_drop + _CLOSE:
        failures.append(("drop", f"fell by {drop:.3f}, more than max_drop = {limits.max_drop:g}"))
    if (
        limits.min_score is not None
        and not found.group
        and found.candidate < limits.min_score - _CLOSE
    ):
        failures.append(
            ("low", f"scores {found.candidate:.3f}, less than min_score = {limits.min_score:g}")
        )
    return Finding(
        benchmark=found.benchmark,
        metric=found.metric,
        name=found.name,
        tasks=found.tasks,
        status=failures[0][0] if failures else "pass",
        reasons=tuple(reason for _, reason in failures),
        comparison=found,
        p_adjusted=p,
        protected=protected,
    )


def _absent(score: Score, status: Literal["NaN", "missing"], rules: Rules) -> Finding:
    allowed = status == "missing" and rules.allow_missing
    reason = (
        "is NaN in the candidate"
        if status == "NaN"
        else "is in the baseline and not in the candidate"
    )
    return Finding(
        benchmark=score.benchmark,
        metric=score.metric,
        name=score.language or score.task,
        tasks=(score.task,),
        status="skipped" if allowed else status,
        reasons=(reason,),
        comparison=None,
        p_adjusted=math.nan,
        protected=score.language in rules.must_not_regress,
    )
