"""What the measures cost beside the scores of a language, in seconds of the processor.

    python tests/bench/measures.py [--shape 8x512] [--model FOLDER] [--rounds 3]

On the model and text of `speed.py` (n = 100), or on a checkpoint. One thread. The score of a
language is its forward passes and the comparison; beside it stand each measure alone, less the
inner products that all of them share, and what counting active tokens adds to the forward passes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from speed import SHAPES, load_texts, random_llama, trained_tokenizer


def seconds(call: Callable[[], Any], rounds: int) -> float:
    """Median of several calls, in seconds of the processor."""
    found = []
    for _ in range(rounds):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return statistics.median(found)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="8x512")
    parser.add_argument("--model", help="folder of a checkpoint, instead of a random model")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    options = parser.parse_args()
    import torch

    from neuronxa_tasks.alignment.layer_pair import layer_pair
    from neuronxa_tasks.alignment.measuring import measure, measured
    from neuronxa_tasks.alignment.profile import profile
    from neuronxa_tasks.names import MEASURES
    from neuronxa_tasks.states.encoder import Encoder

    torch.set_num_threads(1)
    if options.model:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(options.model)
    else:
        model, tokenizer = random_llama(options.shape, "cpu", "float32"), trained_tokenizer()
    corpus, (english, french) = load_texts(100)
    plain, counting = (Encoder(model, tokenizer, counts=each) for each in (False, True))
    pivot, target = counting(english), counting(french)
    measured(MEASURES, pivot, target)  # loads what is loaded once

    def products() -> None:
        for name in ("nas", "nav", "hidden"):
            for pair in zip(getattr(pivot, name), getattr(target, name), strict=True):
                layer_pair(*pair)

    encode = seconds(lambda: plain(french), options.rounds)
    counted = seconds(lambda: counting(french), options.rounds)
    score = encode + seconds(lambda: profile(pivot, target), options.rounds)
    shared = seconds(products, options.rounds)
    called = options.model or options.shape
    print(
        f"{called}, {corpus}, n = 100: a language takes {score:.2f} s, {encode:.2f} s of it passes"
    )
    print("| what | ms | % of a language |\n|---|---|---|")
    rows = {"inner products, once for all": shared}
    for name in MEASURES:
        alone = seconds(lambda name=name: measured([name], pivot, target), options.rounds)
        of_three = len(measure(name).representations) / 3
        rows[f"`{name}`"] = alone - shared * of_three
    square = [name for name in MEASURES if name not in ("anc", "iou")]
    rows["all n x n ones with the products"] = seconds(
        lambda: measured(square, pivot, target), options.rounds
    )
    rows["counting active tokens (`iou`)"] = counted - encode
    for name, value in rows.items():
        print(f"| {name} | {1000 * value:.0f} | {value / score:.1%} |")


if __name__ == "__main__":
    main()
