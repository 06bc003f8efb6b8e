"""What a report writes: CSV, JSON, and a folder of its own."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import disk_told, whole_folder
from neuronxa_tasks.reports.escape import visible

MADE_BY = "neuronxa correlate"
INDEX = "correlate.json"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What begins a formula, also in full width."""
_EFFECTIVE = os.access in os.supports_effective_ids
UNWRITABLE = "Choose another place, or free some space."
"""What to do where the disk refuses."""


def to_csv(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as CSV: UTF-8, full precision, an empty cell where there is no value.

    A spreadsheet computes a cell that begins with `=`, `+`, `-` or `@`, so texts that do have an
    apostrophe before them, unless they are numbers. Control characters are spelled out.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_text(name) for name in records[0]])
    for record in records:
        writer.writerow([_cell(value) for value in record.values()])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else _text(str(value))


def _text(value: str) -> str:
    told = visible(value)
    if not told.lstrip().startswith(_FORMULA):
        return told
    try:
        float(told)
    except ValueError:
        return f"'{told}"
    return told


def to_json(content: Any) -> bytes:
    """JSON with null for NaN and infinities, UTF-8, one space of indentation."""
    text = json.dumps(_finite(content), ensure_ascii=False, allow_nan=False, indent=1)
    return (text + "\n").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def check_out(out: Path, made_by: str = MADE_BY, index: str = INDEX) -> None:
    """Refuses a folder that could not be replaced without losing something.

    Args:
        out: the folder.
        made_by: command whose earlier output may be replaced.
        index: its JSON file that says `made_by` and lists `files`.

    Raises:
        NeuronXAError: `out` is a file, holds anything that an earlier call did not write, or lies
            where nothing can be written.
    """
    if out.exists() or out.is_symlink():
        _refuse_foreign(out, made_by, index)
    parent = out.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise NeuronXAError(
            f"-o is {str(out)!r}, but nothing can be written to {parent}. Choose another folder."
        )


def _refuse_foreign(out: Path, made_by: str, index: str) -> None:
    if out.is_symlink() or not out.is_dir():
        raise NeuronXAError(
            f"-o is {str(out)!r}, which exists and is no folder. Choose another name."
        )
    there = {str(path.relative_to(out)) for path in _inside(out)}
    if not there:
        return
    known: set[str] = set()
    try:
        content = json.loads((out / index).read_text(encoding="utf-8"))
        if content["made_by"] == made_by:
            known = {index, *map(str, content["files"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    foreign = sorted(there - known)
    if foreign:
        raise NeuronXAError(
            f"-o is {str(out)!r}, which exists and holds {foreign[0]}, and only the output of an "
            f"earlier `{made_by}` is replaced. Choose another folder, or move its files away."
        )


def _inside(out: Path) -> Iterator[Path]:
    """Everything in a folder but folders; what could not be deleted is refused.

    Such a folder could still be renamed, and would stay hidden beside its place.
    """

    def refuse(error: OSError) -> NoReturn:
        raise _not_yours(out, error.filename) from error

    for folder, folders, names in os.walk(out, onerror=refuse):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
            raise _not_yours(out, folder)
        yield from (Path(folder, name) for name in names)
        # A link to a folder is somebody's, too; `walk` does not follow it.
        yield from (path for name in folders if (path := Path(folder, name)).is_symlink())


def _not_yours(out: Path, folder: str) -> NeuronXAError:
    return NeuronXAError(
        f"-o is {str(out)!r}, but you may not list and change the folder {folder}, so it is "
        "somebody else's and cannot be replaced. Choose another folder."
    )


def write_folder(
    out: Path, files: Mapping[str, bytes], made_by: str = MADE_BY, index: str = INDEX
) -> None:
    """Writes all files or none, in the place of an earlier output.

    Args:
        out: folder; an earlier output there is replaced.
        files: path inside the folder, with `/`, to content.
        made_by: see `check_out`.
        index: see `check_out`.

    Raises:
        NeuronXAError: see `check_out`; or the disk refuses.
    """
    check_out(out, made_by, index)
    with disk_told(out, UNWRITABLE), whole_folder(out, replace=True) as folder:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
