"""Differences: of two correlations with one outcome, and of two scores on the same sentences."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks import statistics
from neuronxa_tasks.reports.correlate.sentences import COMPARED, Sentences
from neuronxa_tasks.reports.estimates import Record, Settings, ends, families_of
from neuronxa_tasks.reports.study import Study
from neuronxa_tasks.statistics.joint import joint_difference
from neuronxa_tasks.statistics.resampling import exchange_p
from neuronxa_tasks.statistics.sentences import joint_intervals, sentence_intervals

MEAN = "mean"
"""Stands for the language in the row of the mean over all languages that both sides have."""


def difference_records(study: Study, settings: Settings) -> Iterator[Record]:
    """Two scores against each other in each model, on the languages that have both."""
    for first, second in study.alternatives():
        outcome = first.y
        for model in first.models():
            codes = [c for c in first.languages(model) if c in second.x.values.get(model, {})]
            if not codes:
                continue
            found = statistics.compare_correlations(
                [outcome.values[model][code] for code in codes],
                [first.x.values[model][code] for code in codes],
                [second.x.values[model][code] for code in codes],
                rng=settings.stream(
                    "difference", model, outcome.label, first.x.label, second.x.label
                ),
                confidence=settings.confidence,
                n_permutations=settings.resamples,
            )
            yield {
                "model": model,
                "y": outcome.label,
                "x1": first.x.label,
                "x2": second.x.label,
                "n": found.n,
                "r1": found.r_first,
                "r2": found.r_second,
                "r12": found.r_between,
                "difference": found.difference,
                **ends(found.interval),
                "williams_t": found.williams.t,
                "williams_df": found.williams.df,
                "williams_p": found.williams.p,
                "exchange_p": found.permutation.p,
                "reason": found.reason or found.williams.reason,
            }


def difference_average_records(
    study: Study, differences: list[Record], settings: Settings
) -> Iterator[Record]:
    """Difference of the averages over models, for each pair of scores that two models have."""
    by_key: dict[tuple[str, str, str], list[Record]] = {}
    for record in differences:
        if not math.isnan(record["difference"]):
            key = (record["y"], record["x1"], record["x2"])
            by_key.setdefault(key, []).append(record)
    for first, second in study.alternatives():
        key = (first.y.label, first.x.label, second.x.label)
        records = by_key.get(key, [])
        if len(records) < 2:
            continue
        models = [record["model"] for record in records]
        codes = sorted({code for model in models for code in first.languages(model)})
        y, x1, x2 = (
            [[side.values[model].get(code, math.nan) for code in codes] for model in models]
            for side in (first.y, first.x, second.x)
        )
        found = joint_difference(
            y,
            x1,
            x2,
            families=families_of(codes),
            confidence=settings.confidence,
        )
        yield {
            "y": key[0],
            "x1": key[1],
            "x2": key[2],
            "models": found.models,
            "n": found.n,
            "difference": found.difference,
            **ends(found.interval),
            **ends(found.by_family, "family_"),
            "models_first_higher": sum(record["difference"] > 0 for record in records),
            "models_holm_below_05": sum(record["holm"] < 0.05 for record in records),
        }


def score_difference_records(
    sentences: Sequence[Sentences], settings: Settings
) -> Iterator[Record]:
    """Each two metrics of a model, and each two models in a metric, sentence by sentence.

    One row per language and one for their mean, whose interval draws the sentences for all
    languages at once and whose p exchanges the two sides of a sentence in all of them.
    """
    metrics: dict[tuple[str, str], list[Sentences]] = defaultdict(list)
    languages: dict[tuple[str, str, int, str], dict[str, Sentences]] = defaultdict(dict)
    for each in sentences:
        metrics[(each.model, each.corpus)].append(each)
        if each.text:  # without it nobody knows whether the sentences are the same
            languages[(each.corpus, each.language, each.n, each.text)][each.model] = each
    for (model, corpus), members in metrics.items():
        for a, b in combinations(COMPARED, 2):
            rows = [
                (each, each.shares[a] - each.shares[b])
                for each in members
                if a in each.shares and b in each.shares
            ]
            base = {"between": "metrics", "corpus": corpus, "of": model, "a": a, "b": b}
            yield from _both_records(base, rows, settings)
    pairs: dict[tuple[str, str, str], list[tuple[Sentences, Sentences]]] = defaultdict(list)
    for (corpus, *_), by_model in languages.items():
        for a, b in combinations(sorted(by_model), 2):
            pairs[(corpus, a, b)].append((by_model[a], by_model[b]))
    for (corpus, a, b), both in sorted(pairs.items()):
        for metric in COMPARED[:-1]:  # the surface of a text is the same for all models
            rows = [(one, one.shares[metric] - other.shares[metric]) for one, other in both]
            base = {"between": "models", "corpus": corpus, "of": metric, "a": a, "b": b}
            yield from _both_records(base, rows, settings)


def _both_records(
    base: Record, rows: list[tuple[Sentences, NDArray[np.float64]]], settings: Settings
) -> Iterator[Record]:
    if not rows:
        return
    codes = [each.language for each, _ in rows]
    found_ends = sentence_intervals(
        {each.language: values for each, values in rows}, settings.confidence, differences=codes
    )
    if len(rows) > 1 and len({each.n for each, _ in rows}) == 1:
        values = np.stack([each for _, each in rows])
        texts = [each.together for each, _ in rows]
        found = joint_intervals({MEAN: values}, texts, settings.confidence, differences=(MEAN,))[
            MEAN
        ]
        p = math.nan
        if len(set(texts)) == 1:
            of_sentence = values.mean(axis=0)
            of_sentence[np.abs(of_sentence) <= 1e-12] = 0.0  # rounding
            stream = settings.stream("scores", *map(str, base.values()))
            p = exchange_p(of_sentence, stream, settings.resamples).p
        yield _record(base, MEAN, len(rows), values, found, p)
    for each, values in rows:
        yield _record(base, each.language, 1, values, found_ends[each.language], math.nan)


def _record(
    base: Record,
    language: str,
    languages: int,
    values: NDArray[np.float64],
    both_ends: tuple[float, float] | None,
    p: float,
) -> Record:
    low, high = both_ends or (math.nan, math.nan)
    return {
        **base,
        "language": language,
        "languages": languages,
        "n": int(values.shape[-1]),
        "difference": float(values.mean()),
        "low": low,
        "high": high,
        "p": p,
    }
