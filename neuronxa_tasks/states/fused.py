"""Sums over tokens in one walk through an activation on a CPU: kernels compiled by numba.

`pooling.pool` takes five calls of torch for a block, each of which reads or writes it, and
`pooling.mean` two. A kernel reads every number once and keeps its sums in the cache. It needs the
extra `fast`; without it, and where it would not pay, torch does the same. The two add in different
orders, so their sums differ in the last digits of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from neuronxa_tasks.states.layout import Layout
from neuronxa_tasks.states.pooling import Tokens

FEW = 1 << 15
"""Neurons of all layers below which a model is done before the kernel is compiled (one second)."""

FEW_THREADS = 4
"""Threads of torch up to which a walk pays: it has one itself, and torch's calls share theirs."""

WIDE = 4096
"""Neurons that are summed together: two sums of float32 for each stay in the first cache."""

_Kernel: TypeAlias = Callable[..., None]


def compiler(layout: Layout, device: torch.device) -> str:
    """Version of numba where the kernel is there and worth compiling for a model, else ""."""
    few = sum(each.width for each in layout.ffns) < FEW
    if device.type != "cpu" or few or torch.get_num_threads() > FEW_THREADS:
        return ""
    if find_spec("numba") is None:
        return ""
    import numba

    return "" if numba.config.DISABLE_JIT else version("numba")


def states_and_sizes(values: Tensor, tokens: Tokens) -> list[Tensor] | None:
    """What `pool` makes of `states` and `sizes`.

    Args:
        values: [B, T, F] or [B * T, F].
        tokens: On the CPU.

    Returns:
        NAS and NAV, each [B, F] float32; None where the kernel does not apply: the activation is
        not on the CPU, has gaps in memory, or is neither float32 nor bfloat16.
    """
    return _walk("states and sizes", 2, values, tokens)


def mean(values: Tensor, tokens: Tokens) -> Tensor | None:
    """What `pooling.mean` makes: [B, T, d] -> [B, d] float32; None as above."""
    sums = _walk("mean", 1, values, tokens)
    return None if sums is None else sums[0]


def _walk(what: str, count: int, values: Tensor, tokens: Tokens) -> list[Tensor] | None:
    if values.dtype not in _KINDS or values.device.type != "cpu" or not values.is_contiguous():
        return None
    shape = *tokens.weights.shape, values.shape[-1]
    # numpy has no bfloat16; its bits are the upper half of float32's.
    plain = values.view(torch.int16) if values.dtype == torch.bfloat16 else values
    sums = [torch.zeros(shape[0], shape[2]) for _ in range(count)]
    _kernels(_KINDS[values.dtype])[what](
        plain.detach().numpy().reshape(shape),
        tokens.weights.numpy(),
        *(each.numpy() for each in sums),
    )
    return sums


_KINDS = {torch.float32: "float32", torch.bfloat16: "int16"}
"""Dtypes that the kernels take, and what numpy calls their numbers."""


@cache
def _kernels(kind: str) -> dict[str, _Kernel]:
    """Compile what takes numbers of a kind; nothing is written to disk."""
    import numba

    compiled = partial(numba.njit, fastmath={"contract"}, nogil=True)
    sums = ", float32[:,::1]"
    of_bits = kind == "int16"

    @compiled
    def value(number: Any) -> Any:
        if of_bits:
            return np.uint32(np.uint32(number) << np.uint32(16)).view(np.float32)
        return number

    @compiled
    def add_states_and_sizes(row: Any, weight: Any, nas: Any, nav: Any) -> None:
        for f in range(len(row)):  # vectorised
            nav[f] += weight * abs(value(row[f]))
            nas[f] += weight if value(row[f]) > 0 else np.float32(0)

    @compiled
    def add(row: Any, weight: Any, total: Any) -> None:
        for f in range(len(row)):
            total[f] += weight * value(row[f])

    @compiled(f"void({kind}[:,:,::1]{3 * sums})")  # type: ignore[untyped-decorator]
    def states_and_sizes(values: Any, weights: Any, nas: Any, nav: Any) -> None:
        for b in range(values.shape[0]):
            for low in range(0, values.shape[2], WIDE):
                part = slice(low, min(low + WIDE, values.shape[2]))
                for t in range(values.shape[1]):
                    if weights[b, t] != 0:  # padding, which need not be finite
                        add_states_and_sizes(
                            values[b, t, part], weights[b, t], nas[b, part], nav[b, part]
                        )

    @compiled(f"void({kind}[:,:,::1]{2 * sums})")  # type: ignore[untyped-decorator]
    def mean(values: Any, weights: Any, total: Any) -> None:
        for b in range(values.shape[0]):
            for t in range(values.shape[1]):
                if weights[b, t] != 0:
                    add(values[b, t], weights[b, t], total[b])

    return {"states and sizes": states_and_sizes, "mean": mean}
