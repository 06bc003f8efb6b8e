"""Estimates as records, and what all tables share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.cells import Pair, Variable
from neuronxa_tasks.reports.settings import Record, Settings

RESAMPLED_POINTS = 6
"""With fewer points no bootstrap interval is given: most resamples repeat so many of them that r
is 1, -1 or missing, and the interval says more about that than about r."""
KINDS: tuple[statistics.Kind, ...] = ("pearson", "spearman")


def both_kinds(
    pair: Pair,
    x: Sequence[float],
    y: Sequence[float],
    settings: Settings,
    names: tuple[str, ...],
) -> Record:
    """Pearson and Spearman with all that belongs to them; `names` and the pair name the stream."""
    found = {
        kind: statistics.correlation(
            x,
            y,
            rng=settings.stream(*names, pair.x.label, pair.y.label, kind),
            kind=kind,
            confidence=settings.confidence,
            n_resamples=settings.resamples,
            n_permutations=settings.resamples,
        )
        for kind in KINDS
    }
    r, rho = found["pearson"], found["spearman"]
    return {
        "n": r.n,
        "r": r.r,
        "fisher_low": r.interval.low,
        "fisher_high": r.interval.high,
        **bootstrap_ends(r.bootstrap, r.n),
        "boot_method": r.bootstrap.method if r.n >= RESAMPLED_POINTS else "none",
        "p": r.permutation.p,
        "p_method": r.permutation.method,
        "rho": rho.r,
        "rho_fisher_low": rho.interval.low,
        "rho_fisher_high": rho.interval.high,
        **bootstrap_ends(rho.bootstrap, rho.n, "rho_"),
        "rho_p": rho.permutation.p,
        "reason": explained(r.reason, pair),
    }


def bootstrap_ends(interval: statistics.BootstrapInterval, n: int, prefix: str = "") -> Record:
    """Both ends of an interval over n resampled points; NaN where n is too small for one."""
    enough = n >= RESAMPLED_POINTS
    return {
        f"{prefix}boot_low": interval.low if enough else math.nan,
        f"{prefix}boot_high": interval.high if enough else math.nan,
    }


def noise(variable: Variable, model: str, languages: Sequence[str]) -> float:
    """Share of the variance over languages that sampling error alone would make.

    The mean squared standard error over the variance (n - 1); NaN where an error is not known. At
    1 the languages do not differ by more than chance, and no correlation can be expected.
    """
    if len(languages) < 2:
        return math.nan
    values = np.array([variable.values[model][code] for code in languages])
    errors = np.array([variable.errors[model].get(code, math.nan) for code in languages])
    variance = float(values.var(ddof=1))
    return float((errors**2).mean()) / variance if variance > 0.0 else math.nan


def adjust(records: list[Record], column: str) -> int:
    """Adds Holm and Benjamini-Hochberg to the tests of a table; returns their number.

    The primary test stands alone: it is not adjusted, and the others are adjusted without it.
    """
    family = [record for record in records if not record.get("primary")]
    p = [record[column] for record in family]
    for record in records:
        record["holm"] = record["bh"] = math.nan
    for record, by_holm, by_bh in zip(
        family, statistics.holm(p), statistics.benjamini_hochberg(p), strict=True
    ):
        record["holm"], record["bh"] = float(by_holm), float(by_bh)
    return sum(not math.isnan(value) for value in p)


def explained(reason: str | None, pair: Pair) -> str | None:
    """A reason of `stats`, in which x and y are called by their labels."""
    if reason is None:
        return None
    labels = {"x": pair.x.label, "y": pair.y.label}
    return re.sub(r"\b[xy]\b", lambda match: labels[match[0]], reason)


def too_few(n: int, what: str = "complete points") -> str:
    """Why n points have no correlation, in the words of `stats`."""
    return f"only {n} {what}; a correlation needs at least {statistics.MIN_POINTS}"
