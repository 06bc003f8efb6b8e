"""The loss of the training, a block of tokens at a time.

The usual way keeps the logits of all tokens, which here is most of the work: memory that is taken
and given back at every step. A block's logits stay in the processor's cache, and its gradient is
made at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BLOCK = 192
"""Tokens in a block."""


class _CrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of `hidden @ weight.T` against labels."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        n = len(labels)
        to_hidden, to_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        total = torch.zeros((), device=hidden.device)
        size = n if hidden.is_cuda else BLOCK
        for start in range(0, n, size):
            h, y = hidden[start : start + size], labels[start : start + size, None]
            logits = (h @ weight.T).float()
            logits -= logits.amax(1, keepdim=True)
            true = logits.gather(1, y)
            sums = logits.exp_().sum(1, keepdim=True)
            total += (sums.log() - true).sum()
            # The gradient of the mean: (softmax - one hot) / n.
            slope = logits.div_(sums * n)
            slope.scatter_add_(1, y, slope.new_full(y.shape, -1 / n))
            slope = slope.to(hidden.dtype)
            torch.mm(slope, weight, out=to_hidden[start : start + size])
            to_weight.addmm_(slope.T, h)
        ctx.save_for_backward(to_hidden, to_weight)
        return total / n

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        to_hidden, to_weight = ctx.saved_tensors
        return to_hidden * slopes[0], to_weight * slopes[0], None


def next_token_loss(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """Mean loss of every token but the first of each row, in nats.

    Equal to `model(input_ids=ids, labels=ids).loss` for models whose logits are the last hidden
    states times the output embeddings, as those of all rows of `models.ARCHITECTURES` are.

    Args:
        model: A causal language model.
        ids: Token ids, int64, shape [rows, length].
    """
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    weight = model.get_output_embeddings().weight
    loss: torch.Tensor = _CrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden.reshape(-1, hidden.shape[-1]), weight, ids[:, 1:].reshape(-1)
    )
    return loss
