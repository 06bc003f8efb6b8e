"""Peak memory of a run with 4 and with 40 languages: it must not grow with their number.

Run it with `python tests/bench/memory.py`. Each run is a process of its own on the same random
Llama (8 layers x 512 x 1,408) and on texts of equal length, so that only the number of languages
differs. Beside the peaks stands what the vectors of the further languages would have added.
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
N = 100


def main() -> None:
    """Build model and texts, run both, print the table."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from models import byte_tokenizer, tiny_model

    from neuronxa_tasks.corpora import CORPORA

    codes = [code for code in CORPORA["flores"].codes if code != "eng_Latn"][: max(COUNTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_model(
            "llama",
            hidden_size=512,
            intermediate_size=1408,
            num_hidden_layers=8,
            num_attention_heads=8,
            num_key_value_heads=8,
            head_dim=64,
        ).save_pretrained(folder / "model")
        byte_tokenizer().save_pretrained(folder / "model")
        for seed, code in enumerate(["eng_Latn", *codes]):
            draw = random.Random(seed)
            lines = ["".join(draw.choices("abcdefgh ", k=60)).strip() or "a" for _ in range(N)]
            (folder / f"{code}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        per_language = (2 * 8 * 1408 + 9 * 512) * 4 * N / 2**20
        print(f"vectors of one language: {per_language:.1f} MiB")
        for count in COUNTS:
            tasks = ",".join(f"neuronxa_flores_{code}" for code in codes[:count])
            peak = json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--one", str(folder), tasks],
                    check=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                ).stdout.splitlines()[-1]
            )
            print(f"{count:3} languages: peak {peak:.0f} MiB")


def one(folder: str, tasks: str) -> None:
    """Run in this process and print its peak resident memory in MiB."""
    from neuronxa_tasks.cli import main as neuronxa

    neuronxa(
        [
            *("run", "--model", "hf-neuronxa", "--model_args", f"pretrained={folder}/model"),
            *("--tasks", tasks, "--metadata", json.dumps({"data_dir": folder})),
            *("--batch_size", "16", "--device", "cpu"),
        ]
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
