"""Tatoeba: pairs with English, from a folder or from the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text.folders import is_file, pair_of_files
from neuronxa_tasks.text.hub import hub_rows
from neuronxa_tasks.text.parallel import Source

TATOEBA_HUB = "mteb/tatoeba-bitext-mining"
"""The copy of LASER's test set that has all 112 pairs."""
TATOEBA_REVISION = "9080400076fbadbb4c4dcb136ff4eddc40b42553"


def find_tatoeba(pivot: str, target: str, data_dir: Path | None) -> Source:
    """The source of a pair with English: `data_dir`, or the copy on the Hub."""
    iso = target
    if data_dir is not None:
        for prefix in ("", "tatoeba."):  # LASER's own file names have the prefix
            names = (f"{prefix}{iso}-eng.eng", f"{prefix}{iso}-eng.{iso}")
            if all(is_file(data_dir / name) for name in names):
                return pair_of_files("folder", data_dir, names)
        raise NeuronXAError(
            f"The folder {data_dir} has no pair for {iso}: looked for {iso}-eng.eng and "
            f"{iso}-eng.{iso} (also with the prefix `tatoeba.`). Add the files, choose another "
            "language, or leave data_dir out."
        )
    instead = (
        "Check the connection, or give a folder with the files of the LASER release "
        '(data/tatoeba/v1): --metadata \'{"data_dir": "..."}\'.'
    )

    def column(name: str) -> Iterator[str]:
        rows = hub_rows(TATOEBA_HUB, f"{iso}-eng", "test", TATOEBA_REVISION, instead)
        return (str(row[name]).strip() for row in rows)

    return Source(
        "hub",
        TATOEBA_HUB,
        (f"{iso}-eng.eng", lambda: column("sentence2")),
        (f"{iso}-eng.{iso}", lambda: column("sentence1")),
        {"split": "test", "revision": TATOEBA_REVISION},
    )
