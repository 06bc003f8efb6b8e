"""Bits per byte: how well a model predicts a language's text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from neuronxa_tasks.statistics.sentences import ratio_interval


def bits_per_byte(
    sentences: Sequence[str], log_likelihood: Mapping[str, float]
) -> tuple[float, tuple[float, float] | None]:
    """Return the bits that a model needs for a byte of UTF-8 text, and the 95 % interval.

    The sum over the sentences of -log2 of their probability, over the sum of their bytes, as the
    harness' metric `bits_per_byte`. A sentence is drawn with its bits and its bytes.

    Args:
        sentences: n strings.
        log_likelihood: Sentence -> natural logarithm of its probability.
    """
    bits = [-log_likelihood[sentence] / math.log(2) for sentence in sentences]
    sizes = [float(len(sentence.encode("utf-8"))) for sentence in sentences]
    return math.fsum(bits) / math.fsum(sizes), ratio_interval(bits, sizes)
