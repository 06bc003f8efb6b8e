"""The house as docs/architecture.md draws it: its rooms are there, and it names no others."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "neuronxa_tasks"
TABLES = {"states/families.py"}
"""Files that are one table, which may be long."""


def named(text: str) -> set[str]:
    """Paths in backticks: with a folder or an ending, and without a place holder."""
    found = re.findall(r"`([a-z_]+(?:/[a-z_]*)*(?:\.(?:py|csv|md|toml))?/?)`", text)
    return {each for each in found if "/" in each or "." in each}


def test_every_path_of_the_plan_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paths = named(text)
    assert len(paths) > 40
    lost = sorted(p for p in paths if not (PACKAGE / p).exists() and not (ROOT / p).exists())
    assert lost == []


def test_names_are_where_the_plan_says() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    said = re.findall(r"`(\w+)` (?:in|of) `([\w/]+\.(?:py|csv))`", " ".join(text.split()))
    assert len(said) >= 6
    for name, path in said:
        assert name in (PACKAGE / path).read_text(encoding="utf-8"), (name, path)


def test_every_room_is_on_the_plan() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {
        path.name for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "py.typed")
    }
    rooms -= {"__init__.py", "__main__.py"}
    assert len(rooms) <= 16
    for room in sorted(rooms):
        assert f"`{room}`" in text or f"`{room}/`" in text, room


def test_no_file_is_long() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert set(long) <= TABLES, long


def test_the_examples_of_the_plan_are_rows_of_today() -> None:
    from neuronxa_tasks.names import CONTROLS, VARIANTS
    from neuronxa_tasks.states.families import FAMILIES
    from neuronxa_tasks.text.languages import BENCHMARKS

    assert "internlm3" in FAMILIES
    assert "xcopa" in BENCHMARKS
    assert "csls" in VARIANTS
    assert "shuffled" in CONTROLS
