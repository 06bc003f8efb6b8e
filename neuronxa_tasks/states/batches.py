"""How sentences are cut into batches: padding weighed against the price of one more pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PASS_ON_CPU = 32
"""What a forward pass costs beside its tokens, in tokens. Measured, see docs/performance.md."""
PASS = 512
"""The same on an accelerator, where starting kernels takes long. An estimate, not measured."""
TOKENS_ON_CPU = 640
"""More tokens in a pass are no gain on a CPU: activations leave the cache. Measured likewise."""


def cut(lengths: Sequence[int], most: int, device: str = "cpu") -> list[int]:
    """Cut sentences into batches so that the time for all is least.

    A batch of b sentences, the longest of T tokens, takes the time of b * T tokens and a fixed
    number more. The best cut of sentences in order of length is found exactly, from the end.

    Args:
        lengths: Tokens per sentence, the longest first.
        most: Sentences in a batch, at most.
        device: Type of the device. On a CPU a batch of several sentences also has no more than
            `TOKENS_ON_CPU` tokens, padding included.

    Returns:
        Sentences in each batch; their sum is the number of lengths.
    """
    n, fixed = len(lengths), PASS_ON_CPU if device == "cpu" else PASS
    best = np.zeros(n + 1)  # time for the sentences from i on
    sizes = np.ones(n, dtype=np.int64)
    for i in reversed(range(n)):
        room = min(most, n - i)
        if device == "cpu":
            room = max(1, min(room, TOKENS_ON_CPU // lengths[i]))
        times = lengths[i] * np.arange(1, room + 1) + fixed + best[i + 1 : i + 1 + room]
        sizes[i] = room - int(times[::-1].argmin())  # of equal ones, the largest batch first
        best[i] = times[sizes[i] - 1]
    batches, start = [], 0
    while start < n:
        batches.append(int(sizes[start]))
        start += batches[-1]
    return batches
