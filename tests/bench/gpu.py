"""All that is to be known on a machine with a GPU, in ten minutes: one table with the card's name.

    python tests/bench/gpu.py --json gpu.json
    python tests/bench/gpu.py --small --device cpu    # small shapes: that it works at all

The models are random Llamas of the shape of an 8B model in bfloat16, and a mixture of experts. A
part that fails says why and leaves the others alone; a part for which no time is left is named.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from experts import random_experts  # noqa: E402
from overhead import Numbers, bare, mexa, passes  # noqa: E402
from speed import data_folder, load_texts, random_llama, shown, trained_tokenizer  # noqa: E402


class Bench:
    """The parts of the measurement; each is a method that returns its numbers.

    Args:
        device: `cuda`, or `cpu` for a test.
        small: Small shapes and few sentences.
    """

    def __init__(self, device: str, *, small: bool) -> None:
        self.device, self.small = device, small
        self.dtype = "float32" if small else "bfloat16"
        self.n = 4 if small else 100
        self.texts = load_texts(self.n)[1]
        self._made: Any = None

    def model(self) -> tuple[Any, Any]:
        """The large model and its tokenizer, made once."""
        if self._made is None:
            shape = "2x512" if self.small else "8b"
            self._made = random_llama(shape, self.device, self.dtype), self.tokenizer()
        return self._made

    def tokenizer(self) -> Any:
        """A tokenizer of 8,000 tokens; of bytes in a test."""
        if not self.small:
            return trained_tokenizer()
        from models import byte_tokenizer

        return byte_tokenizer()

    def over_the_bare_pass(self) -> Numbers:
        """Aim: 1.05."""
        return passes(*self.model(), self.texts[1], rounds=1 if self.small else 7)

    def tokens_per_pass(self) -> Numbers:
        """Milliseconds of a thousand tokens in bare passes of so many: what `batches.cut` needs."""
        import torch

        from neuronxa_tasks.states.encoder import Encoder

        encode = Encoder(*self.model())
        found: Numbers = {}
        for size in (64, 128) if self.small else (64, 512, 1024, 2048, 4096, 8192, 16384):
            batch = [tuple(range(64))] * (size // 64)
            times = []
            with torch.inference_mode():
                for _ in range(3):
                    begin = self.clock()
                    bare(encode, batch)
                    times.append(self.clock() - begin)
            found[f"{size} tokens, ms per 1,000"] = 1e6 * min(times) / size
        return found

    def mexas_procedure(self) -> Numbers:
        """Aim: 20 times ours on a GPU."""
        return mexa(*self.model(), self.texts)

    def languages(self) -> Numbers:
        """203 languages x 100 sentences; aim: 60 s on an H100. Says of how many it is measured."""
        from neuronxa_tasks.alignment.covariates import k_occurrence
        from neuronxa_tasks.alignment.profile import profile_and_views
        from neuronxa_tasks.states.encoder import Encoder
        from neuronxa_tasks.text.corpora import corpus

        folder = data_folder()
        texts = corpus("mini" if folder is None else "flores")
        codes = [code for code in texts.codes if code != "eng_Latn"]
        encode = Encoder(*self.model(), batch_size=128)
        pivot = encode(self.texts[0])
        begin = self.clock()
        tokens = done = 0
        for code in codes[:3] if self.small else codes:
            target = encode(texts.load("eng_Latn", code, self.n, folder).target)
            profile_and_views(pivot, target, {}, [k_occurrence])
            tokens, done = tokens + sum(target.tokens), done + 1
            if self.clock() - begin > 150:
                break
        seconds = self.clock() - begin
        whole = seconds / done * len(codes)
        return {
            "languages": done,
            "s": seconds,
            "s for all": whole,
            "tokens per s": tokens / seconds,
        }

    def memory(self) -> Numbers:
        """Peak over the model itself beside what docs/performance.md says of the vectors."""
        import torch

        from neuronxa_tasks.alignment.profile import profile
        from neuronxa_tasks.states.encoder import Encoder

        if self.device == "cpu":
            return {"not measured": "the device does not count its memory"}
        model, tokenizer = self.model()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        encode = Encoder(model, tokenizer)
        pivot, target = map(encode, self.texts)
        profile(pivot, target)
        sizes = [each.numel() * 4 for each in (*pivot.nas, *pivot.nav, *pivot.hidden)]
        return {
            "peak over the model, MiB": (torch.cuda.max_memory_allocated() - before) / 2**20,
            "vectors of two languages by the formula, MiB": 2 * sum(sizes) / 2**20,
        }

    def little_memory(self) -> Numbers:
        """Batches of 256 sentences with memory for a few: they are halved, scores stay."""
        import torch

        from neuronxa_tasks.alignment.profile import profile
        from neuronxa_tasks.states.encoder import Encoder

        model, tokenizer = self.model()
        expected = Encoder(model, tokenizer, batch_size=4)(self.texts[1])
        encode = Encoder(model, tokenizer, batch_size=256)
        if self.device == "cpu":  # a hook says what the device would say
            forward = encode._forward

            def limited(batch: list[tuple[int, ...]]) -> Any:
                if len(batch) > 2:
                    raise torch.OutOfMemoryError("CUDA out of memory.")
                return forward(batch)

            encode._cut = lambda inputs: [min(encode.batch_size, len(inputs))] * len(inputs)  # type: ignore[method-assign]
            encode._forward = limited  # type: ignore[method-assign]
            found = encode(self.texts[1])
        else:
            torch.cuda.empty_cache()
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(
                (torch.cuda.memory_allocated() + 600 * 2**20) / total
            )
            try:
                found = encode(self.texts[1])
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0)
        return {
            "batch at the end": encode.batch_size,
            "NASCA of the two": profile(expected, found).scores["nasca"],
        }

    def mixture_of_experts(self) -> Numbers:
        """Aim: 1.10 over the bare pass."""
        self.free()
        shape = (2, 64, 32, 8, 2) if self.small else (24, 2048, 768, 128, 8)
        model = random_experts(shape, self.dtype, self.device)
        return passes(model, self.tokenizer(), self.texts[1], rounds=1 if self.small else 5)

    def equal_to_the_cpu(self) -> Numbers:
        """Hits of all layers in float32, here and on the CPU."""
        from neuronxa_tasks.alignment.profile import profile
        from neuronxa_tasks.states.encoder import Encoder

        self.free()
        tokenizer = self.tokenizer()
        model = random_llama("2x512" if self.small else "8x512", "cpu", "float32")
        here = profile(*map(Encoder(model, tokenizer), self.texts))
        there = profile(*map(Encoder(model.to(self.device), tokenizer), self.texts))
        names = ("nas", "nav", "hidden")
        other = sum(
            int((getattr(here, name).mutual != getattr(there, name).mutual).sum()) for name in names
        )
        layers = sum(len(getattr(here, name).mutual) for name in names)
        return {"layers": layers, "layers with other hit counts": other}

    def tests(self) -> Numbers:
        """The tests that are marked `gpu`."""
        if self.device == "cpu":
            return {"not run": "they need a GPU"}
        self.free()
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
        ended = subprocess.run(
            [*command, str(ROOT / "tests" / "unit"), str(ROOT / "tests" / "tiny")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return {"ended with": ended.returncode, "said": (ended.stdout.splitlines() or [""])[-1]}

    def free(self) -> None:
        """Let go of the large model."""
        self._made = None
        gc.collect()
        if self.device != "cpu":
            import torch

            torch.cuda.empty_cache()

    def clock(self) -> float:
        """Seconds of the clock when the device is done."""
        if self.device != "cpu":
            import torch

            torch.cuda.synchronize()
        return time.perf_counter()

    def parts(self) -> list[Callable[[], Numbers]]:
        """In the order in which they matter, those of the large model first."""
        return [
            self.over_the_bare_pass,
            self.tokens_per_pass,
            self.languages,
            self.memory,
            self.little_memory,
            self.mexas_procedure,
            self.mixture_of_experts,
            self.equal_to_the_cpu,
            self.tests,
        ]


def main(arguments: Sequence[str] | None = None) -> dict[str, Numbers]:
    """Measure all parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda (default), or cpu with --small")
    parser.add_argument("--small", action="store_true", help="small shapes")
    parser.add_argument("--minutes", type=float, default=9.5, help="no part starts after them")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args(arguments)
    import torch

    begin = time.monotonic()
    card = "CPU" if options.device == "cpu" else torch.cuda.get_device_name()
    print(f"| {card}, torch {torch.__version__} | |\n|---|---|", flush=True)
    bench = Bench(options.device, small=options.small)
    found: dict[str, Numbers] = {"card": {"name": card}}
    for part in bench.parts():
        name = part.__name__.replace("_", " ")
        if time.monotonic() - begin > 60 * options.minutes:
            found[name] = {"not measured": "no time left"}
        else:
            try:
                found[name] = part()
            except Exception as error:  # the other parts are to be seen all the same
                found[name] = {"failed": f"{type(error).__name__}: {error}"}
        for key, value in found[name].items():
            print(
                f"| {name}: {key} | {value if isinstance(value, str) else shown(value)} |",
                flush=True,
            )
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


if __name__ == "__main__":
    main()
