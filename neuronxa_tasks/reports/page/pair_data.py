"""Matrices of language pairs, as small as the page needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neuronxa_tasks.results import LanguagePairs

MOST_PAIR_SCORES = 250_000
"""More scores of language pairs than this would make the page slow; the best-known come first."""


def pair_data(
    matrices: Sequence[LanguagePairs], names: Mapping[tuple[str, str], str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The lower triangles of the matrices in thousandths, and what was left out.

    Args:
        matrices: as read.
        names: (model, revision) to the model's name.

    Returns:
        One entry per matrix, and one sentence where scores did not fit into the page.
    """
    budget = MOST_PAIR_SCORES
    made: list[dict[str, Any]] = [
        {
            "model": names.get((each.model, each.revision), each.model),
            "corpus": each.corpus,
            "n": each.n,
            "languages": list(each.languages),
            "scores": {},
        }
        for each in matrices
    ]
    lost = []
    scores = dict.fromkeys(name for each in matrices for name in each.scores)
    for name in sorted(scores, key=lambda name: name.endswith("_max")):
        for entry, each in zip(made, matrices, strict=True):
            if name not in each.scores:
                continue
            budget -= len(each.languages) * (len(each.languages) - 1) // 2
            if budget < 0:
                lost.append(f"{name} of {entry['model']}")
                continue
            square = each.scores[name]
            entry["scores"][name] = [
                [round(1000 * float(square[i, j])) for j in range(i)]
                for i in range(len(each.languages))
            ]
    shown = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
    notes = (
        [f"Matrices of language pairs that did not fit into the page: {shown}. Give fewer files."]
        if lost
        else []
    )
    return [entry for entry in made if entry["scores"]], notes
