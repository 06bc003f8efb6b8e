"""How to estimate, estimates as records, and the tables of them that correlate and page show."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.study import Primary, VariablePair
from neuronxa_tasks.reports.variables import Variable
from neuronxa_tasks.text import languages

Record = dict[str, Any]
"""One line of a table: column to text, number (NaN: not computable), truth value or None."""

KINDS: tuple[statistics.Kind, ...] = ("pearson", "spearman")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to estimate.

    Attributes:
        seed: of every random draw; each test has its own stream, derived from its names.
        resamples: random permutations of each test.
        confidence: level of all intervals.
        primary: see `Primary`.
        mixed_model: fit mixed models, too (needs statsmodels).
    """

    seed: int = 0
    resamples: int = 9999
    confidence: float = 0.95
    primary: Primary | None = None
    mixed_model: bool = False

    def stream(self, *names: str) -> np.random.Generator:
        """The random numbers of one test: another test more or less does not change them."""
        digest = hashlib.sha256("\x1f".join(names).encode()).digest()
        words = np.frombuffer(digest, dtype="<u4").tolist()
        return np.random.default_rng([self.seed, *words])

    def finest(self, tests: int) -> int:
        """Shuffles where p is small: enough for Holm's correction over the tests to reach .01.

        9,999 for up to 100 tests, 19,999 for up to 200, and so on by doubling, so that a test more
        seldom changes the p of the others.
        """
        doubled = max(0, math.ceil(math.log2(tests / 100))) if tests else 0
        return max(self.resamples, int(10_000 * 2**doubled) - 1)


@dataclass(frozen=True)
class Estimates:
    """The tables, each a list of records with the same columns; one that was not made is empty.

    Attributes:
        correlations: r over languages of each model and pair.
        averages: their average over models.
        across_models: r over models of each language and pair.
        pooled: r over all models and languages, given model (and language) effects.
        mixed: slopes of mixed models; empty unless asked for.
        differences: of two scores that explain the same outcome, for each model.
        difference_averages: of their averages over models.
        partial: r given covariates, for each model.
        partial_averages: their average over models.
        lines: the straight line of each model and pair, and how well it predicts.
        predictions: each language predicted from the others.
        layers: r of each layer of each model.
        measures: r of each measure, and its difference from NASCA's.
        families: number of tests adjusted together, by table.
    """

    correlations: list[Record] = field(default_factory=list)
    averages: list[Record] = field(default_factory=list)
    across_models: list[Record] = field(default_factory=list)
    pooled: list[Record] = field(default_factory=list)
    mixed: list[Record] = field(default_factory=list)
    differences: list[Record] = field(default_factory=list)
    difference_averages: list[Record] = field(default_factory=list)
    partial: list[Record] = field(default_factory=list)
    partial_averages: list[Record] = field(default_factory=list)
    lines: list[Record] = field(default_factory=list)
    predictions: list[Record] = field(default_factory=list)
    layers: list[Record] = field(default_factory=list)
    measures: list[Record] = field(default_factory=list)
    families: dict[str, int] = field(default_factory=dict)

    def tables(self) -> dict[str, list[Record]]:
        """Name to records, without the empty tables."""
        names = [each.name for each in fields(self) if each.name != "families"]
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def both_kinds(
    pair: VariablePair,
    x: Sequence[float],
    y: Sequence[float],
    settings: Settings,
    names: tuple[str, ...],
    *,
    tests: int,
    families: Sequence[str] | None = None,
) -> Record:
    """Pearson and Spearman with all that belongs to them.

    Args:
        pair: whose labels name the stream, besides `names`.
        x: `[n]`.
        y: `[n]`.
        settings: see there.
        names: of this test.
        tests: number of tests of the table.
        families: `[n]` families of languages; None where the points are no languages.
    """
    found = {
        kind: statistics.correlation(
            x,
            y,
            rng=settings.stream(*names, pair.x.label, pair.y.label, kind),
            kind=kind,
            families=families,
            confidence=settings.confidence,
            n_permutations=settings.resamples,
            finest=settings.finest(tests) if kind == "pearson" else 0,
        )
        for kind in KINDS
    }
    r, rho = found["pearson"], found["spearman"]
    return {
        "n": r.n,
        "r": r.r,
        **ends(r.jackknife),
        "fisher_low": r.interval.low,
        "fisher_high": r.interval.high,
        "p": r.permutation.p,
        "p_method": r.permutation.method,
        **({} if families is None else by_family(r.by_family)),
        "rho": rho.r,
        **ends(rho.jackknife, "rho_"),
        "rho_fisher_low": rho.interval.low,
        "rho_fisher_high": rho.interval.high,
        "rho_p": rho.permutation.p,
        "reason": explained(r.reason, pair),
    }


def ends(interval: statistics.Jackknife | statistics.Interval, prefix: str = "") -> Record:
    """Both ends of an interval."""
    return {f"{prefix}low": interval.low, f"{prefix}high": interval.high}


def by_family(found: statistics.Jackknife) -> Record:
    """What leaving out one family of languages at a time says."""
    return {"families": found.units, **ends(found, "family_"), "family_p": found.p}


def families_of(codes: Sequence[str]) -> list[str]:
    """Family of each language."""
    return [languages.language(code).family for code in codes]


def noise(variable: Variable, model: str, codes: Sequence[str]) -> float:
    """Share of the variance over languages that sampling error alone would make.

    The mean squared standard error over the variance (n - 1); NaN where an error is not known. At
    1 the languages do not differ by more than chance, and no correlation can be expected.
    """
    if len(codes) < 2:
        return math.nan
    values = np.array([variable.values[model][code] for code in codes])
    errors = np.array([variable.errors[model].get(code, math.nan) for code in codes])
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


def out_of_reach(records: Sequence[Record], tests: int, level: float = 0.05) -> int:
    """Tests whose p, however clear the data, cannot fall below a level after Holm's correction.

    So few languages have so few orders: the smallest exact p of n is 1 / n!.
    """
    return sum(
        not math.isnan(record["p"])
        and record["p_method"] == "exact"
        and tests / math.factorial(int(record.get("p_languages") or record["n"])) >= level
        for record in records
        if not record.get("primary")
    )


def explained(reason: str | None, pair: VariablePair) -> str | None:
    """A reason of `stats`, in which x and y are called by their labels."""
    if reason is None:
        return None
    labels = {"x": pair.x.label, "y": pair.y.label}
    return re.sub(r"\b[xy]\b", lambda match: labels[match[0]], reason)


def too_few(n: int, what: str = "complete points") -> str:
    """Why n points have no correlation, in the words of `stats`."""
    return f"only {n} {what}; a correlation needs at least {statistics.MIN_POINTS}"
