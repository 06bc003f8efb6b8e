"""Which scores are at chance or at their ceiling, where no correlation can be read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from neuronxa_tasks.reports.study import Study
from neuronxa_tasks.reports.variables import Variable
from neuronxa_tasks.results import Results
from neuronxa_tasks.statistics.transferability import CHANCE, Z

CEILING = 0.95
"""From here on a score has no room left."""
MOSTLY = 0.5
"""A variable is marked where at least this share of its values is at a limit."""
_SHARES = ("acc", "accuracy", "acc_norm", "value")
_SCORES = ("nasca", "navca", "mexa")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many values of a variable are where nothing differs.

    Attributes:
        label: of the variable.
        chance: what guessing gives; NaN where it is not known.
        values: number of values, over models and languages.
        at_chance: share of them that are not above chance; NaN where chance is not known.
        at_ceiling: share of them that are at least `CEILING`.
    """

    label: str
    chance: float
    values: int
    at_chance: float
    at_ceiling: float

    @property
    def mark(self) -> str:
        """`at chance`, `at ceiling`, or nothing."""
        if self.at_chance >= MOSTLY:
            return "at chance"
        return "at ceiling" if self.at_ceiling >= MOSTLY else ""


def limits(study: Study, results: Results) -> tuple[Limits, ...]:
    """Limits of every outcome, and of the scores, in the languages that are correlated.

    A value is at chance where it is not above it by more than 1.96 standard errors; where its
    standard error is not known, where it is not above it at all.
    """
    paired: dict[str, set[tuple[str, str]]] = {}
    for pair in study.pairs:
        for variable in (pair.x, pair.y):
            cells = {(m, code) for m in pair.models() for code in pair.languages(m)}
            paired.setdefault(variable.label, set()).update(cells)
    sizes = sentence_pairs(results)
    variables = sorted(study.variables(), key=lambda variable: variable.kind == "alignment")
    return tuple(
        _limits(variable, paired[variable.label], chance_of(variable, sizes))
        for variable in variables
    )


def chance_of(variable: Variable, sizes: Mapping[str, frozenset[int]]) -> float:
    """What guessing gives: 1 / choices, or 1 / (2n - 1) mutual hits among n pairs.

    Args:
        variable: benchmark or score.
        sizes: see `sentence_pairs`.
    """
    if variable.kind == "benchmark":
        name = variable.benchmark.partition(" [")[0]
        return CHANCE.get(name, math.nan) if variable.metric in _SHARES else math.nan
    found = sizes.get(variable.benchmark, frozenset())
    if variable.metric.removesuffix("_max") not in _SCORES or len(found) != 1:
        return math.nan
    return 1.0 / (2 * next(iter(found)) - 1)


def sentence_pairs(results: Results) -> dict[str, frozenset[int]]:
    """Alignment corpus to the numbers of sentence pairs that its scores are of, where known."""
    found: dict[str, set[int]] = {}
    for benchmark, settings in _settings(results):
        n = settings.get("n")
        if isinstance(n, int) and n > 0:
            found.setdefault(benchmark, set()).add(n)
    return {benchmark: frozenset(sizes) for benchmark, sizes in found.items()}


def pivots(results: Results) -> tuple[str, ...]:
    """Pivots that the alignment scores say, sorted; published scores may say none."""
    return tuple(sorted({str(s["pivot"]) for _, s in _settings(results) if s.get("pivot")}))


def _settings(results: Results) -> list[tuple[str, dict[str, object]]]:
    frame = results.frame
    rows = frame[frame["kind"] == "alignment"][["benchmark", "settings"]].drop_duplicates()
    return [
        (str(benchmark), json.loads(settings))
        for benchmark, settings in zip(rows["benchmark"], rows["settings"], strict=True)
    ]


def _limits(variable: Variable, cells: set[tuple[str, str]], chance: float) -> Limits:
    values, low, high = 0, 0, 0
    for model, code in cells:
        value = variable.values[model][code]
        error = variable.errors.get(model, {}).get(code, math.nan)
        margin = 0.0 if math.isnan(error) else Z * error
        values += 1
        low += value - margin <= chance
        high += value >= CEILING
    share = low / values if values and not math.isnan(chance) else math.nan
    return Limits(variable.label, chance, values, share, high / values if values else math.nan)
