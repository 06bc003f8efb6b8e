"""Makes a report for the browser, and reads it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser_page import Opened

from neuronxa_tasks.cli import main

MODELS = ["lab/alpha-8B", "lab/beta-8B", "lab/gamma-1B"]
ROWS = "#table tbody tr"


def report(folder: Path, *results: object, **options: str) -> Path:
    """The real command; few resamples, since no test here looks at intervals."""
    out = folder / "report.html"
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    arguments = [*map(str, results), "-o", str(out), "--resamples", "99", *words]
    assert main(["report", *arguments]) == 0
    return out


def column(page: Any, number: int) -> list[str]:
    """Texts of one column of the language table, from 1."""
    return page.locator(f"{ROWS} td:nth-child({number})").all_inner_texts()


def drawn(opened: Opened, where: str) -> Any:
    """The first chart of a section, once it is there."""
    page = opened.page
    chart = page.locator(f"{where} .chart").locator("visible=true").first
    chart.scroll_into_view_if_needed()
    page.wait_for_selector(f"{where} .chart[data-drawn=yes]")
    return chart


def draw_all(opened: Opened) -> None:
    opened.until(
        "[...document.querySelectorAll('.chart')].filter(e => e.offsetParent)"
        ".every(e => e.dataset.drawn)"
    )
