"""The official FLORES-200 archive: downloaded once, unpacked all or nothing.

The archive is unpacked as if it were hostile although its checksum is right: nothing but plain
files of the known layout is written, within bounds.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder, disk_told, room_beside, whole_folder
from neuronxa_tasks.text.download import Bounded, check_url, download
from neuronxa_tasks.text.flores import ARCHIVE, SPLIT, flores_codes, is_unpacked
from neuronxa_tasks.text.manifest import write_manifest

URL = f"https://dl.fbaipublicfiles.com/nllb/{ARCHIVE}.tar.gz"
SHA256 = "b8b0b76783024b85797e5cc75064eb83fc5288b41e9654dabc7be6ae944011f6"
MAX_BYTES = 512 * 2**20  # of the download and of the archive unpacked
WAIT = 3600  # seconds for another process to finish
MAX_MEMBERS = 2000  # the archive has one file per language and split, and a few more

_LOCK = ".flores200.lock"
_LAYOUT = re.compile(
    r"(dev|devtest)/[a-z]{3}_[A-Z][a-z]{3}\.\1"
    r"|metadata_(?:dev|devtest)\.tsv|README(?:\.[a-z]{1,4})?"
)
_INSTEAD = (
    "Or bring the file from another machine: a folder with its devtest files can be given with "
    '--metadata \'{"data_dir": "..."}\'.'
)
_SPACE = (
    "FLORES-200 needs 26 MB for the download and several times that unpacked. Free space there, "
    "check the permissions, or set NEURONXA_CACHE to another folder."
)


def fetch_flores200(
    url: str = URL,
    sha256: str = SHA256,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Path:
    """Download and unpack FLORES-200, unless it is there already and every file is right.

    Of two processes at once, one waits for the other.

    Args:
        url: Where the archive is; https, or http to this machine.
        sha256: Its checksum in hexadecimal.
        folder: Where `flores200_dataset/` goes; by default `files.cache_folder()`.
        progress: Whether to draw a progress bar on standard error.

    Returns:
        The folder with the devtest files: with the default `folder` the one in which
        `flores.find_flores` looks.

    Raises:
        NeuronXAError: No network, an HTTP error, a wrong checksum, an archive that is not
            FLORES-200, a folder in its place that is something else or was changed, or one that
            cannot be written. No half-unpacked folder is left.
    """
    root = cache_folder() if folder is None else Path(folder).expanduser()
    final = root / ARCHIVE
    if is_unpacked(final, flores_codes()):
        return final / SPLIT
    check_url(url)
    with disk_told(root, _SPACE):
        root.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(root / _LOCK):
            if is_unpacked(final, flores_codes()):  # the process before us did it
                return final / SPLIT
            for stale in root.glob(f".{ARCHIVE}.*"):  # of a process that was killed
                shutil.rmtree(stale, ignore_errors=True)
            with room_beside(final) as room:
                packed = room / f"{ARCHIVE}.tar.gz"
                download(url, sha256.lower(), packed, MAX_BYTES, progress, _INSTEAD)
                unpack(packed, final)
    return final / SPLIT


def _one_at_a_time(path: Path) -> AbstractContextManager[Any]:
    """A lock, which the system frees if this process dies."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    with suppress(Timeout):
        return lock.acquire(timeout=0)
    print("Another process is fetching FLORES-200; waiting for it.", file=sys.stderr)
    try:
        return lock.acquire(timeout=WAIT)
    except Timeout:
        raise NeuronXAError(
            f"The lock {path} was not to be had for {WAIT} seconds: another process holds it, or "
            "the file system has no locks. End that process, or set NEURONXA_CACHE to another "
            "folder."
        ) from None


def unpack(packed: Path, final: Path) -> None:
    """Unpack the archive and note the checksums of its files; all or nothing.

    Args:
        packed: The archive.
        final: New folder for its content. It may hold empty folders.

    Raises:
        NeuronXAError: The archive is damaged, hostile or incomplete.
        OSError: The disk refuses.
    """
    if final.is_dir():
        shutil.rmtree(final)  # has no files; see is_unpacked
    with whole_folder(final) as folder:
        _extract(packed, folder)
        lacking = [c for c in flores_codes() if not (folder / SPLIT / f"{c}.{SPLIT}").is_file()]
        if lacking:
            raise _bad(f"has no {SPLIT} file of {len(lacking)} languages, such as {lacking[0]}")
        write_manifest(folder)


def _extract(packed: Path, into: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise NeuronXAError(
            f"Python {sys.version.split()[0]} unpacks archives without the safety checks of later "
            "releases. Update it to 3.10.12, 3.11.4 or a later version."
        )
    try:
        with gzip.open(packed) as stream:
            bomb = _bad(f"unpacks to more than {MAX_BYTES} bytes")
            bounded: Any = Bounded(stream, MAX_BYTES, bomb)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                tar.extractall(into, _known_files(tar), filter="data")
            while bounded.read(2**16):
                pass  # gzip's own checksum stands at the end
    except (
        tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, RecursionError,
    ) as error:  # fmt: skip
        raise _bad(f"is damaged ({error})") from None


def _known_files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The files of the known layout, named from the archive's own folder; raises at any oddity."""
    seen: set[str] = set()
    for number, member in enumerate(tar, 1):
        parts = member.name.split("/")
        if number > MAX_MEMBERS:
            raise _bad(f"has more than {MAX_MEMBERS} members")
        if member.name.startswith("/") or ".." in parts or set(member.name) & set("\\:\0"):
            raise _bad(f"has the name {member.name!r}, which may lead out of the folder")
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise _bad(f"has {member.name!r}, which is neither a file nor a folder")
        top, _, name = "/".join(part for part in parts if part not in ("", ".")).partition("/")
        if top != ARCHIVE or not _LAYOUT.fullmatch(name):
            continue  # such as the ._files that macOS adds
        if name in seen:
            raise _bad(f"has {name!r} twice")
        seen.add(name)
        member.name = name
        yield member


def _bad(what: str) -> NeuronXAError:
    return NeuronXAError(
        f"The archive {what}, so it is not the FLORES-200 release. Nothing was unpacked. "
        "Fetch it again from the official address."
    )
