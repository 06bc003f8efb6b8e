"""`SHA256SUMS` of a folder: written when it is filled, checked when a file of it is read.

The format is that of `sha256sum`, so `sha256sum -c SHA256SUMS` checks it without this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError

MANIFEST = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def write_manifest(folder: Path) -> None:
    """Note the SHA-256 of every file of a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")


def check_manifest(folder: Path, names: Iterable[str], next_step: str) -> None:
    """Refuse files that are not those for which the manifest was written.

    Args:
        folder: Folder with a manifest.
        names: Paths in it, with `/`.
        next_step: What to do, for the error.

    Raises:
        NeuronXAError: There is no manifest, it lacks a name, or a file is gone or another one.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        noted = {found[2]: found[1] for found in map(_LINE.fullmatch, text.splitlines()) if found}
    except (OSError, UnicodeDecodeError):
        raise NeuronXAError(
            f"{folder} has no readable {MANIFEST}, so it cannot be told whether its files are "
            f"those of the release. {next_step}"
        ) from None
    for name in names:
        if name not in noted:
            raise NeuronXAError(
                f"{name} is not among the {len(noted)} files that {folder / MANIFEST} lists, so it "
                f"is not complete. {next_step}"
            )
        try:
            found = sha256(folder / name)
        except OSError as error:
            raise NeuronXAError(
                f"{folder / name} cannot be read: {error.strerror or error}. {next_step}"
            ) from None
        if found != noted[name]:
            raise NeuronXAError(
                f"{folder / name} is not the file that was unpacked: its SHA-256 is {found}, not "
                f"{noted[name]}. It was changed, or another one was copied over it. {next_step}"
            )


def sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal.

    Raises:
        OSError: It cannot be read, or is no file.
    """
    from pooch import file_hash

    if not path.is_file():  # a pipe would hold us forever
        raise FileNotFoundError(2, "there is no such file", str(path))
    return str(file_hash(str(path), "sha256"))
