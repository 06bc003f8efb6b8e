"""The experiment on the toy world's models, from the checkpoints to the page."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ENVIRONMENT

from workshop.models import ARCHITECTURES

pytestmark = [pytest.mark.harness, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


def test_the_quick_experiment_gives_tables_ranks_correlations_and_a_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "results" / "world" / "experiment.py", tmp_path, "--quick"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **ENVIRONMENT},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name in ARCHITECTURES:
        assert f"## {name}: each language" in done.stdout
    for made in ("correlate/report.md", "board/leaderboard.md", "report.html", "scores.csv"):
        text = (tmp_path / made).read_text(encoding="utf-8")
        assert all(name in text for name in ARCHITECTURES)
    kept = (ROOT / "results" / "world" / "scores.csv").read_text(encoding="utf-8").splitlines()
    again = set((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines())
    # The kept table has the second seed, too.
    assert len(again & set(kept)) > 0.9 * len(again)
