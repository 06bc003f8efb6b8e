"""Whether a difference is too small to matter."""

from __future__ import annotations

import math
from typing import NamedTuple


class Equivalence(NamedTuple):
    """What an interval of a difference decides.

    Attributes:
        sign: 1 where the interval lies above 0, -1 below, 0 where it holds 0 or is not there.
        within: the whole interval lies inside the margin: equivalent, whatever the sign.
    """

    sign: int
    within: bool


def equivalence(low: float, high: float, margin: float = 0.1) -> Equivalence:
    """Reads an interval of a difference as two one-sided tests (Schuirmann 1987).

    A 95 % interval inside (-margin, margin) rejects a difference as large as the margin on either
    side at .025 each.

    Args:
        low: lower end; NaN decides nothing.
        high: upper end.
        margin: a difference below this does not matter.
    """
    if math.isnan(low) or math.isnan(high):
        return Equivalence(0, within=False)
    return Equivalence(int(low > 0.0) - int(high < 0.0), -margin < low and high < margin)
