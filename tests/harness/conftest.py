"""A tiny checkpoint on disk and the real programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Command, Finished, in_new_process
from hub import Hub, serve
from hub_data import hub_repositories
from models import byte_tokenizer, tiny_model


@pytest.fixture(scope="session", autouse=True)
def _indexes_are_made_fast(configs_once: None) -> None:
    """Most tests here make an index of the harness' names."""


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Llama on disk, whose tokenizer adds a BOS."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny-llama"
    tiny_model("llama").save_pretrained(folder)
    byte_tokenizer(bos=True).save_pretrained(folder)
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run a program of the environment in an empty folder and a process of its own."""

    def run(program: str, *arguments: object, **env: str) -> Finished:
        return in_new_process(program, *arguments, cwd=tmp_path, **env)

    return run


@pytest.fixture(scope="module")
def hub(data_dir: Path) -> Iterator[Hub]:
    """A Hub on the loopback interface with cuts of the real data sets."""
    with serve(hub_repositories(data_dir)) as hub:
        yield hub
