"""Size of a large report, and processor time of a browser: `python tests/bench/report_page.py`.

30 models in 203 languages, 32 layers, one benchmark. The seconds are those of the page's thread,
until the table can be used, and until all charts are drawn, whatever else the machine does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser_page import PATIENCE, find_browser
from report_data import write_models

from neuronxa_tasks.cli import main as neuronxa

DRAWN = (
    "[...document.querySelectorAll('.chart')].filter(e => e.offsetParent)"
    ".every(e => e.dataset.drawn)"
)


def seconds(session: Any) -> float:
    """Processor time of the page's thread so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float({each["name"]: each["value"] for each in metrics}["TaskDuration"])


def main() -> None:
    """Make the page, open it, print one line."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        models = [f"lab/model-with-a-long-name-{i}B" for i in range(30)]
        write_models(Path(folder) / "out", models, 203, layers=32)
        page_file = Path(folder) / "report.html"
        neuronxa(["report", f"{folder}/out", "-o", str(page_file), "--resamples", "99"])
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        ready = seconds(session)
        while not page.evaluate(DRAWN):
            page.wait_for_timeout(200)
        size = page_file.stat().st_size / 1e6
        print(
            f"{size:.1f} MB; table after {ready:.1f} s, all charts after {seconds(session):.1f} s"
        )
        browser.close()


if __name__ == "__main__":
    main()
