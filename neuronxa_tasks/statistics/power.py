"""The smallest correlation that n points could have shown."""

from __future__ import annotations

import math

from scipy import stats

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.columns import MIN_POINTS


def detectable_r(n: int, *, level: float = 0.05, power: float = 0.8) -> float:
    """The smallest true |r| that a two-sided test over n points finds with a given power.

    tanh((z(1 - level / 2) + z(power)) / sqrt(n - 3)), by Fisher's z (Cohen 1988, chapter 3).

    Args:
        n: number of points.
        level: of the two-sided test.
        power: how often a true correlation of that size is found.

    Returns:
        The correlation; NaN for fewer than four points.

    Raises:
        NeuronXAError: a level or a power that is not between 0 and 1.
    """
    for name, value in (("level", level), ("power", power)):
        if not 0.0 < value < 1.0:
            raise NeuronXAError(
                f"{name} is {value!r}, but it is a probability strictly between 0 and 1. Pass for "
                "example 0.05 for the level and 0.8 for the power."
            )
    if n < MIN_POINTS:
        return math.nan
    z = float(stats.norm.ppf(1.0 - level / 2.0) + stats.norm.ppf(power))
    return math.tanh(z / math.sqrt(n - 3))
