"""What is correlated: alignment scores and benchmarks by model and language, in pairs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

Kind = Literal["alignment", "benchmark"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One score over models and languages.

    Attributes:
        kind: `alignment` or `benchmark`.
        benchmark: `neuronxa_flores`, `xnli`, ...
        metric: `nasca`, `acc`, ...
        label: how tables call it; unique in a study.
        values: model to language to value, finite.
        errors: model to language to standard error, NaN where it is not known.
    """

    kind: Kind
    benchmark: str
    metric: str
    label: str
    values: Mapping[str, Mapping[str, float]] = field(repr=False)
    errors: Mapping[str, Mapping[str, float]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two variables that are correlated: `x` explains, `y` is explained."""

    x: Variable
    y: Variable

    def languages(self, model: str) -> tuple[str, ...]:
        """Languages in which a model has both values, sorted."""
        return tuple(sorted(set(self.x.values.get(model, {})) & set(self.y.values.get(model, {}))))

    def models(self) -> tuple[str, ...]:
        """Models that have both variables, sorted; they may share no language."""
        return tuple(sorted(set(self.x.values) & set(self.y.values)))

    def columns(
        self, model: str, languages: Sequence[str] | None = None
    ) -> tuple[list[float], list[float]]:
        """Values of x and y of a model, by default in `languages(model)`; NaN where missing."""
        chosen = self.languages(model) if languages is None else languages
        x, y = self.x.values.get(model, {}), self.y.values.get(model, {})
        return [x.get(code, math.nan) for code in chosen], [
            y.get(code, math.nan) for code in chosen
        ]


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that is correlated.

    Attributes:
        pairs: in the order of the tables.
        models: that appear in some pair, sorted.
        excluded: languages left out (the pivot), sorted.
        notes: what a reader should know, one sentence each.
        named: the alignment metrics were chosen by name, so that all of them are compared.
    """

    pairs: tuple[Pair, ...]
    models: tuple[str, ...]
    excluded: tuple[str, ...]
    notes: tuple[str, ...]
    named: bool = False

    def variables(self, side: Literal["x", "y", "both"] = "both") -> tuple[Variable, ...]:
        """The variables of the pairs, each once, in order."""
        found: dict[str, Variable] = {}
        for pair in self.pairs:
            if side != "y":
                found.setdefault(pair.x.label, pair.x)
            if side != "x":
                found.setdefault(pair.y.label, pair.y)
        return tuple(found.values())

    def rivals(self) -> tuple[tuple[Pair, Pair], ...]:
        """Pairs of pairs with the same outcome `y`, whose `x` are compared.

        Between benchmarks either side of a pair can be the outcome. Alignment metrics are compared
        with those of the same corpus and summary (mean with mean, best layer with best layer), with
        their own other summary, and with themselves on another corpus; all with all where they were
        chosen by name.
        """
        by_outcome: dict[str, list[Pair]] = defaultdict(list)
        for pair in self.pairs:
            by_outcome[pair.y.label].append(pair)
            if pair.x.kind == "benchmark":
                by_outcome[pair.x.label].append(Pair(pair.y, pair.x))
        return tuple(
            (first, second)
            for _, pairs in sorted(by_outcome.items())
            for first, second in combinations(pairs, 2)
            if self._comparable(first.x, second.x)
        )

    def _comparable(self, first: Variable, second: Variable) -> bool:
        if first.kind != second.kind:
            return False
        if first.kind == "benchmark" or self.named:
            return True
        if first.benchmark != second.benchmark:
            return first.metric == second.metric
        (stem, best), (other_stem, other_best) = _summary(first), _summary(second)
        return best == other_best or stem == other_stem


def _summary(variable: Variable) -> tuple[str, bool]:
    """Score of an alignment metric, and whether it is that of the best layer."""
    return variable.metric.removesuffix("_max"), variable.metric.endswith("_max")
