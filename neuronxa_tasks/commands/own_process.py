"""A run of the harness in a process of its own: a fork of one that has loaded all, or a new one.

A fork pays for the start only once, and is as far from other runs as a new process is: it takes its
memory along when it ends, and whatever ends it leaves the others alone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import IO, Any, Protocol, TypeAlias

from neuronxa_tasks.commands.exit_codes import exit_code

PATIENCE = 20.0
"""Seconds that an interrupted run has to end by itself."""

COMMAND = ("-m", "neuronxa_tasks")
"""This program, for Python or a launcher."""

_NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""Lets torch look for CUDA devices without what a fork cannot take along."""


class Run(Protocol):
    """A process that runs."""

    @property
    def pid(self) -> int:
        """Of the process, and of its group where it has one of its own."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit code at its end.

        Raises:
            subprocess.TimeoutExpired: It still runs after so many seconds.
        """


Start: TypeAlias = Callable[[Sequence[str], "IO[bytes] | None", "int | None"], Run]
"""Starts a process.

Takes the words behind `neuronxa`, of which the first is `run`; a file for both streams, which else
are ours; and an open file whose lock the process holds as long as it lives.
"""

Do: TypeAlias = Callable[[list[str]], int]


def in_new_processes(launcher: Sequence[str]) -> Start:
    """Runs that start from nothing.

    Args:
        launcher: What stands before `-m neuronxa_tasks`.
    """

    def start(words: Sequence[str], log: IO[bytes] | None, lock: int | None) -> Run:
        return subprocess.Popen(
            [*launcher, *COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=None if log is None else subprocess.STDOUT,
            # A group of its own: an interruption reaches a launcher's workers, too.
            start_new_session=True,
            # The lock lives as long as the run, even where this process is killed.
            pass_fds=() if lock is None else (lock,),
        )

    return start


def in_forks(run: Do, tasks: Sequence[str], include_path: str | None = None) -> Start:
    """Runs that are forks of this process, which loads everything first.

    Where this process cannot be forked (not Linux, several threads, a device that it holds), each
    run is a new process.

    Args:
        run: Does what `neuronxa run` does with its arguments.
        tasks: Items of `--tasks`, whose names are looked up once for all runs.
        include_path: A folder with further task configs.
    """
    anew = in_new_processes([sys.executable])
    if sys.platform != "linux":
        return anew
    before = dict(os.environ)
    os.environ.setdefault(_NVML, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # as `run` does
    load_what_a_run_needs()
    from neuronxa_tasks.harness.launch.task_index import read_ahead

    read_ahead(tasks, include_path)

    def start(words: Sequence[str], log: IO[bytes] | None, lock: int | None) -> Run:
        if threading.active_count() > 1:
            return anew(words, log, lock)
        return _fork(partial(run, list(words[1:])), words, log, lock, before)

    return start


def load_what_a_run_needs() -> None:
    """Import what every run imports, so that forks of this process have it."""
    importlib.import_module("lm_eval._cli")
    importlib.import_module("lm_eval.evaluator")
    importlib.import_module("neuronxa_tasks.commands.run")
    importlib.import_module("neuronxa_tasks.harness.model")
    importlib.import_module("neuronxa_tasks.harness.tasks.alignment")
    importlib.import_module("pytablewriter")
    importlib.import_module("sklearn.feature_extraction.text")
    importlib.import_module("transformers.models.llama.modeling_llama")


def call(start: Start, words: Sequence[str], log: IO[bytes] | None, lock: int | None) -> int:
    """Run to the end; where this process is interrupted, end the run with all it started.

    Args:
        start: In which way.
        words: `run`, and its arguments.
        log: File for both streams; else they are ours.
        lock: An open file that the run holds as long as it lives; the run is named in it.

    Returns:
        The exit code.
    """
    run = start(words, log, lock)
    try:
        if lock is not None:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{run.pid} on {os.uname().nodename}".encode(), 0)
        return run.wait()
    except BaseException:
        end(run)
        raise


def end(run: Run) -> None:
    """End a run and all that it started."""
    if not hasattr(os, "killpg"):  # Windows
        os.kill(run.pid, signal.SIGTERM)
        run.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        run.wait(PATIENCE)
    with contextlib.suppress(ProcessLookupError):  # what is left of the group
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Make the signals of a scheduler an interruption, so that the run is ended, too."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for number in _signals()
        if signal.getsignal(number) is not signal.SIG_IGN  # `nohup` ignores SIGHUP
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signals() -> list[signal.Signals]:
    return [n for name in ("SIGTERM", "SIGHUP") if (n := getattr(signal, name, None))]


# --- forks ------------------------------------------------------------------------------------


class _Fork:
    """A fork of this process, with what a run needs of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self._code is None:
            found, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            if found:
                self._code = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired(["neuronxa", "run"], timeout or 0.0)
            else:
                time.sleep(0.02)
        return self._code


def _fork(
    action: Callable[[], int],
    words: Sequence[str],
    log: IO[bytes] | None,
    lock: int | None,
    environment: Mapping[str, str],
) -> _Fork:
    """Do the action in a fork; the words would do the same in a new process."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return _Fork(pid)
    code: Any = 1
    try:
        _settle(log, environment)
        if _holds_a_device():
            if lock is not None:
                os.set_inheritable(lock, True)
            os.execv(sys.executable, [sys.executable, *COMMAND, *words])
        code = exit_code(action)
    except SystemExit as end:  # usage: the words are on the error stream already
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _settle(log: IO[bytes] | None, environment: Mapping[str, str]) -> None:
    """Make a fork what a new process would be."""
    os.setsid()
    for each in _signals():
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if log is not None:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    for stream, number in (("stdout", 1), ("stderr", 2)):
        kept = getattr(sys, stream)
        setattr(
            sys,
            stream,
            open(  # noqa: SIM115  it lives as long as the process
                number, "w", buffering=1, encoding=kept.encoding, errors="backslashreplace",
                closefd=False,
            ),
        )  # fmt: skip
    os.environ.clear()
    os.environ.update(environment)
    import numpy as np

    random.seed()
    np.random.seed()


def _holds_a_device() -> bool:
    """Has something that was loaded touched a device, which a fork then cannot use?"""
    import torch

    devices = (getattr(torch, name, None) for name in ("cuda", "xpu"))
    return any(getattr(device, "_is_in_bad_fork", bool)() for device in devices)
