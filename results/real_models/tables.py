"""The tables of the study, from its runs.

    python results/real_models/tables.py OUT/runs > tables.md

What the commands of the package do not print: all scores of a language beside each other, the mean
curve over layers, and the claims of the plan with what was found. A stage that is not there yet is
left out; a claim that needs it is said to be open.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr

from neuronxa_tasks.results import read_results
from neuronxa_tasks.text.languages import language

SCORES = ("nasca", "navca", "mexa")
COLUMNS = (
    *SCORES, "nasca_centred", "mexa_centred", "nasca_csls", "mexa_csls", "nasca_floor", "surface",
)  # fmt: skip
ACCURACIES = {"xnli": 1 / 3, "xstorycloze": 1 / 2, "xcopa": 1 / 2, "bmlama53": 0.2}
"""Benchmarks and their chance; that of BMLAMA-53 is the mean over the 100 facts of the stages."""


def row(cells: Iterable[object]) -> None:
    """Print one row of a Markdown table."""
    print("|", " | ".join(str(cell) for cell in cells), "|")


def table(title: str, columns: Sequence[str]) -> None:
    """Print a title and the head of a Markdown table."""
    print(f"\n## {title}\n")
    row(columns)
    row("---" for _ in columns)


def number(value: float) -> str:
    """Three digits, or a dash for no number."""
    return "–" if pd.isna(value) else f"{value:.3f}"


def wide(frame: pd.DataFrame) -> pd.DataFrame:
    """Languages of one model by metric; accuracies under the benchmark's name."""
    frame = frame.assign(
        column=frame.metric.where(
            frame.kind == "alignment",
            frame.benchmark + frame.metric.map({"acc": "", "acc_sum": " sum"}),
        )
    )
    wanted = frame[frame.column.notna() & ~frame.benchmark.str.contains("tatoeba")]
    return wanted.pivot(index="language", columns="column", values="value")


def languages(model: str, scores: pd.DataFrame) -> None:
    """All scores of every language that has an accuracy or a floor."""
    accuracies = [name for name in scores if str(name).split()[0] in ACCURACIES]
    shown = scores[scores.reindex(columns=[*accuracies, "nasca_floor"]).notna().any(axis=1)]
    columns = [name for name in COLUMNS if name in scores] + accuracies
    table(f"{model}: languages", ["language", *columns])
    for code, values in shown.iterrows():
        row([language(str(code)).name, *(number(values[name]) for name in columns)])
    row(["mean", *(number(shown[name].mean()) for name in columns)])
    row(["languages", *(int(shown[name].notna().sum()) for name in columns)])


def above_chance(frame: pd.DataFrame) -> None:
    """In how many languages an accuracy is clear of chance."""
    table(
        "Above chance by 1.96 standard errors",
        ["model", "benchmark", "metric", "languages", "clear"],
    )
    accuracies = frame[frame.metric.isin(["acc", "acc_sum"])]
    for (model, benchmark, metric), group in accuracies.groupby(["model", "benchmark", "metric"]):
        chance = ACCURACIES.get(str(benchmark))
        if chance is not None:
            clear = (group.value - 1.96 * group.stderr > chance).sum()
            row([model, benchmark, metric, len(group), int(clear)])


def curves(layers: pd.DataFrame) -> None:
    """Share of mutual hits, layer by layer: mean over the languages that all models have."""
    table("Layers: mean rate over common languages", ["model", "states", "languages", "rates"])
    models = layers.groupby("language").model.nunique()
    layers = layers[layers.language.map(models) == layers.model.nunique()]
    layers = layers[layers.direction == "mutual"]
    for (model, states), group in layers.groupby(["model", "representation"]):
        curve = group.groupby("layer").rate.mean()
        peak = curve.idxmax() / curve.index.max()
        count = group.language.nunique()
        rates = " ".join(f"{rate:.2f}" for rate in curve)
        row([model, f"{states}, peak at {peak:.0%} of the depth", count, rates])


def whole_corpus(model: str, scores: pd.DataFrame) -> None:
    """What stands out in the languages of FLORES of one model."""
    scores = scores[scores.nasca.notna()].sort_values("nasca", ascending=False)
    title = f"{model}: {len(scores)} languages of FLORES"
    table(title, ["what", "found"])
    row(["NASCA above MEXA", int((scores.nasca > scores.mexa).sum())])
    for least in (0.1, 0.2, 0.3, 0.5):
        row([f"NASCA above {least}", int((scores.nasca > least).sum())])
    row(["r of NASCA with surface", number(scores.nasca.corr(scores.surface))])
    named = [f"{language(code).name} {value:.3f}" for code, value in scores.nasca.items()]
    row(["highest", ", ".join(named[:10])])
    row(["lowest", ", ".join(named[-10:])])


def against_each_other(by_model: Mapping[str, pd.DataFrame]) -> None:
    """In how many common languages one model is above another, by each score."""
    columns = [*SCORES, "nasca_centred", "mexa_centred"]
    table("Models against each other", ["above", "other", "languages", *columns])
    for (one, ours), (other, theirs) in permutations(by_model.items(), 2):
        common = ours.index[ours.nasca.notna()].intersection(theirs.index[theirs.nasca.notna()])
        left, right = (each.reindex(index=common, columns=columns) for each in (ours, theirs))
        whole = (left.notna() & right.notna()).all()  # no count of some languages only
        more = (left > right).sum()
        row([one, other, len(common), *(more[name] if whole[name] else "–" for name in columns)])


def two_texts(frame: pd.DataFrame) -> None:
    """Do FLORES and Tatoeba put the languages of a model into the same order?"""
    of_text = {text: frame[frame.benchmark == f"neuronxa_{text}"] for text in ("flores", "tatoeba")}
    columns = ["model", "score", "languages", "mean FLORES", "mean Tatoeba", "Pearson", "Spearman"]
    table("FLORES and Tatoeba", columns)
    for model, score in product(of_text["tatoeba"].model.unique(), (*SCORES, "surface")):
        one, other = (
            each[(each.model == model) & (each.metric == score)].set_index("language").value
            for each in of_text.values()
        )
        both = pd.concat([one, other], axis=1, join="inner").to_numpy().T
        means = (number(float(each.mean())) for each in both)
        agree = (pearsonr(*both).statistic, spearmanr(*both).statistic)
        row([model, score, both.shape[1], *means, *map(number, agree)])


def minutes(folders: Iterable[Path]) -> None:
    """How long each stage took: its last start, and what that found on disk."""
    table("Time", ["stage", "minutes of the last start", "languages that were on disk by then"])
    for folder in folders:
        for file in sorted(folder.rglob("results_*.json")):
            facts = json.loads(file.read_text(encoding="utf-8"))
            spent = round(float(facts["total_evaluation_time_seconds"]) / 60)
            stage = file.relative_to(folder).parts[0]
            row([stage, spent, len(facts["config"]["neuronxa"]["kept"])])


def main(argv: Sequence[str]) -> None:
    """Print all tables."""
    results = read_results(
        [Path(each) for each in argv], duplicates="latest", mixed="separate",
        names={}, refuse_idle=False,
    )  # fmt: skip
    frame = results.frame.assign(
        model=results.frame.model.map(lambda name: Path(name).name),
        # Models have other limits, each its own: the plan has them.
        benchmark=results.frame.benchmark.str.partition(" [")[0],
    )
    layers = results.layers.assign(model=results.layers.model.map(lambda name: Path(name).name))
    by_model = {str(model): wide(group) for model, group in frame.groupby("model")}
    for model, scores in by_model.items():
        languages(model, scores)
    for model, scores in by_model.items():
        if scores.nasca.notna().sum() > 100:
            whole_corpus(model, scores)
    against_each_other(by_model)
    above_chance(frame)
    flores = layers[layers.benchmark.str.startswith("neuronxa_flores")]
    curves(flores[flores.representation.isin(["nas", "nav", "hidden"])])
    means = frame[frame.metric.isin(SCORES)].groupby(["model", "benchmark", "metric"]).value
    table("Means", ["model", "text", "score", "languages", "mean"])
    for (model, benchmark, metric), group in means:
        row([model, benchmark, metric, len(group), number(float(np.mean(group)))])
    two_texts(frame)
    minutes(map(Path, argv))


if __name__ == "__main__":
    main(sys.argv[1:])
