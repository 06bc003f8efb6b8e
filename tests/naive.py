"""NeuronXA and MEXA as the papers write them: slow, and without a line of the package.

One sentence at a time, no padding, no batch, no attention mask. FFN activations are recomputed
from the weights and the input of the FFN; hidden states are those that transformers returns. NAS
vectors are kept as whole numbers (their common factor 1 / sum(1..T) does not change a cosine), so
that their cosines are compared exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
States = tuple[Tensor, Tensor]
"""Activations of one FFN for T tokens: gate and inner, each [T, F]."""


@dataclass(frozen=True)
class Recipe:
    """How the activations of one FFN follow from its input.

    Attributes:
        entry: Path from the block to a module that receives the FFN's input.
        states: From block and input [T, d] to gate and inner.
        blocks: Path from the base model to the blocks.
    """

    entry: str
    states: Callable[[Any, Tensor], States]
    blocks: str = "layers"


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_erf(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0)


def linear(x: Tensor, module: Any) -> Tensor:
    product = x @ module.weight.T
    return product if module.bias is None else product + module.bias


def gated(act: Callable[[Tensor], Tensor]) -> Callable[[Any, Tensor], States]:
    def states(block: Any, x: Tensor) -> States:
        gate = act(linear(x, block.mlp.gate_proj))
        return gate, gate * linear(x, block.mlp.up_proj)

    return states


def fused(act: Callable[[Tensor], Tensor]) -> Callable[[Any, Tensor], States]:
    """First half of one matrix is the gate, second half up."""

    def states(block: Any, x: Tensor) -> States:
        both = linear(x, block.mlp.gate_up_proj)
        half = both.shape[-1] // 2
        gate = act(both[:, :half])
        return gate, gate * both[:, half:]

    return states


def plain(path: str, act: Callable[[Tensor], Tensor]) -> Callable[[Any, Tensor], States]:
    def states(block: Any, x: Tensor) -> States:
        gate = act(linear(x, block.get_submodule(path)))
        return gate, gate

    return states


def gpt2_states(block: Any, x: Tensor) -> States:
    gate = gelu_tanh(x @ block.mlp.c_fc.weight + block.mlp.c_fc.bias)  # weight is [in, out]
    return gate, gate


_GATED = Recipe("mlp.up_proj", gated(silu))
_FUSED = Recipe("mlp.gate_up_proj", fused(silu))

RECIPES: dict[str, Recipe] = {
    "bloom": Recipe("mlp.dense_h_to_4h", plain("mlp.dense_h_to_4h", gelu_tanh), "h"),
    "falcon": Recipe("mlp.dense_h_to_4h", plain("mlp.dense_h_to_4h", gelu_erf), "h"),
    "glm": _FUSED,
    "glm4": _FUSED,
    "gpt2": Recipe("mlp.c_fc", gpt2_states, "h"),
    "gpt_neox": Recipe("mlp.dense_h_to_4h", plain("mlp.dense_h_to_4h", gelu_erf)),
    "llama": _GATED,
    "mistral": _GATED,
    "olmo": _GATED,
    "olmo2": _GATED,
    "opt": Recipe("fc1", plain("fc1", relu), "decoder.layers"),
    "qwen2": _GATED,
    "qwen3": _GATED,
}


@dataclass(frozen=True)
class Sentence:
    """Everything about one sentence: per layer, arrays [T, F] and [T, d] in float64."""

    gate: list[Array]
    inner: list[Array]
    hidden: list[Array]


def read(model: Any, tokenizer: Any, text: str) -> Sentence:
    """Run one sentence through a model."""
    recipe = RECIPES[model.config.model_type]
    blocks = list(model.base_model.get_submodule(recipe.blocks))
    inputs: list[Tensor] = []
    handles = [
        block.get_submodule(recipe.entry).register_forward_pre_hook(
            lambda _, args: inputs.append(args[0].reshape(-1, args[0].shape[-1]))
        )
        for block in blocks
    ]
    try:
        with torch.no_grad():
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            hidden = model(input_ids=ids, output_hidden_states=True).hidden_states
            states = [recipe.states(block, x) for block, x in zip(blocks, inputs, strict=True)]
    finally:
        for handle in handles:
            handle.remove()
    return Sentence(
        gate=[gate.double().numpy() for gate, _ in states],
        inner=[inner.double().numpy() for _, inner in states],
        hidden=[each[0].double().numpy() for each in hidden],
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
