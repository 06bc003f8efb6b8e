"""Parallel sentences: from a folder, from the official archive, from the Hub, or shipped.

A corpus knows its languages and where its text may come from. Nothing is downloaded here except
through the `datasets` library; `neuronxa_tasks.fetch` brings the official archive.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.languages import find, language, languages

ENGLISH = "eng_Latn"
LONGEST = 1_000_000
"""Characters of a line. Longer ones are not sentences, and would not stay within the memory."""
DATA = Path(__file__).parent / "data"


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


def corpus(name: str) -> Corpus:
    """Look a corpus up by its name.

    Raises:
        NeuronXAError: No corpus has this name.
    """
    if name not in CORPORA:
        raise NeuronXAError(
            f"dataset_path is {name!r}; the corpora are {', '.join(CORPORA)}. For your own text "
            "make task configs with `neuronxa tasks new`."
        )
    return CORPORA[name]


def cache_folder() -> Path:
    """Folder for what `neuronxa fetch` downloads: NEURONXA_CACHE, or ~/.cache/neuronxa."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("NEURONXA_CACHE") or Path(base) / "neuronxa").expanduser()


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


NUL = (
    "has a NUL character in line {}, which no text has: it may be UTF-16 or a binary file. Convert "
    "it, for example with `iconv -f UTF-16 -t UTF-8`."
)
ONE_LINE = (
    "has carriage returns but no line feeds, so it is one line. Convert it: `tr '\\r' '\\n'`."
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


def _files(kind: str, folder: Path, names: tuple[str, str], **extra: str) -> Source:
    pivot, target = names
    return Source(
        kind,
        str(folder),
        (pivot, lambda: read_lines(folder / pivot)),
        (target, lambda: read_lines(folder / target)),
        extra,
    )


def _one_per_language(folder: Path, pivot: str, target: str, suffixes: tuple[str, ...]) -> Source:
    """Files `<code><suffix>` in one folder; both languages with the same suffix."""
    for suffix in suffixes:
        names = (f"{pivot}{suffix}", f"{target}{suffix}")
        if all((folder / name).is_file() for name in names):
            return _files("folder", folder, names)
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


# FLORES-200 ------------------------------------------------------------------------------------

FLORES_SPLIT = "devtest"
FLORES_HUB = "openlanguagedata/flores_plus"


def flores_archive_folder() -> Path:
    """Where `neuronxa fetch flores200` unpacks the devtest files."""
    return cache_folder() / "flores200_dataset" / FLORES_SPLIT


def _find_flores(pivot: str, target: str, data_dir: Path | None) -> Source:
    if data_dir is not None:
        return _one_per_language(data_dir, pivot, target, (".devtest", ".dev", ".txt"))
    archive = flores_archive_folder()
    if archive.is_dir():
        names = (f"{pivot}.{FLORES_SPLIT}", f"{target}.{FLORES_SPLIT}")
        return _files("archive", archive, names)
    return Source(
        "hub",
        FLORES_HUB,
        (pivot, lambda: _hub_flores(pivot)),
        (target, lambda: _hub_flores(target)),
        {"split": FLORES_SPLIT},
    )


def _hub_flores(code: str) -> Iterator[str]:
    next_step = (
        f"FLORES+ is gated: accept its terms at https://huggingface.co/datasets/{FLORES_HUB}, "
        "then log in with `hf auth login` or set HF_TOKEN. Instead you can run `neuronxa fetch "
        "flores200` once (the official archive, 25 MB, no account), or give a folder: "
        '--metadata \'{"data_dir": "..."}\'.'
    )
    with _hub_errors(f"The list of languages of {FLORES_HUB}", next_step):
        names = _hub_configs(FLORES_HUB)
    # FLORES+ renamed some languages of FLORES-200; the language table knows both names.
    if names == ("default",):  # what `datasets` says of a gated set offline, cached or not
        same = [code, *(alias for alias in language(code).aliases if len(alias) == len(code))]
    else:
        same = [name for name in names if name == code or _table_code(name) == code]
    if not same:
        raise NeuronXAError(
            f"FLORES+ has no language {code} any more ({len(names)} languages looked through). "
            "Run `neuronxa fetch flores200` once for the original release."
        )
    rows = _first_hub_rows(sorted(same, key=code.__ne__), next_step)
    # The row order is not promised; the id is the line number of the release.
    for row in sorted(rows, key=lambda row: int(row["id"])):
        yield str(row["text"]).strip()


def _first_hub_rows(names: list[str], next_step: str) -> tuple[dict[str, Any], ...]:
    """Rows of the first name that loads; else the error of the first."""
    errors: list[NeuronXAError] = []
    for name in names:
        try:
            return _hub_rows(FLORES_HUB, name, FLORES_SPLIT, None, next_step)
        except NeuronXAError as error:  # noqa: PERF203
            errors.append(error)
    raise errors[0]


def _table_code(name: str) -> str | None:
    language = find(name)
    return None if language is None else language.code


# Tatoeba ---------------------------------------------------------------------------------------

TATOEBA_HUB = "mteb/tatoeba-bitext-mining"
TATOEBA_REVISION = "9080400076fbadbb4c4dcb136ff4eddc40b42553"


def _find_tatoeba(pivot: str, target: str, data_dir: Path | None) -> Source:
    iso = target
    if data_dir is not None:
        for prefix in ("", "tatoeba."):  # LASER's own file names have the prefix
            names = (f"{prefix}{iso}-eng.eng", f"{prefix}{iso}-eng.{iso}")
            if all((data_dir / name).is_file() for name in names):
                return _files("folder", data_dir, names)
        raise NeuronXAError(
            f"The folder {data_dir} has no pair for {iso}: looked for {iso}-eng.eng and "
            f"{iso}-eng.{iso} (also with the prefix `tatoeba.`). Add the files, choose another "
            "language, or leave data_dir out."
        )
    instead = (
        "Check the connection, or give a folder with the files of the LASER release "
        '(data/tatoeba/v1): --metadata \'{"data_dir": "..."}\'.'
    )

    def column(name: str) -> Iterator[str]:
        rows = _hub_rows(TATOEBA_HUB, f"{iso}-eng", "test", TATOEBA_REVISION, instead)
        return (str(row[name]).strip() for row in rows)

    return Source(
        "hub",
        TATOEBA_HUB,
        (f"{iso}-eng.eng", lambda: column("sentence2")),
        (f"{iso}-eng.{iso}", lambda: column("sentence1")),
        {"split": "test", "revision": TATOEBA_REVISION},
    )


@cache
def _hub_configs(repository: str) -> tuple[str, ...]:
    from datasets import get_dataset_config_names

    return tuple(get_dataset_config_names(repository))


@lru_cache(maxsize=2)  # the pivot of a run and the target at hand
def _hub_rows(
    repository: str, name: str, split: str, revision: str | None, next_step: str
) -> tuple[dict[str, Any], ...]:
    from datasets import load_dataset

    with _hub_errors(f"{repository} ({name}, {split})", next_step):
        return tuple(load_dataset(repository, name, split=split, revision=revision))


@contextmanager
def _hub_errors(what: str, next_step: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # many types: gated, offline, unknown config, broken cache
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise NeuronXAError(
            f"{what} could not be loaded from the Hub: {reason}. {next_step}"
        ) from error


# Shipped text and folders ----------------------------------------------------------------------


def _find_shipped(folder: str) -> Callable[[str, str, Path | None], Source]:
    def find(pivot: str, target: str, data_dir: Path | None) -> Source:
        del data_dir  # meant for another corpus of the same run
        names = (f"{pivot}.txt", f"{target}.txt")
        return _files("shipped", DATA / folder, names)

    return find


def _shipped(folder: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (DATA / folder).glob("*.txt")))


def _find_folder(pivot: str, target: str, data_dir: Path | None) -> Source:
    if data_dir is None:
        raise NeuronXAError(
            "This task has no data_dir, so its text cannot be found. Make the task configs again "
            "with `neuronxa tasks new`, or set data_dir with --metadata."
        )
    return _one_per_language(data_dir, pivot, target, (".txt",))


CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {
        each.name: each
        for each in (
            Corpus(
                "flores",
                tuple(language.code for language in languages() if language.flores),
                True,
                _find_flores,
                ("flores200_dataset/devtest", "flores200/devtest", "flores"),
            ),
            Corpus(
                "tatoeba",
                tuple(sorted(language.tatoeba for language in languages() if language.tatoeba)),
                False,
                _find_tatoeba,
                ("tatoeba",),
            ),
            Corpus("mini", _shipped("mini"), True, _find_shipped("mini")),
            Corpus("world", _shipped("world"), True, _find_shipped("world")),
            Corpus("folder", (), True, _find_folder),
        )
    }
)
"""Corpora by name."""
