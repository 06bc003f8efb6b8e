"""Bits per byte: how well a model predicts a language's text. Needs the LM head."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lm_eval.api.instance import Instance

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.statistics.sentences import ratio_interval


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


def bits_per_byte(
    sentences: Sequence[str], log_likelihood: Mapping[str, float]
) -> tuple[float, tuple[float, float] | None]:
    """Return the bits that a model needs for a byte of UTF-8 text, and the 95 % interval.

    The sum over the sentences of -log2 of their probability, over the sum of their bytes, as the
    harness' metric `bits_per_byte`. A sentence is drawn with its bits and its bytes.

    Args:
        sentences: n strings.
        log_likelihood: See `log_likelihoods`.
    """
    bits = [-log_likelihood[sentence] / math.log(2) for sentence in sentences]
    sizes = [float(len(sentence.encode("utf-8"))) for sentence in sentences]
    return math.fsum(bits) / math.fsum(sizes), ratio_interval(bits, sizes)


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
