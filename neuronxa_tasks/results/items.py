"""Values of one metric per item, from logged samples: what a paired test needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import SCORES
from neuronxa_tasks.results.files import number, read_samples
from neuronxa_tasks.results.rivals import read_rivals

_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Items:
    """One metric of one task, item by item, in the order of the documents.

    Attributes:
        ids: document numbers.
        hashes: of the documents; empty texts where the harness did not write them.
        values: `[n]` float64; the value of an item is `values / unit`.
        unit: number of layers where `values` counts layers, otherwise 1.
    """

    ids: tuple[int, ...]
    hashes: tuple[str, ...] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)
    unit: int = 1

    @property
    def mean(self) -> float:
        """The metric, as far as it is a mean over items."""
        return float(self.values.mean() / self.unit) if len(self.values) else math.nan


class IncompleteSamples(NeuronXAError):  # noqa: N818 - says what the samples are
    """A samples file that has fewer documents than were scored."""


def read_items(path: str | Path, metric: str, value: float, n: int | None = None) -> Items | None:
    """Reads the values of a metric.

    Args:
        path: samples file.
        metric: as in the frame, with the harness' filter unless that is `none`. For `nasca`,
            `navca` and `mexa` an item's value counts the layers in which it is a hit; for
            `<score>_max` it is a hit in the best layer of this model (the first of several).
        value: the metric of the task in the results file.
        n: documents that were scored, where that is known.

    Returns:
        None where the metric is no mean over items (perplexity, corpus F1): nothing can be paired.

    Raises:
        IncompleteSamples: fewer documents than n, or none.
        NeuronXAError: a damaged file, a document twice, or a mean that is not the value although it
            must be.
    """
    samples = read_samples(path)
    logged = len({sample["doc_id"] for sample in samples})
    if logged < max(1, n or 0):
        raise IncompleteSamples(
            f"{path} has {logged} documents"
            + (f" of the {n} that were scored" if n else "")
            + ", so it was cut off. Run the task again with --log_samples."
        )
    name, _, filtered = metric.partition(",")
    chosen = [
        sample for sample in samples if str(sample.get("filter", "none")) == (filtered or "none")
    ]
    ids = tuple(int(sample["doc_id"]) for sample in chosen)
    if len(set(ids)) < len(ids):
        raise NeuronXAError(
            f"The samples file {path} has a document twice, so its items cannot be paired. Give "
            "the file as the harness wrote it."
        )
    hashes = tuple(str(sample.get("doc_hash") or "") for sample in chosen)
    score = name.removesuffix("_max")
    if score in SCORES:
        hits = read_rivals(path)[SCORES[score]][2] == 0
        best = int(hits.sum(axis=1).argmax())
        counts, unit = (hits[best], 1) if name.endswith("_max") else (hits.sum(axis=0), len(hits))
        found = Items(ids, hashes, counts.astype(np.float64), unit)
        if abs(found.mean - value) > _CLOSE:
            raise NeuronXAError(
                f"{path}: the samples give {metric} = {found.mean:.6g}, but the results file says "
                f"{value:.6g}, so they are not of the same run. Give both as they were written."
            )
        return found
    values = [_value(sample, name) for sample in chosen]
    known = [each for each in values if each is not None]
    if not known or len(known) < len(values):
        return None
    found = Items(ids, hashes, np.array(known, dtype=np.float64))
    return found if abs(found.mean - value) <= _CLOSE else None


def _value(sample: Mapping[str, object], metric: str) -> float | None:
    value = sample.get(metric)
    if isinstance(value, bool):
        return float(value)
    found = number(value)
    return found if found is not None and math.isfinite(found) else None
