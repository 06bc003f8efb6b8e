"""A corpus: a name, its languages, and the first n lines of a pair, read and checked.

Where the text of a pair lies is for each corpus to say, in a file of its own; see `corpora`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.lines import NUL, ONE_LINE, not_utf8

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
                an empty line, different numbers of lines, fewer lines than n, or one text under
                the names of two languages.
        """
        self._check(target, "The target")
        if self.any_pivot:
            self._check(pivot, "The pivot")
        elif pivot != ENGLISH:
            raise NeuronXAError(
                f"The pivot of {self.name} is {pivot!r}, but all its pairs are with English. "
                "Leave the pivot out, or use FLORES for other pivots."
            )
        try:
            source = self.find(pivot, target, self._folder(data_dir))
        except OSError as error:
            raise NeuronXAError(
                f"{error.filename or data_dir} cannot be read: {error.strerror or error}. Make it "
                "readable, or give another data_dir."
            ) from None
        if n is not None and n < 2:
            raise NeuronXAError(
                f"n is {n}; at least two sentence pairs are needed, since a nearest neighbour "
                "among one sentence means nothing. 100 is the usual number."
            )
        (pivot_name, open_pivot), (target_name, open_target) = source.pivot, source.target
        pivot_lines, pivot_total, pivot_hash = _read(pivot_name, source.where, open_pivot, n)
        target_lines, target_total, target_hash = _read(target_name, source.where, open_target, n)
        if pivot_total != target_total:
            raise NeuronXAError(
                f"{pivot_name} has {pivot_total} lines and {target_name} has {target_total} (in "
                f"{source.where}), so the lines cannot be parallel. Use two files of one release, "
                "with one sentence per line."
            )
        if target_hash == pivot_hash and target != pivot:
            raise NeuronXAError(
                f"{pivot_name} and {target_name} (in {source.where}) hold the same text, so every "
                "score would be 1 without any alignment: one was copied over the other. Put the "
                "right file back."
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

    def _folder(self, data_dir: str | Path | None) -> Path | None:
        """The folder of this corpus in a folder that may serve several."""
        if data_dir is None:
            return None
        folder = Path(data_dir).expanduser()
        if not folder.is_dir():
            raise NeuronXAError(
                f"data_dir is {str(data_dir)!r}, which is not a folder. Give the folder that "
                f"holds the files of {self.name}."
            )
        inside = (folder / name for name in self.subfolders)
        return next((each for each in inside if each.is_dir()), folder)

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
) -> tuple[list[str], int, bytes]:
    """The first n lines, and the number and the digest of all."""
    kept: list[str] = []
    total = 0
    digest = hashlib.sha256()
    file = f"{name} (in {where})"
    try:
        for line in open_lines():
            total += 1
            digest.update(f"{line}\n".encode())
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
    return kept, total, digest.digest()
