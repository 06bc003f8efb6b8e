"""Lines of text files: read one by one, and refused by name where they are no text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError

LONGEST = 1_000_000
"""Characters of a line. Longer ones are not sentences, and would not stay within the memory."""

_FOREIGN = {  # how such files begin; UTF-32 first, its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: ("UTF-32", "iconv -f UTF-32 -t UTF-8"),
    codecs.BOM_UTF32_BE: ("UTF-32", "iconv -f UTF-32 -t UTF-8"),
    codecs.BOM_UTF16_LE: ("UTF-16", "iconv -f UTF-16 -t UTF-8"),
    codecs.BOM_UTF16_BE: ("UTF-16", "iconv -f UTF-16 -t UTF-8"),
    b"\x1f\x8b": ("a gzip archive", "gunzip"),
    b"PK\x03\x04": ("a zip archive", "unzip"),
    b"BZh": ("a bzip2 archive", "bunzip2"),
    b"\xfd7zXZ": ("an xz archive", "unxz"),
    b"\x28\xb5\x2f\xfd": ("a zstd archive", "unzstd"),
}


NUL = (
    "has a NUL character in line {}, which no text has: it may be UTF-16 or a binary file. Convert "
    "it, for example with `iconv -f UTF-16 -t UTF-8`."
)
"""What a file is, after its name; takes the number of the line."""
ONE_LINE = (
    "has carriage returns but no line feeds, so it is one line. Convert it: `tr '\\r' '\\n'`."
)
"""What a file is, after its name."""


def not_utf8(data: bytes, at: int, where: str) -> str:
    """Say what a file is that is not UTF-8, and how to convert it.

    Args:
        data: Its beginning, or a later piece.
        at: Place of the first wrong byte in that.
        where: Place of that byte, in words.
    """
    for mark, (kind, tool) in _FOREIGN.items():
        if data.startswith(mark):
            return f"is {kind}, not UTF-8 text. Convert it: `{tool}`."
    return (
        f"is not UTF-8: byte {data[at]:#04x} at {where}. Convert it, for example with `iconv -f "
        "LATIN1 -t UTF-8`."
    )


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 text file without surrounding white space.

    Only the line feed ends a line: other separators that Unicode knows may occur inside a
    sentence, and splitting there would shift all lines that follow. One line at a time is in
    memory.

    Raises:
        NeuronXAError: A line is longer than `LONGEST`, or the file is a pipe or a device.
    """
    if path.exists() and not path.is_file():
        raise NeuronXAError(
            f"{path} is not a file but a folder, a pipe or a device. Give a text file."
        )
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), ""), 1):
            if len(line) == LONGEST and not line.endswith("\n"):
                raise NeuronXAError(
                    f"Line {number} of {path} is longer than {LONGEST:,} characters, so it is no "
                    "sentence. Write one sentence per line."
                )
            yield line.strip()
