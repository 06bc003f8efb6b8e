"""Results files for reports: any number of models and languages, in the schema of a real run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from correlate_data import write

from neuronxa_tasks.text.languages import languages

SCORES = {"nasca": "nas", "navca": "nav", "mexa": "hidden"}
XSS = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{7*7}}</title></script><!--'


def codes(count: int) -> list[str]:
    """Keys of the first languages of FLORES-200 but the pivot."""
    return [row.code for row in languages() if row.flores and row.code != "eng_Latn"][:count]


def results_of(
    model: str,
    chosen: Sequence[str],
    rng: np.random.Generator,
    *,
    layers: int = 32,
    n: int = 100,
    level: float = 0.5,
    benchmarks: Sequence[str] = ("belebele",),
    pairs: bool = False,
    floor: bool = True,
) -> dict[str, Any]:
    """One results file: scores that follow from hit counts, floor, surface, intervals, accuracies.

    Args:
        model: name.
        chosen: language keys.
        rng: of the counts.
        layers: blocks of the model.
        n: sentence pairs.
        level: about the rate of the best layer in the best language.
        benchmarks: columns of the language table, such as `belebele`.
        pairs: add a matrix of all language pairs.
        floor: add the control with untrained weights.
    """
    table: dict[str, Any] = {}
    tasks: dict[str, Any] = {}
    by_code = {row.code: row for row in languages()}
    shape = np.sin(np.linspace(0.3, math.pi - 0.3, layers))
    for place, code in enumerate(chosen):
        task = f"neuronxa_flores_{code}"
        strength = level * (1 - 0.9 * place / max(1, len(chosen)))
        facts: dict[str, Any] = {
            "n": n,
            "corpus": "flores",
            "pivot": "eng_Latn",
            "target": code,
            "tap": "gate",
            "weights": "position",
            "source": {"kind": "test", "sha256": f"text of {code}"},
            "tokens": {
                "pivot": {"total": 2500, "truncated": 0},
                "target": {"total": int(2500 * (1 + 2 * place / len(chosen))), "truncated": 0},
            },
            "intervals": {},
        }
        row: dict[str, Any] = {"alias": task}

        def put(metric: str, value: float, row: Any = row, ends: Any = facts["intervals"]) -> None:
            row[f"{metric},none"] = value
            row[f"{metric}_stderr,none"] = 0.02
            ends[metric] = [max(-1.0, value - 0.04), min(1.0, value + 0.04)]

        for metric, name in SCORES.items():
            rates = np.clip(strength * shape + rng.normal(0, 0.02, layers), 0, 1)
            if name == "hidden":
                rates = np.concatenate([[0.05], rates])
            hits = np.rint(rates * n).astype(int).tolist()
            facts[name] = dict.fromkeys(("mutual", "forward", "backward"), hits)
            score = math.fsum(hit / n for hit in hits) / len(hits)
            put(metric, score)
            row[f"{metric}_max,none"] = max(hits) / n
            row[f"{metric}_max_stderr,none"] = "N/A"
            if floor:
                put(f"{metric}_floor", 0.012)
                put(f"{metric}_above_floor", score - 0.012)
        put("surface", round(float(rng.uniform(0, 0.15)), 2))
        put("token_overlap", round(float(rng.uniform(0, 0.1)), 2))
        table[task], tasks[task] = row, facts
        for benchmark in benchmarks:
            short = by_code[code].code_in(benchmark)
            if short:
                accuracy = 0.25 + 0.9 * strength + float(rng.normal(0, 0.03))
                table[f"{benchmark}_{short}"] = {
                    "alias": benchmark,
                    "acc,none": min(1.0, max(0.0, accuracy)),
                    "acc_stderr,none": 0.015,
                }
    block: dict[str, Any] = {
        "schema": 1,
        "model": {
            "fingerprint": f"weights of {model}",
            "class_name": "LlamaForCausalLM",
            "dtype": "bfloat16",
            "device": "cuda:0",
            "layers": layers,
        },
        "versions": {"neuronxa-tasks": "0.1.0", "lm_eval": "0.4.13"},
        "tasks": tasks,
    }
    if pairs:
        block["pairs"] = [_matrix(chosen, rng, layers, n)]
    return {
        "results": table,
        "config": {"model": "hf-neuronxa", "model_revision": "main", "neuronxa": block},
        "configs": {name: {"num_fewshot": 0} for name in table},
        "n-shot": dict.fromkeys(table, 0),
        "date": 1.75e9,
        "model_name": model,
        "lm_eval_version": "0.4.13",
    }


def _matrix(chosen: Sequence[str], rng: np.random.Generator, layers: int, n: int) -> dict[str, Any]:
    """A matrix of language pairs, lower triangles of hits."""
    block: dict[str, Any] = {
        "corpus": "flores",
        "n": n,
        "languages": list(chosen),
        "pivot": "eng_Latn",
        "tap": "gate",
        "weights": "position",
        "text": "text of all",
    }
    for name in SCORES.values():
        count = layers + (name == "hidden")
        best = [rng.integers(0, n + 1, size=i).tolist() for i in range(len(chosen))]
        block[name] = {
            "layers": count,
            "best": best,
            "sum": [[hit * count // 2 for hit in line] for line in best],
        }
    return block


def write_models(
    folder: Path, models: Sequence[str], languages_of_each: int, **options: Any
) -> list[Path]:
    """One results file per model, each weaker than the one before."""
    paths = []
    for place, model in enumerate(models):
        content = results_of(
            model,
            codes(languages_of_each),
            np.random.default_rng(place),
            level=0.8 - 0.5 * place / len(models),
            **options,
        )
        paths.append(write(folder / f"model-{place}" / "results_1.json", content))
    return paths
