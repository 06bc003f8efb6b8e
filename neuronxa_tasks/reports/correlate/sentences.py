"""Alignment sentence by sentence, from the logged samples, and whether there are enough of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.estimates import Record, Settings
from neuronxa_tasks.results import Results, read_rivals, read_samples
from neuronxa_tasks.results.files import at
from neuronxa_tasks.statistics import survival
from neuronxa_tasks.statistics.sentences import joint_intervals, sentence_intervals

SURFACE = "surface"
COMPARED = (*SCORES, SURFACE)
"""Metrics that are a mean over sentences, and are compared with each other."""
STEPS = 20
"""Numbers of sentence pairs at which the expected score is computed, n among them."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """One language of one model.

    Attributes:
        model: name in the study.
        corpus: `neuronxa_flores`, ...
        language: key of the language table.
        n: sentence pairs.
        text: hash of the sentences of both languages, empty where it is not known.
        together: equal for languages with the same sentences of the pivot: they are drawn together.
        shares: metric of `COMPARED` to [n] float64, whose mean is the metric.
        expected: score to [len(sizes(n)), n] float64: the chance that the sentence is a hit among
            fewer ones, mean over layers.
    """

    model: str
    corpus: str
    language: str
    n: int
    text: str
    together: str
    shares: Mapping[str, NDArray[np.float64]] = field(repr=False)
    expected: Mapping[str, NDArray[np.float64]] = field(repr=False)


def sizes(n: int) -> tuple[int, ...]:
    """Numbers of pairs up to n, evenly spaced, at least 2."""
    return tuple(sorted({max(2, round(n * step / STEPS)) for step in range(1, STEPS + 1)}))


def read_sentences(
    results: Results, names: Mapping[tuple[str, str], str]
) -> tuple[list[Sentences], int]:
    """Reads the samples of all alignment tasks.

    Args:
        results: what was read.
        names: (model, revision) to the model's name in the study.

    Returns:
        The languages with samples, in the order of the results, and the number of those without.

    Raises:
        NeuronXAError: a damaged samples file.
    """
    columns = ("model", "revision", "task", "text")
    rows = zip(*(results.tokens[name] for name in columns), strict=True)
    texts = {(model, revision, task): text for model, revision, task, text in rows}
    found: list[Sentences] = []
    without = 0
    for model, revision, benchmark, task, language, source in _tasks(results):
        path = results.samples.get((source, task))
        if path is None:
            without += 1
            continue
        # Rivals are read and reduced language by language: those of all would fill the memory.
        rivals = read_rivals(path)
        samples = read_samples(path)
        either = {score: rivals[representation][2] for score, representation in SCORES.items()}
        n = len(samples)
        shares = {score: (counts == 0).mean(axis=0) for score, counts in either.items()}
        if all(SURFACE in sample for sample in samples):
            shares[SURFACE] = np.array([float(sample[SURFACE]) for sample in samples])
        found.append(
            Sentences(
                names[(model, revision)],
                benchmark,
                language,
                n,
                str(texts.get((model, revision, task), "")),
                _pivot_lines(samples) or language,
                shares,
                {
                    score: np.stack([survival(counts, m).mean(axis=0) for m in sizes(n)])
                    for score, counts in either.items()
                },
            )
        )
    return found, without


def _pivot_lines(samples: Sequence[Mapping[str, Any]]) -> str:
    """A hash of the pivot's sentences; empty where the samples do not have them."""
    lines = [at(sample, "doc", "pivot") for sample in samples]
    if not all(isinstance(line, str) for line in lines):
        return ""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _tasks(results: Results) -> Iterator[tuple[str, ...]]:
    """Each task once: of two runs the one whose scores count, whatever the other has beside."""
    ours = results.frame["metric"].isin(list(SCORES))
    frame = results.frame[(results.frame["kind"] == "alignment") & ours]
    columns = ["model", "revision", "benchmark", "task", "language", "source"]
    rows = frame[columns].drop_duplicates()
    yield from rows.itertuples(index=False, name=None)


def smaller_n_records(sentences: Sequence[Sentences], settings: Settings) -> Iterator[Record]:
    """The expected score at each smaller number of pairs, mean over the languages."""
    for (model, corpus, n), members in _of_one_run(sentences).items():
        texts = [each.together for each in members]
        for score in SCORES:
            values = np.stack([each.expected[score] for each in members], axis=1)
            found = joint_intervals(
                {str(m): rows for m, rows in zip(sizes(n), values, strict=True)},
                texts,
                settings.confidence,
            )
            for m, rows in zip(sizes(n), values, strict=True):
                low, high = found[str(m)] or (np.nan, np.nan)
                yield {
                    "model": model,
                    "corpus": corpus,
                    "metric": score,
                    "languages": len(members),
                    "n": m,
                    "chance": 1 / (2 * m - 1),
                    "score": float(rows.mean()),
                    "low": float(low),
                    "high": float(high),
                }


def enough_records(sentences: Sequence[Sentences], settings: Settings) -> Iterator[Record]:
    """Whether n pairs are enough: to tell a language, to order languages, to compare runs."""
    for (model, corpus, n), members in _of_one_run(sentences).items():
        half = max(i for i, m in enumerate(sizes(n)) if m <= max(2, n / 2))
        for score in SCORES:
            shares = np.stack([each.shares[score] for each in members])
            values = shares.mean(axis=1)
            ends = sentence_intervals(
                {str(i): row for i, row in enumerate(shares)}, settings.confidence
            )
            widths = [(each[1] - each[0]) / 2 for each in ends.values() if each is not None]
            at_half = np.array([each.expected[score][half].mean() for each in members])
            variance = float(values.var(ddof=1)) if len(values) > 1 else 0.0
            errors = shares.var(axis=1, ddof=1) / n if n > 1 else np.full(len(shares), np.nan)
            varied = len(values) > 2 and np.ptp(values) > 0 and np.ptp(at_half) > 0
            yield {
                "model": model,
                "corpus": corpus,
                "metric": score,
                "languages": len(members),
                "n": n,
                "score": float(values.mean()),
                "half_width": float(np.mean(widths)) if widths else np.nan,
                "noise": float(errors.mean() / variance) if variance > 0 else np.nan,
                "half_n": sizes(n)[half],
                "score_at_half": float(at_half.mean()),
                "rho_with_half": float(spearmanr(values, at_half).statistic) if varied else np.nan,
            }


def _of_one_run(
    sentences: Sequence[Sentences],
) -> dict[tuple[str, str, int], list[Sentences]]:
    found: dict[tuple[str, str, int], list[Sentences]] = defaultdict(list)
    for each in sentences:
        found[(each.model, each.corpus, each.n)].append(each)
    return found
