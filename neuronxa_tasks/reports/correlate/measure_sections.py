"""The sections on measures: which goes best with a benchmark, and which agree."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neuronxa_tasks.names import SCORES
from neuronxa_tasks.reports.correlate.alone import Alone
from neuronxa_tasks.reports.estimates import Estimates, Record
from neuronxa_tasks.reports.markdown import estimate_text, interval_text, p_text, r_text, table

HEADER = ("benchmark", "measure", "models", "n", "r", "by family", "r less NASCA's", "p", "Holm")


def measure_rows(records: Sequence[Record]) -> list[list[str]]:
    """Rows below `HEADER`."""
    return [
        [
            record["y"],
            f"{record['x']} ({record['corpus']})",
            str(record["models"]),
            str(record["n"]),
            estimate_text(record["r"], record["low"], record["high"]),
            interval_text(record["family_low"], record["family_high"]),
            estimate_text(
                record["difference"], record["difference_low"], record["difference_high"]
            ),
            p_text(record["p"]),
            p_text(record["holm"]),
        ]
        for record in records
    ]


def which_measure(estimates: Estimates) -> list[str]:
    """Which measure goes best with a benchmark."""
    if not estimates.measures:
        return []
    return [
        "## Which measure goes best with a benchmark",
        table(HEADER, measure_rows(estimates.measures)),
        BELOW,
    ]


BELOW = (
    "Pearson's r over languages, averaged over models by Fisher's z, the greatest first. NASCA was "
    "named beforehand, so each measure is compared with it, on the same models and languages; p is "
    "that of the interval, one language left out at a time in all models at once, and Holm's "
    "correction is over all differences of this table at once. The measure that stands first was "
    "chosen by its r, which is therefore too high; that it stands first says nothing by itself."
)


def agreement(alone: Alone) -> list[str]:
    """Which measures agree: a matrix for each representation."""
    found = {(r["corpus"], r["a"], r["b"]): r["r"] for r in alone.measure_agreement}
    if not found:
        return []
    parts = ["## Which measures agree"]
    for corpus in dict.fromkeys(corpus for corpus, _, _ in found):
        names = list(
            dict.fromkeys(
                name
                for record in alone.measure_agreement
                if record["corpus"] == corpus
                for name in (record["a"], record["b"])
            )
        )
        for score, representation in SCORES.items():
            ending = f"_{representation}"
            chosen = [name for name in names if name == score or name.endswith(ending)]
            if len(chosen) < 2:
                continue
            rows = [
                [
                    one,
                    *(
                        "1"
                        if one == other
                        else r_text(
                            found.get(
                                (corpus, one, other), found.get((corpus, other, one), math.nan)
                            )
                        )
                        for other in chosen
                    ),
                ]
                for one in chosen
            ]
            parts += [table([corpus, *(name.removesuffix(ending) for name in chosen)], rows)]
    parts.append(
        "Pearson's r over languages of two measures of one representation, averaged over models. "
        "All pairs, with intervals: `measure_agreement.csv`."
    )
    return parts
