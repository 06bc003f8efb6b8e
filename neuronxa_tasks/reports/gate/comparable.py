"""Whether two values of one task say anything about each other."""

from __future__ import annotations

from collections.abc import Sequence

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.gate.checkpoint import Score


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


def difference(old: Score, new: Score) -> str | None:
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
