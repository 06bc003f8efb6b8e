"""Weighted sums over the tokens of what is made of an activation: its signs, its sizes.

An activation [B, T, F] is large: 80 MB for 16 sentences of 90 tokens and 14,336 neurons in float32.
Its signs as a whole would go to memory and come back, and so would its sizes. On a CPU the
activation is therefore walked through once, in blocks of a few sentences, or of a part of a long
one, that stay in the caches of the cores. On an accelerator, where every call costs, the block is
the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Make: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From values [..., F] and a float32 scratch of their shape to what is summed, in float32.

The values stay as they are; the result may be the scratch.
"""

BLOCK = 1 << 18
"""Numbers in a block, per thread, on a CPU: 1 MiB of float32. Smaller ones cost more calls than
they save of the way to memory. Measured, see docs/performance.md."""


def states(values: Tensor, scratch: Tensor) -> Tensor:
    """1 where a value is positive, else 0."""
    return torch.gt(values, 0, out=scratch)


def sizes(values: Tensor, scratch: Tensor) -> Tensor:
    """Absolute values."""
    if values.dtype == scratch.dtype:  # one walk
        return torch.abs(values, out=scratch)
    return scratch.copy_(values).abs_()


def top_decile(values: Tensor, scratch: Tensor) -> Tensor:
    """1 where a value is above the 0.9-quantile of its token's F values, else 0.

    The quantile is the smallest value that at least nine tenths of the F do not exceed (the
    inverted distribution function). So at most a tenth is 1; fewer where values tie with it.
    """
    exact = scratch.copy_(values)
    width = values.shape[-1]
    below = -(-9 * width // 10)  # rank of the quantile, from 1
    highest = exact.topk(width - below + 1, dim=-1, sorted=False).values
    return torch.gt(exact, highest.amin(dim=-1, keepdim=True), out=scratch)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a batch and what they count.

    Attributes:
        weights: [B, T] float32; each row sums to 1, padding has 0.
        spans: Per sentence its first token with weight and the one after the last.
    """

    weights: Tensor
    spans: tuple[tuple[int, int], ...]

    def to(self, device: torch.device) -> Tokens:
        """Return the same on another device."""
        return Tokens(self.weights.to(device), self.spans)

    def span(self, rows: slice) -> tuple[int, int]:
        """The tokens that some of these sentences have."""
        first, after = zip(*self.spans[rows], strict=True)
        return min(first), max(after)


def tokens_of(weights: Tensor) -> Tokens:
    """Find the spans of token weights, [B, T] float32 on the CPU."""
    counts = (weights != 0).int()
    first, after = counts.argmax(dim=1), weights.shape[1] - counts.flip(1).argmax(dim=1)
    return Tokens(weights, tuple(zip(first.tolist(), after.tolist(), strict=True)))


def pool(values: Tensor, tokens: Tokens, makes: Sequence[Make]) -> list[Tensor]:
    """For each of `makes`, sum over t of w[b, t] * make(values[b, t]).

    Args:
        values: [B, T, F] or [B * T, F], any float dtype.
        tokens: On the same device.
        makes: What is summed.

    Returns:
        For each of `makes` [B, F] float32.
    """
    weights = tokens.weights
    batch, length = weights.shape
    width = values.shape[-1]
    values = values.reshape(batch, length, width)  # OPT flattens batch and time
    if values.device.type != "cpu":
        scratch = torch.empty(values.shape, dtype=torch.float32, device=values.device)
        return [(weights.unsqueeze(1) @ make(values, scratch)).squeeze(1) for make in makes]
    most = BLOCK * torch.get_num_threads()
    together = max(1, most // (length * width))
    step = max(1, most // (together * width))
    size = max(width, min(most, values.numel()))
    scratch = torch.empty(size)
    exact = scratch if values.dtype == scratch.dtype else torch.empty(size)
    sums = [weights.new_empty(batch, 1, width) for _ in makes]
    for low in range(0, batch, together):
        rows = slice(low, low + together)
        first, after = tokens.span(rows)
        for start in range(first, after, step):
            columns = slice(start, min(start + step, after))
            block, share = values[rows, columns], weights[rows, None, columns]
            room = scratch[: block.numel()].view_as(block)
            if exact is not scratch:  # once for all makes
                block = exact[: block.numel()].view_as(block).copy_(block)
            for total, make in zip(sums, makes, strict=True):
                if start == first:
                    torch.bmm(share, make(block, room), out=total[rows])
                else:
                    total[rows].baddbmm_(share, make(block, room))
    return [total.squeeze(1) for total in sums]


def mean(values: Tensor, tokens: Tokens) -> Tensor:
    """Sum over t of w[b, t] * values[b, t]: [B, T, d] -> [B, d] float32."""
    values = values.reshape(*tokens.weights.shape, values.shape[-1])
    return torch.bmm(tokens.weights.unsqueeze(1), values.to(torch.float32)).squeeze(1)
