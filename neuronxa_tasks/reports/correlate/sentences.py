"""Alignment sentence by sentence, from the logged samples: what paired comparisons need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.results import Results, read_rivals, read_samples
from neuronxa_tasks.results.files import at
from neuronxa_tasks.statistics import survival

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
    frame = results.frame[results.frame["kind"] == "alignment"]
    columns = ["model", "revision", "benchmark", "task", "language", "source"]
    rows = frame[columns].drop_duplicates()
    yield from rows.itertuples(index=False, name=None)
