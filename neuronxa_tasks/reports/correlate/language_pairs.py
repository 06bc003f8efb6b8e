"""All languages against all: pairs, clusters, and whether families stand together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from neuronxa_tasks import statistics
from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.estimates import Record, Settings
from neuronxa_tasks.results import LanguagePairs
from neuronxa_tasks.text import languages

UNKNOWN = "unknown"
LABELS = ("family", "script")


def labels_of(codes: Sequence[str], what: str) -> list[str]:
    """Family or script of each language; `unknown` where the table does not have it."""
    rows = {row.code: row for row in languages.languages()}
    return [str(getattr(rows[code], what)) if code in rows else UNKNOWN for code in codes]


def order(scores: NDArray[np.float64]) -> list[int]:
    """Positions of the languages in the order of their clusters.

    Average linkage of 1 - score, and of all orders that the tree allows the one that puts
    neighbours beside each other (Bar-Joseph et al. 2001).
    """
    return [int(place) for place in leaves_list(_tree(scores, best=True))]


def pair_records(found: Sequence[LanguagePairs]) -> Iterator[Record]:
    """Every pair of languages, with its scores."""
    for each in found:
        family, script = (labels_of(each.languages, what) for what in LABELS)
        for i, a in enumerate(each.languages):
            for j in range(i):
                yield {
                    "model": each.model,
                    "corpus": f"neuronxa_{each.corpus}",
                    "n": each.n,
                    "a": each.languages[j],
                    "b": a,
                    "same_family": family[i] == family[j] != UNKNOWN,
                    "same_script": script[i] == script[j] != UNKNOWN,
                    **{score: float(matrix[i, j]) for score, matrix in each.scores.items()},
                }


def family_records(found: Sequence[LanguagePairs], settings: Settings) -> Iterator[Record]:
    """Whether languages of one family, or one script, are closer than others.

    Beside the mean scores within and between families, the agreement of clusters with families:
    the tree is cut into as many clusters as there are families, and the two partitions are
    compared by adjusted mutual information (0: as by chance, 1: the same).
    """
    from sklearn.metrics import adjusted_mutual_info_score  # type: ignore[import-untyped,unused-ignore]

    for each in found:
        for score in SCORES:
            matrix = each.scores[score]
            for what in LABELS:
                labels = labels_of(each.languages, what)
                result = statistics.within_between(
                    matrix,
                    labels,
                    rng=settings.stream("pairs", each.model, each.corpus, score, what),
                    confidence=settings.confidence,
                    n_resamples=settings.resamples,
                    n_permutations=settings.resamples,
                )
                count = len(set(labels))
                clusters = fcluster(_tree(matrix), count, criterion="maxclust")
                yield {
                    "model": each.model,
                    "corpus": f"neuronxa_{each.corpus}",
                    "n": each.n,
                    "metric": score,
                    "label": what,
                    "languages": len(labels),
                    "labels": count,
                    "within": result.within,
                    "within_pairs": result.n_within,
                    "between": result.between,
                    "between_pairs": result.n_between,
                    "difference": result.difference,
                    "low": result.interval.low,
                    "high": result.interval.high,
                    "p": result.p,
                    "ami": float(adjusted_mutual_info_score(labels, clusters)),
                    "reason": result.reason,
                }


def _tree(scores: NDArray[np.float64], *, best: bool = False) -> NDArray[np.float64]:
    distance = 1.0 - scores
    np.fill_diagonal(distance, 0.0)
    tree: NDArray[np.float64] = linkage(
        squareform(distance, checks=False), "average", optimal_ordering=best
    )
    return tree
