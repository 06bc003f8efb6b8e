"""Log-likelihoods of whole texts by the harness: their first token, and a softmax in float32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lm_eval.api.instance import Instance

from neuronxa_tasks.errors import NeuronXAError


@contextmanager
def float32_softmax(lm: Any) -> Iterator[None]:
    """Let `HFLM` take its log-softmax in float32, unless the user has chosen a dtype.

    In bfloat16 a log-probability has eight bits, and a sum of a dozen of them lies on a grid of
    0.25 or 0.5 nats. Weights and activations stay as they are.

    Args:
        lm: A model of the harness; one without `softmax_dtype` is left alone.
    """
    if getattr(lm, "softmax_dtype", torch.float32) is not None:
        yield
        return
    lm.softmax_dtype = torch.float32
    try:
        yield
    finally:
        lm.softmax_dtype = None


def check_prefix(lm: Any, what: str) -> None:
    """Refuse a tokenizer that has no token to put before a text.

    Args:
        lm: A loaded `HFLM`.
        what: What needs it, for the message.

    Raises:
        NeuronXAError: It has neither BOS nor EOS, and none was named.
    """
    if lm.prefix_token_id is None:
        raise NeuronXAError(
            f"The first token of a text has a probability only after another one, for which the "
            f"harness takes BOS or EOS, and the tokenizer of this model has neither. So {what} "
            "cannot be computed. Name a token with the model argument prefix_token_id=ID, or leave "
            "it out."
        )


def log_likelihoods(lm: Any, sentences: Iterable[str]) -> dict[str, float]:
    """Score each distinct sentence on its own with the harness' `loglikelihood_rolling`.

    Args:
        lm: A loaded `HFLM`.
        sentences: Not empty ones.

    Returns:
        Sentence -> natural logarithm of its probability, given the token that the harness puts
        before a text (BOS, or what stands for it).

    Raises:
        NeuronXAError: There is no such token.
    """
    check_prefix(lm, "the covariate bits_per_byte")
    distinct = sorted(set(sentences))
    requests = [
        Instance(request_type="loglikelihood_rolling", doc={}, arguments=(sentence,), idx=0)
        for sentence in distinct
    ]
    if not requests:
        return {}
    with _alone(lm):
        found = lm.loglikelihood_rolling(requests, disable_tqdm=True)
    return dict(zip(distinct, map(float, found), strict=True))


@contextmanager
def _alone(lm: Any) -> Iterator[None]:
    """Let the harness believe that this is the only process, and one without progress bars.

    It would wait for as many calls of every other process, which have other languages; and it
    shows a bar for every batch in process 0.
    """
    rank, world_size = lm._rank, lm._world_size
    lm._rank, lm._world_size = 1, 1
    try:
        yield
    finally:
        lm._rank, lm._world_size = rank, world_size
