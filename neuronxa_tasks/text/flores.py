"""FLORES-200: from a folder, from the archive that was fetched, or from the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder
from neuronxa_tasks.text.folders import one_per_language, pair_of_files
from neuronxa_tasks.text.hub import hub_configs, hub_errors, hub_rows
from neuronxa_tasks.text.languages import find, language, languages
from neuronxa_tasks.text.manifest import check_manifest
from neuronxa_tasks.text.parallel import Source
from neuronxa_tasks.text.rows import sentences

SPLIT = "devtest"
ARCHIVE = "flores200_dataset"
"""Top folder of the official release, and of what `neuronxa fetch` unpacks."""
FLORES_HUB = "openlanguagedata/flores_plus"
"""FLORES+, the release that is still corrected."""

_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}(?:_[a-z]{4}[0-9]{4})?")
_BY_SPLIT = (
    "{{}}.{split}", "{split}/{{}}.{split}",  # the release, by its folder or by its root
    "{split}.{{}}", "{split}/{split}.{{}}",  # FLORES+ as a zip file
    "{split}/{{}}.jsonl", "{split}/{{}}.parquet",  # FLORES+ on the Hub
    "{{}}/{split}-00000-of-00001.parquet",  # facebook/flores on the Hub, and its later form
    "data/language/{{}}/{split}-00000-of-00001.parquet",
    "{{}}/{split}/0000.parquet",  # what the Hub makes of a script, such as Muennighoff/flores200
)  # fmt: skip
LAYOUTS = (
    *(layout.format(split=split) for split in (SPLIT, "dev") for layout in _BY_SPLIT),
    "{}.txt", "{}.jsonl", "{}.parquet",
)  # fmt: skip
"""Forms in which people have FLORES in a folder, with `{}` for the code; the first one is taken."""


@cache
def flores_codes() -> tuple[str, ...]:
    """The 204 languages of FLORES-200."""
    return tuple(row.code for row in languages() if row.flores)


@cache
def flores_names(code: str) -> tuple[str, ...]:
    """The codes of a language's text in FLORES-200 and FLORES+, which renamed some; its own first.

    >>> flores_names("zho_Hans")
    ('zho_Hans', 'chi_Hans', 'cmn_Hans')
    """
    row = language(code)
    others = (name for alias in row.aliases for name in (alias, f"{alias}_{row.script}"))
    known = (name for name in others if _CODE.fullmatch(name) and find(name) == row)
    return tuple(dict.fromkeys((code, *known)))


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
        return one_per_language(data_dir, flores_names(pivot), flores_names(target), LAYOUTS)
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
        there = hub_configs(FLORES_HUB)
    # `default` is what `datasets` says of a gated set offline, cached or not.
    names = [name for name in flores_names(code) if name in there or there == ("default",)]
    if not names:
        raise NeuronXAError(
            f"FLORES+ has no language {code} any more ({len(there)} languages looked through). "
            "Run `neuronxa fetch flores200` once for the original release."
        )
    yield from sentences(_first_rows(names, next_step), f"{FLORES_HUB} ({code}, {SPLIT})")


def _first_rows(names: Sequence[str], next_step: str) -> tuple[dict[str, Any], ...]:
    """Rows of the first name that loads; else the error of the first."""
    errors: list[NeuronXAError] = []
    for name in names:
        try:
            return hub_rows(FLORES_HUB, name, SPLIT, None, next_step)
        except NeuronXAError as error:  # noqa: PERF203
            errors.append(error)
    raise errors[0]
