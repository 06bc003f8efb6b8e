"""The language x language matrices of results files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import SCORES
from neuronxa_tasks.results.files import at, each_run
from neuronxa_tasks.results.harness import rows_of
from neuronxa_tasks.results.naming.task_names import language_of

_SETTINGS = ("pivot", "tap", "weights", "routed_nav", "precision")


@dataclass(frozen=True)
class LanguagePairs:
    """Alignment of all languages of a corpus with each other in one model.

    Attributes:
        model: as `Results` calls it, or as renamed.
        revision: empty where it is not known.
        corpus: `flores`, `mini`, ...
        n: sentence pairs of every language pair.
        languages: L codes of the language table (a code that it lacks, as the corpus calls it),
            sorted.
        scores: `nasca`, `nasca_max`, `navca`, ..., `mexa_max` to [L, L] float64 in [0, 1],
            symmetric, with NaN on the diagonal.
        settings: what must be equal for two matrices to be comparable, beside n.
        text: sha256 of the pivot's sentences.
        source: path of the results file.
    """

    model: str
    revision: str
    corpus: str
    n: int
    languages: tuple[str, ...]
    scores: Mapping[str, NDArray[np.float64]] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    text: str
    source: str


def read_pairs(
    paths: Sequence[str | Path], *, names: Mapping[str, str] | None = None
) -> list[LanguagePairs]:
    """Reads the matrices of results files; files without one are passed over.

    Args:
        paths: results files of the harness and folders with them.
        names: another name for a model, by its name in the file or by the file's path.

    Returns:
        One entry per file and matrix, sorted by model, revision, corpus and n.

    Raises:
        NeuronXAError: a damaged file or matrix, see `read_results`.
    """
    found: list[LanguagePairs] = []
    for run in each_run(paths, []):
        blocks = at(run.content, "config", "neuronxa", "pairs")
        if blocks is None:
            continue
        path = str(run.path)
        facts = rows_of(run, names=names, keep_nan=True).run
        if not isinstance(blocks, list):
            raise _damaged(path, "`pairs` is no list")
        for block in blocks:
            problem = _problem(block)
            if problem:
                raise _damaged(path, problem)
            corpus = block["corpus"]
            found.append(
                LanguagePairs(
                    model=facts["model"],
                    revision=facts["revision"],
                    corpus=corpus,
                    n=block["n"],
                    languages=tuple(
                        language_of(code, corpus) or code for code in block["languages"]
                    ),
                    scores=_scores(block),
                    settings={name: block.get(name) for name in _SETTINGS},
                    text=str(block.get("text") or ""),
                    source=path,
                )
            )
    return sorted(found, key=lambda each: (each.model, each.revision, each.corpus, each.n))


def _scores(block: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    count, n = len(block["languages"]), block["n"]
    scores = {}
    for score, representation in SCORES.items():
        hits = block[representation]
        scores[score] = _square(hits["sum"], count) / (hits["layers"] * n)
        scores[f"{score}_max"] = _square(hits["best"], count) / n
    return scores


def _square(triangle: list[list[int]], count: int) -> NDArray[np.float64]:
    square = np.full((count, count), np.nan)
    for i, row in enumerate(triangle):
        square[i, :i] = row
        square[:i, i] = row
    return square


def _problem(block: object) -> str | None:
    """Why a matrix cannot be read, or None."""
    codes, n = at(block, "languages"), at(block, "n")
    if not isinstance(at(block, "corpus"), str):
        return "a matrix does not say its corpus"
    if type(n) is not int or n < 1:
        return f"a matrix has n = {n!r}"
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        return "a matrix does not say its languages"
    if len(set(codes)) != len(codes):
        return "a matrix has a language twice"
    for representation in SCORES.values():
        layers = at(block, representation, "layers")
        if type(layers) is not int or layers < 1:
            return f"the matrix of {representation} has {layers!r} layers"
        for name, most in (("sum", layers * n), ("best", n)):
            rows = at(block, representation, name)
            if (
                not isinstance(rows, list)
                or len(rows) != len(codes)
                or any(not isinstance(row, list) or len(row) != i for i, row in enumerate(rows))
            ):
                return f"{representation}.{name} is no lower triangle for {len(codes)} languages"
            if any(type(hits) is not int or not 0 <= hits <= most for row in rows for hits in row):
                return f"{representation}.{name} has hits that are not in 0..{most}"
    return None


def _damaged(path: str, problem: str) -> NeuronXAError:
    return NeuronXAError(
        f"{path} has a damaged NeuronXA block: {problem}. Give the file as it was written."
    )
