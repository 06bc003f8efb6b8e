"""Text files in a folder: in which form a language pair lies there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.lines import read_lines
from neuronxa_tasks.text.parallel import Source
from neuronxa_tasks.text.rows import read_rows


def pair_of_files(kind: str, folder: Path, names: tuple[str, str], **extra: str) -> Source:
    """The source of two files in one folder."""
    pivot, target = names
    return Source(
        kind,
        str(folder),
        (pivot, lambda: _open(folder / pivot)),
        (target, lambda: _open(folder / target)),
        extra,
    )


def _open(path: Path) -> Iterator[str]:
    return (read_rows if path.suffix in (".jsonl", ".parquet") else read_lines)(path)


def one_per_language(
    folder: Path, pivot: Sequence[str], target: Sequence[str], layouts: Sequence[str]
) -> Source:
    """The first layout in which a folder holds both languages.

    Args:
        folder: The folder.
        pivot: Codes under which the pivot's file may be there, the usual one first.
        target: The same for the target.
        layouts: Paths in the folder with `{}` for the code, in the order of preference.

    Raises:
        NeuronXAError: A language is not there, or the two are there in different layouts only.
        OSError: The folder cannot be read.
    """
    where = [[_first(folder, layout, codes) for layout in layouts] for codes in (pivot, target)]
    for one, two in zip(*where, strict=True):
        if one and two:
            below = Path(os.path.commonpath([one, two])) if one != two else Path(one).parent
            names = (str(Path(one).relative_to(below)), str(Path(two).relative_to(below)))
            return pair_of_files("folder", folder / below, names)
    found = [next(filter(None, names), "") for names in where]
    if all(found):
        raise NeuronXAError(
            f"{folder} holds {found[0]} and {found[1]}, in different forms, which may be different "
            "sentences. Put both languages there in one form."
        )
    lacking = [codes for codes, name in zip((pivot, target), found, strict=True) if not name]
    wanted = [layout.format(lacking[0][0]) for layout in layouts]
    forms = ", ".join(wanted[:3]) + (f" and {len(wanted) - 3} more" if len(wanted) > 3 else "")
    there = sorted(path.name for path in islice(folder.iterdir(), 10_000))
    shown = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "")
    raise NeuronXAError(
        f"The folder {folder} has no file for {' and '.join(codes[0] for codes in lacking)}: "
        f"looked for {forms}, found {len(there)} entries ({shown or 'none'}). Add the file, choose "
        "another language, or leave data_dir out."
    )


def _first(folder: Path, layout: str, codes: Sequence[str]) -> str | None:
    return next((name for name in map(layout.format, codes) if is_file(folder / name)), None)


def is_file(path: Path) -> bool:
    """Whether a file is there; unlike in `pathlib`, not to be allowed to look is no answer.

    Raises:
        OSError: A folder on the way cannot be looked into.
    """
    try:
        return S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
