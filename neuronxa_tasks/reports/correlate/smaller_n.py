"""What fewer sentence pairs would have given, and whether there are enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import spearmanr

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.correlate.sentences import Sentences, sizes
from neuronxa_tasks.reports.settings import Record, Settings
from neuronxa_tasks.statistics.sentences import joint_intervals, sentence_intervals


def smaller_n_records(sentences: Sequence[Sentences], settings: Settings) -> Iterator[Record]:
    """The expected score at each smaller number of pairs, mean over the languages."""
    for (model, corpus, n), members in _together(sentences).items():
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
    for (model, corpus, n), members in _together(sentences).items():
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


def _together(
    sentences: Sequence[Sentences],
) -> dict[tuple[str, str, int], list[Sentences]]:
    found: dict[tuple[str, str, int], list[Sentences]] = defaultdict(list)
    for each in sentences:
        found[(each.model, each.corpus, each.n)].append(each)
    return found
