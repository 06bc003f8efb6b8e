"""Print the tables of this folder from a run with --log_samples.

python results/controls/table.py FOLDER_OF_THE_RUN
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.results import read_rivals, read_samples
from neuronxa_tasks.statistics import expected_rate, score_interval

COLUMNS = (
    "surface",
    "token_overlap",
    *(
        f"{score}{ending}"
        for score in ("nasca", "mexa")
        for ending in ("", "_floor", "_above_floor")
    ),
    "nasca_shuffled",
)


def row(cells: Any) -> None:
    """Print one row."""
    print("|", " | ".join(cells), "|")


def interval(low: float, high: float) -> str:
    """Both ends as text."""
    return f"[{low:.3f}, {high:.3f}]"


def languages(results: dict[str, Any]) -> None:
    """One row per language: value and its interval."""
    row(["language", *(f"`{name}`" for name in COLUMNS)])
    row(["---"] * (len(COLUMNS) + 1))
    for task, block in results["config"]["neuronxa"]["tasks"].items():
        cells = []
        for name in COLUMNS:
            ends = block["intervals"][name]
            value = results["results"][task][f"{name},none"]
            cells.append(f"{value:.3f} {interval(*ends) if ends else '(no spread)'}")
        row([block["target"], *cells])


def group(files: list[Path]) -> None:
    """The mean over languages; the sentences are the same in all, so they are drawn together."""
    samples = [read_samples(file) for file in files]
    names = [name for name, value in samples[0][0].items() if isinstance(value, float)]
    row(["metric", "mean over languages", "95 % interval over sentences"])
    row(["---"] * 3)
    for name in names:
        values = [[sample[name] for sample in each] for each in samples]
        found = score_interval(values, rng=np.random.default_rng(0))
        row(
            [f"`{name}`", f"{found.score:.4f}", interval(found.bootstrap.low, found.bootstrap.high)]
        )


def smaller(files: list[Path]) -> None:
    """Expected scores at smaller n, mean over languages."""
    rivals = [read_rivals(file) for file in files]
    row(["n", "chance", *SCORES])
    row(["---"] * (2 + len(SCORES)))
    for m in (10, 20, 50, 75, 100):
        scores = [
            np.mean([expected_rate(each[name][2], m).mean() for each in rivals])
            for name in SCORES.values()
        ]
        row([str(m), f"{1 / (2 * m - 1):.4f}", *(f"{score:.4f}" for score in scores)])


def main(folder: str) -> None:
    """Read the only run below a folder and print three tables."""
    (file,) = Path(folder).rglob("results_*.json")
    files = sorted(Path(folder).rglob("samples_neuronxa_*.jsonl"))
    results = json.loads(file.read_text(encoding="utf-8"))
    languages(results)
    print()
    group(files)
    print()
    smaller(files)


if __name__ == "__main__":
    main(sys.argv[1])
