"""A page in the browser, and what it did that it should not."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 300_000
"""Milliseconds; a machine under load is no failure."""


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not.

    Attributes:
        page: Playwright's page.
        requests: addresses of every request but that for the file itself; all were refused.
        said: errors and warnings of the console, and uncaught exceptions.
        dialogs: texts of alerts.
    """

    page: Any
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def until(self, condition: str) -> None:
        """Waits for a condition in JavaScript, which the page's policy keeps Playwright from."""
        end = time.monotonic() + PATIENCE / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.05)

    def clean(self) -> bool:
        """Nothing was asked for, complained about, or popped up."""
        return not (self.requests or self.said or self.dialogs)


def find_browser() -> str | None:
    """Path of a Chromium: that of NEURONXA_CHROMIUM, or one on the path."""
    given = os.environ.get("NEURONXA_CHROMIUM")
    return given or next((found for name in BROWSERS if (found := shutil.which(name))), None)
