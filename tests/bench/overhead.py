"""What reading neurons costs on a real checkpoint: our forward passes against the bare decoder.

    python tests/bench/overhead.py FOLDER_OR_MODEL ... --dtypes float32 bfloat16 --threads 1 2

Each batch that the encoder makes of the French sentences is first run through the bare decoder,
without a hook, then through ours, every second time the other way round. So both see the very same
tokens, and what else the machine does meets both alike. Ours is all that `Encoder` does beside:
tokens, hooks, sums, and putting the vectors in place. A ratio is the median over the rounds, once
of the seconds that the processor spent on this process, once of those of the clock. On a machine
that does something else the first is the one to read; with several threads it contains the
time in which one waits for the other.

    python tests/bench/overhead.py FOLDER_OR_MODEL --languages 9

measures instead what a language takes in a whole run, with all that follows its forward passes: a
run of nine languages less a run of one, over eight. Where the code makes results beside the next
passes, runs that do so and runs that do one after the other take turns. The script also runs with
older code, which has the second alone: put it and speed.py into that code's tests/bench.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from speed import data_folder, load_texts, mexa_scores, mexa_vectors, ratio, shown  # noqa: E402

Numbers = dict[str, Any]


def main() -> None:
    """Measure what the options ask for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoints", nargs="+", help="folders of models, or names on the Hub")
    parser.add_argument("-n", type=int, default=100, help="sentences (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: 5)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of torch (default: 1)")
    parser.add_argument("--dtypes", nargs="+", default=["float32"], help="(default: float32)")
    parser.add_argument("--device", default="cpu", help="of the models (default: cpu)")
    parser.add_argument("--batch-size", type=int, default=32, help="at most (default: 32)")
    parser.add_argument("--mexa", action="store_true", help="also MEXA's published procedure")
    parser.add_argument("--languages", type=int, help="instead: seconds per language of so many")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    corpus, (pivot, target) = load_texts(options.n)
    about = f"{len(target)} French sentences of {corpus}, rounds {options.rounds}"
    print(f"{about}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    found: list[Numbers] = []
    for checkpoint in options.checkpoints:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        for dtype in options.dtypes:
            model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=getattr(torch, dtype))
            model.to(options.device).eval()
            for threads in options.threads:
                torch.set_num_threads(threads)
                name = Path(checkpoint).name
                numbers: Numbers = {"model": name, "dtype": dtype, "threads": threads}
                if options.languages:
                    numbers |= languages(
                        model,
                        tokenizer,
                        options.languages,
                        options.n,
                        options.rounds,
                        options.batch_size,
                    )
                else:
                    numbers |= passes(model, tokenizer, target, options.rounds, options.batch_size)
                if options.mexa:
                    numbers |= mexa(model, tokenizer, (pivot, target), options.batch_size)
                found.append(numbers)
                print(line(numbers), flush=True)
            del model
            gc.collect()
    print(f"load {os.getloadavg()[0]:.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def line(numbers: Numbers) -> str:
    """One line for what was found."""
    shown_each = {k: v if isinstance(v, str) else shown(v) for k, v in numbers.items()}
    return ", ".join(f"{key} {value}" for key, value in shown_each.items())


def passes(
    model: Any, tokenizer: Any, sentences: Sequence[str], rounds: int, batch_size: int = 32
) -> Numbers:
    """Ratio of our forward passes to the bare ones on the same batches.

    Args:
        model: A causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        sentences: What is encoded in each round.
        rounds: How often; one more before them is not counted.
        batch_size: Sentences in a batch, at most.
    """
    from neuronxa_tasks.states.encoder import Encoder

    encode = Encoder(model, tokenizer, batch_size=batch_size)
    forward = encode._forward
    bare_s = [0.0, 0.0]
    turn = 0

    def both(batch: list[tuple[int, ...]]) -> Any:
        nonlocal turn
        turn += 1
        pooled = forward(batch) if turn % 2 else None
        begin = clocks(model)
        with silent(encode.layout.decoder):
            start = clocks(model)
            bare(encode, batch)
            now = clocks(model)
        for i in range(2):
            bare_s[i] += now[i] - start[i]
            aside[i] += now[i] - begin[i]
        return forward(batch) if pooled is None else pooled

    encode._forward = both  # type: ignore[method-assign]
    ratios: list[list[float]] = [[], []]
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds + 1):
        bare_s, aside = [0.0, 0.0], [0.0, 0.0]
        begin = clocks(model)
        vectors = encode(sentences)
        now = clocks(model)
        turn += 1  # the order of each batch changes from round to round
        for i in range(2):
            ratios[i].append((now[i] - begin[i] - aside[i]) / bare_s[i])
            seconds[i].append(bare_s[i])
    return {
        "tokens": sum(vectors.tokens),
        "bare s of the processor": statistics.median(seconds[0][1:]),
        "ratio of the processor's": ratio(ratios[0][1:], [1.0] * rounds),
        "ratio of the clock's": ratio(ratios[1][1:], [1.0] * rounds),
    }


def mexa(model: Any, tokenizer: Any, texts: Any, batch_size: int = 32) -> Numbers:
    """How many times longer MEXA's procedure takes for a language than ours, once."""
    from neuronxa_tasks.alignment.profile import profile
    from neuronxa_tasks.states.encoder import Encoder

    pivot, target = texts
    encode = Encoder(model, tokenizer, batch_size=batch_size)
    of_pivot = encode(pivot)
    begin = clocks(model)
    profile(of_pivot, encode(target))
    ours = clocks(model)[0] - begin[0]
    begin = clocks(model)
    # The sentences with themselves: as many cosines as with another language.
    theirs = list(map(partial(mexa_vectors, model, tokenizer), target))
    mexa_scores(theirs, theirs)
    return {"MEXA's procedure, times ours": (clocks(model)[0] - begin[0]) / ours}


def languages(
    model: Any, tokenizer: Any, count: int, n: int, rounds: int, batch_size: int = 32
) -> Numbers:
    """Seconds per language of a run, all that is said of it and its result on disk included.

    The runs of one language and of many have the start, the fingerprint and the pivot alike.

    Args:
        model: A causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        count: Languages of a run, at least 2.
        n: Sentences of each.
        rounds: How often; one more before them is not counted.
        batch_size: Sentences in a batch, at most.
    """
    from models import alignment_requests

    from neuronxa_tasks.harness import scoring
    from neuronxa_tasks.harness.model import NeuronXALM
    from neuronxa_tasks.text.corpora import corpus

    folder = data_folder()
    texts = corpus("mini" if folder is None else "flores")
    codes = [code for code in texts.codes if code != "eng_Latn"]
    chosen = codes[:: max(1, len(codes) // count)][:count]
    requests = []
    for code in chosen:
        pairs = texts.load("eng_Latn", code, n, folder)
        of_task = alignment_requests(pairs.pivot, pairs.target, task=code)
        of_task[0].arguments[2]["target"] = code  # the settings of the whole task
        requests.append(of_task)
    lm = NeuronXALM(
        pretrained=model, tokenizer=tokenizer, batch_size=batch_size, device=str(model.device)
    )
    ways: dict[str, Any] = {"one after the other": None}
    if hasattr(scoring, "overlapped"):
        ways = {"beside": scoring.overlapped, **ways}

    def run(some: Sequence[Any]) -> tuple[float, float]:
        begin = clocks(model)
        lm.neuron_states([request for of_task in some for request in of_task])
        now = clocks(model)
        return now[0] - begin[0], now[1] - begin[1]

    kept = {name: os.environ.get(name) for name in ("NEURONXA_RESUME", "NEURONXA_RESUME_DIR")}
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as scores:
        os.environ.update(NEURONXA_RESUME="refresh", NEURONXA_RESUME_DIR=scores)
        try:
            for turn in range(rounds + 1):
                for way in list(ways)[:: 1 if turn % 2 else -1]:
                    if len(ways) > 1:
                        scoring.overlapped = ways[way] or one_after_the_other
                    one, many = run(requests[:1]), run(requests)
                    seconds = [(b - a) / (len(chosen) - 1) for a, b in zip(one, many, strict=True)]
                    found[way].append((seconds[0], seconds[1]))
        finally:
            if len(ways) > 1:
                scoring.overlapped = ways["beside"]
            for name, value in kept.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    numbers: Numbers = {"languages": len(chosen), "sentences": n}
    for way, each in found.items():
        for place, of in enumerate(("processor", "clock")):
            middle = statistics.median(seconds[place] for seconds in each[1:])
            numbers[f"s per language of the {of}, {way}"] = middle
    if len(ways) > 1:
        by_way = [[seconds[1] for seconds in each[1:]] for each in found.values()]
        numbers["ratio of the clock's"] = ratio(*by_way)
    return numbers


def one_after_the_other(items: Any, work: Any) -> Iterator[Any]:
    """Do what `overlapped` does without another thread."""
    return map(work, items)


def bare(encode: Any, batch: Sequence[tuple[int, ...]]) -> None:
    """The decoder on the tokens of a batch, as `Encoder` calls it."""
    import torch

    longest = len(batch[0])
    ids = torch.tensor([[*row, *row[-1:] * (longest - len(row))] for row in batch])
    lengths = torch.tensor([len(row) for row in batch])
    mask = (torch.arange(longest) < lengths.unsqueeze(1)).long()
    encode.layout.decoder(
        input_ids=ids.to(encode.device), attention_mask=mask.to(encode.device), use_cache=False
    )


@contextlib.contextmanager
def silent(decoder: Any) -> Iterator[None]:
    """Take all hooks away for a while."""
    names = ("_forward_hooks", "_forward_pre_hooks")
    kept = [(module, name, getattr(module, name)) for module in decoder.modules() for name in names]
    for module, name, _ in kept:
        setattr(module, name, OrderedDict())
    try:
        yield
    finally:
        for module, name, hooks in kept:
            setattr(module, name, hooks)


def clocks(model: Any) -> tuple[float, float]:
    """Seconds of the processor and of the clock, when the device is done."""
    import torch

    if model.device.type != "cpu":
        torch.accelerator.synchronize()
        return time.perf_counter(), time.perf_counter()
    return time.process_time(), time.perf_counter()


if __name__ == "__main__":
    main()
