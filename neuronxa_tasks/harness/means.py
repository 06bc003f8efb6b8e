"""Means over the languages of a run, with intervals that know that the sentences are the same."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neuronxa_tasks.alignment.intervals import signed
from neuronxa_tasks.names import SCORES
from neuronxa_tasks.schema import MeanBlock, SentenceRivals
from neuronxa_tasks.statistics.sentences import joint_intervals
from neuronxa_tasks.text.sentence_pairs import Pairs

_SETTINGS = ("corpus", "pivot", "tap", "weights", "routed_nav")


def mean_blocks(
    tasks: Mapping[str, Pairs], samples: Mapping[str, Mapping[int, SentenceRivals | None]]
) -> list[MeanBlock]:
    """Average every metric over the languages that have the same corpus, n and settings.

    Args:
        tasks: Task -> its sentence pairs.
        samples: Task -> line -> what was found; None where the target is the pivot.

    Returns:
        One block for each two or more languages that belong together, sorted by corpus.
    """
    values: dict[str, dict[str, list[float]]] = {}
    together: dict[tuple[object, ...], list[str]] = {}
    for name in sorted(tasks):
        metrics = _by_metric(samples[name])
        if metrics:
            values[name] = metrics
            settings = tasks[name].settings
            key = (*(str(settings[each]) for each in _SETTINGS), len(tasks[name].lines))
            together.setdefault((*key, tuple(sorted(metrics))), []).append(name)
    blocks = []
    for _, names in sorted(together.items(), key=lambda item: item[1]):
        if len(names) < 2:
            continue
        columns = {metric: [values[name][metric] for name in names] for metric in values[names[0]]}
        texts = [tasks[name].column(0) for name in names]
        blocks.append(
            MeanBlock(
                corpus=tasks[names[0]].settings["corpus"],
                n=len(texts[0]),
                tasks=names,
                values={metric: _mean(rows) for metric, rows in columns.items()},
                intervals=joint_intervals(
                    columns,
                    texts,
                    differences=signed(columns),
                ),
            )
        )
    return blocks


def _by_metric(samples: Mapping[int, SentenceRivals | None]) -> dict[str, list[float]]:
    """Metric -> one value per sentence in the order of the lines; empty for the pivot itself."""
    found = [sample for _, sample in sorted(samples.items()) if sample is not None]
    if not found:
        return {}
    scores = {
        score: [_share(getattr(sample, representation)["either"]) for sample in found]
        for score, representation in SCORES.items()
    }
    return scores | {name: [sample.beside[name] for sample in found] for name in found[0].beside}


def _share(rivals: list[int]) -> float:
    """Share of layers in which a sentence is a hit."""
    return rivals.count(0) / len(rivals)


def _mean(rows: list[list[float]]) -> float:
    return math.fsum(value for row in rows for value in row) / sum(len(row) for row in rows)
