"""Peak memory of runs: it must not grow with the number of languages, but with n as documented.

Run it with `python tests/bench/memory.py`. Each run is a process of its own on the same random
Llama (8 layers x 512 x 1,408) and on texts of equal length, so that only the number of languages
or of sentences differs. Beside the peaks stands what the vectors of the further languages would
have added, and what the formula of docs/performance.md says of the further sentences: twice the
vectors of a language (pivot and target), and one layer being scored.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

COUNTS = (4, 40)
N, MORE = 100, 900
FFNS, WIDTH, STATES, SIZE = 8, 1408, 9, 512


def main() -> None:
    """Build model and texts, run both, print the table."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from models import byte_tokenizer, tiny_model

    from neuronxa_tasks.text.corpora import CORPORA

    codes = [code for code in CORPORA["flores"].codes if code != "eng_Latn"][: max(COUNTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_model(
            "llama",
            hidden_size=SIZE,
            intermediate_size=WIDTH,
            num_hidden_layers=FFNS,
            num_attention_heads=8,
            num_key_value_heads=8,
            head_dim=64,
        ).save_pretrained(folder / "model")
        byte_tokenizer().save_pretrained(folder / "model")
        for seed, code in enumerate(["eng_Latn", *codes]):
            draw = random.Random(seed)
            lines = ["".join(draw.choices("abcdefgh ", k=60)).strip() or "a" for _ in range(MORE)]
            (folder / f"{code}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        vectors = (2 * FFNS * WIDTH + STATES * SIZE) * 4 * N / 2**20
        print(f"vectors of one language, n = {N}: {vectors:.1f} MiB")
        few, many = (peak(folder, codes[:count], N) for count in COUNTS)
        kept = (COUNTS[1] - COUNTS[0]) * vectors
        print(f"{COUNTS[0]:3} languages, n = {N}: peak {few:.0f} MiB")
        print(f"{COUNTS[1]:3} languages, n = {N}: peak {many:.0f} MiB ({kept:.0f} MiB if kept)")
        larger = peak(folder, codes[: COUNTS[0]], MORE)
        told = 2 * vectors * (MORE - N) / N + scoring(MORE) - scoring(N)
        print(
            f"{COUNTS[0]:3} languages, n = {MORE}: peak {larger:.0f} MiB, {larger - few:.0f} more; "
            f"the formula says {told:.0f}"
        )


def scoring(n: int) -> float:
    """MiB that scoring a layer takes: both vectors and three matrices in float64."""
    return (16 * n * WIDTH + 24 * n * n) / 2**20


def peak(folder: Path, codes: list[str], n: int) -> float:
    """Peak resident memory of a run in MiB."""
    tasks = ",".join(f"neuronxa_flores_{code}" for code in codes)
    printed = subprocess.run(
        [sys.executable, __file__, "--one", str(folder), tasks, str(n)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ).stdout
    return float(printed.splitlines()[-1])


def one(folder: str, tasks: str, n: str) -> None:
    """Run in this process and print its peak resident memory in MiB."""
    from neuronxa_tasks.cli import main as neuronxa

    neuronxa(
        [
            *("run", "--model", "hf-neuronxa", "--model_args", f"pretrained={folder}/model"),
            *("--tasks", tasks, "--metadata", json.dumps({"data_dir": folder, "n": int(n)})),
            *("--batch_size", "16", "--device", "cpu"),
        ]
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
