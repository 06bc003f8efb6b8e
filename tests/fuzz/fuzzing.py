"""How long the fuzz tests look, and the inputs that were once read wrongly."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

LONG = os.environ.get("NEURONXA_FUZZ")
"""Examples per test of a long hunt, such as 20000; without it the same few ones every time."""

CORPUS = Path(__file__).parent / "corpus"


def fuzz(examples: int) -> settings:
    """Settings of a fuzz test that has `examples` in every run of the test suite."""
    return settings(
        max_examples=int(LONG) if LONG else examples,
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def found(kind: str) -> list[Path]:
    """The kept inputs of one reader."""
    return sorted((CORPUS / kind).iterdir())


def told(error: Exception, *words: object) -> None:
    """A refusal names the file, and does not repeat all of it."""
    message = str(error)
    assert all(str(word) in message for word in words)
    assert len(message) < 20_000


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes after a few accidents: cut, flipped, doubled, overwritten, with something put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 1, 2, 7, 64, 512])))
        kind = draw(st.sampled_from(["cut", "flip", "drop", "double", "overwrite", "insert"]))
        if kind == "cut":
            del data[start:]
        elif kind == "flip" and start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "drop":
            del data[start:end]
        elif kind == "double":
            data[start:start] = data[start:end]
        elif kind == "overwrite":
            data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))
        else:
            data[start:start] = draw(st.sampled_from(TOKENS))
    return bytes(data)


TOKENS = [
    b"\0", b"\r", b"\n", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xed\xa0\x80",
    b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"9" * 400, b"9" * 5000, b"null", b"true", b'""',
    b"[]", b"{}", b'"\\ud800"', b",", b'"', b"[" * 3000, b'{"a":' * 3000, b"../", b";", b"\t",
]  # fmt: skip
