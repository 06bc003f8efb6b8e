"""Corpora, one's own text and archives with accidents."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from fuzzing import damaged, found, fuzz, told
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text import fetch
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.own_text import read_folder, score_warnings
from neuronxa_tasks.text.parallel import ParallelText

LINES = [
    "One.",
    "Zwei Wörter",
    "ثلاث كلمات",
    "สี่",
    "e\u0301 \u200d 👩🏽\u200d🚀",
    "a\u2028b",
    "a\rb",
]
WHOLE = "".join(f"{line} {number}\n" for number, line in enumerate(LINES * 3)).encode()


def naive(data: bytes) -> list[str]:
    """The lines of a text file, from the definition: line feeds end lines, UTF-8, stripped."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.decode().strip() for line in lines]


def check_text(one: bytes, two: bytes) -> None:
    """Two files as a corpus and as one's own text: the same sentences, or refused in words."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "aaa.txt").write_bytes(one)
        (folder / "bbb.txt").write_bytes(two)
        text: ParallelText | None = None
        try:
            text = CORPORA["folder"].load("aaa", "bbb", None, folder)
        except NeuronXAError as error:
            told(error, ".txt")
            if "hold the same text" in str(error):
                assert naive(one) == naive(two)
        if text is not None:
            assert [*text.pivot] == naive(one)
            assert [*text.target] == naive(two)
            assert "" not in text.pivot + text.target
            assert "\0" not in "".join(text.pivot + text.target)
            assert text.pivot != text.target
        try:
            own, _ = read_folder(folder, "aaa")
        except NeuronXAError:
            assert text is None or len(text.pivot) == 1 or b"\r" in one + two
        else:
            assert text is not None
            assert [line.strip() for line in own["bbb"]] == [*text.target]
            for warning in score_warnings(own, "aaa"):
                assert warning


@fuzz(60)
@given(damaged(WHOLE), damaged(WHOLE) | st.just(WHOLE))
def test_parallel_text(one: bytes, two: bytes) -> None:
    check_text(one, two)


@fuzz(60)
@given(st.binary(max_size=60))
def test_any_bytes_as_text(data: bytes) -> None:
    check_text(data, WHOLE)
    check_text(data, data)


@pytest.mark.parametrize("path", found("text"), ids=lambda path: path.name)
def test_text_that_was_once_misread(path: Path) -> None:
    check_text(path.read_bytes(), WHOLE)
    check_text(path.read_bytes(), path.read_bytes())


def release() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in {
            "flores200_dataset/README": b"about",
            "flores200_dataset/dev/eng_Latn.dev": b"one\n",
            "flores200_dataset/devtest/eng_Latn.devtest": b"one\ntwo\n",
            "flores200_dataset/devtest/fra_Latn.devtest": b"un\ndeux\n",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.pax_headers = {"comment": "x"} if "fra" in name else {}
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


RELEASE = release()
EVIL = [b"../evil", b"/tmp/evil", b"..", b"2", b"1", b"3", b"6", b"S", b"x", b"g", b"L", b"\x80"]


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """The release after accidents and attacks, its header checksums put right again or not."""
    data = bytearray(draw(damaged(RELEASE) | st.just(RELEASE)))
    for _ in range(draw(st.integers(0, 3))):
        block = 512 * draw(st.integers(0, max(0, len(data) // 512 - 1)))
        if len(data) < block + 512:
            break
        place = block + draw(st.sampled_from([0, 10, 100, 124, 135, 156, 157, 345]))
        evil = draw(st.sampled_from(EVIL))
        data[place : place + len(evil)] = evil
        if draw(st.booleans()):
            data[block + 148 : block + 156] = b" " * 8
            data[block + 148 : block + 156] = b"%06o\0 " % sum(data[block : block + 512])
    packed = gzip.compress(bytes(data), 1)
    return draw(damaged(packed)) if draw(st.integers(0, 3)) == 0 else packed


def check_archive(packed: bytes) -> None:
    """Only plain files of the known layout are made, all within the folder, refused or not."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "a" / "b" / "c"
        into = root / "new"
        into.mkdir(parents=True)
        archive = root / "archive"
        archive.write_bytes(packed)
        before = set(Path(name).rglob("*"))
        with suppress(NeuronXAError):
            fetch._extract(archive, into)
        for path in set(Path(name).rglob("*")) - before:
            assert not path.is_symlink()
            assert path.is_dir() or path.is_file()
            inside = path.relative_to(into).as_posix()
            assert path.is_dir() or fetch._LAYOUT.fullmatch(inside)


@fuzz(120)
@given(archives())
def test_archives(packed: bytes) -> None:
    check_archive(packed)
