"""A tiny checkpoint on disk and the real programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import BIN, ENVIRONMENT, Command, Finished
from hub import Hub, serve
from hub_data import hub_repositories
from models import byte_tokenizer, tiny_model


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Llama on disk, whose tokenizer adds a BOS."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny-llama"
    tiny_model("llama").save_pretrained(folder)
    byte_tokenizer(bos=True).save_pretrained(folder)
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run a program of the environment in an empty folder."""

    def run(program: str, *arguments: object, cwd: Path | None = None, **env: str) -> Finished:
        done = subprocess.run(
            [BIN / program, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
            cwd=cwd or tmp_path,
            env={**os.environ, **ENVIRONMENT, **env},
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr, tmp_path / "out")

    return run


@pytest.fixture(scope="module")
def hub(data_dir: Path) -> Iterator[Hub]:
    """A Hub on the loopback interface with cuts of the real data sets."""
    with serve(hub_repositories(data_dir)) as hub:
        yield hub
