"""What reading neurons costs in a mixture of experts with random weights, against the bare decoder.

    python tests/bench/experts.py [--shape 4x1024x512x64x8] [--dtypes float32 bfloat16]

As `overhead.py`, whose ratios it prints. A shape is layers x width x neurons of an expert x experts
x experts of a token; the experts run as transformers chooses, `grouped_mm`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from overhead import line, passes  # noqa: E402
from speed import load_texts, trained_tokenizer  # noqa: E402


def random_experts(shape: tuple[int, ...], dtype: str, device: str = "cpu") -> Any:
    """A random Qwen3-MoE in evaluation mode.

    Args:
        shape: Layers, width, neurons of an expert, experts, experts of a token.
        dtype: Of the weights.
        device: Of the weights.
    """
    import torch
    from transformers import AutoModelForCausalLM, Qwen3MoeConfig

    layers, width, neurons, experts, chosen = shape
    config = Qwen3MoeConfig(
        vocab_size=8000,
        hidden_size=width,
        num_hidden_layers=layers,
        moe_intermediate_size=neurons,
        num_experts=experts,
        num_experts_per_tok=chosen,
        num_attention_heads=width // 32,
        num_key_value_heads=2,
        head_dim=32,
    )
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    return model.eval()


def main() -> None:
    """Measure what the options ask for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", default="4x1024x512x64x8", help="(default: 4x1024x512x64x8)")
    parser.add_argument("--dtypes", nargs="+", default=["float32"], help="(default: float32)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="(default: 1)")
    parser.add_argument("--device", default="cpu", help="(default: cpu)")
    parser.add_argument("-n", type=int, default=40, help="sentences (default: 40)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: 5)")
    options = parser.parse_args()
    import torch

    tokenizer, texts = trained_tokenizer(), load_texts(options.n)[1][1]
    for dtype in options.dtypes:
        model = random_experts(tuple(map(int, options.shape.split("x"))), dtype, options.device)
        for threads in options.threads:
            torch.set_num_threads(threads)
            numbers = {"experts": options.shape, "dtype": dtype, "threads": threads}
            print(line(numbers | passes(model, tokenizer, texts, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
