"""The real commands on a tiny checkpoint. Each run starts a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class Finished:
    """A process that ended, and what it wrote."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        """The only results file."""
        (file,) = self.folder.rglob("results_*.json")
        return json.loads(file.read_text(encoding="utf-8"))

    def samples(self, task: str) -> list[dict[str, Any]]:
        """The logged samples of a task."""
        (file,) = self.folder.rglob(f"samples_{task}_2*.jsonl")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


Command = Callable[..., Finished]
