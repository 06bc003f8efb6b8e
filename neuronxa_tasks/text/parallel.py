"""Parallel text: where a language pair lies, and its first n lines, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.lines import NUL, ONE_LINE, not_utf8, read_lines

ENGLISH = "eng_Latn"


@dataclass(frozen=True, slots=True)
class ParallelText:
    """The first n lines of two languages, line by line the same meaning.

    Attributes:
        pivot: n sentences of the pivot language.
        target: n sentences of the target language.
        source: Where the text came from: `kind` (folder, archive, hub, shipped), `sha256` of the
            sentences used, and what else identifies it. JSON-able.
    """

    pivot: tuple[str, ...]
    target: tuple[str, ...]
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One place that holds one language pair, as two streams of lines.

    Attributes:
        kind: `folder`, `archive`, `hub` or `shipped`.
        where: The folder or the repository, for messages and results.
        pivot: Name of the pivot's file, and a function that opens its lines.
        target: The same for the target.
        extra: Further facts for the result, such as a revision.
    """

    kind: str
    where: str
    pivot: tuple[str, Callable[[], Iterator[str]]]
    target: tuple[str, Callable[[], Iterator[str]]]
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A named collection of parallel text.

    Attributes:
        name: As it is written in `dataset_path` of a task config.
        codes: Valid target codes. Empty where any file name will do.
        any_pivot: Whether a language other than English can be the pivot.
        find: Finds the source of a language pair, given `data_dir` if the user set one.
        subfolders: Folders inside `data_dir` that hold the corpus, if they exist; so that one
            `data_dir` can serve several corpora of a run.
    """

    name: str
    codes: tuple[str, ...]
    any_pivot: bool
    find: Callable[[str, str, Path | None], Source]
    subfolders: tuple[str, ...] = ()

    def load(
        self, pivot: str, target: str, n: int | None, data_dir: str | Path | None = None
    ) -> ParallelText:
        """Read the first n sentence pairs.

        Args:
            pivot: Code of the pivot language.
            target: Code of the target language.
            n: Number of pairs; None takes all.
            data_dir: Folder given by the user; it then is the only source.

        Raises:
            NeuronXAError: A code that the corpus does not have, a missing or unreadable file,
                an empty line, different numbers of lines, or fewer lines than n.
        """
        self._check(target, "The target")
        if self.any_pivot:
            self._check(pivot, "The pivot")
        elif pivot != ENGLISH:
            raise NeuronXAError(
                f"The pivot of {self.name} is {pivot!r}, but all its pairs are with English. "
                "Leave the pivot out, or use FLORES for other pivots."
            )
        folder = None if data_dir is None else Path(data_dir).expanduser()
        if folder is not None and not folder.is_dir():
            raise NeuronXAError(
                f"data_dir is {str(data_dir)!r}, which is not a folder. Give the folder that "
                f"holds the files of {self.name}."
            )
        if folder is not None:
            inside = (folder / name for name in self.subfolders)
            folder = next((each for each in inside if each.is_dir()), folder)
        source = self.find(pivot, target, folder)
        if n is not None and n < 2:
            raise NeuronXAError(
                f"n is {n}; at least two sentence pairs are needed, since a nearest neighbour "
                "among one sentence means nothing. 100 is the usual number."
            )
        (pivot_name, open_pivot), (target_name, open_target) = source.pivot, source.target
        pivot_lines, pivot_total = _read(pivot_name, source.where, open_pivot, n)
        target_lines, target_total = _read(target_name, source.where, open_target, n)
        if pivot_total != target_total:
            raise NeuronXAError(
                f"{pivot_name} has {pivot_total} lines and {target_name} has {target_total} (in "
                f"{source.where}), so the lines cannot be parallel. Use two files of one release, "
                "with one sentence per line."
            )
        if n is not None and target_total < n:
            raise NeuronXAError(
                f"{target_name} (in {source.where}) has {target_total} lines, fewer than n = {n}. "
                "Scores at different n are not comparable, so n is not lowered by itself: set n "
                f"to {target_total} or less for every language, or use a longer file."
            )
        chosen = (tuple(pivot_lines), tuple(target_lines))
        digest = hashlib.sha256("\n".join(chosen[0] + chosen[1]).encode("utf-8")).hexdigest()
        facts = {"kind": source.kind, "where": source.where, **source.extra, "sha256": digest}
        return ParallelText(chosen[0], chosen[1], facts)

    def _check(self, code: str, what: str) -> None:
        if not self.codes or code in self.codes:
            return
        close = get_close_matches(code, self.codes, n=5, cutoff=0.4)
        hint = f" Close: {', '.join(close)}." if close else ""
        raise NeuronXAError(
            f"{what} {code!r} is not a language of {self.name}.{hint} It has {len(self.codes)}: "
            f"{' '.join(self.codes)}."
        )


def _read(
    name: str, where: str, open_lines: Callable[[], Iterator[str]], n: int | None
) -> tuple[list[str], int]:
    """Keep the first n lines, count all: unequal lengths show only at the end."""
    kept: list[str] = []
    total = 0
    file = f"{name} (in {where})"
    try:
        for line in open_lines():
            total += 1
            if n is None or total <= n:
                kept.append(line)
            if "\0" in line:
                raise NeuronXAError(f"{file} {NUL.format(total)}")
    except UnicodeDecodeError as error:
        data = bytes(error.object)
        told = not_utf8(data, error.start, f"or after line {total + 1}")
        raise NeuronXAError(f"{file} {told}") from None
    except OSError as error:
        raise NeuronXAError(
            f"{file} cannot be read: {error.strerror or error}. Check that the file exists and "
            "that you may read it."
        ) from None
    if not kept:
        raise NeuronXAError(f"{file} is empty. It needs one sentence per line.")
    if total == 1 and "\r" in kept[0]:
        raise NeuronXAError(f"{file} {ONE_LINE}")
    if "" in kept:
        raise NeuronXAError(
            f"Line {kept.index('') + 1} of {file} is empty, so it has no partner in the other "
            "language. Remove the line from every language of the corpus."
        )
    return kept, total


def pair_of_files(kind: str, folder: Path, names: tuple[str, str], **extra: str) -> Source:
    """The source of two files in one folder."""
    pivot, target = names
    return Source(
        kind,
        str(folder),
        (pivot, lambda: read_lines(folder / pivot)),
        (target, lambda: read_lines(folder / target)),
        extra,
    )


def one_per_language(folder: Path, pivot: str, target: str, suffixes: tuple[str, ...]) -> Source:
    """Files `<code><suffix>` in one folder; both languages with the same suffix."""
    for suffix in suffixes:
        names = (f"{pivot}{suffix}", f"{target}{suffix}")
        if all((folder / name).is_file() for name in names):
            return pair_of_files("folder", folder, names)
    lacking = [
        code
        for code in (pivot, target)
        if not any((folder / f"{code}{suffix}").is_file() for suffix in suffixes)
    ]
    if not lacking:
        raise NeuronXAError(
            f"{folder} holds {pivot} and {target} with different endings ({', '.join(suffixes)}), "
            "which are different sentences. Put one split into the folder."
        )
    wanted = " or ".join(f"{lacking[0]}{suffix}" for suffix in suffixes)
    there = sorted(path.name for path in islice(folder.iterdir(), 10_000) if path.is_file())
    shown = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "")
    raise NeuronXAError(
        f"The folder {folder} has no file for {' and '.join(lacking)}: looked for {wanted}, found "
        f"{len(there)} files ({shown or 'none'}). Add the file, choose another language, or leave "
        "data_dir out."
    )
