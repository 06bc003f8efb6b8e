"""Results files of the harness: found, opened, and refused by name where they are damaged."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError

_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+)\.jsonl")
_RESULTS_DATE = re.compile(r"_(?P<date>\d{4}-\d\d-\d\dT[\d.\-]+)\.json")


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
    """Opens results files, and those in folders and their subfolders.

    In a folder, a `.json` file of another kind is left out and noted. A file given by its own path,
    or called `results*.json`, must be a whole results file. The same bytes under two paths count
    once and are noted.

    Args:
        paths: files and folders.

    Raises:
        NeuronXAError: a path does not exist or cannot be read, a file is cut off or no results
            file, or a folder has none.
    """
    runs: list[RunFile] = []
    notes: list[str] = []
    seen: dict[str, Path] = {}
    opened: set[Path] = set()
    for given in (Path(path) for path in paths):
        for path in _candidates(given):
            if path.resolve() in opened:
                continue
            opened.add(path.resolve())
            strict = path == given or path.name.startswith("results")
            run = _open(path, strict=strict)
            if isinstance(run, str):
                notes.append(run)
            elif run.sha256 in seen:
                notes.append(f"{path} is a copy of {seen[run.sha256]} and was left out.")
            else:
                seen[run.sha256] = path
                runs.append(run)
        if given.is_dir() and not any(given in run.path.parents for run in runs):
            others = sum(1 for _ in given.rglob("*.json"))
            raise NeuronXAError(
                f"The folder {given} has no results file of the harness among its {others} JSON "
                "files. Give the folder that was its --output_path, or a results file."
            )
    return Found(tuple(runs), tuple(notes))


def _candidates(given: Path) -> list[Path]:
    if given.is_dir():
        return sorted(given.rglob("*.json"))
    if not given.exists():
        raise NeuronXAError(
            f"{given} does not exist, so there is nothing to read. Check the path; it is looked up "
            f"from {'its root' if given.is_absolute() else 'the current folder'}."
        )
    return [given]


def _open(path: Path, *, strict: bool) -> RunFile | str:
    """The run in a file, or, if the file need not be one, the sentence that says why it is none."""
    try:
        data = path.read_bytes()
        content = json.loads(data.decode("utf-8"))
    except OSError as error:
        raise NeuronXAError(
            f"{path} cannot be read ({error.strerror}). Check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        reason = f"{path} is no UTF-8 text (byte {error.start}), so it is no results file."
    except RecursionError:
        reason = f"{path} is nested too deeply for a results file."
    except json.JSONDecodeError as error:
        text = data.decode("utf-8")
        if not text.strip():
            reason = f"{path} is empty: the run was stopped, or the disk was full."
        elif text.lstrip()[0] == "{" and error.pos >= len(text.rstrip()) - 1:
            reason = f"{path} is cut off in line {error.lineno}: the run was stopped while writing."
        elif error.msg.startswith("Unterminated string"):
            reason = f"{path} is cut off inside a text that begins in line {error.lineno}."
        else:
            reason = f"{path} is no JSON ({error.msg}, line {error.lineno})."
    else:
        if isinstance(content, dict) and isinstance(content.get("results"), dict):
            return RunFile(
                path, hashlib.sha256(data).hexdigest(), content, _samples_beside(path, content)
            )
        kind = (
            f"an object with the keys {', '.join(list(content)[:4]) or 'none'}"
            if isinstance(content, dict)
            else f"a {type(content).__name__}"
        )
        reason = f"{path} is no results file of the harness: it has no `results`, it is {kind}."
    if strict:
        raise NeuronXAError(f"{reason} Give a whole results file, or leave it out.")
    return f"{reason} It was left out."


def _samples_beside(path: Path, content: dict[str, Any]) -> dict[str, Path]:
    """Samples files of a run: same folder, and same date in the name where the harness puts it."""
    dated = _RESULTS_DATE.search(path.name)
    found: dict[str, Path] = {}
    if dated:
        for other in sorted(path.parent.glob("samples_*.jsonl")):
            name = _SAMPLES.fullmatch(other.name)
            if name and name["date"] == dated["date"]:
                found[name["task"]] = other
        return found
    # Harness 0.4.2: `results.json` beside `<model_args>_<task>.jsonl`.
    config, tasks = content.get("config"), content.get("configs")
    arguments = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(arguments, str) and isinstance(tasks, dict):
        stem = re.sub("/|=", "__", arguments)
        for task in tasks:
            other = path.parent / f"{stem}_{task}.jsonl"
            if other.is_file():
                found[task] = other
    return found


def read_samples(path: str | Path) -> list[dict[str, Any]]:
    """The logged samples of one task, in the order of `doc_id`.

    Reads a sample per line (harness 0.4.3 and later) as well as one list (0.4.2, which calls that
    file `.jsonl` too).

    Raises:
        NeuronXAError: the file is missing, cut off, or holds something else.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NeuronXAError(
            f"The samples file {path} cannot be read ({error}). Check the path, or run again with "
            "--log_samples."
        ) from error
    samples: list[Any] = []
    try:
        if text.lstrip().startswith("["):
            samples = json.loads(text)
        else:
            # `splitlines` would also cut at the line separators that some sentences hold.
            lines = text.split("\n")
            samples = [json.loads(line) for line in lines if line.strip()]
    except (json.JSONDecodeError, RecursionError) as error:
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
    return float(value)


def finite(value: object) -> float:
    """A JSON number as float; NaN for anything else."""
    found = number(value)
    return math.nan if found is None else found


def at(content: object, *keys: str) -> Any:
    """What lies under the keys, or None where something on the way is missing or no object."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content
