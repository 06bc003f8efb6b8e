"""The sections of the report that need no benchmark."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict

from neuronxa_tasks.reports.correlate.alone import Alone
from neuronxa_tasks.reports.correlate.differences import MEAN
from neuronxa_tasks.reports.estimates import Record
from neuronxa_tasks.reports.markdown import LONG, interval_text, p_text, r_text, table

ENOUGH_NOISE = 0.1
"""Share of the variance between languages that may be sampling error."""


def alone_sections(alone: Alone) -> list[str]:
    """All of them, in order."""
    return [
        *_differences(alone),
        *_enough(alone),
        *_profiles(alone),
        *_families(alone),
    ]


def _differences(alone: Alone) -> list[str]:
    means = [record for record in alone.score_differences if record["language"] == MEAN]
    if not means:
        return []
    parts = ["## Differences of scores"]
    rows = [
        [
            record["of"],
            record["corpus"],
            f"{record['a']} - {record['b']}",
            record["languages"],
            record["n"],
            f"{_signed(record['difference'])} {_ends(record)}",
            p_text(record["p"]),
            p_text(record["holm"]),
        ]
        for record in means
    ]
    if len(rows) > LONG:
        parts.append(f"{len(rows)} differences: see `score_differences.csv`.")
    else:
        header = ["of", "corpus", "difference", "languages", "n", "mean", "p", "Holm"]
        parts.append(table(header, rows))
    parts.append(
        "Two metrics of one model, or two models in one metric, on the same sentences; mean over "
        "the languages. The interval draws the sentences for all languages at once, and p "
        "exchanges the two sides sentence by sentence. Each language: `score_differences.csv`."
    )
    return parts


def _enough(alone: Alone) -> list[str]:
    if not alone.enough:
        return []
    rows = [
        [
            record["model"],
            record["corpus"],
            record["metric"],
            record["languages"],
            record["n"],
            r_text(record["score"]),
            f"± {r_text(record['half_width'])}",
            "–" if math.isnan(record["noise"]) else f"{record['noise']:.0%}",
            f"{r_text(record['score_at_half'])} (n = {record['half_n']})",
            r_text(record["rho_with_half"]),
        ]
        for record in alone.enough
    ]
    header = ["model", "corpus", "metric", "languages", "n", "mean", "one language", "noise"]
    parts = ["## Are there enough sentence pairs?"]
    parts += [answer(record) for record in alone.enough if record["metric"] == "nasca"][:6]
    if len(rows) <= LONG:
        parts.append(table([*header, "expected with half", "rho"], rows))
    parts.append(
        "one language: half the width of the interval of one language's score, mean over "
        "languages. noise: share of the variance between languages that the choice of sentences "
        "makes. rho: rank correlation over languages between the scores and those expected with "
        "half the pairs. Every smaller n: `smaller_n.csv`."
    )
    return parts


def answer(record: Record) -> str:
    """Whether the pairs of a run are enough, in a sentence computed from its numbers.

    Args:
        record: of the table `enough`.
    """
    n, width, noise = record["n"], record["half_width"], record["noise"]
    begin = f"**Are {n} pairs enough?** {record['metric']} of {record['model']}, "
    begin += f"{record['corpus']}, {record['languages']} languages: "
    if math.isnan(width):
        return f"{begin}no language has hits that differ between sentences, so this cannot be said."
    text = (
        f"{begin}one language's score is known to ± {width:.3f}, so two runs on other sentences "
        f"could differ by about {math.sqrt(2) * width:.3f}. "
    )
    if math.isnan(noise):
        return text + "With one language there is nothing to order."
    verdict = "enough" if noise <= ENOUGH_NOISE else "not enough"
    text += (
        f"The choice of sentences makes {noise:.0%} of the variance between languages: {n} pairs "
        f"are {verdict} to tell the languages apart (limit {ENOUGH_NOISE:.0%}). "
    )
    text += (
        f"With {record['half_n']} pairs the mean would be {record['score_at_half']:.3f} instead "
        f"of {record['score']:.3f}"
    )
    if not math.isnan(record["rho_with_half"]):
        text += (
            f", and the order of the languages the same up to rho = {record['rho_with_half']:.3f}"
        )
    return text + "."


def _profiles(alone: Alone) -> list[str]:
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in alone.profiles:
        groups[(record["model"], record["corpus"], record["representation"])].append(record)
    if not groups:
        return []
    rows = []
    for (model, corpus, representation), records in groups.items():
        peaks = [record for record in records if record["peak_layer"] is not None]
        if peaks:
            layers = [record["peak_layer"] for record in peaks]
            widths = [record["plateau_width"] for record in peaks]
            found = [
                f"{statistics.median(layers):g} ({min(layers)} to {max(layers)})",
                f"{statistics.median(widths):g} ({min(widths)} to {max(widths)})",
            ]
        else:
            found = ["–", "–"]
        rows.append([model, corpus, representation, records[0]["layers"], len(peaks), *found])
    header = ["model", "corpus", "representation", "layers", "languages with a peak"]
    parts = ["## Where alignment peaks"]
    if len(rows) <= LONG:
        parts.append(table([*header, "peak layer", "width of plateau"], rows))
    parts.append(
        "Median and range over languages. The plateau are the layers around the peak that have at "
        "least 90 % of its hits. Layers count from 1, hidden states from 0, the embeddings. A "
        "language where no layer has more than one hit has no peak. Each language: `profiles.csv`."
    )
    return parts


def _families(alone: Alone) -> list[str]:
    if not alone.language_families:
        return []
    rows = [
        [
            record["model"],
            record["corpus"],
            record["metric"],
            record["label"],
            f"{record['languages']} ({record['labels']})",
            f"{r_text(record['within'])} ({record['within_pairs']})",
            f"{r_text(record['between'])} ({record['between_pairs']})",
            f"{_signed(record['difference'])} {_ends(record)}",
            p_text(record["p"]),
            r_text(record["ami"]),
        ]
        for record in alone.language_families
    ]
    header = ["model", "corpus", "metric", "label", "languages (labels)", "within", "between"]
    parts = ["## All pairs of languages"]
    if len(rows) <= LONG:
        parts.append(table([*header, "difference", "p", "AMI"], rows))
    reasons = sorted({str(r["reason"]) for r in alone.language_families if r["reason"]})
    parts.append(
        "Mean score of pairs with the same label (family, script) and of the others, with the "
        "number of pairs; the interval draws languages, p exchanges their labels. AMI: adjusted "
        "mutual information of the labels with as many clusters (average linkage of 1 - score); 0 "
        "is chance, 1 the same partition. Related languages often share a script and words, which "
        "no label takes apart. Every pair: `language_pairs.csv`."
        + (f" No interval or difference: {'; '.join(reasons)}." if reasons else "")
    )
    return parts


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.3f}"


def _ends(record: Record) -> str:
    low, high = record["low"], record["high"]
    if math.isnan(low):
        return interval_text(low, high)
    return f"[{low:+.3f}, {high:+.3f}]"
