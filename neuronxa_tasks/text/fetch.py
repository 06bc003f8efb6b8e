"""Download of the official FLORES-200 archive: resumable, verified, unpacked all or nothing.

The archive is taken as hostile until its checksum is right, and unpacked as if it still were:
nothing but the files of the known layout is written, whatever the archive asks for.
"""

from __future__ import annotations

import gzip
import hashlib
import ipaddress
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from tqdm import tqdm

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.text.flores import FLORES_SPLIT

URL = "https://dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz"
SHA256 = "b8b0b76783024b85797e5cc75064eb83fc5288b41e9654dabc7be6ae944011f6"

TIMEOUT = 60.0  # seconds without a byte
ATTEMPTS = 5  # connections, each of which continues where the last was cut
PAUSE = 1.0  # seconds between them
MAX_BYTES = 512 * 2**20  # of the download and of the archive unpacked
MAX_MEMBERS = 2000  # the archive has one file per language and split, and a few more

_NAME = "flores200_dataset"
_PART = f"{_NAME}.tar.gz.part"
_TEMPORARY = f".{_NAME}-"
_CHUNK = 2**16
_LAYOUT = re.compile(
    rf"{_NAME}/(?:(dev|devtest)/[a-z]{{3}}_[A-Z][a-z]{{3}}\.\1"
    r"|metadata_(?:dev|devtest)\.tsv|README(?:\.[a-z]{1,4})?)"
)
_BY_HAND = (
    "Or bring the file from another machine: a folder with its devtest files can be given with "
    '--metadata \'{"data_dir": "..."}\'.'
)


def fetch_flores200(
    url: str = URL,
    sha256: str = SHA256,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Path:
    """Download and unpack FLORES-200, unless it is there already.

    A cut download is continued by the next call. Two processes at once do not disturb each other:
    on POSIX one waits for the other.

    Args:
        url: Where the archive is; https, or http to this machine.
        sha256: Its checksum in hexadecimal.
        folder: Where `flores200_dataset/` goes; by default `corpora.cache_folder()`.
        progress: Whether to draw a progress bar on standard error.

    Returns:
        The folder with the devtest files: with the default `folder` the one that
        `corpora.flores_archive_folder()` names.

    Raises:
        NeuronXAError: No network, an HTTP error, a wrong checksum, an archive that is not
            FLORES-200, or a folder that cannot be written. No half-unpacked folder is left.
    """
    root = cache_folder() if folder is None else Path(folder).expanduser()
    final = root / _NAME
    part = root / _PART
    with _disk(root):
        if _is_there(final):
            return final / FLORES_SPLIT
        _check_url(url)
        root.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(root, progress) as alone:
            if _is_there(final):  # the process that had the lock was faster
                return final / FLORES_SPLIT
            if alone:
                for stale in root.glob(f"{_TEMPORARY}*"):  # of a process that was killed
                    shutil.rmtree(stale, ignore_errors=True)
            _download(url, sha256.lower(), part, progress)
            _unpack(part, final)
            part.unlink(missing_ok=True)
    return final / FLORES_SPLIT


def _is_there(final: Path) -> bool:
    """Whether the archive was unpacked; the folder appears only when it is complete."""
    if (final / FLORES_SPLIT).is_dir():
        return True
    if final.exists() and not (final.is_dir() and not any(final.iterdir())):
        raise NeuronXAError(
            f"{final} exists but has no folder {FLORES_SPLIT}, so it is not the FLORES-200 "
            "archive. Move it away, then fetch again."
        )
    return False


# Network ---------------------------------------------------------------------------------------


def _download(url: str, sha256: str, part: Path, progress: bool) -> None:
    """Bring `part` to the state where its checksum is right."""
    for attempt in range(ATTEMPTS):
        # Right at once where the file was complete but not unpacked.
        if part.exists() and _checksum(part) == sha256:
            return
        if attempt:
            time.sleep(PAUSE)
        if _receive(url, part, progress):
            break
    else:
        raise NeuronXAError(
            f"The connection to {url} was cut {ATTEMPTS} times. {_kept(part)}"
            "Run the same command again to continue."
        )
    found = _checksum(part)
    if found != sha256:
        size = part.stat().st_size
        part.unlink()
        raise NeuronXAError(
            f"The file from {url} ({size} bytes) has the SHA-256 {found}, not {sha256}: it was "
            "damaged on the way or replaced at the source. It was removed; nothing was unpacked. "
            f"Run the same command again. {_BY_HAND}"
        )


def _receive(url: str, part: Path, progress: bool) -> bool:
    """Append what is missing to `part` with one request.

    Returns:
        Whether the answer was complete; False where the connection was cut.
    """
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "neuronxa-tasks", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    # A proxy cannot reach this machine's own address.
    proxies = [ProxyHandler({})] if _is_loopback(urlsplit(url).hostname) else []
    try:
        response = build_opener(_Redirects, *proxies).open(
            Request(url, headers=headers), timeout=TIMEOUT
        )
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:  # nothing after the bytes that are there
            return True
        raise NeuronXAError(
            f"{url} answers {error.code} {error.reason}. The archive may have moved, or the server "
            f"may be busy: try again later. {_BY_HAND}"
        ) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise NeuronXAError(
            f"{url} cannot be reached: {reason}. {_kept(part)}Check the connection (and "
            f"HTTPS_PROXY, if there is a proxy), then run the same command again. {_BY_HAND}"
        ) from None
    with response:
        if response.status == 206:
            start = re.match(r"bytes ([0-9]{1,18})-", response.headers.get("Content-Range") or "")
            if start is None or int(start[1]) != have:
                part.unlink(missing_ok=True)  # not the bytes that were asked for
                return False
        else:
            have = 0  # the server does not continue downloads
        return _save(response, part, have, progress)


def _save(response: Any, part: Path, have: int, progress: bool) -> bool:
    """Write an answer's body behind the first `have` bytes; False where it was cut."""
    stated = response.headers.get("Content-Length") or ""
    length = int(stated) if re.fullmatch("[0-9]{1,18}", stated) else None
    received = 0
    with (
        part.open("ab" if have else "wb") as file,
        tqdm(
            desc=f"{_NAME}.tar.gz",
            initial=have,
            total=None if length is None else have + length,
            unit="B",
            unit_scale=True,
            disable=not progress,
        ) as bar,
    ):
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, HTTPException):
                return False
            if not chunk:
                return length is None or received >= length
            received += len(chunk)
            if have + received > MAX_BYTES:
                raise NeuronXAError(
                    f"{response.url} sends more than {MAX_BYTES} bytes, which cannot be FLORES-200 "
                    f"(26 MB). Delete {part} and check the address."
                )
            file.write(chunk)
            bar.update(len(chunk))


class _Redirects(HTTPRedirectHandler):
    """Follow redirects only to addresses that would be allowed in the first place."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> Request | None:
        request = super().redirect_request(*args, **kwargs)
        if request is not None:
            _check_url(request.full_url)
        return request


def _check_url(url: str) -> None:
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    if host and (scheme == "https" or (scheme == "http" and _is_loopback(host))):
        return
    raise NeuronXAError(
        f"{url!r} is not an https address, so what it sends could be read and changed on the way. "
        "Use https; http is allowed for this machine only."
    )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


# Disk ------------------------------------------------------------------------------------------


@contextmanager
def _disk(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NeuronXAError(
            f"The folder {root} cannot be written: {error.strerror or error}. FLORES-200 needs "
            "26 MB for the download and several times that unpacked. Free space there, check the "
            "permissions, or set NEURONXA_CACHE to another folder."
        ) from error


@contextmanager
def _one_at_a_time(root: Path, progress: bool) -> Iterator[bool]:
    """Hold a lock on the folder, which the system frees if this process dies.

    Yields:
        Whether there is a lock: not on Windows and on some network file systems. Two processes
        there can spoil each other's download, which the checksum finds.
    """
    if sys.platform == "win32":
        yield False
        return
    import fcntl

    handle = os.open(root, os.O_RDONLY)
    try:
        alone = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                print("Another process is fetching FLORES-200; waiting for it.", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(handle)


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _kept(part: Path) -> str:
    if not part.exists():
        return ""
    return f"The {part.stat().st_size} bytes received so far are kept in {part}. "


# Archive ---------------------------------------------------------------------------------------


def _unpack(archive: Path, final: Path) -> None:
    """Unpack beside `final` and rename, so that `final` is complete or absent."""
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=final.parent))
    try:
        try:
            _extract(archive, temporary)
        except NeuronXAError:
            archive.unlink(missing_ok=True)
            raise
        try:
            (temporary / _NAME).rename(final)
        except OSError:
            if not _is_there(final):  # else another process was faster: the same files
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, into: Path) -> None:
    """Write the files of the known layout into a folder, or raise at the first oddity."""
    seen: set[str] = set()
    declared = 0
    try:
        with gzip.open(archive) as stream:
            bounded: Any = _Bounded(stream)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:
                for number, member in enumerate(tar, 1):
                    if number > MAX_MEMBERS:
                        raise _bad(f"has more than {MAX_MEMBERS} members")
                    name = _plain_name(member)
                    if member.isdir():
                        continue
                    if not _is_plain_file(member):
                        raise _bad(f"has {name!r}, which is neither a file nor a folder")
                    declared += member.size
                    if declared > MAX_BYTES:
                        raise _bad(f"unpacks to more than {MAX_BYTES} bytes")
                    if not _LAYOUT.fullmatch(name):
                        continue  # such as the ._files that macOS adds
                    if name in seen:
                        raise _bad(f"has {name!r} twice")
                    seen.add(name)
                    source = tar.extractfile(member)
                    if source is None:
                        raise _bad(f"has {name!r}, which cannot be read")
                    target = into / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("xb") as file:
                        shutil.copyfileobj(source, file)
            while bounded.read(_CHUNK):
                pass  # gzip's own checksum stands at the end
    except NeuronXAError:
        raise
    except (
        tarfile.TarError,
        gzip.BadGzipFile,
        zlib.error,
        EOFError,
        ValueError,
        RecursionError,
    ) as error:
        raise _bad(f"is damaged ({error})") from None
    if not any(name.startswith(f"{_NAME}/{FLORES_SPLIT}/") for name in seen):
        raise _bad(f"has no files {_NAME}/{FLORES_SPLIT}/<code>.{FLORES_SPLIT}")


def _plain_name(member: tarfile.TarInfo) -> str:
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or set(member.name) & set("\\:\0"):
        raise _bad(f"has the name {member.name!r}, which may lead out of the folder")
    return "/".join(part for part in parts if part not in ("", "."))


def _is_plain_file(member: tarfile.TarInfo) -> bool:
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


def _bad(what: str) -> NeuronXAError:
    return NeuronXAError(
        f"The archive {what}, so it is not the FLORES-200 release. It was removed, and nothing was "
        "unpacked. Fetch it again from the official address."
    )


class _Bounded:
    """A stream that refuses to give more than MAX_BYTES, whatever its headers say."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = MAX_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _bad(f"unpacks to more than {MAX_BYTES} bytes")
        return data
