"""Text that the package ships: the hand-written sentences and the toy world's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neuronxa_tasks.text.folders import pair_of_files
from neuronxa_tasks.text.parallel import Source

DATA = Path(__file__).parent / "data"
"""A folder per corpus, with a file `<code>.txt` per language."""


def find_shipped(folder: str) -> Callable[[str, str, Path | None], Source]:
    """A finder for one of the shipped folders."""

    def find(pivot: str, target: str, data_dir: Path | None) -> Source:
        del data_dir  # meant for another corpus of the same run
        names = (f"{pivot}.txt", f"{target}.txt")
        return pair_of_files("shipped", DATA / folder, names)

    return find


def shipped_codes(folder: str) -> tuple[str, ...]:
    """Languages of a shipped folder."""
    return tuple(sorted(path.stem for path in (DATA / folder).glob("*.txt")))
