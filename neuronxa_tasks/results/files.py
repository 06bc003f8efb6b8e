"""Results files of the harness: found, opened, and refused by name where they are damaged."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.tables.cells import is_table, looks_like_table
from neuronxa_tasks.results.whole_file import whole_file

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+)\.jsonl(\.gz)?")
_RESULTS_DATE = re.compile(r"_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+)\.json")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

LARGEST = 2**53
"""Counts above this cannot be told apart as floats; nothing that is counted here comes near."""

Row = dict[str, Any]
"""One row of a frame, column to value."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """One results file.

    Attributes:
        path: as it was given, or found in the folder that was given.
        sha256: of the bytes.
        content: what JSON says; always has a dictionary `results`.
        samples: task to its samples file, where one lies beside the results.
    """

    path: Path
    sha256: str
    content: dict[str, Any] = field(repr=False)
    samples: dict[str, Path] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What the given paths hold.

    Attributes:
        runs: results files, in the order given, each once.
        notes: what was left out, one sentence each.
    """

    runs: tuple[RunFile, ...]
    notes: tuple[str, ...]


def find_runs(paths: Sequence[str | Path]) -> Found:
    """Opens all results files at once; see `each_run`, which holds one at a time."""
    notes: list[str] = []
    runs = tuple(each_run(paths, notes))
    return Found(runs, tuple(notes))


def each_run(paths: Sequence[str | Path], notes: list[str]) -> Iterator[RunFile]:
    """Opens results files, and those in folders and their subfolders, one after the other.

    In a folder, a `.json` file of another kind is left out and noted, and so are tables and links
    to other folders. A file given by its own path, or called `results*.json`, must be a whole
    results file. The same bytes under two paths count once and are noted.

    Args:
        paths: files and folders.
        notes: takes one sentence for each file that is left out.

    Yields:
        Results files, in the order given, each once.

    Raises:
        NeuronXAError: a path does not exist or cannot be read, a folder inside cannot be listed, a
            file is cut off or no results file, or a folder has none.
    """
    seen: dict[str, Path] = {}
    opened: set[Path] = set()
    beside: _Beside = {}
    for given in (Path(path) for path in paths):
        candidates, others = _candidates(given)
        notes += others
        none = True
        for path in candidates:
            resolved = path.resolve()
            if resolved in opened:
                none = False
                continue
            strict = path == given or path.name.startswith("results")
            run = _open(path, strict=strict, beside=beside)
            if isinstance(run, str):
                notes.append(run)
                continue
            opened.add(resolved)
            none = False
            if run.sha256 in seen:
                notes.append(f"{path} is a copy of {seen[run.sha256]} and was left out.")
                continue
            seen[run.sha256] = path
            yield run
        if none:
            raise NeuronXAError(
                f"The folder {given} has no results file of the harness among its "
                f"{len(candidates)} JSON files.{''.join(f' {note}' for note in others)} Give the "
                "folder that was its --output_path, or a results file."
            )


def _candidates(given: Path) -> tuple[list[Path], list[str]]:
    """JSON files of a folder, sorted, or the file itself; and a sentence on what is passed over."""
    try:
        if not given.is_dir():
            if not given.exists():
                raise NeuronXAError(
                    f"{given} does not exist, so there is nothing to read. Check the path; it is "
                    f"looked up from "
                    f"{'its root' if given.is_absolute() else 'the current folder'}."
                )
            return [given], []
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        raise NeuronXAError(
            f"The path {str(given)[:200]!r} cannot be looked up ({error}). Check it."
        ) from error
    found: list[Path] = []
    tables: list[Path] = []
    links: list[Path] = []
    for folder, folders, names in os.walk(given, onerror=_unlisted):
        links += [path for name in folders if (path := Path(folder, name)).is_symlink()]
        for path in (Path(folder, name) for name in names):
            if path.suffix == ".json":
                found.append(path)
            elif is_table(path):
                tables.append(path)
    notes = []
    if tables:
        notes.append(
            f"Tables in the folder {given} were not read ({_listed(tables)}): name a table itself "
            "to have it read."
        )
    if links:
        notes.append(
            f"Links to folders in {given} were not followed ({_listed(links)}): name the folders "
            "themselves."
        )
    return sorted(found), notes


def _listed(paths: list[Path]) -> str:
    names = [str(path) for path in sorted(paths)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _unlisted(error: OSError) -> None:
    raise NeuronXAError(
        f"The folder {error.filename} cannot be listed ({error.strerror}), so results in it would "
        "be missing without a trace. Make it readable, or give the other folders one by one."
    ) from error


def parse_json(text: str) -> Any:
    """Reads JSON as `json.loads` does, but refuses an object that has a key twice.

    Raises:
        ValueError: no JSON (`json.JSONDecodeError`), a key twice, or a whole number of thousands
            of digits.
        RecursionError: nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(
                    f"the key {name!r} stands twice in one object, so one would be lost"
                )
            seen.add(name)
    return content


def _open(path: Path, *, strict: bool, beside: _Beside) -> RunFile | str:
    """The run in a file, or, if the file need not be one, the sentence that says why it is none."""
    data = whole_file(path, "Check its permissions.")
    try:
        text = data.decode("utf-8-sig")
        content = parse_json(text)
        if _SURROGATE.search(data):
            json.dumps(content, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"{path} is no UTF-8 text (byte {error.start}), so it is no results file."
    except UnicodeEncodeError:
        reason = f"{path} has half a character (a lone surrogate such as \\ud800) in a text."
    except RecursionError:
        reason = f"{path} is nested too deeply for a results file."
    except json.JSONDecodeError as error:
        if not text.strip():
            reason = f"{path} is empty: the run was stopped, or the disk was full."
        elif text.lstrip()[0] == "{" and error.pos >= len(text.rstrip()) - 1:
            reason = f"{path} is cut off in line {error.lineno}: the run was stopped while writing."
        elif error.msg.startswith("Unterminated string"):
            reason = f"{path} is cut off inside a text that begins in line {error.lineno}."
        elif looks_like_table(text):
            reason = (
                f"{path} is no JSON but looks like a table, and a table is called .csv or .tsv."
            )
        else:
            reason = f"{path} is no JSON ({error.msg}, line {error.lineno})."
    except ValueError as error:
        reason = f"{path} cannot be trusted: {error}."
    else:
        if isinstance(content, dict) and isinstance(content.get("results"), dict):
            digest = hashlib.sha256(data).hexdigest()
            return RunFile(path, digest, content, _samples_beside(path, content, beside))
        kind = (
            f"an object with the keys {', '.join(list(content)[:4]) or 'none'}"
            if isinstance(content, dict)
            else f"a {type(content).__name__}"
        )
        reason = f"{path} is no results file of the harness: it has no `results`, it is {kind}."
    if strict:
        raise NeuronXAError(f"{reason} Give a whole results file, or leave it out.")
    return f"{reason} It was left out."


_Beside = dict[Path, dict[str, dict[str, Path]]]
"""Folder -> date in the name -> task -> samples file; a folder is listed once."""


def _samples_beside(path: Path, content: dict[str, Any], beside: _Beside) -> dict[str, Path]:
    """Samples files of a run: same folder, and same date in the name where the harness puts it."""
    dated = _RESULTS_DATE.search(path.name)
    if dated:
        if path.parent not in beside:
            beside[path.parent] = _samples_by_date(path.parent)
        return beside[path.parent].get(dated["date"], {})
    found: dict[str, Path] = {}
    # Harness 0.4.2: `results.json` beside `<model_args>_<task>.jsonl`.
    config, tasks = content.get("config"), content.get("configs")
    arguments = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(arguments, str) and isinstance(tasks, dict):
        stem = re.sub("/|=", "__", arguments)
        for task in tasks:
            for suffix in (".jsonl.gz", ".jsonl"):
                other = path.parent / f"{stem}_{task}{suffix}"
                if other.is_file():
                    found[task] = other
    return found


def _samples_by_date(folder: Path) -> dict[str, dict[str, Path]]:
    found: dict[str, dict[str, Path]] = {}
    # Packed ones first, so that an unpacked copy beside one counts.
    packed = sorted(folder.glob("samples_*.jsonl.gz"))
    for path in [*packed, *sorted(folder.glob("samples_*.jsonl"))]:
        name = _SAMPLES.fullmatch(path.name)
        if name:
            found.setdefault(name["date"], {})[name["task"]] = path
    return found


def read_samples(path: str | Path) -> list[dict[str, Any]]:
    """The logged samples of one task, in the order of `doc_id`.

    Reads a sample per line (harness 0.4.3 and later) as well as one list (0.4.2, which calls that
    file `.jsonl` too), packed as `.jsonl.gz` or not.

    Raises:
        NeuronXAError: the file is missing, cut off, or holds something else.
    """
    path = Path(path)
    data = whole_file(path, "Check the path, or run again with --log_samples.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NeuronXAError(
            f"The samples file {path} is no UTF-8 text (byte {error.start}). Run again with "
            "--log_samples."
        ) from error
    samples: list[Any] = []
    try:
        if text.lstrip().startswith("["):
            samples = parse_json(text)
        else:
            # `splitlines` would also cut at the line separators that some sentences hold.
            lines = text.split("\n")
            samples = [parse_json(line) for line in lines if line.strip()]
    except (ValueError, RecursionError) as error:
        raise NeuronXAError(
            f"The samples file {path} is damaged ({error} in sample {len(samples) + 1} or "
            "later). It was probably cut off; run the task again with --log_samples."
        ) from error
    for number, sample in enumerate(samples, start=1):
        if not isinstance(sample, dict) or type(sample.get("doc_id")) is not int:
            raise NeuronXAError(
                f"The samples file {path} has no `doc_id` in sample {number}, so it was not "
                "written by the harness. Give the file that --log_samples wrote."
            )
    return sorted(samples, key=lambda sample: sample["doc_id"])


def number(value: object) -> float | None:
    """A JSON number as float, or None for anything else; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def finite(value: object) -> float:
    """A finite JSON number as float; NaN for anything else."""
    found = number(value)
    return found if found is not None and math.isfinite(found) else math.nan


def whole(value: object, least: int = 0) -> int | None:
    """A JSON number that counts something (also written 5.0), or None for anything else."""
    found = number(value)
    if found is None or not least <= found <= LARGEST or found != math.floor(found):
        return None
    return int(found)


def as_text(value: object) -> str:
    """A JSON text, or a number as text; empty for anything else."""
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return str(value) if plain else ""


def at(content: object, *keys: str) -> Any:
    """What lies under the keys, or None where something on the way is missing or no object."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content
