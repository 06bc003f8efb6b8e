"""Whether two values of one task say anything about each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import OWN_SCALE, metric_stem
from neuronxa_tasks.reports.gate.checkpoint import Score
from neuronxa_tasks.results.run_facts import UNLOGGED
from neuronxa_tasks.results.scales import mixed

REMEDY = (
    "Run the candidate as the baseline was run, or name the tasks under `ignore` in the "
    "configuration."
)


class NotComparable(NeuronXAError):  # noqa: N818 - the name of the verdict
    """Two results that say nothing about each other.

    Attributes:
        reasons: one sentence for each task.
    """

    exit_code = 3

    def __init__(self, reasons: Sequence[str], remedy: str = REMEDY) -> None:
        self.reasons = tuple(reasons)
        shown = " ".join(self.reasons[:3])
        more = f" And {len(reasons) - 3} more." if len(reasons) > 3 else ""
        super().__init__(f"The two cannot be compared. {shown}{more} {remedy}")


def difference(old: Score, new: Score) -> str | None:
    """Why two values of one task and metric are not comparable, or None."""
    if None not in (old.n, new.n) and old.n != new.n:
        return f"{old.task} was run with n = {old.n} and with n = {new.n}."
    for name in sorted(set(old.settings) | set(new.settings)):
        one, other = old.settings.get(name), new.settings.get(name)
        if one == other:
            continue
        if name == "text":
            if UNLOGGED in f"{one}{other}":
                return (
                    f"{old.task} was run on chosen samples, and without logged samples nobody can "
                    "tell whether they are the same (--log_samples)."
                )
            if one and other:
                return f"{old.task} was run on different sentences."
            continue
        return f"{old.task} was run with {name} = {_told(one)} and with {name} = {_told(other)}."
    return None


def scales(old: Iterable[Score], new: Iterable[Score]) -> list[str]:
    """Benchmarks and metrics that are in percent on one side and in shares on the other."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for score in (*old, *new):
        if metric_stem(score.metric) not in OWN_SCALE:
            values[(score.benchmark, score.metric)].append(score.value)
    return [
        f"{metric} of {benchmark} is between {min(found):g} and {max(found):g}, so one side seems "
        "to be in percent and the other in shares: name the one with --percent."
        for (benchmark, metric), found in values.items()
        if mixed(found)
    ]


def _told(value: object) -> str:
    return "not given" if value is None else repr(value) if isinstance(value, str) else str(value)
