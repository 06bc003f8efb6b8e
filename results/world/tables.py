"""The tables of the experiment, from its folder: `python results/world/tables.py OUT > tables.md`.

What the commands of the package do not print: the dial beside the scores of every language, its
rank correlation with them, best layers beside best layers of untrained weights, and the spread over
seeds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.results import read_results
from neuronxa_tasks.statistics import correlation
from workshop import checkpoints, generate, knowledge, nli
from workshop.stream import PARTNER
from workshop.watch import WATCHED, watch

BENCHMARKS = [f"world_{b.name}" for b in generate.BENCHMARKS]
CHANCE = {f"world_{b.name}": 1 / b.options for b in generate.BENCHMARKS}
MAXIMA = [f"{score}_max" for score in SCORES]
FLOORS = [f"{score}_max_floor" for score in SCORES]
CENTRED = [f"{score}_centred" for score in SCORES]
"""The same scores when each language's mean vector is taken from its sentences."""
WELL = 0.4
"""Bilingual share from which a language counts as well bridged."""
DRAWS = 20
"""Other choices of sentences."""


def row(cells: Iterable[object]) -> None:
    """Print one row of a Markdown table."""
    print("|", " | ".join(str(cell) for cell in cells), "|")


def table(title: str, columns: Sequence[str]) -> None:
    """Print a title and the head of a Markdown table."""
    print(f"\n## {title}\n")
    row(columns)
    row("---" for _ in columns)


def number(value: float) -> str:
    """Two digits, or a dash for no number."""
    return "–" if pd.isna(value) else f"{value:.2f}"


def spread(found: Iterable[float]) -> str:
    """Mean, least and greatest."""
    numbers = list(found)
    return f"{number(sum(numbers) / len(numbers))} ({number(min(numbers))}–{number(max(numbers))})"


def training(folder: Path) -> dict[str, object]:
    """How a model was made."""
    made: dict[str, object] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return made


def dials(folder: Path) -> dict[str, float]:
    """The bilingual share of every language but English, as the model's log says."""
    made = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return {code: d["bilingual"] for code, d in made["dials"].items() if code != PARTNER}


def floors(source: Path) -> dict[str, dict[str, float]]:
    """Language -> best-layer rates of the same model with untrained weights, mean over seeds."""
    block = json.loads(source.read_text(encoding="utf-8"))["config"]["neuronxa"]["tasks"]
    return {
        task["target"]: {
            f"{score}_max_floor": float(
                np.mean([max(s[kind]["mutual"]) for s in task["controls"]["untrained"]]) / task["n"]
            )
            for score, kind in SCORES.items()
        }
        for task in block.values()
    }


def values(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """One row per language: dial, alignment metrics, floors, accuracies; in the dial's order."""
    scores = frame[frame["kind"] == "alignment"]
    accuracy = frame[(frame["kind"] == "benchmark") & (frame["metric"] == "acc")]
    wide = scores.pivot_table("value", "language", "metric")
    (source,) = scores["source"].unique()
    wide = wide.join(pd.DataFrame(floors(Path(source))).T)
    wide = wide.join(accuracy.pivot_table("value", "language", "benchmark"), how="outer")
    wide.insert(0, "dial", pd.Series(dials(folder)))
    ordered: pd.DataFrame = wide.sort_values("dial", ascending=False, kind="stable")
    return ordered


def each_language(name: str, wide: pd.DataFrame) -> None:
    """Dial, scores and accuracies of one model."""
    columns = [*SCORES, *MAXIMA, *FLOORS, *BENCHMARKS]
    table(f"{name}: each language", ["language", "bilingual share", *columns])
    for code, entry in wide.iterrows():
        row([code, number(entry["dial"]), *(number(entry[c]) for c in columns)])


def models(all_values: Mapping[str, pd.DataFrame]) -> None:
    """One row per model: means over languages, the well-bridged ones, and English."""
    columns = [*MAXIMA, *FLOORS, *SCORES, *CENTRED, *BENCHMARKS]
    table("Models: means over the 14 languages, English left out", ["model", *columns])
    for name, wide in all_values.items():
        mean = wide.drop(index=PARTNER)[columns].mean()
        row([name, *(number(mean[c]) for c in columns)])
    table(
        f"Languages with a bilingual share of {WELL} or more: mean, and least to greatest",
        ["model", "languages", "mexa_max", "nasca_max above its floor", *SCORES, *CENTRED],
    )
    for name, wide in all_values.items():
        well = wide[wide["dial"] >= WELL]
        above = well["nasca_max"] - well["nasca_max_floor"]
        means = (spread(well[column]) for column in (*SCORES, *CENTRED))
        row([name, len(well), spread(well["mexa_max"]), spread(above), *means])
    table("Models: English", ["model", *BENCHMARKS])
    for name, wide in all_values.items():
        row([name, *(number(float(wide[c][PARTNER])) for c in BENCHMARKS)])


def with_the_dial(all_values: Mapping[str, pd.DataFrame]) -> None:
    """Rank correlation of the bilingual share with scores and accuracies over languages."""
    columns = [*SCORES, *MAXIMA, *CENTRED, *BENCHMARKS]
    table("Spearman's rho of the bilingual share over languages", ["model", "n", *columns])
    for name, wide in all_values.items():
        rest = wide.drop(index=PARTNER)
        cells = []
        for column in columns:
            found = correlation(
                rest["dial"], rest[column], rng=np.random.default_rng(0), kind="spearman"
            )
            low, high = found.interval.low, found.interval.high
            cells.append("–" if np.isnan(found.r) else f"{found.r:.2f} [{low:.2f}, {high:.2f}]")
        row([name, len(rest), *cells])


def seeds(all_values: Mapping[str, pd.DataFrame], of: Sequence[str]) -> None:
    """The spread over seeds of one architecture, language by language."""
    columns = [*MAXIMA, "world_knowledge", "world_nli"]
    table(f"Spread over seeds ({', '.join(of)}): mean, and range", ["language", *columns])
    for code in all_values[of[0]].index:
        entries = [all_values[name].loc[code] for name in of]
        row([code, *(spread(float(entry[column]) for entry in entries) for column in columns)])
    together = pd.concat([all_values[name][columns] for name in of]).groupby(level=0)
    apart = (together.max() - together.min()).drop(index=PARTNER).mean()
    row(["greatest less least, mean", *(number(apart[column]) for column in columns)])


def other_sentences(folders: Mapping[str, Path]) -> None:
    """Best-layer MEXA of the well-bridged languages on other held-out sentences.

    Recipes were chosen by this number on the sentences of the corpus, which flatters it there.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    table(
        f"mexa_max, mean of the languages with a share of {WELL} or more, on {DRAWS} other choices "
        f"of {WATCHED} held-out sentences: mean, and least to greatest",
        ["model", "sentences of the corpus", "others"],
    )
    for name, folder in folders.items():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        well = [code for code, share in dials(folder).items() if share >= WELL]
        own, *others = (
            float(np.mean(list(watch(model, tokenizer, well, salt).values())))
            for salt in ("world text", *(f"other {i}" for i in range(DRAWS)))
        )
        row([name, number(own), spread(others)])


def independent(keys: Iterable[str]) -> int:
    """Different answers among items: who, does and what, whatever the number, place and time.

    A model answers the items about one fact alike, so that they count as one.
    """
    return len({(who, does, what) for who, _, _, does, what, *_ in map(str.split, keys)})


def above_chance(all_values: Mapping[str, pd.DataFrame]) -> None:
    """Knowledge and inference in other languages against chance, and what could be detected."""
    for module in (knowledge, nli):
        benchmark = f"world_{module.__name__.rpartition('.')[2]}"
        chance = CHANCE[benchmark]
        n = independent(item["key"] for item in module.items(PARTNER))
        # One-sided, Bonferroni over the languages; normal approximation.
        languages = len(next(iter(all_values.values()))) - 1
        least = chance + norm.isf(0.05 / languages) * (chance * (1 - chance) / n) ** 0.5
        table(
            f"{benchmark}: languages above chance, {chance:.2f}; an accuracy over {least:.2f} is, "
            f"with p < .05 / {languages} for {n} facts",
            ["model", "languages"],
        )
        for name, wide in all_values.items():
            rest = wide.drop(index=PARTNER)[benchmark].sort_values(ascending=False)
            over = [f"{code} {number(value)}" for code, value in rest.items() if value > least]
            row([name, ", ".join(over) or "none"])


def write(out: Path, folders: Mapping[str, Path]) -> None:
    """Print all tables, and write their numbers to `scores.csv`.

    Args:
        out: The folder of the experiment.
        folders: Name of each model to its checkpoint's folder.
    """
    all_values = {}
    for name, folder in folders.items():
        frame = read_results([out / "runs" / name]).frame
        all_values[name] = values(frame, folder)
    long = pd.concat(wide.assign(model=name) for name, wide in all_values.items()).reset_index()
    long.insert(0, "model", long.pop("model"))
    long.to_csv(out / "scores.csv", index=False, float_format="%.4f", lineterminator="\n")
    models(all_values)
    with_the_dial(all_values)
    above_chance(all_values)
    arch = {name: training(folder)["arch"] for name, folder in folders.items()}
    for kind in dict.fromkeys(arch.values()):
        same = [name for name in folders if arch[name] == kind]
        if len(same) > 1:
            seeds(all_values, same)
    other_sentences(folders)
    for name, wide in all_values.items():
        each_language(name, wide)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    found = sorted(p.name for p in (place / "runs").iterdir())
    write(place, {name: checkpoints.folder(name) for name in found})
