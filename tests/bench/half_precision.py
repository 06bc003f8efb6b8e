"""How far scores move when a model is loaded in bfloat16 or float16 instead of float32.

Run it with `python tests/bench/half_precision.py`; it prints the table of docs/precision.md. Each
family is a tiny random model of its real class on the CPU, drawn with several seeds, and the text
is English and French: 100 sentences of FLORES devtest where the data folder is there
(NEURONXA_TEST_DATA, or ../shared/data beside the repository), otherwise the shipped mini text.
The last row is the shipped trained checkpoint on the text it was trained for, because random
weights score low, and what is low cannot fall far.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

FAMILIES = ("llama", "qwen3", "mistral", "glm4", "olmo2", "gpt2", "mixtral", "deepseek_v3")
HALVES = (torch.bfloat16, torch.float16)
METRICS = ("nasca", "navca", "mexa")
SEEDS = (0, 1, 2)
N = 100
PAIR = ("eng_Latn", "fra_Latn")
ROOT = Path(__file__).parents[2]

Text = tuple[Sequence[str], Sequence[str]]
Load = Callable[[torch.dtype], tuple[Any, Any]]
"""Gives a model in a dtype, and its tokenizer."""


def main() -> None:
    """Print where the text comes from, then the table."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    logging.disable(logging.WARNING)
    name, text = load_text()
    print(f"{N} sentence pairs {PAIR[0]}-{PAIR[1]} of {name}, seeds {', '.join(map(str, SEEDS))}")
    print()
    halves = [str(dtype).removeprefix("torch.") for dtype in HALVES]
    header = ["model", *(f"{metric.upper()} float32" for metric in METRICS)]
    header += [f"{metric.upper()} {half}" for half in halves for metric in METRICS]
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for family in FAMILIES:
        show(family, [random_model(family, seed) for seed in SEEDS], text)
    show("demo checkpoint, toy world", [trained_model], world_text())


def load_text() -> tuple[str, Text]:
    """Sentences of both languages, and a name for them."""
    from neuronxa_tasks.text.corpora import corpus

    given = os.environ.get("NEURONXA_TEST_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    flores = folder / "flores200" / "devtest"
    if flores.is_dir():
        name, pairs = "FLORES devtest", corpus("flores").load(*PAIR, N, flores)
    else:
        print(f"{flores} is not there; set NEURONXA_TEST_DATA to a folder with flores200/devtest.")
        name, pairs = "the shipped mini text", corpus("mini").load(*PAIR, N)
    return name, (pairs.pivot, pairs.target)


def world_text() -> Text:
    """Held-out sentences of the toy world."""
    from neuronxa_tasks.text.corpora import corpus

    pairs = corpus("world").load(*PAIR, N)
    return pairs.pivot, pairs.target


def random_model(family: str, seed: int) -> Load:
    """A random model, whose float32 weights are rounded to the dtype."""
    from models import byte_tokenizer, tiny_model

    return lambda dtype: (tiny_model(family, seed).to(dtype), byte_tokenizer(bos=True))


def trained_model(dtype: torch.dtype) -> tuple[Any, Any]:
    """The shipped checkpoint of the toy world."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from neuronxa_tasks.world import shipped

    folder = shipped.folder()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def show(name: str, models: Sequence[Load], text: Text) -> None:
    """Print mean scores in float32, then the largest differences of a model to its float32 self."""
    exact = [scores(load, torch.float32, text) for load in models]
    values = [sum(each[metric] for each in exact) / len(exact) for metric in METRICS]
    for dtype in HALVES:
        rounded = [scores(load, dtype, text) for load in models]
        values += [
            max(abs(one[metric] - other[metric]) for one, other in zip(rounded, exact, strict=True))
            for metric in METRICS
        ]
    print(f"| {name} | {' | '.join(f'{value:.3f}' for value in values)} |", flush=True)


def scores(load: Load, dtype: torch.dtype, text: Text) -> dict[str, float]:
    """Scores of a model in a dtype."""
    from neuronxa_tasks.alignment.profile import profile
    from neuronxa_tasks.states.encoder import Encoder

    encode = Encoder(*load(dtype))
    pivot, target = text
    return profile(encode(pivot), encode(target)).scores


if __name__ == "__main__":
    main()
