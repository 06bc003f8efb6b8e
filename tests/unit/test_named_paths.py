"""Files of the package that a message or a page of the documentation names are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = re.compile(r"\bneuronxa_tasks/[\w/]+(?:\.\w+)?")


def test_every_path_is_there() -> None:
    texts = [*(ROOT / "neuronxa_tasks").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    named = {
        path: text.relative_to(ROOT)
        for text in [*texts, ROOT / "README.md"]
        for path in PATH.findall(text.read_text(encoding="utf-8"))
    }
    assert "neuronxa_tasks/states/families.py" in named
    assert {path: text for path, text in named.items() if not (ROOT / path).exists()} == {}
