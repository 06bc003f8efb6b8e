"""The output of a run: a folder that can be written, and results that were saved."""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError, one_line

_ROOM = 2**16
"""Bytes written on trial before a run; a results file of one language is about as large."""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


def disk_fault(error: OSError) -> int:
    """Say that something could not be written, or not be opened, wherever it happened.

    Args:
        error: What reached the end of the command.

    Returns:
        The exit code: 2, or 141 where the reader of standard output went away.

    Raises:
        OSError: It is of another kind.
    """
    if error.errno not in (errno.EPIPE, *_FULL, *_FORBIDDEN):
        raise error
    if error.errno in _FORBIDDEN:
        print(
            f"neuronxa: error: {str(error.filename or 'a file')!r} cannot be read or written: "
            f"{error.strerror}. Check who owns it, or choose another place.",
            file=sys.stderr,
        )
        return 2
    with suppress(OSError, ValueError):  # else the interpreter tries again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return 141
    place = repr(str(error.filename)) if error.filename else "standard output, or another file,"
    print(
        f"neuronxa: error: {place} cannot be written: {error.strerror}. Free some space, or write "
        "elsewhere.",
        file=sys.stderr,
    )
    return 2


def check_output(output: Path, arguments: Mapping[str, Any]) -> None:
    """Find out before the run whether its results can be saved; leave nothing behind.

    Args:
        output: The value of `--output_path`.
        arguments: Of the model.

    Raises:
        NeuronXAError: Nothing can be written there, or the name of the model leads elsewhere.
    """
    name = ""
    folder = output.absolute()
    if output.suffix == ".json":
        folder = folder.parent
    else:
        name = _folder_of(arguments)
        if name == "..":
            given = _name_of(arguments)
            raise NeuronXAError(
                f"The model is {given!r}, after which the harness names the folder of the results, "
                f"so they would lie outside of --output_path {str(output)!r}. Give the whole path "
                "of the model."
            )
    try:
        there = folder / name
        while not os.path.lexists(there) and there != there.parent:
            there = there.parent
        with tempfile.TemporaryDirectory(dir=there) as trial:
            (Path(trial) / name).mkdir(exist_ok=True)
            _fill(Path(trial))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise NeuronXAError(
            f"--output_path is {str(output)!r}, but nothing can be written to "
            f"{str(folder / name)[:200]!r}: {reason}. Choose another folder, or free some space; "
            "the results would be lost after the run."
        ) from None


def _name_of(arguments: Mapping[str, Any]) -> str:
    """The name of the model as the harness reads it from its arguments; may be empty."""
    from lm_eval.loggers.evaluation_tracker import GeneralConfigTracker

    return GeneralConfigTracker._get_model_name(dict(arguments)) or ""


def _folder_of(arguments: Mapping[str, Any]) -> str:
    """The folder that the harness makes for the results of a model."""
    from lm_eval.utils import sanitize_model_name

    return str(sanitize_model_name(_name_of(arguments)))


def _fill(folder: Path) -> None:
    with (folder / "trial").open("wb") as file:
        file.write(bytes(_ROOM))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def only_the_first_saves() -> Iterator[None]:
    """Give the results of the harness to the first process of all alone.

    Under tensor parallelism the harness gives them to the first process of each machine, and each
    of these would write, print and upload them.
    """
    if is_first():
        yield
        return
    import lm_eval

    evaluate = lm_eval.simple_evaluate

    def without_results(*args: Any, **kwargs: Any) -> None:
        evaluate(*args, **kwargs)

    lm_eval.simple_evaluate = without_results
    try:
        yield
    finally:
        lm_eval.simple_evaluate = evaluate


def is_first() -> bool:
    """Whether this process is the first of all that a launcher has started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def results_saved(
    output: Path | None, arguments: Mapping[str, Any] | None = None
) -> Iterator[list[Path]]:
    """Raise after a run whose results the harness could not write.

    Args:
        output: The value of `--output_path`, if there is one.
        arguments: Of the model.

    Yields:
        A list, which has the results files of this run at its end.

    Raises:
        NeuronXAError: A results or samples file is missing or cut off.
    """
    files: list[Path] = []
    if output is None:
        yield files
        return
    source = logging.getLogger("lm_eval.loggers.evaluation_tracker")
    failures = _Failures()
    source.addHandler(failures)
    before = _written(output)
    try:
        yield files
    finally:
        source.removeHandler(failures)
    # Where the log level hides the warning. No times: the clock of a file system may be another.
    new = [path for path, _ in _written(output).items() - before.items()]
    # Another run may write to the same folder at the same time, but not of the same model.
    place = output.parent if output.suffix == ".json" else output / _folder_of(arguments or {})
    files += sorted(p for p in new if p.parent == place and not p.name.startswith("samples_"))
    if is_first() and not failures.found and not new:
        failures.found.append("no results file is there")
    if failures.found:
        raise NeuronXAError(
            f"The run is over, but its results could not be saved to {str(output)!r}: "
            f"{failures.found[0]}. Files of this run there are incomplete: delete them. Free some "
            "space or choose another --output_path, then run the same command again."
        )


def _written(output: Path) -> dict[Path, tuple[int, int]]:
    """The harness' files where it writes, with the time of their last change and their size."""
    folder = output.parent if output.suffix == ".json" else output
    found = {}
    for path in folder.rglob("*_20??-??-??T*.json") if folder.is_dir() else ():
        with suppress(OSError):
            state = path.stat()
            found[path] = (state.st_mtime_ns, state.st_size)
    return found


class _Failures(logging.Handler):
    """Collect why the harness could not save; it logs that inside its `except`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Could not save"):
            error = sys.exc_info()[1]
            reason = getattr(error, "strerror", None) or one_line(error)
            self.found.append(reason.rstrip("."))
