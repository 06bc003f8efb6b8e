"""Forks: as far from each other and from their parent as new processes are."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from neuronxa_tasks.commands import own_process
from neuronxa_tasks.commands.own_process import call, end, in_new_processes
from neuronxa_tasks.errors import NeuronXAError

WORDS = ["run", "--tasks", "a"]


class Forks:
    """Does something in a fork, both streams in a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"

    def start(self, action: Callable[[], object], lock: int | None = None, **env: str) -> object:
        def run() -> int:
            action()
            return 0

        with self.path.open("wb") as log:
            return own_process._fork(run, WORDS, log, lock, {**os.environ, **env})

    def __call__(self, action: Callable[[], object], **env: str) -> tuple[int, str]:
        code = self.start(action, **env).wait()
        return code, self.path.read_text(encoding="utf-8")


@pytest.fixture
def forks(tmp_path: Path) -> Forks:
    return Forks(tmp_path)


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("action", "code", "told"),
    [
        (lambda: print("a café"), 0, "a café\n"),
        (lambda: fail(NeuronXAError("n is 1.")), 2, "neuronxa: error: n is 1.\n"),
        (lambda: fail(SystemExit(2)), 2, ""),
        (lambda: fail(SystemExit("why")), 1, ""),
        (lambda: fail(ValueError("odd")), 1, "ValueError: odd\n"),
        (lambda: fail(KeyboardInterrupt()), 130, "neuronxa: interrupted\n"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL, ""),
    ],
)
def test_how_a_fork_ends(forks: Forks, action: Callable[[], object], code: int, told: str) -> None:
    assert forks(action)[0] == code
    assert forks.path.read_text(encoding="utf-8").endswith(told)


def test_a_fork_is_what_a_new_process_would_be(forks: Forks) -> None:
    def tell() -> None:
        print(os.getsid(0) == os.getpid(), sys.stdin.read() if sys.stdin.isatty() else "")
        print(os.environ.get("ONLY_HERE"), random.random())
        print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)

    random.seed(1)
    first, second = (forks(tell, ONLY_HERE="yes")[1].split() for _ in range(2))
    assert first[0] == "True"
    assert first[1] == "yes"
    assert first[2] != second[2]  # random numbers that nobody has seeded
    assert first[3] == "True"
    assert "ONLY_HERE" not in os.environ


def test_an_interrupted_fork_is_ended_and_lets_go_of_its_lock(forks: Forks, tmp_path: Path) -> None:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    run = forks.start(lambda: time.sleep(600), lock)
    os.close(lock)
    again = os.open(tmp_path / "lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.05)
    begun = time.monotonic()
    end(run)
    assert time.monotonic() - begun < own_process.PATIENCE / 2
    assert run.wait() == -signal.SIGTERM
    fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(again)


def test_a_fork_that_cannot_use_its_device_becomes_a_new_process(
    forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    monkeypatch.setattr(own_process, "COMMAND", ("-c", "import sys; print(sys.argv[1:])"))
    code, told = forks(lambda: print("in the fork"))
    assert (code, told) == (0, f"{WORDS}\n")


def test_a_new_process_gets_the_words_behind_its_launcher(tmp_path: Path) -> None:
    start = in_new_processes([sys.executable, "-c", "import sys; print(sys.argv[1:])"])
    with (tmp_path / "log").open("wb") as log:
        assert call(start, WORDS, log, None) == 0
    told = (tmp_path / "log").read_text(encoding="utf-8")
    assert told == f"{['-m', 'neuronxa_tasks', *WORDS]}\n"
