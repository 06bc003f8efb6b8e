"""Which variables stand against each other, or why none can; the cell named beforehand."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.reports.variables import Variable, choose_variables, model_names
from neuronxa_tasks.results import Results


@dataclass(frozen=True, slots=True)
class VariablePair:
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
        compared: scores, text baselines and measures, where a result has measures.
    """

    pairs: tuple[VariablePair, ...]
    models: tuple[str, ...]
    excluded: tuple[str, ...]
    notes: tuple[str, ...]
    named: bool = False
    compared: tuple[Variable, ...] = ()

    def variables(self, side: Literal["x", "y", "both"] = "both") -> tuple[Variable, ...]:
        """The variables of the pairs, each once, in order."""
        found: dict[str, Variable] = {}
        for pair in self.pairs:
            if side != "y":
                found.setdefault(pair.x.label, pair.x)
            if side != "x":
                found.setdefault(pair.y.label, pair.y)
        return tuple(found.values())

    def alternatives(self) -> tuple[tuple[VariablePair, VariablePair], ...]:
        """Pairs of pairs with the same outcome `y`, whose `x` are compared.

        Between benchmarks either side of a pair can be the outcome. Alignment metrics are compared
        with those of the same corpus and summary (mean with mean, best layer with best layer), with
        their own other summary, and with themselves on another corpus; all with all where they were
        chosen by name.
        """
        by_outcome: dict[str, list[VariablePair]] = defaultdict(list)
        for pair in self.pairs:
            by_outcome[pair.y.label].append(pair)
            if pair.x.kind == "benchmark":
                by_outcome[pair.x.label].append(VariablePair(pair.y, pair.x))
        return tuple(
            (first, second)
            for _, pairs in sorted(by_outcome.items())
            for first, second in combinations(pairs, 2)
            if self._compete(first.x, second.x)
        )

    def _compete(self, first: Variable, second: Variable) -> bool:
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


def build_study(
    results: Results,
    *,
    pivot: str | None = None,
    benchmarks: Sequence[str] = (),
    metrics: Sequence[str] = (),
    between: bool = False,
    alone: bool = False,
) -> Study:
    """Pairs alignment scores with benchmarks, or benchmarks with each other.

    Args:
        results: what was read.
        pivot: language left out; by default the pivot of the alignment scores, or English where
            there are none. `none` leaves nothing out.
        benchmarks: benchmarks to use, `xnli` or `xnli:acc_norm`; by default all, each with the
            first metric of `METRIC_PREFERENCE` that it has.
        metrics: alignment metrics to use; by default all.
        between: correlate the benchmarks with each other, too. It is always done where all input
            is published tables without an alignment score.
        alone: give a study without pairs where there are alignment scores and no benchmark at all,
            instead of refusing.

    Raises:
        NeuronXAError: a name that is not in the results, nothing to pair, no language in common,
            or one language alone.
    """
    chosen = choose_variables(results, pivot=pivot, benchmarks=benchmarks, metrics=metrics)
    alignment, outcomes, excluded = chosen.alignment, chosen.benchmarks, chosen.excluded
    notes = chosen.notes
    everybody = set(model_names(results).values())
    published = set(results.runs["harness"]) == {"published"}
    pairs = [VariablePair(x, y) for y in outcomes for x in alignment]
    if between or (not alignment and published):
        pairs += [VariablePair(x, y) for x, y in combinations(outcomes, 2)]
    no_benchmark = not (results.frame["kind"] == "benchmark").any()
    if alone and alignment and no_benchmark and not benchmarks:
        notes.append(
            "No benchmark of a known language is in the results, so nothing was correlated."
        )
        return Study(
            (),
            tuple(sorted(everybody)),
            excluded,
            tuple(notes),
            bool(metrics),
            tuple(chosen.compared),
        )
    if not pairs:
        raise _nothing_to_pair(results, alignment, outcomes)
    usable = [pair for pair in pairs if any(pair.languages(model) for model in pair.models())]
    if not usable:
        raise _nothing_in_common(pairs)
    most = max(len(pair.languages(model)) for pair in usable for model in pair.models())
    if most == 1:
        pair = usable[0]
        (language,) = next(found for model in pair.models() if (found := pair.languages(model)))
        raise NeuronXAError(
            f"{pair.x.label} and {pair.y.label} have one language in common, {language}, and a "
            "correlation over languages needs at least four. Run both in more languages."
        )
    notes += [
        f"{pair.x.label} and {pair.y.label} have no language in common and were left out."
        for pair in pairs
        if pair not in usable
    ]
    models = sorted({model for pair in usable for model in pair.models() if pair.languages(model)})
    notes += _lonely_models(everybody, models)
    notes += _overlap_notes(usable)
    return Study(
        tuple(usable),
        tuple(models),
        excluded,
        tuple(notes),
        named=bool(metrics),
        compared=tuple(chosen.compared),
    )


def _nothing_to_pair(
    results: Results, alignment: list[Variable], outcomes: list[Variable]
) -> NeuronXAError:
    sources = ", ".join(results.runs["source"][:3]) + (", ..." if len(results.runs) > 3 else "")
    if alignment:
        return NeuronXAError(
            f"The results have alignment scores, but no benchmark of a known language ({sources}), "
            "so there is nothing to correlate them with. Add benchmark results of the same "
            "models, or a CSV with model, language, benchmark, value."
        )
    if len(outcomes) > 1:
        return NeuronXAError(
            f"No file has a NeuronXA block ({sources}), so there are no alignment scores. Add a "
            "results file of `neuronxa run`, or --between to correlate the benchmarks with each "
            "other."
        )
    told = f"only one benchmark, {outcomes[0].label}" if outcomes else "no benchmark"
    return NeuronXAError(
        f"No file has a NeuronXA block ({sources}), so there are no alignment scores, and there is "
        f"{told} of a known language. Add a results file of `neuronxa run`."
    )


def _nothing_in_common(pairs: Sequence[VariablePair]) -> NeuronXAError:
    pair = next((pair for pair in pairs if pair.models()), None)
    if pair is None:
        x = ", ".join(sorted({model for pair in pairs for model in pair.x.values})[:3])
        y = ", ".join(sorted({model for pair in pairs for model in pair.y.values})[:3])
        return NeuronXAError(
            f"No model has both sides: {pairs[0].x.label} is of {x}, {pairs[0].y.label} is of {y}. "
            "If these are the same model under two names, say --name OLD=NEW."
        )
    model = pair.models()[0]
    x, y = (
        ", ".join(sorted(side.values[model])[:4]) + (", ..." if len(side.values[model]) > 4 else "")
        for side in (pair.x, pair.y)
    )
    return NeuronXAError(
        f"{model} has no common languages in {pair.x.label} ({x}) and {pair.y.label} ({y}), "
        "outside the pivot, so nothing can be paired. Run both in the same languages."
    )


def _lonely_models(everybody: Iterable[str], used: Sequence[str]) -> list[str]:
    lonely = sorted(set(everybody) - set(used))
    if not lonely:
        return []
    if len(lonely) == 1:
        told = f"{lonely[0]} has no pair of scores in a common language and takes no part"
    else:
        told = (
            f"{len(lonely)} models have no pair of scores in a common language and take no part: "
            f"{', '.join(lonely)}"
        )
    return [f"{told}; if one is another model under a second name, say --name OLD=NEW."]


_MADE_OF_FLORES = {
    "belebele": "Belebele's passages are FLORES passages",
    "sib": "SIB-200's sentences are FLORES sentences",
    "flores_": "The benchmarks flores_* translate FLORES sentences",
}
"""How benchmarks of the same text begin, and what is said of them."""


def _overlap_notes(pairs: Sequence[VariablePair]) -> list[str]:
    beside_flores = {p.y.benchmark for p in pairs if "flores" in p.x.benchmark}
    return [
        f"{told}: a correlation with alignment on FLORES may come from the text they share. Check "
        "it with alignment on Tatoeba (neuronxa_tatoeba) or on text of your own (`neuronxa tasks "
        "new`)."
        for begin, told in _MADE_OF_FLORES.items()
        if any(benchmark.startswith(begin) for benchmark in beside_flores)
    ]


@dataclass(frozen=True, slots=True)
class Primary:
    """The cell that was named before the results were seen.

    Attributes:
        y: label or benchmark of the outcome.
        x: label or metric of what explains it.
        model: one model; None where the average over models is the primary result.
    """

    y: str
    x: str
    model: str | None = None


def is_named(pair: VariablePair, primary: Primary | None) -> bool:
    """Whether the primary cell is of this pair; between benchmarks the order does not matter."""
    if primary is None:
        return False

    def means(variable: Variable, text: str) -> bool:
        short = variable.metric if variable.kind == "alignment" else variable.benchmark
        return text in (variable.label, short)

    straight = means(pair.y, primary.y) and means(pair.x, primary.x)
    turned = means(pair.x, primary.y) and means(pair.y, primary.x)
    return straight or (turned and pair.x.kind == "benchmark")


def check_primary(study: Study, primary: Primary | None) -> None:
    """Refuses a primary cell that the study does not have, or has more than once.

    Raises:
        NeuronXAError: see above; the message lists what there is.
    """
    if primary is None:
        return
    found = [pair for pair in study.pairs if is_named(pair, primary)]
    named = f"{primary.y}:{primary.x}"
    if not found:
        cells = ", ".join(f"{pair.y.label}:{pair.x.label}" for pair in study.pairs)
        raise NeuronXAError(
            f"--primary is {named!r}, which is no cell here. There are {cells or 'none: no score '}"
            f"{'' if cells else 'has a benchmark to stand against'}."
        )
    if len(found) > 1:
        cells = ", ".join(f"{pair.y.label}:{pair.x.label}" for pair in found)
        raise NeuronXAError(
            f"--primary is {named!r}, which means {len(found)} cells ({cells}), and only one can "
            "be primary. Write one of these."
        )
    if primary.model is not None and primary.model not in found[0].models():
        raise NeuronXAError(
            f"--primary names the model {primary.model!r}, but {named} has "
            f"{', '.join(found[0].models())}. Write one of these, or no model."
        )


def primary_model(pair: VariablePair, primary: Primary | None) -> str | None:
    """The model whose single test is primary, if there is one."""
    if primary is None or not is_named(pair, primary):
        return None
    if primary.model is not None:
        return primary.model
    return pair.models()[0] if len(pair.models()) == 1 else None
