"""The compiled walk through an activation against the calls of torch that do the same.

    python tests/bench/pooling.py [--threads 1]

Milliseconds for NAS and NAV of one activation, lower quartile of the turns, and the largest
difference of the sums. Needs the extra `fast`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

SHAPES = ((8, 80, 1536), (8, 80, 4864), (4, 160, 14336))
"""Sentences, tokens and neurons: SmolLM2-135M, Qwen2.5-0.5B, Llama-3.1-8B."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    parser.add_argument("--turns", type=int, default=60, help="(default: 60)")
    options = parser.parse_args()
    import torch

    from neuronxa_tasks.states.encoder import token_weights
    from neuronxa_tasks.states.fused import states_and_sizes
    from neuronxa_tasks.states.pooling import pool, sizes, states, tokens_of

    torch.set_num_threads(options.threads)
    for batch, length, width in SHAPES:
        tokens = tokens_of(token_weights(torch.full((batch,), length), length, "position"))
        for dtype in (torch.float32, torch.bfloat16):
            values = torch.randn(batch, length, width).to(dtype)
            ways: tuple[Callable[[], Any], ...] = (
                partial(pool, values, tokens, [states, sizes]),
                partial(states_and_sizes, values, tokens),
            )
            torch_ms, kernel_ms = (quartile(way, options.turns) for way in ways)
            pairs = zip(*(way() for way in ways), strict=True)
            apart = max(float((one - other).abs().max()) for one, other in pairs)
            print(
                f"{batch} x {length} x {width}, {str(dtype).removeprefix('torch.')}: torch "
                f"{torch_ms:.3f} ms, kernel {kernel_ms:.3f} ms, largest difference {apart:.1e}"
            )


def quartile(run: Callable[[], Any], turns: int) -> float:
    """Milliseconds of a call, the lower quartile."""
    run()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[turns // 4]


if __name__ == "__main__":
    main()
