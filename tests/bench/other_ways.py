"""What the bare forward passes of a language cost in ways that the package does not go.

Run it with `python tests/bench/other_ways.py`. On the model and text of `speed.py`: batches cut by
length and padded, as the package makes them; sentences packed one after the other into rows of
so many tokens, without padding, with a block mask and position ids; and the padded batches
through `torch.compile`, which needs a C++ compiler. One thread, seconds of the processor.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from speed import load_texts, random_llama, trained_tokenizer

PACKS = (160, 320, 640)
Inputs = dict[str, Any]


def main() -> None:
    """Measure in turns and print medians and ratios to the padded batches."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often (default: 7)")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    decoder, tokenizer = random_llama("8x512", "cpu", "float32").get_decoder(), trained_tokenizer()
    ids = [tokenizer(text)["input_ids"] for text in load_texts(100)[1][1]]
    ids.sort(key=len, reverse=True)

    def passes(call: Any, inputs: Sequence[Inputs]) -> Callable[[], list[Any]]:
        def work() -> list[Any]:
            with torch.inference_mode():
                return [call(**each, use_cache=False)[0] for each in inputs]

        return work

    ways = {"padded": passes(decoder, padded(ids))}
    ways |= {f"packed {size}": passes(decoder, packed(ids, size)) for size in PACKS}
    alone = passes(decoder, [{"input_ids": torch.tensor([ids[0]])}])()[0][0]
    for name, way in ways.items():
        difference = (way()[0][0][: len(ids[0])] - alone).abs().max()
        assert difference < 1e-4, name  # the same numbers in another way
    if not options.no_compile:
        ways["compiled"] = passes(torch.compile(decoder, dynamic=True), padded(ids))
        started = time.perf_counter()
        ways["compiled"]()
        print(f"first compiled passes: {time.perf_counter() - started:.0f} s")
        ways["compiled"]()
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds):
        for name in [*ways][turn % len(ways) :] + [*ways][: turn % len(ways)]:
            started = time.process_time()
            ways[name]()
            rounds[name].append(time.process_time() - started)
    for name, seconds in rounds.items():
        ratios = [a / b for a, b in zip(seconds, rounds["padded"], strict=True)]
        print(f"{name:11} {statistics.median(seconds):.3f} s, {statistics.median(ratios):.3f}")


def padded(ids: Sequence[list[int]]) -> list[Inputs]:
    """Batches as the package makes them; ids in the order of length, the longest first."""
    import torch

    from neuronxa_tasks.states.batches import cut

    made, start = [], 0
    for size in cut([len(row) for row in ids], 32, "cpu"):
        batch = ids[start : start + size]
        start += size
        longest = len(batch[0])
        mask = torch.tensor([[i < len(row) for i in range(longest)] for row in batch])
        made.append(
            {
                "input_ids": torch.tensor([[*r, *r[-1:] * (longest - len(r))] for r in batch]),
                "attention_mask": mask,
            }
        )
    return made


def packed(ids: Sequence[list[int]], most: int) -> list[Inputs]:
    """Rows of whole sentences, each of which sees itself alone."""
    import torch

    packs: list[list[list[int]]] = [[]]
    for row in ids:
        if packs[-1] and sum(map(len, packs[-1])) + len(row) > most:
            packs.append([])
        packs[-1].append(row)
    made = []
    for pack in packs:
        of = torch.tensor([number for number, row in enumerate(pack) for _ in row])
        order = torch.arange(len(of))
        places = [place for row in pack for place in range(len(row))]
        made.append(
            {
                "input_ids": torch.tensor([[token for row in pack for token in row]]),
                "position_ids": torch.tensor([places]),
                "attention_mask": ((of[:, None] == of[None]) & (order[:, None] >= order[None]))[
                    None, None
                ],
            }
        )
    return made


if __name__ == "__main__":
    main()
