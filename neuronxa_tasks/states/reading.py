"""Many small tensors of a device in one reading.

Each `.item()`, `.cpu()`, `.tolist()` or `bool()` of a tensor on an accelerator waits until all that
was asked of it is done. What is counted layer by layer is therefore brought over at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def fetch(tensors: Sequence[Tensor]) -> NDArray[Any]:
    """Stack tensors of one shape and dtype, wherever they are, in main memory.

    Args:
        tensors: L tensors [...], at least one; the layers of a model may be on several devices.

    Returns:
        [L, ...] of their dtype.
    """
    return fetch_all([tensors])[0]


def fetch_all(groups: Sequence[Sequence[Tensor]]) -> list[NDArray[Any]]:
    """Do what `fetch` does for several groups, and still read once.

    Args:
        groups: Each as for `fetch`, all of one dtype; shapes may differ between groups.

    Returns:
        For each group [L, ...].
    """
    device = groups[0][0].device
    stacked = [torch.stack([each.to(device) for each in group]) for group in groups]
    flat = torch.cat([each.flatten() for each in stacked]).cpu().numpy()
    ends = list(accumulate(each.numel() for each in stacked))
    return [
        part.reshape(each.shape)
        for part, each in zip(np.split(flat, ends[:-1]), stacked, strict=True)
    ]
