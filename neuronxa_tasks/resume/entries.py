"""Contents of kept results, checked: they come from a file, and must not be believed blindly.

What can be computed again from the sentences is: hits from rivals, intervals from shares. What
cannot must at least have the shape that the schema says.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.alignment.intervals import metric_intervals
from neuronxa_tasks.alignment.measuring import measure
from neuronxa_tasks.names import BASELINES, CONTROLS, SCORES, VARIANTS, measure_metric
from neuronxa_tasks.schema import ControlRun, ProfileBlock, SentenceRivals, TaskBlock
from neuronxa_tasks.text.sentence_pairs import Pairs

Result: TypeAlias = tuple[list[SentenceRivals], TaskBlock]
"""Samples in the order of the lines, and the block of the results file."""

Layers: TypeAlias = Mapping[str, int]
"""Representation -> its number of layers."""

_CLOSE = 1e-9


def result_of(content: Any, pairs: Pairs, layers: Layers) -> Result:
    """Check the result of a task.

    Args:
        content: `samples`, one row for each sentence, and `block`.
        pairs: The sentence pairs of the task.
        layers: Of the model.

    Raises:
        ValueError, LookupError, TypeError: It is none, or its parts do not fit together.
    """
    block, settings, n = content["block"], pairs.settings, len(pairs.lines)
    block["source"] = pairs.used_source()  # the same text may come from another place now
    _demand(_conforms(block, TaskBlock), "no block of a task")
    for name in ("corpus", "pivot", "target", "tap", "weights", "routed_nav"):
        _demand(block[name] == settings[name], f"another {name}")
    _demand(block["n"] == n and len(content["samples"]) == n, "another number of sentences")
    samples = [SentenceRivals(*row) for row in content["samples"]]
    shares = {
        score: _shares([getattr(each, name) for each in samples], block[name], layers[name])
        for score, name in SCORES.items()
    }
    controls, variants = block.get("controls", {}), block.get("variants", {})
    _demand(set(controls) == set(settings["control"]), "other controls")
    measures = _measures(block, settings, layers)
    shared = {control: set(measures) for control in controls}
    for control, runs in controls.items():
        seeds = [run["seed"] for run in runs]
        _demand(seeds == list(range(settings["control_seeds"])), "other seeds")
        for run in runs:
            shared[control] &= set(_measures(run, settings, layers))
            for name in SCORES.values():
                _counts(run[name], n, layers[name])
    beside = _beside(samples, settings, measures, shared)
    for name in BASELINES:
        _demand(sum(beside[name]) == block[name]["mutual"], f"another {name}")
    for metric, mean in measures.items():
        _same_mean(beside[metric], mean)
    _demand(set(variants) == set(settings["variants"]), "other variants")
    for variant, hits in variants.items():
        names = {score: SCORES[score] for score in VARIANTS[variant]}
        _demand(set(hits) == set(names.values()), "other representations")
        for score, name in names.items():
            total = _counts(hits[name], n, layers[name])
            _mean(beside[f"{score}_{variant}"], total, layers[name])
    asked = {*shares, *beside, *settings["covariates"]}
    _demand(set(block["intervals"]) == asked, "other intervals")
    _covariates(block["covariates"], layers)
    _intervals(block["intervals"], {**shares, **beside})
    return samples, cast(TaskBlock, block)


def floor_of(content: Any, pairs: Pairs, seed: int, layers: Layers) -> ControlRun:
    """Check the result of a task on untrained weights.

    Args:
        content: `block`, and `shares` of each score and measure.
        pairs: The sentence pairs of the task.
        seed: Of the weights.
        layers: Of the model.

    Raises:
        ValueError, LookupError, TypeError: It is none, or its parts do not fit together.
    """
    block, n = content["block"], len(pairs.lines)
    _demand(_conforms(block, ProfileBlock) and block["seed"] == seed, "no block of a control")
    measures = _measures(block, pairs.settings, layers)
    _demand(set(content["shares"]) == {*SCORES, *measures}, "other metrics")
    shares = {}
    for score, name in SCORES.items():
        shares[score] = np.asarray(content["shares"][score], np.float64)
        _demand(shares[score].shape == (n,), "another number of sentences")
        _mean(shares[score].tolist(), _counts(block[name], n, layers[name]), layers[name])
    for metric, mean in measures.items():
        shares[metric] = np.asarray(content["shares"][metric], np.float64)
        _demand(shares[metric].shape == (n,), "another number of sentences")
        _same_mean(shares[metric].tolist(), mean)
    return ControlRun(cast(ProfileBlock, block), shares)


def _shares(rivals: list[Any], hits: Any, layers: int) -> list[float]:
    """Share of layers in which each sentence is a hit; the hits must be those of the rivals."""
    rows = [[each[kind] for kind in ("row", "column", "either")] for each in rivals]
    _demand(all(len(each) == 3 for each in rivals), "other rivals")
    _demand({type(count) for row in rows for each in row for count in each} == {int}, "no counts")
    counts: NDArray[Any] = np.array(rows)  # [n, 3, L]
    n = len(rows)
    _demand(counts.shape == (n, 3, layers) and counts.dtype.kind == "i", "misshapen rivals")
    row, column, either = counts.transpose(1, 0, 2)
    _demand(bool(((counts >= 0) & (counts < n)).all()), "impossible rivals")
    _demand(bool((either >= np.maximum(row, column)).all()), "impossible rivals")
    _demand(bool((either <= row + column).all()), "impossible rivals")
    for name, kind in (("forward", row), ("backward", column), ("mutual", either)):
        _demand((kind == 0).sum(axis=0).tolist() == hits[name], f"other hits ({name})")
    return [each.count(0) / layers for each in either.tolist()]


def _beside(
    samples: list[SentenceRivals],
    settings: Mapping[str, Any],
    measures: Iterable[str],
    shared: Mapping[str, set[str]],
) -> dict[str, list[float]]:
    """Metrics per sentence beside the scores; exactly those that the settings ask for.

    Args:
        samples: Of the task.
        settings: Of the task.
        measures: Metrics of the measures that have a number.
        shared: Control -> those that have one in each of its runs, too.
    """
    names = [*BASELINES, *measures]
    for control in settings["control"]:
        scores = (*SCORES, *shared[control])
        names += [f"{score}_{ending}" for ending in CONTROLS[control] for score in scores]
    for variant in settings["variants"]:
        names += [f"{score}_{variant}" for score in VARIANTS[variant]]
    for sample in samples:
        _demand(set(sample.beside) == set(names), "other metrics")
        _demand(all(_conforms(each, float) for each in sample.beside.values()), "no numbers")
    return {name: [sample.beside[name] for sample in samples] for name in names}


def _measures(block: Any, settings: Mapping[str, Any], layers: Layers) -> dict[str, float]:
    """Metric -> mean over the layers that have a number; exactly what the settings ask for."""
    found = block.get("measures", {})
    _demand(set(found) == set(settings["measures"]), "other measures")
    means = {}
    for name, of in found.items():
        asked = measure(name)
        _demand(set(of) == set(asked.representations), "other representations")
        for representation in asked.representations:
            numbers = of[representation]
            _demand(len(numbers) == layers[representation], "other layers")
            known = [each for each in numbers if each is not None]
            possible = all(asked.lowest - _CLOSE <= each <= 1 + _CLOSE for each in known)
            _demand(possible, "impossible numbers")
            if known:
                means[measure_metric(name, representation)] = math.fsum(known) / len(known)
    return means


def _same_mean(values: list[float], mean: float) -> None:
    """The values of the sentences must have the mean that the layers have."""
    _demand(abs(math.fsum(values) / len(values) - mean) < _CLOSE, "another number of a measure")


def _covariates(found: Any, layers: Layers) -> None:
    for side in ("pivot", "target"):
        _demand(len(found["nas_density"][side]) == layers["nas"], "other layers")
        for name, each in found["norm"][side].items():
            _demand(len(each) == layers[name], "other layers")
    for name, each in found["hub_skewness"].items():
        _demand(len(each) == layers[name], "other layers")


def _intervals(found: Any, values: Mapping[str, list[float]]) -> None:
    for name, expected in metric_intervals(values).items():
        ends = found[name]
        same = ends is expected is None or (
            ends is not None
            and expected is not None
            and max(abs(a - b) for a, b in zip(ends, expected, strict=True)) < _CLOSE
        )
        _demand(same, f"another interval of {name}")


def _counts(hits: Any, n: int, layers: int) -> int:
    """Mutual hits of all layers; each count must be possible."""
    for name in ("mutual", "forward", "backward"):
        counts = hits[name]
        _demand(len(counts) == layers and all(0 <= each <= n for each in counts), "other layers")
    for both, one, other in zip(hits["mutual"], hits["forward"], hits["backward"], strict=True):
        _demand(both <= min(one, other), "impossible hits")
    return sum(hits["mutual"])


def _mean(values: list[float], hits: int, layers: int) -> None:
    """Shares of layers per sentence must have the sum that the hits per layer have."""
    _demand(abs(math.fsum(values) * layers - hits) < _CLOSE * layers * len(values), "other hits")


def _conforms(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON has the shape that a type of the schema says."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if hint in (int, float):
        kinds = (int,) if hint is int else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if hint in (str, bool) or hint is type(None):
        return isinstance(value, hint)
    if typing.is_typeddict(hint):
        hints = get_type_hints(hint)
        return (
            isinstance(value, dict)
            and set(value) <= set(hints)
            and set(value) >= hint.__required_keys__
            and all(_conforms(each, hints[name]) for name, each in value.items())
        )
    if origin is Literal:
        return value in parts
    if origin is list:
        return isinstance(value, list) and all(_conforms(each, parts[0]) for each in value)
    if origin is tuple:
        return (
            isinstance(value, list)
            and len(value) == len(parts)
            and all(map(_conforms, value, parts))
        )
    if origin is dict:
        names, each_hint = parts
        return (
            isinstance(value, dict)
            # Where the names are known, each has a value.
            and (get_origin(names) is not Literal or set(value) == set(get_args(names)))
            and all(isinstance(name, str) for name in value)
            and all(_conforms(each, each_hint) for each in value.values())
        )
    if origin is Union or isinstance(hint, type(int | None)):
        return any(_conforms(value, part) for part in parts)
    raise TypeError(f"{hint} is no type of the schema")


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)
