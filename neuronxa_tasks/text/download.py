"""One file from the network: over https, of a known SHA-256, whole or not there.

`pooch` downloads and checks. A download that was cut starts again: pooch cannot continue one, and
the 26 MB of the only file that we fetch are not worth a protocol of our own.
"""

from __future__ import annotations

import ipaddress
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from neuronxa_tasks.errors import NeuronXAError

TIMEOUT = (10.0, 60.0)  # seconds until there is a connection, and without a byte
ATTEMPTS = 3
PAUSE = 1.0  # seconds between them

_CHUNK = 2**16


class Bounded:
    """A stream that ends in an error before it gives or takes more than a number of bytes.

    Args:
        stream: What is read or written.
        limit: Number of bytes.
        error: What is raised beyond.
    """

    def __init__(self, stream: Any, limit: int, error: NeuronXAError) -> None:
        self._stream, self._left, self._error = stream, limit, error
        self.flush = stream.flush

    def read(self, size: int = -1) -> bytes:
        """As of any stream."""
        return self._counted(self._stream.read(size))

    def write(self, data: bytes) -> None:
        """As of any stream."""
        self._stream.write(self._counted(data))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise self._error
        return data


def download(url: str, sha256: str, file: Path, limit: int, progress: bool, instead: str) -> None:
    """Bring a file to its place, unless it is there with the right checksum.

    Args:
        url: Its address; see `check_url`.
        sha256: Its checksum in hexadecimal.
        file: Its place, in a folder that pooch may use for what is not complete.
        limit: Bytes after which the download is given up.
        progress: Whether to draw a bar on standard error.
        instead: How to do without the network, for errors.

    Raises:
        NeuronXAError: No network, an HTTP error, more bytes than `limit`, another checksum.
        OSError: The disk refuses.
    """
    from pooch import HTTPDownloader, retrieve
    from requests import HTTPError, RequestException

    check_url(url)
    host = urlsplit(url).hostname
    get = HTTPDownloader(
        progressbar=progress,
        chunk_size=_CHUNK,
        timeout=TIMEOUT,
        headers={"User-Agent": "neuronxa-tasks", "Accept-Encoding": "identity"},
        hooks={"response": _check_redirect},
        # A proxy cannot reach this machine's own address.
        proxies={"no_proxy": host} if _is_loopback(host) else None,
    )
    endless = NeuronXAError(
        f"{url} sends more than {limit} bytes, which cannot be {file.name}. Check the address."
    )

    def bounded(url: str, output_file: str, pooch: Any) -> None:
        with Path(output_file).open("wb") as opened:
            get(url, Bounded(opened, limit, endless), pooch)

    for attempt in range(1, ATTEMPTS + 1):
        try:
            retrieve(url, f"sha256:{sha256}", file.name, file.parent, downloader=bounded)
            return
        except NeuronXAError:  # noqa: PERF203
            raise
        except HTTPError as error:
            raise NeuronXAError(
                f"{url} cannot be had: {error}. The file may have moved, or the server may be "
                f"busy: try again later. {instead}"
            ) from None
        except RequestException as error:
            if attempt == ATTEMPTS:
                raise NeuronXAError(
                    f"{url} cannot be reached, or was cut off, {ATTEMPTS} times: {error}. Check "
                    "the connection (and HTTPS_PROXY, if there is a proxy), then run the same "
                    f"command again. {instead}"
                ) from None
            time.sleep(PAUSE)
        except ValueError as error:  # pooch says which checksum it found
            why = str(error).partition(". Deleted")[0]
            raise NeuronXAError(
                f"What {url} sends was damaged on the way or replaced at the source: {why}. It was "
                f"removed. Run the same command again. {instead}"
            ) from None


def _check_redirect(response: Any, *args: Any, **kwargs: Any) -> None:
    """Have requests follow redirects only to addresses that would be allowed at once."""
    if response.is_redirect:
        check_url(urljoin(response.url, response.headers["location"]))


def check_url(url: str) -> None:
    """Refuse an address whose answer could be read or changed on the way.

    Raises:
        NeuronXAError: It is neither https nor http to this machine.
    """
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
