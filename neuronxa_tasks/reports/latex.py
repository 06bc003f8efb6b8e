"""Tables in LaTeX, ready for a paper (booktabs)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from neuronxa_tasks.reports.escape import latex


def latex_table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[Any]], *, text_columns: int = 2
) -> str:
    """A table with rules of booktabs; every cell is escaped.

    Args:
        caption: plain text.
        header: names of the columns.
        rows: cells, as many as the header has.
        text_columns: so many columns from the left are text, the others stand right.
    """
    columns = "l" * text_columns + "r" * (len(header) - text_columns)
    lines = [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{latex(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(header),
        r"\midrule",
        *(_row(row) for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[Any]) -> str:
    line = " & ".join(latex(cell) for cell in cells)
    # A bracket at the start of a row would be read as the optional argument of `\\`.
    return ("{}" if line.startswith("[") else "") + line + r" \\"
