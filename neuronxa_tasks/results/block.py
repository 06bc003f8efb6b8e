"""The NeuronXA block of a results file: checked, and turned into rows."""

from __future__ import annotations

import math
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.covariate_columns import covariate_columns
from neuronxa_tasks.results.files import LARGEST, Row, as_text, at, whole
from neuronxa_tasks.schema import READABLE

SCORES = {
    "nasca": "nas",
    "nasca_max": "nas",
    "navca": "nav",
    "navca_max": "nav",
    "mexa": "hidden",
    "mexa_max": "hidden",
}
"""Alignment metric -> representation."""

_REPRESENTATIONS = ("nas", "nav", "hidden")
_DIRECTIONS = ("mutual", "forward", "backward")


def alignment_tasks(block: object, path: str) -> dict[str, dict[str, Any]]:
    """The tasks of the block, checked."""
    if block is None:
        return {}
    if not isinstance(block, dict) or not isinstance(block.get("tasks"), dict):
        raise NeuronXAError(
            f"{path} has a damaged NeuronXA block (no `tasks`). Give the file as it was written."
        )
    if block.get("schema") not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise NeuronXAError(
            f"{path} has a NeuronXA block of schema {block.get('schema')!r}, but this version "
            f"reads {known}. Use the version of neuronxa-tasks that wrote it, or a newer one."
        )
    for task, facts in block["tasks"].items():
        problem = _problem(facts)
        if problem:
            raise NeuronXAError(
                f"{path} has a damaged NeuronXA block: {task} {problem}. "
                "Give the file as it was written."
            )
    return dict(block["tasks"])


def _problem(facts: object) -> str | None:
    if not isinstance(facts, dict):
        return "is no object"
    for key in ("n", "corpus", "pivot", "target", "tap", "weights", *_REPRESENTATIONS):
        if key not in facts:
            return f"has no `{key}`"
    for key in ("corpus", "pivot", "target", "tap", "weights"):
        if not isinstance(facts[key], str):
            return f"has {facts[key]!r} as its `{key}`"
    n = facts["n"]
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= LARGEST:
        return f"has n = {n!r}"
    for representation in _REPRESENTATIONS:
        lengths = set()
        for direction in _DIRECTIONS:
            counts = at(facts, representation, direction)
            if not isinstance(counts, list) or not counts:
                return f"has no counts in {representation}.{direction}"
            if not all(type(count) is int and 0 <= count <= n for count in counts):
                return f"has a count in {representation}.{direction} that is not in 0..{n}"
            lengths.add(len(counts))
        if len(lengths) > 1:
            return f"has different numbers of layers in {representation}"
    return None


def alignment_settings(facts: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for two alignment scores to be comparable."""
    settings = {key: facts[key] for key in ("n", "pivot", "tap", "weights")}
    return {**settings, "routed_nav": True} if facts.get("routed_nav") else settings


def check_score(metric: str, value: float, facts: dict[str, Any], task: str, path: str) -> None:
    """The scores must follow from the counts beside them."""
    if metric not in SCORES:
        return
    rates = [count / facts["n"] for count in facts[SCORES[metric]]["mutual"]]
    expected = max(rates) if metric.endswith("_max") else math.fsum(rates) / len(rates)
    if abs(expected - value) > 1e-6:
        raise NeuronXAError(
            f"{path}: {metric} of {task} is {value:.6g}, but its hit counts give {expected:.6g}, "
            "so one of the two was changed. Give the file as it was written."
        )


LAYER_COLUMNS = ("representation", "direction", "layer", "hits", "rate")


def layer_columns(facts: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Columns of a table with one row per representation, direction and layer.

    Kept as columns because there are hundreds of rows in each results file.
    """
    rows = [
        # Layer l is the block with number l, from 1; hidden states have the embeddings as 0.
        (
            representation,
            direction,
            position + (representation != "hidden"),
            count,
            count / facts["n"],
        )
        for representation in _REPRESENTATIONS
        for direction in _DIRECTIONS
        for position, count in enumerate(facts[representation][direction])
    ]
    return dict(zip(LAYER_COLUMNS, zip(*rows, strict=True), strict=True))


def token_rows(key: Row, facts: dict[str, Any]) -> list[Row]:
    """One row with the tokens per sentence, none where the block does not count them."""
    pivot = whole(at(facts, "tokens", "pivot", "total"))
    target = whole(at(facts, "tokens", "target", "total"))
    if pivot is None or target is None:
        return []
    return [
        {
            **key,
            "n": facts["n"],
            "pivot": facts["pivot"],
            "pivot_tokens": pivot / facts["n"],
            "target_tokens": target / facts["n"],
            "fertility": target / pivot if pivot > 0 else math.nan,
            "truncated": whole(at(facts, "tokens", "target", "truncated")) or 0,
            "text": as_text(at(facts, "source", "sha256")),
            **covariate_columns(facts),
        }
    ]
