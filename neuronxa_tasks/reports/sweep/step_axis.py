"""The axis of the training step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["log", "linear"]


@dataclass(frozen=True, slots=True)
class StepAxis:
    """Where steps lie on the horizontal axis.

    A logarithmic axis has no 0. Step 0, the untrained model, stands a little left of the first
    other step, and its tick says 0.
    """

    scale: Scale
    steps: tuple[int, ...]

    @property
    def least(self) -> int:
        """The first step that is not 0; 1 where there is none."""
        return min((step for step in self.steps if step > 0), default=1)

    def place(self, step: int) -> float:
        """Where a step lies, in steps."""
        if step == 0 and self.scale == "log":
            decades = math.log10(max(self.steps[-1], self.least) / self.least)
            return float(self.least / 10 ** max(0.3, 0.15 * decades))
        return float(step)

    def encoding(self, alt: Any) -> Any:
        """The encoding of a field `x` that holds places."""
        ends = [self.place(self.steps[0]), self.place(self.steps[-1])]
        if ends[0] == ends[1]:  # one checkpoint: a point in the middle
            ends = [ends[0] / 2, ends[0] * 2] if ends[0] else [-1.0, 1.0]
        if self.scale == "linear":
            axis = alt.Axis(format="~s", tickCount=5)
        else:
            ticks = [0] * (self.steps[0] == 0) + round_steps(self.least, self.steps[-1])
            axis = alt.Axis(
                values=[self.place(tick) for tick in ticks],
                labelExpr=f"datum.value < {self.least} ? '0' : format(datum.value, '~s')",
            )
        scale = alt.Scale(type=self.scale, domain=ends, nice=False, zero=False, padding=6)
        return alt.X("x:Q", title="training step", scale=scale, axis=axis)


def round_steps(first: int, last: int) -> list[int]:
    """Round numbers from first to last, at most about eight: 1, 2, 5, 10 or powers of ten."""
    powers = range(len(str(last)))
    tens = [10**power for power in powers if first <= 10**power <= last]
    finer = [m * 10**power for power in powers for m in (1, 2, 5) if first <= m * 10**power <= last]
    ticks = tens if len(tens) > 3 else finer
    return ticks if len(ticks) > 2 else sorted({first, last})
