"""Results files in the harness' form, with hit counts and accuracies that a test can choose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LAYERS = 3
REPRESENTATIONS = {"nas": "nasca", "nav": "navca", "hidden": "mexa"}
# Six languages with their XNLI codes; eight more without, for larger cells.
LANGUAGES = ("deu_Latn", "fra_Latn", "swh_Latn", "zho_Hans", "ell_Grek", "hin_Deva")
CODES = {
    "deu_Latn": "de", "fra_Latn": "fr", "swh_Latn": "sw", "zho_Hans": "zh", "ell_Grek": "el",
    "hin_Deva": "hi", "bul_Cyrl": "bg", "rus_Cyrl": "ru", "spa_Latn": "es", "tha_Thai": "th",
    "tur_Latn": "tr", "urd_Arab": "ur", "vie_Latn": "vi", "arb_Arab": "ar", "eng_Latn": "en",
}  # fmt: skip


def task_block(hits: Mapping[str, Sequence[int]], language: str, n: int, total: int) -> dict:
    """The NeuronXA block of one language; `hits` by representation."""
    return {
        "n": n,
        "corpus": "flores",
        "pivot": "eng_Latn",
        "target": language,
        "tap": "gate",
        "weights": "position",
        "source": {"kind": "test", "sha256": f"text of {language}"},
        "tokens": {
            "pivot": {"total": 1000, "truncated": 0},
            "target": {"total": total, "truncated": 0},
        },
        **{
            name: {direction: list(counts) for direction in ("mutual", "forward", "backward")}
            for name, counts in hits.items()
        },
    }


def results(
    model: str,
    hits: Mapping[str, Mapping[str, Sequence[int]]],
    accuracy: Mapping[str, Mapping[str, float]],
    *,
    n: int = 100,
    tokens: Mapping[str, int] | None = None,
    date: float = 1.7e9,
) -> dict[str, Any]:
    """One results file of harness 0.4.13.

    Args:
        model: its name.
        hits: language to representation to hits per layer.
        accuracy: benchmark to language to accuracy.
        n: sentence pairs.
        tokens: language to tokens; the pivot has 1000.
        date: when it was run.
    """
    table: dict[str, Any] = {}
    tasks: dict[str, Any] = {}
    for language, by_name in hits.items():
        task = f"neuronxa_flores_{language}"
        row: dict[str, Any] = {"alias": task}
        for name, metric in REPRESENTATIONS.items():
            rates = [count / n for count in by_name[name]]
            row[f"{metric},none"] = sum(rates) / len(rates)
            row[f"{metric}_stderr,none"] = 0.01
            row[f"{metric}_max,none"] = max(rates)
            row[f"{metric}_max_stderr,none"] = "N/A"
        table[task] = row
        tasks[task] = task_block(by_name, language, n, (tokens or {}).get(language, 1500))
    for benchmark, by_language in accuracy.items():
        for language, value in by_language.items():
            table[f"{benchmark}_{CODES[language]}"] = {
                "alias": benchmark,
                "acc,none": value,
                "acc_stderr,none": 0.01,
            }
    config: dict[str, Any] = {"model": "hf-neuronxa", "model_revision": "main"}
    if tasks:
        config["neuronxa"] = {
            "schema": 1,
            "model": {"fingerprint": f"weights of {model}"},
            "versions": {},
            "tasks": tasks,
        }
    return {
        "results": table,
        "config": config,
        "configs": {name: {"num_fewshot": 0} for name in table},
        "n-shot": dict.fromkeys(table, 0),
        "date": date,
        "model_name": model,
        "lm_eval_version": "0.4.13",
    }


def hits_of(rate: float, n: int = 100, spread: Sequence[float] = (0.6, 1.0, 0.8)) -> list[int]:
    """Hits per layer around a rate."""
    return [round(rate * share * n) for share in spread]


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
