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
import platform
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

logger = logging.getLogger(__name__)

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

    Processes may share a folder: a file appears whole or not at all.

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

    def get(self, *name: str) -> Any:
        """Find a content.

        Args:
            name: As it was put.

        Returns:
            The content; None if there is none, or if its file is damaged or not ours.
        """
        if self._reads is None:
            return None
        key = _key(name)
        path = _path(self._reads, key)
        try:
            packed = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell("reading", f"The kept result {path} cannot be read ({error.strerror})")
            return None
        try:
            entry = json.loads(_unpack(packed))
            content = entry["content"] if entry["key"] == key else None
        except (ValueError, KeyError, TypeError, RecursionError, zlib.error):
            content = None
        if content is None:
            self._tell("damage", f"{path} is damaged or not one of our files")
            return None
        with suppress(OSError):
            os.utime(path)  # used now: it is the last to be removed
        return content

    def put(self, content: Any, *name: str) -> None:
        """Keep a content.

        Args:
            content: Whatever JSON can hold.
            name: Any texts that together name it.
        """
        if self._writes is None:
            return
        key = _key(name)
        path = _path(self._writes, key)
        own = path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}.tmp")
        packed = gzip.compress(json.dumps({"key": key, "content": content}).encode(), 6, mtime=0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            own.write_bytes(packed)
            own.replace(path)
        except OSError as error:
            with suppress(OSError):
                own.unlink()
            logger.warning(
                "Results of languages cannot be kept in %s (%s). The run goes on; if it ends too "
                "early, it has to begin anew. Make space there, or choose another folder with "
                "NEURONXA_RESUME_DIR.",
                self._writes,
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
                yield path, path.stat()
