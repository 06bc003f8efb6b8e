"""Results folders with logged samples, made of hits that a test can choose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import correlate_data as data
import numpy as np
from numpy.typing import NDArray

DATE = "2026-01-02T03-04-05.678901"
Hits = NDArray[np.bool_]


def hits(seed: int, rate: float = 0.5, layers: int = 3, n: int = 40) -> Hits:
    """`[layers, n]` hits; sentences differ in their ease, as they do."""
    rng = np.random.default_rng(seed)
    ease = rng.uniform(0.0, 1.0, n)
    return np.asarray((0.7 * ease + 0.3 * rng.uniform(0.0, 1.0, (layers, n))) < rate)


def content(
    model: str, alignment: Mapping[str, Hits], answers: Mapping[str, Mapping[str, Hits]]
) -> dict[str, Any]:
    """The results file: scores of the three representations are those of the same hits."""
    n = len(next(iter(alignment.values()))[0]) if alignment else 100
    counts = {
        code: {name: found.sum(axis=1).tolist() for name in data.REPRESENTATIONS}
        for code, found in alignment.items()
    }
    accuracy = {
        benchmark: {code: float(right.mean()) for code, right in found.items()}
        for benchmark, found in answers.items()
    }
    made = data.results(model, counts, accuracy, n=n)
    made["n-samples"] = {}
    for benchmark, found in answers.items():
        for code, right in found.items():
            task = f"{benchmark}_{data.CODES[code]}"
            size = len(right)
            made["n-samples"][task] = {"original": size, "effective": size}
            made["results"][task]["acc_stderr,none"] = float(right.std(ddof=1) / size**0.5)
    return made


def write(
    folder: Path,
    model: str,
    alignment: Mapping[str, Hits],
    answers: Mapping[str, Mapping[str, Hits]] | None = None,
    *,
    samples: bool = True,
    made: dict[str, Any] | None = None,
) -> Path:
    """Writes a run; returns its folder."""
    answers = answers or {}
    made = content(model, alignment, answers) if made is None else made
    data.write(folder / f"results_{DATE}.json", made)
    if samples:
        for code, found in alignment.items():
            _write_samples(folder, f"neuronxa_flores_{code}", [_sentence(row) for row in found.T])
        for benchmark, languages in answers.items():
            for code, right in languages.items():
                task = f"{benchmark}_{data.CODES[code]}"
                _write_samples(folder, task, [{"acc": float(hit)} for hit in right])
    return folder


def _sentence(layers: Hits) -> dict[str, Any]:
    rivals = [int(not hit) for hit in layers]
    block = {"row": rivals, "column": rivals, "either": rivals}
    scores = dict.fromkeys(data.REPRESENTATIONS.values(), float(layers.mean()))
    return {**scores, **{f"{score}_max": block for score in scores}}


def _write_samples(folder: Path, task: str, items: list[dict[str, Any]]) -> None:
    lines = [
        json.dumps({"doc_id": i, "doc_hash": f"{task} {i}", "filter": "none", **item})
        for i, item in enumerate(items)
    ]
    data.write(folder / f"samples_{task}_{DATE}.jsonl", "\n".join(lines) + "\n")
