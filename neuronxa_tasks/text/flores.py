"""FLORES-200: from a folder, from the official archive, or from the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.text.hub import hub_configs, hub_errors, hub_rows
from neuronxa_tasks.text.languages import find, language, languages
from neuronxa_tasks.text.manifest import check_manifest
from neuronxa_tasks.text.parallel import Source, one_per_language, pair_of_files

SPLIT = "devtest"
ARCHIVE = "flores200_dataset"
"""Top folder of the official release, and of what `neuronxa fetch` unpacks."""
FLORES_HUB = "openlanguagedata/flores_plus"


@cache
def flores_codes() -> tuple[str, ...]:
    """The 204 languages of FLORES-200."""
    return tuple(row.code for row in languages() if row.flores)


def is_unpacked(folder: Path, codes: Sequence[str]) -> bool:
    """Whether `neuronxa fetch` has unpacked these languages there, and they are unchanged.

    Args:
        folder: Where the archive's top folder would be.
        codes: Languages whose devtest files are checked.

    Returns:
        False where there is nothing, or nothing but empty folders.

    Raises:
        NeuronXAError: Something else is there, a file is missing, or one was changed.
    """
    try:
        if not _holds_anything(folder):
            return False
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_file():
            return False
        raise NeuronXAError(
            f"{folder} is a file, where FLORES-200 would be unpacked. Move it away."
        ) from None
    except OSError as error:
        raise NeuronXAError(
            f"{folder}, where FLORES-200 would be unpacked, cannot be read: {error.strerror}. Make "
            "it readable, or set NEURONXA_CACHE to another folder."
        ) from None
    next_step = f"Move {folder} away, then run `neuronxa fetch flores200`."
    check_manifest(folder, [f"{SPLIT}/{code}.{SPLIT}" for code in codes], next_step)
    return True


def _holds_anything(folder: Path) -> bool:
    """Whether there is more than empty folders; raises OSError where that cannot be seen."""
    return any(
        path.is_symlink() or not path.is_dir() or _holds_anything(path) for path in folder.iterdir()
    )


def find_flores(pivot: str, target: str, data_dir: Path | None) -> Source:
    """The source of a pair: `data_dir`, the archive if it was fetched, or FLORES+ on the Hub."""
    if data_dir is not None:
        return one_per_language(data_dir, pivot, target, (".devtest", ".dev", ".txt"))
    archive = cache_folder() / ARCHIVE
    if is_unpacked(archive, (pivot, target)):
        names = (f"{pivot}.{SPLIT}", f"{target}.{SPLIT}")
        return pair_of_files("archive", archive / SPLIT, names)
    return Source(
        "hub",
        FLORES_HUB,
        (pivot, lambda: _hub_flores(pivot)),
        (target, lambda: _hub_flores(target)),
        {"split": SPLIT},
    )


def _hub_flores(code: str) -> Iterator[str]:
    next_step = (
        f"FLORES+ is gated: accept its terms at https://huggingface.co/datasets/{FLORES_HUB}, "
        "then log in with `hf auth login` or set HF_TOKEN. Instead you can run `neuronxa fetch "
        "flores200` once (the official archive, 25 MB, no account), or give a folder: "
        '--metadata \'{"data_dir": "..."}\'.'
    )
    with hub_errors(f"The list of languages of {FLORES_HUB}", next_step):
        names = hub_configs(FLORES_HUB)
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
            return hub_rows(FLORES_HUB, name, SPLIT, None, next_step)
        except NeuronXAError as error:  # noqa: PERF203
            errors.append(error)
    raise errors[0]


def _table_code(name: str) -> str | None:
    language = find(name)
    return None if language is None else language.code
