"""Results of languages on disk, so that a run that was killed does only what is missing.

One small file per language and model, written as soon as the language is scored. Its name is a
hash of everything that the result depends on (see `identity`), so nothing is ever looked up that
could be out of date, and any file, or the whole folder, can be deleted at any time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import re
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from neuronxa_tasks.resume.own_files import ForeignError, check_folder, read_own, write_own

logger = logging.getLogger(__name__)

T = TypeVar("T")

Mode = Literal["on", "off", "refresh"]
MODES: tuple[str, ...] = get_args(Mode)

LIMIT = 2**30
"""Bytes of the folder above which the files that were not used for longest are removed."""
LARGEST = 2**28
"""Bytes of one result, unpacked. A file that has more is none of ours."""
_DAY = 24 * 3600
_OURS = re.compile(r"[0-9a-f]{64}\.json\.gz(\..*\.tmp)?")


class ScoreCache:
    """Keeps JSON contents by name. No error of the disk ends a run; each kind is told once.

    Processes of one user may share a folder: a file appears whole or not at all. What somebody
    else may have written is not used.

    Args:
        folder: Is made when first needed; None keeps and finds nothing.
        mode: `on`, `off`, or `refresh`, which finds nothing and replaces what is there.
    """

    def __init__(self, folder: Path | None, mode: Mode = "on") -> None:
        self._reads = folder if mode == "on" else None
        self._writes = None if mode == "off" else folder
        self._folder = folder
        self._told: set[str] = set()
        self._wrote = False

    def get(self, *name: str, read: Callable[[Any], T] = lambda content: content) -> T | None:
        """Find a content.

        Args:
            name: As it was put.
            read: Checks the content and makes of it what is returned; an error of its (ValueError,
                LookupError, TypeError) says that the content is none of ours.

        Returns:
            The content; None if there is none, or if its file is damaged or not ours.
        """
        if self._reads is None:
            return None
        key = _key(name)
        path = _path(self._reads, key)
        try:
            check_folder(self._reads)
            check_folder(path.parent)
            packed = read_own(path, LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            place = error.filename or path
            self._tell("reading", f"The kept result {place} cannot be used ({error.strerror})")
            return None
        try:
            entry = json.loads(_unpack(packed))
            if entry["key"] != key:
                raise ValueError("of another name")
            return read(entry["content"])
        except (ValueError, LookupError, TypeError, RecursionError, zlib.error):
            self._tell("damage", f"{path} is damaged or not one of our files")
            return None

    def put(self, content: Any, *name: str) -> None:
        """Keep a content.

        Args:
            content: Whatever JSON can hold.
            name: Any texts that together name it.
        """
        if self._writes is None:
            return
        key = _key(name)
        packed = gzip.compress(json.dumps({"key": key, "content": content}).encode(), 6, mtime=0)
        try:
            self._writes.parent.mkdir(parents=True, exist_ok=True)
            self._writes.mkdir(mode=0o700, exist_ok=True)
            check_folder(self._writes)
            write_own(_path(self._writes, key), packed)
        except OSError as error:
            logger.warning(
                "Results of languages cannot be kept in %s (%s). The run goes on; if it ends too "
                "early, it has to begin anew. Make space there, or choose another folder with "
                "NEURONXA_RESUME_DIR.",
                error.filename if isinstance(error, ForeignError) else self._writes,
                error.strerror,
            )
            self._writes = None
        self._wrote = True

    def trim(self, limit: int = LIMIT) -> None:
        """Remove what was not used for longest until the folder has no more than `limit` bytes.

        Files of processes that were killed while they wrote go after a day. Does nothing where
        this process has written nothing.
        """
        if self._folder is None or not self._wrote:
            return
        files = list(_files(self._folder))
        size = sum(each.st_size for _, each in files)
        for path, each in sorted(files, key=lambda file: file[1].st_mtime):
            left_over = path.suffix == ".tmp" and each.st_mtime < time.time() - _DAY
            if size <= limit and not left_over:
                continue
            with suppress(OSError):  # another process was faster
                path.unlink()
            size -= each.st_size

    def _tell(self, kind: str, what: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            logger.warning("%s. It is not used; the language is scored anew.", what)


def _key(name: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(name).encode()).hexdigest()


def _path(folder: Path, key: str) -> Path:
    return folder / key[:2] / f"{key}.json.gz"


def _unpack(packed: bytes) -> bytes:
    """Unpack gzip, which has a checksum, up to a size that no result has."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    raw = unpacker.decompress(packed, LARGEST)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("not one whole gzip member")
    return raw


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.glob("??/*"):
        if _OURS.fullmatch(path.name):  # never touch what else lies there
            with suppress(OSError):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode):
                    yield path, found
