"""Feed-forward networks as the papers and transformers' classes write them, token by token.

Without a line of the package. `recipes.py` says which family has which; `naive.py` runs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import torch
from torch import Tensor

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


def gated_by(act: Act, at: str, names: tuple[str, str]) -> tuple[str, StatesOf]:
    """Gated, with other names for the two matrices."""

    def states(block: Any, x: Tensor) -> States:
        ffn = block.get_submodule(at)
        before, up = (linear(x, ffn.get_submodule(name)) for name in names)
        gate = act(before)
        return States(gate, gate * up, margin(before, up), up)

    return f"{at}.{names[1]}", states


def limited(at: str) -> tuple[str, StatesOf]:
    """DeepSeek V4: SwiGLU of a gate below a limit and an up branch within it."""

    def states(block: Any, x: Tensor) -> States:
        ffn = block.get_submodule(at)
        before, up = linear(x, ffn.gate_proj), linear(x, ffn.up_proj)
        gate = silu(torch.minimum(before, torch.tensor(ffn.limit)))
        return States(gate, gate * torch.clamp(up, -ffn.limit, ffn.limit), margin(before, up), up)

    return f"{at}.up_proj", states


def minimax_m3(at: str) -> tuple[str, StatesOf]:
    """MiniMax M3: as gpt-oss, but gate and up one after the other."""

    def states(block: Any, x: Tensor) -> States:
        ffn = block.get_submodule(at)
        return limited_swish(linear(x, ffn.gate_up_proj), ffn.swiglu_alpha, ffn.swiglu_limit)

    return f"{at}.gate_up_proj", states


def limited_swish(both: Tensor, alpha: float, limit: float) -> States:
    half = both.shape[-1] // 2
    before, up = both[..., :half], both[..., half:]
    before = torch.minimum(before, torch.tensor(limit))
    gate = before / (1 + torch.exp(-alpha * before))
    factor = 1 + torch.clamp(up, -limit, limit)
    return States(gate, gate * factor, margin(before, up, factor), up)


def sparse_gelu(block: Any, x: Tensor) -> States:
    """Gemma 3n: of the gate only what is above a quantile of a normal distribution is left."""
    ffn = block.mlp
    before, up = linear(x, ffn.gate_proj), linear(x, ffn.up_proj)
    share = block.config.activation_sparsity_pattern[block.layer_idx]
    if share > 0:
        mean = before.mean(dim=-1, keepdim=True)
        spread = ((before - mean) ** 2).mean(dim=-1, keepdim=True).sqrt()
        before = before - (mean + spread * NormalDist().inv_cdf(share))
        gate = gelu_tanh(relu(before))
    else:
        gate = gelu_tanh(before)
    return States(gate, gate * up, margin(before, up), up)


def zamba2(block: Any, x: Tensor) -> States:
    """A matrix that several layers share, plus a low-rank one of the layer."""
    ffn = block.shared_transformer.feed_forward
    adapters = [each for each in ffn.gate_up_proj_adapter_list if len(list(each.parameters()))]
    own = block.mamba_decoder.layer_idx
    (number,) = [i for layer, i in ffn.layer_dic.items() if layer == own]
    first, second = ffn.gate_up_proj_adapter_list[number]
    assert ffn.gate_up_proj_adapter_list[number] in adapters
    both = linear(x, ffn.gate_up_proj) + linear(linear(x, first), second)
    half = both.shape[-1] // 2
    gate = gelu_erf(both[:, :half])
    return States(gate, gate * both[:, half:], margin(both), both[:, half:])


def expert_of(act: Act) -> Callable[[Any, int, Tensor], States]:
    """Gate and up one after the other in `gate_up_proj`, [out, in]."""

    def states(experts: Any, number: int, x: Tensor) -> States:
        both = experts.gate_up_proj[number] @ x
        half = len(both) // 2
        gate = act(both[:half])
        return States(gate, gate * both[half:], margin(both), both[half:])

    return states


def silu_expert_transposed(experts: Any, number: int, x: Tensor) -> States:
    both = x @ experts.gate_up_proj[number]
    half = len(both) // 2
    gate = silu(both[:half])
    return States(gate, gate * both[half:], margin(both), both[half:])


def limited_expert(name: str) -> Callable[[Any, int, Tensor], States]:
    """DeepSeek V4 and HY V4, which call the limit otherwise."""

    def states(experts: Any, number: int, x: Tensor) -> States:
        limit = getattr(experts, name)
        both = experts.gate_up_proj[number] @ x
        half = len(both) // 2
        gate = silu(torch.minimum(both[:half], torch.tensor(limit)))
        up = both[half:]
        return States(gate, gate * torch.clamp(up, -limit, limit), margin(both), up)

    return states


def minimax_m3_expert(experts: Any, number: int, x: Tensor) -> States:
    both = experts.gate_up_proj[number] @ x
    return limited_swish(both, experts.swiglu_alpha, experts.swiglu_limit)


def softcapped_expert(gate_cap: float, up_cap: float) -> Callable[[Any, int, Tensor], States]:
    """Inkling 2: both factors within a soft limit, the sigmoid without."""

    def cap(x: Tensor, limit: float) -> Tensor:
        return limit * torch.tanh(x / limit)

    def states(experts: Any, number: int, x: Tensor) -> States:
        both = experts.gate_up_proj[number] @ x
        half = len(both) // 2
        gate = cap(both[:half], gate_cap) / (1 + torch.exp(-both[:half]))
        return States(gate, gate * cap(both[half:], up_cap), margin(both), both[half:])

    return states


def all_experts(block: Any, x: Tensor) -> States:
    """Inkling: several shared experts, each for every token."""
    experts = block.mlp.shared_experts
    each = []
    for gate_proj, up_proj in zip(experts.gate_proj, experts.up_proj, strict=True):
        before, up = x @ gate_proj.T, x @ up_proj.T
        gate = silu(before)
        each.append(States(gate, gate * up, margin(before, up), up))
    return States(
        torch.cat([part.gate for part in each], 1),
        torch.cat([part.inner for part in each], 1),
        min(part.margin for part in each),
        torch.cat([part.up for part in each if part.up is not None], 1),
    )


def llama4(block: Any, x: Tensor) -> States:
    """Routed here as well: the weight of an expert multiplies its input."""
    ffn = block.feed_forward
    if not hasattr(ffn, "experts"):
        return gated(silu, at="feed_forward")[1](block, x)
    scores = x @ ffn.router.weight.T
    count, width = ffn.experts.down_proj.shape[:2]
    gates, inners, ups = torch.zeros(3, len(x), count, width)
    made = torch.zeros_like(x)
    nearest = 1.0
    for t, score in enumerate(scores):
        for number in score.argsort(descending=True)[: ffn.top_k].tolist():
            weighted = x[t] / (1 + torch.exp(-score[number]))
            one = silu_expert_transposed(ffn.experts, number, weighted)
            gates[t, number], inners[t, number], ups[t, number] = one.gate, one.inner, one.up
            nearest = min(nearest, one.margin)
            made[t] += one.inner @ ffn.experts.down_proj[number]
    shared = gated(silu, at="feed_forward.shared_expert")[1](block, x)
    made = made + shared.inner @ ffn.shared_expert.down_proj.weight.T
    torch.testing.assert_close(made, ffn(x)[0], rtol=1e-4, atol=1e-4)
    return States(
        torch.cat([gates.flatten(1), shared.gate], 1),
        torch.cat([inners.flatten(1), shared.inner], 1),
        min(nearest, shared.margin),
        torch.cat([ups.flatten(1), shared.up], 1),
    )


def jetmoe(block: Any, x: Tensor) -> States:
    """Routed here as well: a softmax over the scores of the chosen experts."""
    ffn = block.mlp
    into, out = ffn.input_linear.weight, ffn.output_linear.weight
    return routed_by(
        x,
        x @ ffn.router.layer.weight.T,
        ffn.router.top_k,
        lambda number, row: halves(into[number] @ row, silu),
        lambda number, inner: out[number] @ inner,
        ffn(x[None])[0] - ffn.bias,
    )


def dbrx(block: Any, x: Tensor) -> States:
    """Routed here as well: matrices of all experts in one, weights that sum to 1."""
    glu = block.ffn.experts.mlp
    w, v, down = (
        each.reshape(glu.moe_num_experts, glu.ffn_hidden_size, -1)
        for each in (glu.w1, glu.v1, glu.w2)
    )
    return routed_by(
        x,
        x @ block.ffn.router.layer.weight.T,
        block.ffn.top_k,
        lambda number, row: halves(torch.cat([w[number] @ row, v[number] @ row]), silu),
        lambda number, inner: inner @ down[number],
        block.ffn(x[None])[0],
    )


def halves(both: Tensor, act: Act) -> States:
    half = len(both) // 2
    gate = act(both[:half])
    return States(gate, gate * both[half:], margin(both), both[half:])


def routed_by(
    x: Tensor,
    scores: Tensor,
    top_k: int,
    formula: Callable[[int, Tensor], States],
    down: Callable[[int, Tensor], Tensor],
    expected: Tensor,
) -> States:
    """Experts by their scores, [T, experts], weighted by a softmax over those that are chosen."""
    width = formula(0, x[0]).gate.shape[0]
    gates, inners, ups = torch.zeros(3, *scores.shape, width)
    made = torch.zeros_like(x)
    nearest = 1.0
    for t, score in enumerate(scores):
        chosen = score.argsort(descending=True)[:top_k].tolist()
        total = sum(math.exp(score[number]) for number in chosen)
        for number in chosen:
            one = formula(number, x[t])
            gates[t, number], inners[t, number], ups[t, number] = one.gate, one.inner, one.up
            nearest = min(nearest, one.margin)
            made[t] += math.exp(score[number]) / total * down(number, one.inner)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)
    return States(gates.flatten(1), inners.flatten(1), nearest, ups.flatten(1))
