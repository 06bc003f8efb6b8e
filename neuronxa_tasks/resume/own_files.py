"""Files that nobody else can have written, for folders that are trusted when they are read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class ForeignError(OSError):
    """A file or folder that somebody else may have written; `strerror` says why."""


def check_folder(folder: Path) -> None:
    """Check that only this user can put files into a folder.

    Raises:
        ForeignError: It is no folder, belongs to somebody else, or others may write to it.
        OSError: It cannot be looked at; FileNotFoundError where there is none.
    """
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise _foreign(folder, "it is no folder")
    _check_owner(folder, found)


def read_own(path: Path, largest: int) -> bytes:
    """Read a regular file of this user; never waits, as a pipe or a device would let it.

    Args:
        path: Its last part may be no link.
        largest: Bytes that it has at most.

    Raises:
        ForeignError: It is something else, belongs to somebody else, others may write to it, or
            it is larger.
        OSError: It cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _foreign(path, "it is no regular file")
        _check_owner(path, found)
        if found.st_size > largest:
            raise _foreign(path, f"it has more than {largest} bytes")
        raw = file.read(largest)
        with suppress(OSError):  # used now
            os.utime(handle if os.utime in os.supports_fd else path)
    return raw


def write_own(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, under a name that nobody can prepare in between.

    Folders that are missing are made, and are this user's alone.

    Raises:
        ForeignError: The folder is not this user's alone.
        OSError: It cannot be written.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    check_folder(path.parent)
    own = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
    try:  # from here on the file is ours
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        own.replace(path)
    except OSError:
        with suppress(OSError):
            own.unlink()
        raise


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not hasattr(os, "geteuid"):
        return  # Windows: rights are no bits
    if found.st_uid != os.geteuid():
        raise _foreign(path, "it belongs to somebody else")
    if found.st_mode & _OTHERS:
        raise _foreign(path, f"others may write to it; type: chmod go-w {path}")


def _foreign(path: Path, why: str) -> ForeignError:
    return ForeignError(0, why, str(path))
