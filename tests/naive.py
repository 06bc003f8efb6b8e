"""NeuronXA and MEXA as the papers write them: slow, and without a line of the package.

One sentence at a time, no padding, no batch, no attention mask. FFN activations are recomputed
from the weights and the input of the FFN; hidden states are those that transformers returns. NAS
vectors are kept as whole numbers (their common factor 1 / sum(1..T) does not change a cosine), so
that their cosines are compared exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from formulas import States, StatesOf
from numpy.typing import NDArray
from recipes import RECIPES, USUAL, Recipe
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sentence:
    """Everything about one sentence: per layer, arrays [T, F] and [T, d] in float64."""

    gate: list[Array]
    inner: list[Array]
    hidden: list[Array]
    margin: float
    up: list[Array]


def read(model: Any, tokenizer: Any, text: str) -> Sentence:
    """Run one sentence through a model."""
    recipe = RECIPES.get(model.config.model_type, USUAL)
    blocks = [
        block
        for block in model.base_model.get_submodule(recipe.blocks)
        if recipe.idle is None or find(block, recipe.idle) is None
    ]
    entries = [each for each in (recipe.dense, recipe.experts, *recipe.shared) if each is not None]
    seen: dict[Any, tuple[Any, ...]] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda module, args, kwargs: seen.update({module: (*args, *kwargs.values())}),
            with_kwargs=True,
        )
        for block in blocks
        for entry in entries
        if (module := find(block, entry[0])) is not None
    ]
    try:
        with torch.no_grad():
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            hidden = list(model(input_ids=ids, output_hidden_states=True).hidden_states)
            states = [found for block in blocks if (found := ffn(recipe, block, seen)) is not None]
            for handle in handles:
                handle.remove()
            if recipe.own_last:
                hidden[-1] = model.get_decoder()(input_ids=ids).last_hidden_state
    finally:
        for handle in handles:
            handle.remove()
    return Sentence(
        gate=[each.gate.double().numpy() for each in states],
        inner=[each.inner.double().numpy() for each in states],
        hidden=[in_a_row(each, recipe.streams).double().numpy() for each in hidden],
        margin=min(each.margin for each in states),
        up=[each.up.double().numpy() for each in states if each.up is not None],
    )


def in_a_row(hidden: Tensor, streams: int | None) -> Tensor:
    """[1, T, d] to [T, d]; with streams, one more dimension, to [T, streams * d]."""
    if streams is None or hidden.ndim == 3:
        return hidden[0]
    each = [hidden.select(streams, i)[0] for i in range(hidden.shape[streams])]
    return torch.cat(each, dim=1)


def find(block: Any, path: str) -> Any:
    try:
        return block.get_submodule(path)
    except AttributeError:
        return None


def ffn(recipe: Recipe, block: Any, seen: dict[Any, tuple[Any, ...]]) -> States | None:
    """Activations of one block, None if it has no FFN."""

    def of(entry: tuple[str, StatesOf]) -> States:
        x = seen[find(block, entry[0])][0]
        return entry[1](block, x.reshape(-1, x.shape[-1]))

    if recipe.experts is not None and (experts := find(block, recipe.experts[0])) is not None:
        parts = [routed(experts, recipe.experts[1], *seen[experts])]
        parts += [of(each) for each in recipe.shared if find(block, each[0]) is not None]
        return States(
            torch.cat([each.gate for each in parts], 1),
            torch.cat([each.inner for each in parts], 1),
            min(each.margin for each in parts),
            None
            if any(each.up is None for each in parts)
            else torch.cat([each.up for each in parts if each.up is not None], 1),
        )
    if recipe.dense is None or find(block, recipe.dense[0]) is None:
        return None
    return of(recipe.dense)


def routed(experts: Any, formula: Any, x: Tensor, index: Tensor, shares: Tensor) -> States:
    """All experts' neurons, token by token; 0 where the token did not go.

    What the experts make of these activations must be what the model computed.
    """
    down = experts.down_proj
    transposed = down.shape[1] != x.shape[1]
    F = down.shape[1] if transposed or down.shape[1] == down.shape[2] else down.shape[2]
    gates, inners, ups = torch.zeros(3, len(x), len(down), F)
    up: Tensor | None = None
    made = torch.zeros_like(x)
    nearest = 1.0
    for t in range(len(x)):
        for number, share in zip(index[t].tolist(), shares[t], strict=True):
            if number >= len(down):  # LongCat: an expert that does nothing
                made[t] += share * x[t]
                continue
            gates[t, number], inner, distance, up = formula(experts, number, x[t])
            inners[t, number] = inner
            if up is not None:
                ups[t, number] = up
            nearest = min(nearest, distance)
            out = inner @ down[number] if transposed else down[number] @ inner
            if hasattr(experts, "down_proj_bias"):
                out = out + experts.down_proj_bias[number]
            made[t] += share * out
    torch.testing.assert_close(made, experts(x, index, shares), rtol=1e-4, atol=1e-4)
    return States(
        gates.flatten(1), inners.flatten(1), nearest, None if up is None else ups.flatten(1)
    )


def weights(length: int, kind: str) -> list[int]:
    """Token weights up to a common factor: t, 1, or only the last one."""
    if kind == "position":
        return list(range(1, length + 1))
    if kind == "uniform":
        return [1] * length
    return [0] * (length - 1) + [1]


def nas_counts(activation: Array, kind: str) -> NDArray[np.int64]:
    """Sum over t of w[t] * (a[t] > 0), whole numbers [F]."""
    total = np.zeros(activation.shape[1], dtype=np.int64)
    for w, a in zip(weights(len(activation), kind), activation, strict=True):
        total += w * (a > 0)
    return total


def top_tenth(activation: Array, widths: Sequence[int]) -> tuple[Array, float]:
    """Which neurons are above the 0.9-quantile of their network at their token.

    Args:
        activation: [T, F].
        widths: Neurons of each network of the layer; their sum is F.

    Returns:
        [T, F] of 0 and 1, and how far the nearest neuron is from changing, as a share of the
        largest activation.
    """
    active, nearest, start = np.zeros_like(activation), 1.0, 0
    for width in widths:
        for t, values in enumerate(activation[:, start : start + width]):
            ordered = sorted(values)
            rank = math.ceil(Fraction(9, 10) * width)
            quantile = ordered[rank - 1]
            for neuron, value in enumerate(values):
                active[t, start + neuron] = value > quantile
            above = [value - quantile for value in ordered if value > quantile]
            # A tie that rounding breaks would count as well, but for zeros, which are exact.
            same = sum(value == quantile for value in values)
            if above:
                nearest = min(nearest, above[0] / np.abs(activation).max())
            assert same == 1 or quantile == 0
        start += width
    return active, float(nearest)


def mean(values: Array, kind: str) -> Array:
    """Sum over t of w[t] * x[t], w normed to sum 1: [F]."""
    w = weights(len(values), kind)
    total = np.zeros(values.shape[1])
    for each, value in zip(w, values, strict=True):
        total += each / sum(w) * value
    return total


def cosines(pivot: Sequence[Array], target: Sequence[Array]) -> list[list[float]]:
    """Cosine of each pair in float64; 0 for a zero vector."""

    def cosine(a: Array, b: Array) -> float:
        lengths = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
        return float(a @ b) / lengths if lengths > 0 else 0.0

    return [[cosine(a, b) for b in target] for a in pivot]


def exact_cosines(
    pivot: Sequence[NDArray[np.int64]], target: Sequence[NDArray[np.int64]]
) -> list[list[Fraction]]:
    """Squared cosine of each pair of non-negative whole-number vectors, exactly."""

    def squared(a: NDArray[np.int64], b: NDArray[np.int64]) -> Fraction:
        lengths = int(a @ a) * int(b @ b)
        return Fraction(int(a @ b) ** 2, lengths) if lengths else Fraction(0)

    return [[squared(a, b) for b in target] for a in pivot]


def rivals(C: Sequence[Sequence[Any]]) -> list[list[int]]:
    """Rivals of each pair in the row, in the column, in either: three lists of n."""
    n = len(C)
    counts: list[list[int]] = [[], [], []]
    for i in range(n):
        row = {j for j in range(n) if j != i and not C[i][i] > C[i][j]}
        column = {j for j in range(n) if j != i and not C[i][i] > C[j][i]}
        for count, found in zip(counts, (row, column, row | column), strict=True):
            count.append(len(found))
    return counts


def hits(C: Sequence[Sequence[Any]]) -> int:
    """Pairs whose cosine is strictly greater than all else in their row and column."""
    n = len(C)
    return sum(
        all(C[i][i] > C[i][j] and C[i][i] > C[j][i] for j in range(n) if j != i) for i in range(n)
    )


def mexa_layers(pivot: Sequence[Sentence], target: Sequence[Sentence]) -> list[float]:
    """MEXA's published procedure (Kargaran et al. 2025, section 3): a score per hidden state."""
    scores = []
    for layer in range(len(pivot[0].hidden)):
        C = cosines(
            [mean(each.hidden[layer], "position") for each in pivot],
            [mean(each.hidden[layer], "position") for each in target],
        )
        scores.append(hits(C) / len(C))
    return scores
