"""BMLAMA-53: the same facts asked in 53 languages, each with a list of candidate answers.

Source: Qi, Fernández, Bisazza, "Cross-Lingual Consistency of Factual Knowledge in Multilingual
Language Models", EMNLP 2023; files in `Betswish/Cross-Lingual-Consistency`.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.text.folders import is_file
from neuronxa_tasks.text.spread import spread_place

MASK = "<mask>"
FOLDERS = ("bmlama53", "BMLAMA53")
SUFFIXES = (".jsonl", ".tsv")

_PROMPT, _ANSWER, _CANDIDATES = "Prompt", "Ans", "Candidate Ans"


@dataclass(frozen=True, slots=True)
class Query:
    """One fact in one language.

    Attributes:
        id: Row number in the published file from 0; the same fact has it in every language.
        prompt: A sentence with one `<mask>`.
        candidates: Answers, one of which is right. Candidate j means the same in every language.
        gold: Index of the right answer; in the published files it is always the last.
    """

    id: int
    prompt: str
    candidates: tuple[str, ...]
    gold: int

    def sentences(self) -> tuple[str, ...]:
        """Return the prompt filled with each candidate."""
        return tuple(self.prompt.replace(MASK, candidate) for candidate in self.candidates)


def find(code: str, data_dir: str | Path | None = None) -> Path:
    """Find the file of a language.

    Args:
        code: Code of the language in the file names, such as `en`.
        data_dir: Folder given by the user. It may be meant for another corpus of the same run, so
            the cache folder is looked through after it.

    Returns:
        `<code>.jsonl` or `<code>.tsv`, from `data_dir`, from its subfolder `bmlama53` or
        `BMLAMA53`, or from such a subfolder of the cache folder.

    Raises:
        NeuronXAError: None of them is there.
    """
    places: list[Path] = []
    if data_dir is not None:
        folder = Path(data_dir).expanduser()
        places += [folder, *(folder / name for name in FOLDERS)]
    places += [cache_folder() / name for name in FOLDERS]
    paths = (place / f"{code}{suffix}" for place in places for suffix in SUFFIXES)
    try:
        found = next(filter(is_file, paths), None)
    except OSError as error:
        raise NeuronXAError(
            f"{error.filename} cannot be read: {error.strerror or error}. Check that you may read "
            "it and its folder, or give another data_dir."
        ) from None
    if found is not None:
        return found
    shown = ", ".join(str(place) for place in places)
    raise NeuronXAError(
        f"BMLAMA-53 has no file {code}.jsonl or {code}.tsv in {shown}. It is not downloaded by "
        "itself: take the folder 1_easyrun/BMLAMA53 of "
        "https://github.com/Betswish/Cross-Lingual-Consistency, then name it with --metadata "
        f'\'{{"data_dir": "..."}}\' or put it at {cache_folder() / FOLDERS[-1]}.'
    )


def read(path: Path) -> tuple[Query, ...]:
    """Read the queries of one language.

    Args:
        path: JSON lines with the fields `id`, `Prompt`, `Ans` and `Candidate Ans`, or the published
            table: tab-separated with a header, and quotation marks as in CSV. The table has no
            ids; they are its row numbers.

    Raises:
        NeuronXAError: A file that cannot be read, or a row that is no query; it says which.
    """
    try:
        rows = list(_json_rows(path) if path.suffix == ".jsonl" else _table_rows(path))
    except OSError as error:
        raise NeuronXAError(
            f"{path} cannot be read: {error.strerror or error}. Check that you may read it."
        ) from None
    except UnicodeDecodeError as error:
        raise NeuronXAError(
            f"{path} is not UTF-8: byte {error.object[error.start]:#04x}. Take the published file."
        ) from None
    except (ValueError, RecursionError, csv.Error) as error:
        raise NeuronXAError(f"{path} is damaged: {error}. Take the published file again.") from None
    if not rows:
        raise NeuronXAError(f"{path} has no queries. Take the published file again.")
    queries = tuple(_query(row, f"Row {number} of {path}") for number, row in enumerate(rows))
    seen: set[int] = set()
    for query in queries:
        if query.id in seen:
            raise NeuronXAError(
                f"{path} has the id {query.id} twice, so its queries cannot be matched with those "
                "of other languages. Take the published file again."
            )
        seen.add(query.id)
    return queries


def spread(queries: Iterable[Query]) -> tuple[Query, ...]:
    """Order queries so that every prefix covers the whole file evenly.

    The published file is sorted by relation, so its first 60 rows are a handful of relations.
    """
    return tuple(sorted(queries, key=lambda query: spread_place(query.id)))


def source(path: Path) -> dict[str, str]:
    """Return where queries came from, for the result: kind, path, and the file's sha256."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"kind": "folder", "where": str(path), "sha256": digest}


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    # Only the line feed ends a row: the text may hold other separators that Unicode knows.
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _table_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", strict=True)
        for number, row in enumerate(reader):
            yield {**row, "id": number}


def _query(row: Any, where: str) -> Query:
    lacking = [
        key
        for key in ("id", _PROMPT, _ANSWER, _CANDIDATES)
        if not isinstance(row, Mapping)
        or not isinstance(row.get(key), int if key == "id" else str)
        or row[key] == ""
    ]
    if lacking:
        raise NeuronXAError(
            f"{where} lacks {', '.join(lacking)}, so it is no query of BMLAMA-53. Check that the "
            "folder is the right one; other data sets use the same file names."
        )
    prompt, answer = row[_PROMPT], row[_ANSWER]
    candidates = tuple(row[_CANDIDATES].split(", "))
    if prompt.count(MASK) != 1:
        raise NeuronXAError(
            f"{where} has {prompt.count(MASK)} times {MASK} in its prompt {prompt!r}; exactly one "
            "is needed. Take the published file again."
        )
    if candidates.count(answer) != 1:
        raise NeuronXAError(
            f"{where} has the answer {answer!r} {candidates.count(answer)} times among its "
            f"candidates {row[_CANDIDATES]!r}; exactly one is needed. Take the published file "
            "again."
        )
    return Query(row["id"], prompt, candidates, candidates.index(answer))
