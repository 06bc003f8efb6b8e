"""The code of this package that decides a score, as one hash."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_SCORE_PATH = ("text", "statistics", "states", "alignment", "resume", "harness")
"""Packages whose code decides a score. Results, reports, commands and the toy world do not; nor do
tables such as `languages.csv`, which lead to a text: its sentences are in the name themselves."""


@cache
def code_hash() -> str:
    """Hash of this package's modules, so that a result of other code is never taken."""
    return hash_of(Path(__file__).parents[1])


def hash_of(package: Path) -> str:
    """Hash of the score modules of a package.

    Args:
        package: Folder of `neuronxa_tasks`.
    """
    digest = hashlib.sha256()
    for path in score_modules(package):
        name = path.relative_to(package).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def score_modules(package: Path) -> list[Path]:
    """Every module on the path of a score: the ground, and the packages of `_SCORE_PATH`.

    Args:
        package: Folder of `neuronxa_tasks`.

    Raises:
        RuntimeError: A package of that path is gone, so that its code would be forgotten.
    """
    found = sorted(package.glob("*.py"))
    for name in _SCORE_PATH:
        inside = sorted((package / name).rglob("*.py"))
        if not inside:
            raise RuntimeError(f"{package / name} holds no module, but decides scores")
        found += inside
    return found
