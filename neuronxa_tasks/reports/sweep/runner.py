"""One checkpoint through `neuronxa run`, in a process of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import CHECKED
from neuronxa_tasks.reports.sweep.checkpoints import Checkpoint
from neuronxa_tasks.reports.sweep.harness_arguments import HarnessArguments
from neuronxa_tasks.reports.sweep.records import (
    HARNESS,
    LOCK,
    LOG,
    RECORD,
    RUNNING,
    Record,
    write_record,
)
from neuronxa_tasks.results.files import RunFile, find_runs

try:
    import fcntl
except ImportError:  # Windows has none; there, nothing keeps two sweeps apart
    fcntl = None  # type: ignore[assignment]

Call: TypeAlias = Callable[[Sequence[str], IO[bytes], "int | None"], int]
"""Runs `neuronxa WORDS` to its end, both streams in a file; the process holds the lock. Returns the
exit code; where we are interrupted, the run is ended first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended.

    Attributes:
        record: what was recorded; None where the checkpoint has no result.
        why: why it has none, in a sentence without full stop.
        seconds: how long it took.
        usage: whether it failed before its model was loaded, as every other checkpoint would.
    """

    record: Record | None
    why: str
    seconds: float
    usage: bool = False


def run_checkpoint(
    out: Path, checkpoint: Checkpoint, arguments: HarnessArguments, call: Call
) -> Outcome:
    """Runs one checkpoint and records its result.

    The harness writes into `running`, which becomes `harness` when it is whole; the record comes
    last. Whatever ends this process before leaves a folder without a record, which the next call
    runs again. The run holds a lock on the folder, also when this process is killed.

    Args:
        out: OUT of the sweep.
        checkpoint: which is run.
        arguments: of the harness.
        call: how a run gets a process.

    Returns:
        The outcome; a failed run is one, no exception.

    Raises:
        NeuronXAError: OUT cannot be written.
        KeyboardInterrupt: this process was told to end; the run has ended then.
    """
    folder = out / checkpoint.folder
    begun = time.monotonic()

    def failed(why: str, usage: bool = False) -> Outcome:
        return Outcome(None, why, time.monotonic() - begun, usage)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / LOCK) as lock:
            if isinstance(lock, str):
                return failed(f"it is being run by another process ({lock})")
            running = folder / RUNNING
            shutil.rmtree(running, ignore_errors=True)
            running.mkdir()
            started = time.time()
            words = arguments.run_of(checkpoint, str(running / "results.json"))
            with (folder / LOG).open("wb") as log:
                code = call(words, log, lock)
            if code != 0:
                why, usage = _last_words(folder / LOG)
                return failed(f"exit code {code}: {why}", usage)
            try:
                result = _only_result(running, arguments)
            except NeuronXAError as error:
                return failed(str(error).rstrip("."))
            (folder / RECORD).unlink(missing_ok=True)
            shutil.rmtree(folder / HARNESS, ignore_errors=True)
            running.rename(folder / HARNESS)
            seconds = time.monotonic() - begun
            record = Record(
                checkpoint,
                arguments.settings,
                f"{HARNESS}/{result.path.name}",
                result.sha256,
                started,
                round(seconds, 1),
            )
            write_record(folder, record)
            return Outcome(record, "", seconds)
    except OSError as error:
        raise NeuronXAError(
            f"{folder} cannot be written ({error.strerror or error}). Choose another -o, or free "
            "some space; finished checkpoints stay."
        ) from error


def _only_result(running: Path, arguments: HarnessArguments) -> RunFile:
    """The results file of a run that ended well.

    The harness also ends well when it could not save its results.
    """
    runs = find_runs([running]).runs
    if len(runs) != 1:
        raise NeuronXAError(f"the run wrote {len(runs)} results files instead of one")
    if arguments.settings.get("log_samples") and not runs[0].samples:
        raise NeuronXAError("--log_samples was asked for, but the run wrote no samples")
    return runs[0]


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int | str | None]:
    """Holds a lock.

    Yields:
        Its file, None where the file system has no locks, or who holds it.
    """
    if fcntl is None:
        yield None
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                yield "process " + (os.pread(handle, 200, 0).decode("utf-8", "replace") or "?")
            else:
                yield None
            return
        yield handle
    finally:
        os.close(handle)


def _last_words(log: Path) -> tuple[str, bool]:
    """The last line of a log, or the error in it that our command wrote; and whether it came early.

    Early is before the model is loaded: then it is about options, tasks or text.
    """
    text = log.read_bytes().decode("utf-8", "replace").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    errors = [line for line in lines if line.startswith("neuronxa: error: ")]
    found = (errors or lines or ["it wrote nothing"])[-1]
    told = found.removeprefix("neuronxa: error: ")[:500].rstrip(".")
    return told, bool(errors) and CHECKED not in lines
