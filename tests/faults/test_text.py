"""Corpus files that are something else, or far too much."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.lines import LONGEST
from neuronxa_tasks.text.own_text import read_folder
from neuronxa_tasks.text.parallel import ParallelText

LINES = b"".join(b"line %d\n" % number for number in range(120))


def load(folder: Path, n: int | None = 100) -> ParallelText:
    return CORPORA["folder"].load("aaa", "bbb", n, folder)


def zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path / "x.zip", "w") as file:
        file.writestr("bbb.txt", LINES)
    data = (path / "x.zip").read_bytes()
    (path / "x.zip").unlink()
    return data


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("gzip", "is a gzip archive, not UTF-8 text. Convert it: `gunzip`"),
        ("bzip2", "bunzip2"),
        ("xz", "unxz"),
        ("zip", "unzip"),
        ("UTF-16", "is UTF-16, not UTF-8 text. Convert it: `iconv -f UTF-16 -t UTF-8`"),
        ("UTF-32", "is UTF-32"),
        ("UTF-16 without a mark", "has a NUL character in line 1"),
        ("NUL", "has a NUL character in line 121, which no text has"),
        ("LATIN1", "is not UTF-8: byte 0xe9 at"),
        ("half a surrogate", "is not UTF-8: byte 0xed at"),
        ("carriage returns", "has carriage returns but no line feeds, so it is one line"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, kind: str, why: str) -> None:
    text = LINES.decode()
    data = {
        "gzip": lambda: gzip.compress(LINES),
        "bzip2": lambda: bz2.compress(LINES),
        "xz": lambda: lzma.compress(LINES),
        "zip": lambda: zipped(tmp_path),
        "UTF-16": lambda: text.encode("utf-16"),
        "UTF-32": lambda: text.encode("utf-32"),
        "UTF-16 without a mark": lambda: text.encode("utf-16-le"),
        "NUL": lambda: LINES + b"a\0b\n",
        "LATIN1": lambda: LINES + b"caf\xe9\n",
        "half a surrogate": lambda: LINES + b"\xed\xa0\x80\n",
        "carriage returns": lambda: LINES.replace(b"\n", b"\r"),
    }[kind]()
    (tmp_path / "aaa.txt").write_bytes(LINES + b"the same number\n")
    (tmp_path / "bbb.txt").write_bytes(data)
    with pytest.raises(NeuronXAError, match=r"bbb\.txt") as error:
        load(tmp_path)
    assert why in str(error.value)
    with pytest.raises(NeuronXAError) as error:
        read_folder(tmp_path, "aaa")
    assert why.split(" at")[0] in str(error.value)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "aaa.txt").write_bytes(LINES)
    os.mkfifo(tmp_path / "bbb.txt")
    with pytest.raises(NeuronXAError, match="has no file for bbb"):
        load(tmp_path)
    with pytest.raises(NeuronXAError, match=r"bbb\.txt is a pipe or a device"):
        read_folder(tmp_path, "aaa")


def test_folders_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "aaa.txt").write_bytes(LINES)
    (tmp_path / "bbb.txt").mkdir()
    with pytest.raises(NeuronXAError, match="has no file for bbb"):
        load(tmp_path)


def test_a_device_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "aaa.txt").write_bytes(LINES)
    (tmp_path / "bbb.txt").symlink_to("/dev/zero")
    with pytest.raises(NeuronXAError, match="has no file for bbb"):
        load(tmp_path)


def test_a_line_without_an_end(tmp_path: Path) -> None:
    (tmp_path / "aaa.txt").write_bytes(LINES)
    (tmp_path / "bbb.txt").write_bytes(b"first\n" + b"x" * (LONGEST + 1) + b"\n")
    with pytest.raises(NeuronXAError, match=r"Line 2 of .* is longer than 1,000,000 characters"):
        load(tmp_path)


def million(path: Path, lines: int, text: bytes) -> None:
    with path.open("wb") as file:
        for start in range(0, lines, 10_000):
            count = min(10_000, lines - start)
            file.write(b"".join(text + b" %d\n" % (start + i) for i in range(count)))


def test_a_million_lines_are_streamed(tmp_path: Path) -> None:
    million(tmp_path / "aaa.txt", 1_000_000, b"a sentence of number")
    million(tmp_path / "bbb.txt", 1_000_000, b"une phrase au nombre")
    tracemalloc.start()
    try:
        text = load(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert text.target[99] == "une phrase au nombre 99"
    assert peak < 2**20, peak  # the two files have 58 MB

    million(tmp_path / "bbb.txt", 999_999, b"une phrase au nombre")
    with pytest.raises(NeuronXAError, match=r"has 1000000 lines and bbb\.txt has 999999"):
        load(tmp_path)
