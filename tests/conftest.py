"""Fixtures of all tests. This folder is importable, so tests may say `import naive`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Command, Finished, Forker
from configs_once import read_configs_once
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


@pytest.fixture(scope="session")
def configs_once() -> None:
    """The harness reads its task configs and ours once, for tests that make indexes of names."""
    read_configs_once()


@pytest.fixture(scope="session")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    """Runs `neuronxa` again and again without loading everything again."""
    folder = tmp_path_factory.mktemp("forker")
    forker = Forker(folder, HF_HOME=str(folder / "hf"))
    yield forker
    forker.close()


@pytest.fixture
def neuronxa(forker: Forker, tmp_path: Path) -> Command:
    """Run `neuronxa` in an empty folder, in a fork of a process that has loaded everything."""

    def run(*arguments: object, cwd: Path | None = None, **options: object) -> Finished:
        return forker(*arguments, cwd=cwd or tmp_path, out=tmp_path / "out", **options)

    return run
