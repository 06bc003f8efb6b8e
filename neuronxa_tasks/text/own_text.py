"""One's own line-parallel text: read from a folder and checked.

The layout is the one MEXA uses: one file `<code>.txt` per language, one sentence per line, the same
line number meaning the same sentence in every file. Lines are counted as `corpora` counts them:
only the line feed ends one, and white space around a sentence is cut off.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.languages import find
from neuronxa_tasks.text.lines import NUL, ONE_LINE, not_utf8

USUAL_N = 100
"""Number of sentence pairs that scores are usually made of."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SEPARATORS = frozenset("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")  # where str.splitlines splits
_SUSPECT = frozenset("\ufeff\ufffd")  # a mark in mid-text; the trace of a failed conversion


def read_folder(folder: Path, pivot: str) -> tuple[dict[str, list[str]], list[str]]:
    """Read all languages of a folder.

    Args:
        folder: Folder with `<code>.txt` files.
        pivot: Code of the language that must be there.

    Returns:
        Code -> raw lines without their line feed, the pivot first; and notes.

    Raises:
        NeuronXAError: A list of all problems.
        OSError: A file cannot be read.
    """
    problems: list[str] = []
    notes: list[str] = []
    texts: dict[str, list[str]] = {}
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    paths = [path for path in entries if path.suffix == ".txt" and not path.is_dir()]
    other = [path.name for path in entries if path not in paths]
    if other:
        notes.append(f"Not used, since only files <code>.txt are: {_some(other)}.")
    for path in sorted(paths, key=lambda path: (path.stem != pivot, path.stem)):
        if not _CODE.fullmatch(path.stem):
            problems.append(
                f"{path.name}: a task name can have only the letters A to Z, digits, `_` and `-`. "
                "Rename the file."
            )
            continue
        text = _decode(path, problems, notes)
        if text is None:
            continue
        lines = text.removesuffix("\n").split("\n")
        empty = [number for number, line in enumerate(lines, 1) if not line.strip()]
        if len(empty) == len(lines):
            problems.append(f"{path.name} is empty. It needs one sentence per line.")
            continue
        if empty:
            trailing = empty == list(range(empty[0], len(lines) + 1))
            problems.append(
                f"{path.name} ends with nothing in {_lines(empty)}. Cut that off."
                if trailing
                else f"{path.name} has no sentence in {_lines(empty)}. Fill it in, or remove the "
                "same line from all files."
            )
        composed = [unicodedata.is_normalized("NFC", line) for line in lines]
        if loose := [number for number, good in enumerate(composed, 1) if not good]:
            notes.append(
                f"{path.name} is not in Unicode's composed form (NFC) in {_lines(loose)}. "
                "Tokenizers may split such letters differently."
            )
        texts[path.stem] = lines
    if len(paths) < 2:
        problems.append(
            f"It has {len(paths)} .txt files. Needed are {pivot}.txt, the pivot, and at least one "
            "other language."
        )
    if pivot not in {path.stem for path in paths}:
        problems.append(_no_pivot(pivot, [path.stem for path in paths]))
    if len({len(lines) for lines in texts.values()}) > 1:
        counts = ", ".join(f"{code}.txt {len(lines)}" for code, lines in texts.items())
        problems.append(
            f"The files have different numbers of lines, so they cannot be parallel: {counts}."
        )
    elif any(len(lines) < 2 for lines in texts.values()):
        problems.append("The files have one line each; a nearest neighbour needs at least two.")
    problems += _copies(texts, pivot)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise NeuronXAError(
            f"The text in {folder} cannot be used:\n{listed}\nNothing was written. Correct the "
            "files and run the command again."
        )
    return texts, notes


def _copies(texts: Mapping[str, Sequence[str]], pivot: str) -> Iterable[str]:
    """Files that are the pivot's under another name: a corpus refuses them."""
    bare = {code: [line.strip() for line in lines] for code, lines in texts.items()}
    for code, lines in bare.items():
        if code != pivot and lines == bare.get(pivot):
            yield (
                f"{code}.txt holds the same text as {pivot}.txt, so every score would be 1 without "
                "any alignment: one was copied over the other. Put the right file back."
            )


def _decode(path: Path, problems: list[str], notes: list[str]) -> str | None:
    if path.exists() and not path.is_file():
        problems.append(f"{path.name} is a pipe or a device. Give a text file.")
        return None
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"offset {error.start}, line {line}"
        problems.append(f"{path.name} {not_utf8(data, error.start, where)}")
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problems.append(f"{path.name} {NUL.format(line)}")
        return None
    if text.startswith("\ufeff"):
        notes.append(f"{path.name} starts with a byte-order mark, which is not part of the text.")
        text = text[1:]
    if "\r" in text and "\n" not in text:
        problems.append(f"{path.name} {ONE_LINE}")
        return None
    if ended := text.count("\r\n"):
        notes.append(f"{path.name} has Windows line ends ({ended}), which are cut off.")
    return text


def _no_pivot(pivot: str, codes: Iterable[str]) -> str:
    row = find(pivot)
    same = [code for code in codes if row and find(code) == row]
    if not same:
        return f"The pivot's file {pivot}.txt is missing. Add it, or name another with --pivot."
    return (
        f"The pivot's file {pivot}.txt is missing, but {same[0]}.txt is the same language by its "
        f"name. Rename it, or use --pivot {same[0]}."
    )


def score_warnings(texts: Mapping[str, Sequence[str]], pivot: str) -> Iterable[str]:
    """Say what in a text changes scores, in sentences.

    Args:
        texts: Code -> raw lines, as `read_folder` returns them.
        pivot: Code of the pivot.
    """
    n = len(texts[pivot])
    if n < USUAL_N:
        yield (
            f"The files have {n} lines; {USUAL_N} pairs are usual. Run with "
            f"--metadata '{{\"n\": {n}}}', and compare with no score of another n."
        )
    pivot_lines = [line.strip() for line in texts[pivot]]
    for code, raw in texts.items():
        file = f"{code}.txt"
        lines = [line.strip() for line in raw]
        yield from _odd_characters(file, raw)
        counts = Counter(lines)
        if repeated := [number for number, line in enumerate(lines, 1) if counts[line] > 1]:
            yield (
                f"{file} has the same sentence more than once ({len(repeated)} lines: "
                f"{_lines(repeated)}). None of these can be a hit, since another is as close."
            )
        if code == pivot:
            continue
        copied = [
            number
            for number, (one, two) in enumerate(zip(pivot_lines, lines, strict=True), 1)
            if one == two
        ]
        if copied:
            yield (
                f"{file} has the same text as {pivot}.txt in {len(copied)} of {n} lines "
                f"({len(copied) / n:.1%}: {_lines(copied)}). Copied text raises scores without any "
                "alignment."
            )
    others = {code: tuple(line.strip() for line in raw) for code, raw in texts.items()}
    for one, two in combinations(others, 2):
        if others[one] == others[two]:
            yield f"{one}.txt and {two}.txt hold the same text. One was copied over the other."
    named: dict[str, list[str]] = {}
    for code in texts:
        if row := find(code):
            named.setdefault(row.name, []).append(f"{code}.txt")
    for language, group in named.items():
        if len(group) > 1:
            yield f"{' and '.join(group)} are the same language ({language}) by their names."


def _odd_characters(file: str, raw: Sequence[str]) -> Iterable[str]:
    odd: dict[str, list[int]] = {}
    for number, line in enumerate(raw, 1):
        for char in sorted(set(line.removesuffix("\r"))):
            control = unicodedata.category(char) == "Cc" and char != "\t"
            if control or char in _SEPARATORS or char in _SUSPECT:
                odd.setdefault(char, []).append(number)
    for char, numbers in odd.items():
        where = f"{file} has the character U+{ord(char):04X} in {_lines(numbers)}"
        if char in _SEPARATORS or char == "\r":
            yield f"{where}. Some programs end a line there and would shift what follows."
        elif char == "\ufffd":
            yield f"{where}, the trace of a failed conversion. Take the text from its source again."
        else:
            yield f"{where}, which does not belong in a sentence."


def code_notes(codes: Iterable[str]) -> Iterable[str]:
    """Say which codes are not the language table's own, and what they are taken for."""
    for code in codes:
        row = find(code)
        if row is None:
            yield (
                f"{code} names no single language of the language table. That is fine for your own "
                "text; results will show the code."
            )
        elif row.code != code:
            yield (
                f"{code} is read as {row.name}. With the name {row.code}.txt the scores stand "
                "beside those of other corpora under one code."
            )


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    if len(numbers) == 1:
        return f"line {shown}"
    return f"lines {shown}" + (f", ... ({len(numbers)} in all)" if len(numbers) > 5 else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f", ... ({len(names)} in all)" if len(names) > 5 else "")
