"""Passes in bfloat16 beside weights in float32: faster where the hardware has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def copy_in_bfloat16(model: PreTrainedModel) -> PreTrainedModel:
    """A copy for forward and backward passes.

    It computes attention step by step, since the fused backward pass of bfloat16 takes five times
    as long on processors.
    """
    import copy

    import torch

    worker = copy.deepcopy(model).to(dtype=torch.bfloat16)
    worker.set_attn_implementation("eager")
    return worker


def take_slopes(model: PreTrainedModel, worker: PreTrainedModel) -> None:
    """Move the gradients of the copy to the model, as float32."""
    for mine, its in zip(model.parameters(), worker.parameters(), strict=True):
        assert its.grad is not None  # every weight takes part in the loss
        mine.grad = its.grad.float()
        its.grad = None


def take_weights(worker: PreTrainedModel, model: PreTrainedModel) -> None:
    """Round the weights of the model into the copy."""
    import torch

    with torch.no_grad():
        for its, mine in zip(worker.parameters(), model.parameters(), strict=True):
            its.copy_(mine)
