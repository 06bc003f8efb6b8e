"""Fixtures of all tests. This folder is importable, so tests may say `import naive`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shared machine may be slow; that is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A result from the disk would test nothing; the tests of that set it themselves.
os.environ["NEURONXA_RESUME"] = "off"

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder with the public data; it is not part of the repository."""
    folder = Path(os.environ.get("NEURONXA_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no data folder {folder}; set NEURONXA_TEST_DATA to a folder that has it")
    return folder
