"""Makes the picture of a report for the README: `python tests/browser/picture.py PAGE PICTURE`.

What a reader sees first: what a score means, the models, and the first languages.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser_page import PATIENCE, find_browser

SIZE = {"width": 1180, "height": 1340}
MOST_BYTES = 200_000


def main(page_file: Path, picture: Path) -> None:
    """Take the picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.set_default_timeout(PATIENCE)
        page.goto(page_file.resolve().as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        # What does not fit into one picture is left out of it, not of the page.
        hidden = "#meaning .note, #models figcaption, #models .note, #models .saves, .top .kicker"
        page.evaluate(
            "hidden => document.querySelectorAll(hidden).forEach(e => { e.hidden = true; })", hidden
        )
        page.locator(".board:visible .chart[data-drawn=yes]").first.wait_for()
        page.wait_for_timeout(500)
        page.screenshot(path=picture, timeout=PATIENCE)
        browser.close()
    size = picture.stat().st_size
    print(f"{picture}: {size} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{picture} has {size} bytes and should have at most {MOST_BYTES}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
