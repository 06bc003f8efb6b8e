"""NAS and NAV of an activation in one walk through it on a CPU: a kernel compiled by numba.

`pooling.pool` takes five calls of torch for a block, each of which reads or writes it. The kernel
reads every activation once and keeps both sums in the cache. It needs the extra `fast`; without
it, and where it would not pay, `pool` does the same. The two add in different orders, so their
sums differ in the last digits of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
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

WIDE = 4096
"""Neurons that are summed together: two sums of float32 for each stay in the first cache."""

_Kernel: TypeAlias = Callable[[Any, Any, Any, Any], None]


def compiler(layout: Layout, device: torch.device) -> str:
    """Version of numba where the kernel is there and worth compiling for a model, else ""."""
    few = sum(each.width for each in layout.ffns) < FEW
    if device.type != "cpu" or few or find_spec("numba") is None:
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
    if values.dtype not in _KINDS or values.device.type != "cpu" or not values.is_contiguous():
        return None
    batch, length = tokens.weights.shape
    # numpy has no bfloat16; its bits are the upper half of float32's.
    plain = values.view(torch.int16) if values.dtype == torch.bfloat16 else values
    nas, nav = (torch.zeros(batch, values.shape[-1]) for _ in range(2))
    _kernels()[_KINDS[values.dtype]](
        plain.detach().numpy().reshape(batch, length, values.shape[-1]),
        tokens.weights.numpy(),
        nas.numpy(),
        nav.numpy(),
    )
    return [nas, nav]


_KINDS = {torch.float32: "float32", torch.bfloat16: "int16"}
"""Dtypes that the kernels take, and what numpy calls their numbers."""


@cache
def _kernels() -> dict[str, _Kernel]:
    """Compile; nothing is written to disk."""
    import numba

    @numba.njit(fastmath={"contract"}, nogil=True)  # type: ignore[untyped-decorator]
    def add(row: Any, weight: Any, nas: Any, nav: Any) -> None:
        for f in range(len(row)):  # vectorised
            value = row[f]
            nav[f] += weight * abs(value)
            nas[f] += weight if value > 0 else np.float32(0)

    @numba.njit(fastmath={"contract"}, nogil=True)  # type: ignore[untyped-decorator]
    def add_half(row: Any, weight: Any, nas: Any, nav: Any) -> None:
        for f in range(len(row)):
            value = np.uint32(np.uint32(row[f]) << np.uint32(16)).view(np.float32)
            nav[f] += weight * abs(value)
            nas[f] += weight if value > 0 else np.float32(0)

    def walk(add: Any, of: str) -> _Kernel:
        @numba.njit(  # type: ignore[untyped-decorator]
            f"void({of}[:,:,::1], float32[:,::1], float32[:,::1], float32[:,::1])", nogil=True
        )
        def kernel(values: Any, weights: Any, nas: Any, nav: Any) -> None:
            for b in range(values.shape[0]):
                for low in range(0, values.shape[2], WIDE):
                    high = min(low + WIDE, values.shape[2])
                    for t in range(values.shape[1]):
                        if weights[b, t] != 0:  # padding, which need not be finite
                            add(
                                values[b, t, low:high],
                                weights[b, t],
                                nas[b, low:high],
                                nav[b, low:high],
                            )

        return kernel  # type: ignore[no-any-return]

    return {"float32": walk(add, "float32"), "int16": walk(add_half, "int16")}
