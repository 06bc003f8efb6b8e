"""Numbers and tables as Markdown."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from neuronxa_tasks.reports.estimates import Record

LONG = 80
"""A table with more lines than this stays in its CSV file."""


def r_text(value: float) -> str:
    """A coefficient with three decimals; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def p_text(value: float) -> str:
    """A p value with four decimals."""
    return "–" if math.isnan(value) else "<.0001" if value < 0.0001 else f"{value:.4f}"


def interval_text(low: float, high: float) -> str:
    """Two ends in brackets."""
    return "–" if math.isnan(low) or math.isnan(high) else f"[{low:.2f}, {high:.2f}]"


def estimate_text(value: float, low: float, high: float) -> str:
    """A coefficient and its interval."""
    return r_text(value) if math.isnan(value) else f"{r_text(value)} {interval_text(low, high)}"


def error_text(value: float) -> str:
    """A prediction error with four decimals."""
    return "–" if math.isnan(value) else f"{value:.4f}"


def share_text(value: float) -> str:
    """A share as percentage."""
    return "–" if math.isnan(value) else f"{value:.0%}"


def span_text(low: int, high: int) -> str:
    """One number, or two where they differ."""
    return str(low) if low == high else f"{low}–{high}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table; what would break its cells is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def without_r(records: Sequence[Record], keys: Sequence[str]) -> list[str]:
    """What has no r, and why, as a list; equal reasons together."""
    groups: dict[tuple[str, ...], int] = defaultdict(int)
    for record in records:
        key = (*(str(record[name]) for name in keys), str(record["reason"]))
        groups[key] += 1
    if not groups:
        return []
    lines = [
        f"- {', '.join(names)}: {reason}" + (f" ({count} models)" if count > 1 else "")
        for (*names, reason), count in groups.items()
    ]
    shown = lines[:30]
    more = len(lines) - len(shown)
    return [
        "No r, and why:\n\n"
        + "\n".join(shown)
        + (f"\n- and {more} more, in the CSV file" if more else "")
    ]


def computed(records: Sequence[Record]) -> list[Record]:
    """Records that have an r."""
    return [record for record in records if not math.isnan(record["r"])]
