"""A real Chromium, where there is one, and pages that are opened without any network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_page import PATIENCE, Opened, find_browser
from report_data import write_models
from report_page import MODELS, report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright."""
    driver = pytest.importorskip(
        "playwright.sync_api",
        reason="Playwright is not installed; `pip install playwright` lifts this skip",
    )
    path = find_browser()
    if path is None:
        pytest.skip(
            "no Chromium was found; install one (Debian: `apt-get install chromium`), or set "
            "NEURONXA_CHROMIUM to its path"
        )
    with driver.sync_playwright() as playwright:
        # A container's root has no sandbox and little shared memory.
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        started = playwright.chromium.launch(executable_path=path, args=flags, timeout=PATIENCE)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a file in a window of its own; every request but that for the file is refused."""
    contexts = []

    def opener(path: Path, **options: Any) -> Opened:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        opened = Opened(page)
        address = path.resolve().as_uri()

        def decide(route: Any) -> None:
            if route.request.url.partition("#")[0] == address:
                route.continue_()
            else:
                opened.requests.append(route.request.url)
                route.abort()

        def heard(message: Any) -> None:
            if message.type in ("error", "warning"):
                opened.said.append(f"{message.type}: {message.text}")

        def asked(dialog: Any) -> None:
            opened.dialogs.append(dialog.message)
            dialog.dismiss()

        context.route("**/*", decide)
        page.on("console", heard)
        page.on("pageerror", lambda error: opened.said.append(str(error)))
        page.on("dialog", asked)
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        return opened

    yield opener
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models in 40 languages, with a matrix of language pairs."""
    folder = tmp_path_factory.mktemp("small")
    write_models(folder / "out", MODELS, 40, layers=6, benchmarks=("belebele", "xnli"), pairs=True)
    return report(folder, folder / "out", title="Three models")
