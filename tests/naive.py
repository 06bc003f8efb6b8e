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
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Act = Callable[[Tensor], Tensor]


class States(NamedTuple):
    """One FFN for T tokens.

    Attributes:
        gate: Activations [T, F].
        inner: Activations [T, F].
        up: Output of the up projection [T, F]; None without a gate.
        margin: Smallest absolute value before an activation, or of a factor, as a share of the
            largest: how far the nearest neuron is from changing its state.
    """

    gate: Tensor
    inner: Tensor
    margin: float
    up: Tensor | None = None


def margin(*values: Tensor) -> float:
    return min(float(each.abs().min() / each.abs().max()) for each in values)


StatesOf = Callable[[Any, Tensor], States]
"""From a block and the input of its FFN, [T, d], to the activations."""


@dataclass(frozen=True)
class Recipe:
    """How the activations of the FFNs of a family follow from their input.

    Attributes:
        dense: Path from the block to a module that receives the FFN's input, and the formula.
        experts: Path to the routed experts, and the formula for one of them:
            (experts, number, x [d]) -> gate and inner, each [F_expert].
        shared: As `dense`, for the experts that see every token.
        blocks: Path from the base model to the blocks.
    """

    dense: tuple[str, StatesOf] | None = None
    experts: tuple[str, Callable[[Any, int, Tensor], States]] | None = None
    shared: tuple[str, StatesOf] | None = None
    blocks: str = "layers"


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_erf(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0)


def relu2(x: Tensor) -> Tensor:
    return torch.where(x > 0, x**2, 0)


def linear(x: Tensor, module: Any) -> Tensor:
    product = x @ module.weight.T
    return product if module.bias is None else product + module.bias


def gated(act: Act, at: str = "mlp", scale: float = 1.0) -> tuple[str, StatesOf]:
    def states(block: Any, x: Tensor) -> States:
        ffn = block.get_submodule(at)
        before, up = scale * linear(x, ffn.gate_proj), linear(x, ffn.up_proj)
        gate = act(before)
        return States(gate, gate * up, margin(before, up), up)

    return f"{at}.up_proj", states


def fused(act: Act, path: str = "mlp.gate_up_proj") -> tuple[str, StatesOf]:
    """First half of one matrix is the gate, second half up."""

    def states(block: Any, x: Tensor) -> States:
        both = linear(x, block.get_submodule(path))
        half = both.shape[-1] // 2
        gate = act(both[:, :half])
        return States(gate, gate * both[:, half:], margin(both), both[:, half:])

    return path, states


def plain(act: Act, path: str = "mlp.up_proj") -> tuple[str, StatesOf]:
    def states(block: Any, x: Tensor) -> States:
        before = linear(x, block.get_submodule(path))
        gate = act(before)
        return States(gate, gate, margin(before))

    return path, states


def conv1d(act: Act, path: str = "mlp.c_fc") -> tuple[str, StatesOf]:
    """GPT-2 keeps its weight as [in, out]."""

    def states(block: Any, x: Tensor) -> States:
        module = block.get_submodule(path)
        before = x @ module.weight + module.bias
        gate = act(before)
        return States(gate, gate, margin(before))

    return path, states


def xielu(block: Any, x: Tensor) -> States:
    """arXiv 2411.13010, equation 12, with its learned alphas."""
    act = block.mlp.act_fn
    a_p = torch.log1p(torch.exp(act.alpha_p))
    a_n = 0.5 + torch.log1p(torch.exp(act.alpha_n))
    x = linear(x, block.mlp.up_proj)
    negative = a_n * (torch.expm1(torch.clamp(x, max=-1e-6)) - x) + 0.5 * x
    gate = torch.where(x > 0, a_p * x**2 + 0.5 * x, negative)
    return States(gate, gate, margin(gate))


def silu_expert(experts: Any, number: int, x: Tensor) -> States:
    both = experts.gate_up_proj[number] @ x
    half = len(both) // 2
    gate = silu(both[:half])
    return States(gate, gate * both[half:], margin(both), both[half:])


def relu2_expert(experts: Any, number: int, x: Tensor) -> States:
    before = experts.up_proj[number] @ x
    gate = relu2(before)
    return States(gate, gate, margin(before))


def gpt_oss_expert(experts: Any, number: int, x: Tensor) -> States:
    """Clamped SwiGLU of gpt-oss: gate and up alternate, alpha 1.702, limit 7."""
    both = x @ experts.gate_up_proj[number] + experts.gate_up_proj_bias[number]
    gate, up = both[0::2], both[1::2]
    gate = torch.minimum(gate, torch.tensor(7.0))
    swish = gate / (1 + torch.exp(-1.702 * gate))
    factor = torch.clamp(up, -7.0, 7.0) + 1
    return States(swish, swish * factor, margin(gate, up, factor), up)


def moe(shared: str | None = None) -> Recipe:
    return Recipe(
        dense=gated(silu),
        experts=("mlp.experts", silu_expert),
        shared=None if shared is None else gated(silu, at=shared),
    )


USUAL = Recipe(gated(silu))
"""LLaMA's FFN, and that of every family without a recipe of its own."""
_FUSED = Recipe(fused(silu))
_GELU_TANH = Recipe(gated(gelu_tanh))
_RELU2 = Recipe(plain(relu2))
_FEED_FORWARD = Recipe(gated(silu, at="feed_forward"))
_GRANITE_SHARED = fused(silu, "shared_mlp.input_linear")
_GRANITE_EXPERTS = ("block_sparse_moe.experts", silu_expert)

RECIPES: dict[str, Recipe] = {
    "afmoe": moe("mlp.shared_experts"),
    "apertus": Recipe(("mlp.up_proj", xielu)),
    "arcee": _RELU2,
    "bamba": _FEED_FORWARD,
    "biogpt": Recipe(plain(gelu_erf, "fc1")),
    "bloom": Recipe(plain(gelu_tanh, "mlp.dense_h_to_4h"), blocks="h"),
    "codegen": Recipe(plain(gelu_tanh, "mlp.fc_in"), blocks="h"),
    "cohere2_moe": moe(),
    "deepseek_v2": moe("mlp.shared_experts"),
    "deepseek_v3": moe("mlp.shared_experts"),
    "dots1": moe("mlp.shared_experts"),
    "ernie4_5_moe": moe("mlp.shared_experts"),
    "exaone_moe": moe("mlp.shared_experts"),
    "falcon": Recipe(plain(gelu_erf, "mlp.dense_h_to_4h"), blocks="h"),
    "falcon_h1": Recipe(gated(silu, at="feed_forward", scale=0.7)),
    "flex_olmo": moe(),
    "gemma": _GELU_TANH,
    "gemma2": _GELU_TANH,
    "gemma3_text": _GELU_TANH,
    "glm": _FUSED,
    "glm4": _FUSED,
    "glm4_moe": moe("mlp.shared_experts"),
    "glm4_moe_lite": moe("mlp.shared_experts"),
    "glm4v_text": _FUSED,
    "gpt2": Recipe(conv1d(gelu_tanh), blocks="h"),
    "gpt_bigcode": Recipe(plain(gelu_tanh, "mlp.c_fc"), blocks="h"),
    "gpt_neo": Recipe(plain(gelu_tanh, "mlp.c_fc"), blocks="h"),
    "gpt_neox": Recipe(plain(gelu_erf, "mlp.dense_h_to_4h")),
    "gpt_neox_japanese": Recipe(plain(gelu_erf, "mlp.dense_h_to_4h")),
    "gpt_oss": Recipe(experts=("mlp.experts", gpt_oss_expert)),
    "gptj": Recipe(plain(gelu_tanh, "mlp.fc_in"), blocks="h"),
    "granitemoe": Recipe(experts=_GRANITE_EXPERTS),
    "granitemoe_swa": Recipe(experts=_GRANITE_EXPERTS),
    "granitemoehybrid": Recipe(experts=_GRANITE_EXPERTS, shared=_GRANITE_SHARED),
    "granitemoeshared": Recipe(experts=_GRANITE_EXPERTS, shared=_GRANITE_SHARED),
    "hunyuan_v1_moe": moe("mlp.shared_mlp"),
    "hy_v3": moe("mlp.shared_experts"),
    "jais2": _RELU2,
    "jamba": Recipe(gated(silu, at="feed_forward"), ("feed_forward.experts", silu_expert)),
    "kimi_linear": moe("mlp.shared_experts"),
    "laguna": moe("mlp.shared_experts"),
    "mellum": moe(),
    "mimo_v2_flash": moe(),
    "minimax": moe(),
    "minimax_m2": moe(),
    "mixtral": moe(),
    "mpt": Recipe(plain(gelu_erf, "ffn.up_proj"), blocks="blocks"),
    "nanochat": Recipe(plain(relu2, "mlp.fc1")),
    "nemotron": _RELU2,
    "nemotron_h": Recipe(
        plain(relu2, "mixer.up_proj"),
        ("mixer.experts", relu2_expert),
        plain(relu2, "mixer.shared_experts.up_proj"),
    ),
    "olmoe": moe(),
    "opt": Recipe(plain(relu, "fc1"), blocks="decoder.layers"),
    "persimmon": Recipe(plain(relu2, "mlp.dense_h_to_4h")),
    "phi": Recipe(plain(gelu_tanh, "mlp.fc1")),
    "phi3": _FUSED,
    "phimoe": moe(),
    "qwen2_moe": moe("mlp.shared_expert"),
    "qwen3_5_moe_text": moe("mlp.shared_expert"),
    "qwen3_moe": moe(),
    "qwen3_next": moe("mlp.shared_expert"),
    "recurrent_gemma": Recipe(gated(gelu_tanh, at="mlp_block")),
    "solar_open": moe("mlp.shared_experts"),
    "starcoder2": Recipe(plain(gelu_tanh, "mlp.c_fc")),
    "vaultgemma": _GELU_TANH,
    "xglm": Recipe(plain(gelu_erf, "fc1")),
}


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
    blocks = list(model.base_model.get_submodule(recipe.blocks))
    seen: dict[Any, tuple[Any, ...]] = {}
    handles = [
        module.register_forward_pre_hook(lambda module, args: seen.update({module: args}))
        for block in blocks
        for entry in (recipe.dense, recipe.experts, recipe.shared)
        if entry is not None and (module := find(block, entry[0])) is not None
    ]
    try:
        with torch.no_grad():
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            hidden = model(input_ids=ids, output_hidden_states=True).hidden_states
            states = [found for block in blocks if (found := ffn(recipe, block, seen)) is not None]
    finally:
        for handle in handles:
            handle.remove()
    return Sentence(
        gate=[each.gate.double().numpy() for each in states],
        inner=[each.inner.double().numpy() for each in states],
        hidden=[each[0].double().numpy() for each in hidden],
        margin=min(each.margin for each in states),
        up=[each.up.double().numpy() for each in states if each.up is not None],
    )


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
        of_experts = routed(experts, recipe.experts[1], *seen[experts])
        if recipe.shared is None or find(block, recipe.shared[0]) is None:
            return of_experts
        shared = of(recipe.shared)
        return States(
            torch.cat([of_experts.gate, shared.gate], 1),
            torch.cat([of_experts.inner, shared.inner], 1),
            min(of_experts.margin, shared.margin),
            None
            if of_experts.up is None or shared.up is None
            else torch.cat([of_experts.up, shared.up], 1),
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
