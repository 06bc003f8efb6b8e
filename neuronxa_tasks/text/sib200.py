"""SIB-200: the topic of sentences of FLORES-200, one of seven, the same sentences in 205 languages.

Source: Adelani et al., "SIB-200: A Simple, Inclusive, and Big Evaluation Dataset for Topic
Classification in 200+ Languages and Dialects", EACL 2024; `Davlan/sib200` on the Hub, and the
folder `data/annotated` of `dadelani/sib-200`.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.text.hub import hub_rows
from neuronxa_tasks.text.languages import benchmark_languages
from neuronxa_tasks.text.spread import spread_place

HUB = "Davlan/sib200"
FOLDER = "sib200"
TOPICS = (
    "science/technology", "travel", "politics", "sports", "health", "entertainment", "geography",
)  # fmt: skip
"""The labels, in the order of the published list."""

_NKO = "nqo_Nkoo"  # the one language that is not in FLORES-200
_SPLITS = ("test", "train")
_SUFFIXES = (".tsv", ".jsonl")
_HUB_NAMES = {_NKO: (_NKO, f"{_NKO}.zip")}  # the Hub's name of the configuration is a slip


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of one language.

    Attributes:
        test: 204 sentences as published, with `id`, `text` and `category`.
        train: 701 sentences, for few-shot examples.
        source: Where they came from: `kind`, `where`, `sha256` of the test sentences. JSON-able.
    """

    test: tuple[dict[str, Any], ...]
    train: tuple[dict[str, Any], ...]
    source: dict[str, str]


def codes() -> list[str]:
    """The languages: those of FLORES-200, whose codes they have, and N'Ko."""
    return sorted([*benchmark_languages("flores"), _NKO])


def load(code: str, data_dir: str | Path | None = None) -> Sentences:
    """Find and read the sentences of a language.

    Args:
        code: FLORES-200 code.
        data_dir: Folder given by the user. It may be meant for another corpus of the same run.

    Returns:
        Those of the first place that has `<code>/test.tsv` and `<code>/train.tsv` (or `.jsonl`):
        `data_dir`, its subfolder `sib200`, that of the cache folder; else those of the Hub or its
        cache.

    Raises:
        NeuronXAError: Nothing can be had, or a row is no row of SIB-200; it says which.
    """
    places = [cache_folder() / FOLDER]
    if data_dir is not None:
        folder = Path(data_dir).expanduser()
        places = [folder / FOLDER, folder, *places]
    for place in places:
        for suffix in _SUFFIXES:
            files = [place / code / f"{split}{suffix}" for split in _SPLITS]
            if all(file.is_file() for file in files):
                return _sentences(
                    {"kind": "folder", "where": str(place / code)},
                    *(_checked(_read(file), str(file)) for file in files),
                )
    shown = ", ".join(str(place / code / "test.tsv") for place in places)
    next_step = (
        f"Check the connection, or give a folder with the published files ({shown} and train.tsv "
        'beside it were not there): --metadata \'{"data_dir": "..."}\'.'
    )
    error: NeuronXAError | None = None
    for name in _HUB_NAMES.get(code, (code,)):
        try:
            parts = [
                _checked(hub_rows(HUB, name, split, None, next_step), f"{HUB} ({name}, {split})")
                for split in _SPLITS
            ]
        except NeuronXAError as found:  # noqa: PERF203
            error = error or found
        else:
            return _sentences({"kind": "hub", "where": HUB}, *parts)
    assert error is not None
    raise error


def _sentences(
    source: dict[str, str], test: tuple[dict[str, Any], ...], train: tuple[dict[str, Any], ...]
) -> Sentences:
    digest = hashlib.sha256(json.dumps(test, ensure_ascii=False).encode()).hexdigest()
    return Sentences(test, train, {**source, "sha256": digest})


def _read(file: Path) -> list[Mapping[str, Any]]:
    """Rows of the published table (tabs, quotation marks as in CSV) or of JSON lines."""
    try:
        with file.open(encoding="utf-8", newline="" if file.suffix == ".tsv" else "\n") as lines:
            if file.suffix == ".tsv":
                return list(csv.DictReader(lines, delimiter="\t", strict=True))
            return [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise NeuronXAError(
            f"{file} cannot be read: {error.strerror or error}. Check that you may read it."
        ) from None
    except (ValueError, RecursionError, csv.Error) as error:  # not UTF-8 is a ValueError, too
        raise NeuronXAError(f"{file} is damaged: {error}. Take the published file again.") from None


def _checked(rows: Iterable[Mapping[str, Any]], where: str) -> tuple[dict[str, Any], ...]:
    found: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        told = f"Row {number} of {where}"
        fields = row if isinstance(row, Mapping) else {}
        index, text, category = (fields.get(key) for key in ("index_id", "text", "category"))
        if not (str(index).isdigit() and isinstance(text, str) and text.strip()):
            raise NeuronXAError(
                f"{told} has no index_id or no text, so it is no row of SIB-200. Take the "
                "published files (index_id, category, text)."
            )
        if category not in TOPICS:
            raise NeuronXAError(
                f"{told} has the category {category!r}; SIB-200 has {', '.join(TOPICS)}. Take the "
                "published files."
            )
        if int(str(index)) in found:
            raise NeuronXAError(
                f"{where} has the index_id {index} twice, so its sentences cannot be matched with "
                "those of other languages. Take the published file again."
            )
        found[int(str(index))] = {"id": int(str(index)), "text": text.strip(), "category": category}
    if not found:
        raise NeuronXAError(f"{where} has no rows. Take the published file again.")
    # The ids follow the articles of FLORES, which have one topic each: --limit takes a few of all.
    return tuple(found[index] for index in sorted(found, key=spread_place))
