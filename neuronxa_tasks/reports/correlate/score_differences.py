"""Differences between two scores on the same sentences: metrics in a model, models in a metric."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.reports.correlate.sentences import COMPARED, Sentences
from neuronxa_tasks.reports.settings import Record, Settings
from neuronxa_tasks.statistics.resampling import exchange_p
from neuronxa_tasks.statistics.sentences import joint_intervals, sentence_intervals

MEAN = "mean"
"""Stands for the language in the row of the mean over all languages that both sides have."""


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
            yield from _records(base, rows, settings)
    pairs: dict[tuple[str, str, str], list[tuple[Sentences, Sentences]]] = defaultdict(list)
    for (corpus, *_), by_model in languages.items():
        for a, b in combinations(sorted(by_model), 2):
            pairs[(corpus, a, b)].append((by_model[a], by_model[b]))
    for (corpus, a, b), both in sorted(pairs.items()):
        for metric in COMPARED[:-1]:  # the surface of a text is the same for all models
            rows = [(one, one.shares[metric] - other.shares[metric]) for one, other in both]
            base = {"between": "models", "corpus": corpus, "of": metric, "a": a, "b": b}
            yield from _records(base, rows, settings)


def _records(
    base: Record, rows: list[tuple[Sentences, NDArray[np.float64]]], settings: Settings
) -> Iterator[Record]:
    if not rows:
        return
    ends = sentence_intervals({each.language: values for each, values in rows}, settings.confidence)
    if len(rows) > 1 and len({each.n for each, _ in rows}) == 1:
        values = np.stack([each for _, each in rows])
        texts = [each.together for each, _ in rows]
        found = joint_intervals({MEAN: values}, texts, settings.confidence)[MEAN]
        p = math.nan
        if len(set(texts)) == 1:
            of_sentence = values.mean(axis=0)
            of_sentence[np.abs(of_sentence) <= 1e-12] = 0.0  # rounding
            stream = settings.stream("scores", *map(str, base.values()))
            p = exchange_p(of_sentence, stream, settings.resamples).p
        yield _record(base, MEAN, len(rows), values, found, p)
    for each, values in rows:
        yield _record(base, each.language, 1, values, ends[each.language], math.nan)


def _record(
    base: Record,
    language: str,
    languages: int,
    values: NDArray[np.float64],
    ends: tuple[float, float] | None,
    p: float,
) -> Record:
    low, high = ends or (math.nan, math.nan)
    reason = None if ends else "all sentences differ equally, so resampling sees no spread"
    return {
        **base,
        "language": language,
        "languages": languages,
        "n": int(values.shape[-1]),
        "difference": float(values.mean()),
        "low": low,
        "high": high,
        "p": p,
        "reason": reason,
    }
