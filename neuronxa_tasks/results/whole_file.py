"""The bytes of a file of others: plain or gzip, and never of something that may not end."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError

GZIP = ".gz"
MOST_UNPACKED = 2**31
"""A small `.gz` file can unpack to anything; no table or samples file comes near 2 GiB."""


def whole_file(path: Path, advice: str) -> bytes:
    """Reads a file whole; one that is called `.gz` is unpacked.

    Args:
        path: a regular file, or a link to one.
        advice: what to do where it cannot be read, a sentence.

    Raises:
        NeuronXAError: the file is missing, unreadable, a pipe or a device, or no whole gzip file.
    """
    try:
        if not path.is_file() and not path.is_dir() and path.exists():
            raise NeuronXAError(
                f"{path} is a pipe or a device, which may never end. Give a file or a folder."
            )
        if path.suffix.lower() != GZIP:
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(MOST_UNPACKED + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise NeuronXAError(
            f"{path} is no whole gzip file ({error}): it was cut off, or is called {GZIP} without "
            "being packed. Pack it again, or give the unpacked file."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a name that holds a NUL
        told = getattr(error, "strerror", None) or str(error)
        raise NeuronXAError(f"{path} cannot be read ({told}). {advice}") from error
    if len(data) > MOST_UNPACKED:
        raise NeuronXAError(
            f"{path} unpacks to more than {MOST_UNPACKED} bytes, which no table or samples file "
            "has. Give the unpacked file if it is right."
        )
    return data
