"""Log-likelihoods without the rounding of a half-precision softmax."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


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
