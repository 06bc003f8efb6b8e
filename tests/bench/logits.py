"""Milliseconds per token of the decoder, of the whole model, and of a softmax over its logits.

    python tests/bench/logits.py FOLDER_OR_MODEL [--dtype bfloat16] [--threads 1]
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python tests/bench/logits.py ...

Benchmarks and bits per byte need the logits, [sentences, tokens, vocabulary]. With a large
vocabulary they are hundreds of megabytes, new in every pass, and the system hands them out page by
page. Run it with and without large pages to see what that costs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

SHAPES = ((16, 12), (16, 50), (4, 50))
"""Sentences and tokens of a pass."""


def main() -> None:
    """Measure what the options ask for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", help="folder of a model, or its name on the Hub")
    parser.add_argument("--dtype", default="bfloat16", help="(default: bfloat16)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    parser.add_argument("--rounds", type=int, default=4, help="the fastest counts (default: 4)")
    options = parser.parse_args()
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.dtype)
    model = AutoModelForCausalLM.from_pretrained(options.checkpoint, dtype=dtype).eval()
    vocabulary = model.get_input_embeddings().weight.shape[0]
    print(f"vocabulary {vocabulary}, {options.dtype}, threads {options.threads}")

    def fastest(run: Callable[[], Any], tokens: int) -> str:
        times = []
        for _ in range(options.rounds):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return f"{1000 * min(times) / tokens:.2f}"

    with torch.inference_mode():
        for shape in SHAPES:
            ids = torch.randint(5, min(30_000, vocabulary), shape)
            logits = model(ids).logits
            found = {
                "decoder": fastest(lambda ids=ids: model.base_model(ids), ids.numel()),
                "whole": fastest(lambda ids=ids: model(ids), ids.numel()),
                "softmax": fastest(
                    lambda logits=logits: torch.log_softmax(logits, -1, dtype=torch.float32),
                    ids.numel(),
                ),
            }
            print(f"{shape[0]} x {shape[1]}, ms per token: {found}", flush=True)


if __name__ == "__main__":
    main()
