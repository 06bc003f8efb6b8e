"""How long scoring takes: against the bare forward pass, against MEXA's procedure, per stage.

Run it with `python tests/bench/speed.py`; `--json FILE` also writes the numbers. The text is
English and French of FLORES devtest where the data folder is there (NEURONXA_TEST_DATA, or
../shared/data beside the repository), otherwise the shipped mini text. The tokenizer is a
byte-level BPE of 8,000 tokens, trained on the four languages used, so that a sentence has about
as many tokens as under the tokenizers of large models. The models are random Llamas.

What is compared runs in turns, batch by batch, and a ratio is the median of the ratios of the
rounds, so that what else the machine does meets all alike. With one thread on a CPU the seconds are
those the processor spent on this process; with several, which wait for each other, and on an
accelerator they are those of the clock.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).parents[2]
VOCABULARY = 8000
SHAPES = {
    "2x512": {"num_hidden_layers": 2, "hidden_size": 512, "intermediate_size": 256},
    "8x512": {"num_hidden_layers": 8, "hidden_size": 512, "intermediate_size": 1408},
    "24x512": {"num_hidden_layers": 24, "hidden_size": 512, "intermediate_size": 1408},
    "8b": {"num_hidden_layers": 32, "hidden_size": 4096, "intermediate_size": 14336},
}
"""Layers x width (the first for tests), and the shape of an 8B model, for an accelerator."""
LANGUAGES = ("eng_Latn", "fra_Latn", "rus_Cyrl", "deu_Latn")
Numbers = dict[str, Any]


def main() -> None:
    """Measure what the options ask for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["8x512", "24x512"])
    parser.add_argument("-n", type=int, default=100, help="sentences (default: 100)")
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    parser.add_argument("--batch-size", type=int, default=32, help="at most (default: 32)")
    parser.add_argument("--device", default="cpu", help="of the models (default: cpu)")
    parser.add_argument("--dtype", default="float32", help="of the models (default: float32)")
    parser.add_argument("--skip", nargs="*", choices=["compare", "mexa", "stages"], default=[])
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import torch
    import transformers

    torch.set_num_threads(options.threads)
    found: Numbers = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors",
        "threads": options.threads,
        "device": options.device,
        "dtype": options.dtype,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "load before": os.getloadavg()[0],
        "n": options.n,
        "rounds": options.rounds,
    }
    name, texts = load_texts(options.n)
    found["text"] = name
    print(", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
    for shape in options.shapes:
        print(f"\nLlama {shape}", flush=True)
        model, tokenizer = random_llama(shape, options.device, options.dtype), trained_tokenizer()
        found[shape] = (
            {} if "compare" in options.skip else compare(model, tokenizer, texts, options)
        )
        if "stages" not in options.skip:
            found[shape]["stages"] = stages(model, tokenizer, options)
        del model
    found["load after"] = os.getloadavg()[0]
    print(f"\nload before {found['load before']:.1f}, after {found['load after']:.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def data_folder() -> Path | None:
    """The folder of FLORES devtest, if it is there."""
    given = os.environ.get("NEURONXA_TEST_DATA")
    folder = Path(given) if given else ROOT.parent / "shared" / "data"
    flores = folder / "flores200" / "devtest"
    return flores if flores.is_dir() else None


def load_texts(n: int) -> tuple[str, tuple[Sequence[str], Sequence[str]]]:
    """Name of the corpus, and English and French sentences."""
    from neuronxa_tasks.text.corpora import corpus

    flores = data_folder()
    corpus_name = "mini" if flores is None else "flores"
    pairs = corpus(corpus_name).load(*LANGUAGES[:2], n, flores)
    return corpus_name, (pairs.pivot, pairs.target)


def trained_tokenizer() -> Any:
    """A byte-level BPE of the languages used, with a start token as in Llama."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    from neuronxa_tasks.text.corpora import corpus

    flores = data_folder()
    texts = corpus("mini" if flores is None else "flores")
    lines: list[str] = []
    for code in LANGUAGES[1:]:
        pairs = texts.load(LANGUAGES[0], code, 100, flores)
        lines += [*pairs.pivot, *pairs.target]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")


def random_llama(shape: str, device: str, dtype: str) -> Any:
    """A random model of a shape."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        num_attention_heads=size["hidden_size"] // (64 if size["hidden_size"] < 4096 else 128),
        num_key_value_heads=8,
        max_position_embeddings=2048,
        **size,
    )
    torch.manual_seed(0)
    with torch.device(device):
        return LlamaForCausalLM(config).to(getattr(torch, dtype)).eval()


def compare(model: Any, tokenizer: Any, texts: Any, options: argparse.Namespace) -> Numbers:
    """Ratios to the bare forward pass and to MEXA's procedure."""
    import torch

    from neuronxa_tasks.alignment.profile import profile
    from neuronxa_tasks.states.batches import cut
    from neuronxa_tasks.states.encoder import Encoder

    pivot, target = texts
    encode = Encoder(model, tokenizer, batch_size=options.batch_size)
    decoder = model.get_decoder()
    sentences = sorted(target, key=lambda text: -len(tokenizer(text)["input_ids"]))
    lengths = [len(tokenizer(text)["input_ids"]) for text in sentences]
    batches, start, padded = [], 0, 0
    for size in cut(lengths, options.batch_size, options.device):
        batches.append(sentences[start : start + size])
        padded += size * lengths[start]
        start += size
    clock = timer(options.device, options.threads)

    def bare(batch: Sequence[str]) -> None:
        ids = [tokenizer(text)["input_ids"] for text in batch]
        rows = torch.tensor([[*row, *row[-1:] * (len(ids[0]) - len(row))] for row in ids])
        mask = torch.tensor([[i < len(row) for i in range(len(ids[0]))] for row in ids])
        with torch.inference_mode():
            decoder(
                input_ids=rows.to(model.device),
                attention_mask=mask.long().to(model.device),
                use_cache=False,
            )

    def timed(work: Callable[[], Any]) -> tuple[float, Any]:
        begin = clock()
        result = work()
        return clock() - begin, result

    ways: dict[str, Callable[[Sequence[str]], Any]] = {"bare": bare, "ours": encode}
    if "mexa" not in options.skip:
        ways["MEXA"] = lambda batch: [mexa_vectors(model, tokenizer, text) for text in batch]
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    scoring: dict[str, list[float]] = {"ours": [], "MEXA": []}
    vectors = encode(pivot), encode(sentences)
    for turn in range(options.rounds):
        sums = dict.fromkeys(ways, 0.0)
        theirs: list[list[Any]] = []
        order = [*ways][turn % len(ways) :] + [*ways][: turn % len(ways)]
        for batch in batches:
            for name in order:
                seconds, result = timed(partial(ways[name], batch))
                sums[name] += seconds
                if name == "MEXA":
                    theirs += result
        for name, seconds in sums.items():
            rounds[name].append(seconds)
        scoring["ours"].append(timed(partial(profile, *vectors))[0])
        if theirs:  # the sentences with themselves: as many cosines as with another language
            scoring["MEXA"].append(timed(partial(mexa_scores, theirs, theirs))[0])
    tokens = sum(lengths)
    found: Numbers = {
        "tokens": tokens,
        "batches": len(batches),
        "padding": 1 - tokens / padded,
        "bare s": statistics.median(rounds["bare"]),
        "ours s": statistics.median(rounds["ours"]),
        "ours, score s": statistics.median(scoring["ours"]),
        "tokens per s": tokens / statistics.median(rounds["ours"]),
        "ours / bare": ratio(rounds["ours"], rounds["bare"]),
        "score / ours": ratio(scoring["ours"], rounds["ours"]),
    }
    if scoring["MEXA"]:
        whole, published = (
            [a + b for a, b in zip(rounds[name], scoring[name], strict=True)]
            for name in ("ours", "MEXA")
        )
        found |= {
            "MEXA, forward s": statistics.median(rounds["MEXA"]),
            "MEXA, cosines s": statistics.median(scoring["MEXA"]),
            "MEXA / ours": ratio(published, whole),
        }
    for name, value in found.items():
        print(f"  {name:16} {shown(value)}", flush=True)
    return found


def timer(device: str, threads: int) -> Callable[[], float]:
    """A clock: the processor's time for this process, or the time when all threads are done."""
    import torch

    if device == "cpu":
        return time.process_time if threads == 1 else time.perf_counter

    def clock() -> float:
        torch.accelerator.synchronize()
        return time.perf_counter()

    return clock


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest of the ratios of the rounds."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def shown(value: Any) -> str:
    """Print form of a number or of a ratio."""
    if isinstance(value, dict):
        return f"{value['median']:.3f} ({value['min']:.3f} to {value['max']:.3f})"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def mexa_vectors(model: Any, tokenizer: Any, text: str) -> list[Any]:
    """MEXA's sentence vectors: one sentence, the whole model, all hidden states kept.

    After the description in arXiv 2410.05873, section 3: position-weighted means, in float16.
    """
    import torch

    encoded = tokenizer(text, return_tensors="pt").to(model.device)
    with torch.no_grad():
        states = model(**encoded, output_hidden_states=True).hidden_states
        weights = torch.arange(1, states[0].shape[1] + 1, device=model.device)
        means = [(state * weights[:, None]).sum(dim=1) / weights.sum() for state in states]
        return [mean.squeeze().to(torch.float16).cpu().numpy() for mean in means]


def mexa_scores(pivot: Sequence[list[Any]], target: Sequence[list[Any]]) -> list[float]:
    """MEXA's scores: n x n cosines per layer, one scalar after the other."""
    import numpy as np
    from naive import hits
    from scipy.spatial.distance import cosine

    n, scores = len(pivot), []
    for layer in range(len(pivot[0])):
        C = np.array(
            [
                [
                    1 - cosine(p[layer].astype(np.float64), t[layer].astype(np.float64))
                    for t in target
                ]
                for p in pivot
            ]
        )
        scores.append(hits(C.tolist()) / n)
    return scores


STAGES = {
    "load model": [("lm_eval/models/huggingface.py", "__init__")],
    "tokenise": [("neuronxa_tasks/states/encoder.py", "tokens")],
    "forward": [("neuronxa_tasks/states/encoder.py", "_forward")],
    "pool": [
        ("neuronxa_tasks/states/pooling.py", "pool"),
        ("neuronxa_tasks/states/pooling.py", "mean"),
    ],
    "score": [("neuronxa_tasks/alignment/profile.py", "profile_and_views")],
    "covariates": [("neuronxa_tasks/alignment/covariates.py", "covariates")],
    "text baselines": [("neuronxa_tasks/harness/blocks.py", "add_text_baselines")],
    "intervals": [("neuronxa_tasks/harness/blocks.py", "add_intervals")],
    "keep results": [("neuronxa_tasks/resume/kept.py", "keep_result")],
    "all that runs beside": [
        ("neuronxa_tasks/harness/compared.py", "result"),
        ("neuronxa_tasks/resume/kept.py", "keep_result"),
    ],
    "write": [
        ("lm_eval/loggers/evaluation_tracker.py", "save_results_aggregated"),
        ("lm_eval/loggers/evaluation_tracker.py", "save_results_samples"),
    ],
    "all of neuron_states": [("neuronxa_tasks/harness/model.py", "neuron_states")],
    "all of evaluate": [("lm_eval/evaluator.py", "evaluate")],
}
"""What is looked up in the profile of a run: file and function, with all that they call."""


def stages(model: Any, tokenizer: Any, options: argparse.Namespace) -> Numbers:
    """Shares of the time of a real run: three languages against English, samples logged.

    One after the other: what a run does beside the forward passes is a stage here as any other.
    """
    from neuronxa_tasks.alignment.surface import surface
    from neuronxa_tasks.cli import main as neuronxa
    from neuronxa_tasks.harness import scoring

    # The profiler sees one thread, so nothing is done beside the passes here.
    scoring.overlapped = lambda items, work: map(work, items)
    surface(["a b", "c d"], ["a", "c"])  # loads scikit-learn, which is no stage of a run
    flores = data_folder()
    corpus = "mini" if flores is None else "flores"
    tasks = ",".join(f"neuronxa_{corpus}_{code}" for code in LANGUAGES[1:])
    metadata = {"n": options.n} | ({} if flores is None else {"data_dir": str(flores)})
    clock = timer(options.device, options.threads)
    profiler = cProfile.Profile(clock)
    with tempfile.TemporaryDirectory() as name:
        model.save_pretrained(name)
        tokenizer.save_pretrained(name)
        arguments = f"pretrained={name},dtype={options.dtype}"
        command = ["run", "--model", "hf-neuronxa", "--model_args", arguments, "--tasks", tasks]
        command += ["--metadata", json.dumps(metadata), "--device", options.device]
        command += ["--batch_size", str(options.batch_size)]
        command += ["--output_path", f"{name}/out", "--log_samples"]
        begin = clock()
        profiler.enable()
        code = neuronxa(command)
        profiler.disable()
        total = clock() - begin
    if code:
        raise SystemExit(f"the run ended with code {code}")
    seconds = {
        stage: sum(
            # The longest of one name: a method may call the function that is named like it.
            max(
                (
                    entry.totaltime
                    for entry in profiler.getstats()
                    if isinstance(entry.code, CodeType)
                    and entry.code.co_name == called
                    and Path(entry.code.co_filename).as_posix().endswith(path)
                ),
                default=0.0,
            )
            for path, called in wanted
        )
        for stage, wanted in STAGES.items()
    }
    seconds["forward"] -= seconds["pool"]
    own = seconds["all of neuron_states"]
    found: Numbers = {"whole command s": total}
    print(f"  a run of 3 languages, whole command {total:.2f} s, of which")
    for stage, spent in seconds.items():
        found[stage] = {"s": spent, "of neuron_states": spent / own}
        print(f"    {stage:22} {spent:8.3f} s {spent / own:7.2%} of neuron_states", flush=True)
    return found


if __name__ == "__main__":
    main()
