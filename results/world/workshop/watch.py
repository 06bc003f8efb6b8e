"""The alignment that the training logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workshop import grammar, world

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WATCHED = 100
"""Held-out sentences."""


def watch(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    codes: Sequence[str],
    salt: str = "world text",
) -> dict[str, float]:
    """Alignment with English on held-out sentences, for the log: MEXA at its best layer.

    Position-weighted means of the hidden states of every layer; the share of sentences that are
    mutual nearest neighbours by cosine (Kargaran et al. 2025), the maximum over layers.
    The project's own scores come from `neuronxa_tasks.states.encoder`; this needs no hooks.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        codes: Languages; English is passed over.
        salt: Names the choice of sentences, see `world.selected`; by default those of the shipped
            corpus.

    Returns:
        For each language other than English a share in [0, 1].
    """
    import torch

    told = world.selected(WATCHED, salt)

    @torch.no_grad()
    def vectors(code: str) -> torch.Tensor:
        texts = [grammar.render(m, code) for m in told]
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
        batch = {k: v.to(model.device) for k, v in batch.items() if k != "token_type_ids"}
        states = model(**batch, output_hidden_states=True).hidden_states
        mask = batch["attention_mask"].float()
        weights = mask.cumsum(1) * mask
        weights = weights / weights.sum(1, keepdim=True)
        pooled = torch.stack([(s.float() * weights[..., None]).sum(1) for s in states])
        return torch.nn.functional.normalize(pooled, dim=-1)

    training = model.training
    model.eval()
    pivot = vectors("eng_Latn")
    scores = {}
    for code in codes:
        if code != "eng_Latn":
            cosine = pivot @ vectors(code).transpose(1, 2)
            true = torch.diagonal(cosine, dim1=1, dim2=2)
            rivals = (cosine >= true[:, :, None]).sum(2) + (cosine >= true[:, None, :]).sum(1)
            # The true pair itself is counted once in its row and once in its column.
            scores[code] = round(float((rivals == 2).float().mean(1).max()), 4)
    model.train(training)
    return scores
