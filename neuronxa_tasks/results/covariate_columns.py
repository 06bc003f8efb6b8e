"""The covariates of a language in a model, from its block, as one number each."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import product
from typing import Any

from neuronxa_tasks.results.checks import Part, part_of
from neuronxa_tasks.results.files import Row, at, finite

COVARIATES: dict[str, tuple[str, ...]] = {
    "surface": ("surface", "mutual"),
    "token_overlap": ("token_overlap", "mutual"),
    "unknown_rate": ("covariates", "unknown_rate", "target"),
    "nas_density": ("covariates", "nas_density", "target"),
    "nav_norm": ("covariates", "norm", "target", "nav"),
    "hidden_norm": ("covariates", "norm", "target", "hidden"),
    "hub_skewness_nas": ("covariates", "hub_skewness", "nas"),
    "hub_skewness_nav": ("covariates", "hub_skewness", "nav"),
    "hub_skewness_hidden": ("covariates", "hub_skewness", "hidden"),
    "bits_per_byte": ("covariates", "bits_per_byte", "target"),
}
"""Column -> where it stands in the block. What is there for every layer is averaged."""

HITS = ("surface", "token_overlap")
"""Those that are counts out of n, and become shares."""


def covariate_columns(facts: dict[str, Any]) -> dict[str, float]:
    """Every covariate of the target language; NaN where the block does not have it."""
    return {
        name: _mean(at(facts, *place)) / (facts["n"] if name in HITS else 1)
        for name, place in COVARIATES.items()
    }


def _mean(value: object) -> float:
    """Of a list over layers without those that have no value; a number is its own mean."""
    if not isinstance(value, list):
        return finite(value)
    numbers = [number for number in map(finite, value) if math.isfinite(number)]
    return math.fsum(numbers) / len(numbers) if numbers else math.nan


def fill_covariates(
    tokens: list[Row], superseded: Collection[Part], dates: Mapping[str, float]
) -> None:
    """Take what the run that counts did not compute from the latest one before it.

    Args:
        tokens: Rows of `Results.tokens`; those that count are filled, where the text is the same.
        superseded: Runs of a task that a later one stands for.
        dates: Source to the time it was made.
    """
    same = ("model", "revision", "task", "n", "pivot", "text")
    older: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in tokens:
        if part_of(row) in superseded:
            older[tuple(row[name] for name in same)].append(row)
    for row in tokens:
        if part_of(row) in superseded:
            continue
        before = sorted(
            older[tuple(row[name] for name in same)], key=lambda each: -dates[each["source"]]
        )
        for each, name in product(before, COVARIATES):
            if math.isnan(row[name]):
                row[name] = each[name]
