"""What OUT knows of a checkpoint: one record beside its result, written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import write_whole
from neuronxa_tasks.reports.sweep.checkpoints import Checkpoint
from neuronxa_tasks.reports.sweep.harness_arguments import HarnessArguments, digest

RECORD, LOG, LOCK, HARNESS, RUNNING = "checkpoint.json", "log.txt", ".lock", "harness", "running"
"""What a checkpoint's folder may hold; `running` is the unfinished `harness`."""


_OF_THE_MODEL = frozenset({".safetensors", ".bin", ".json", ".model"})
_SCHEMA = 1
_MADE_BY = "neuronxa sweep"


@dataclass(frozen=True, slots=True)
class Record:
    """A complete result.

    Attributes:
        checkpoint: what was run.
        settings: see `HarnessArguments.settings`.
        results: results file, relative to the checkpoint's folder.
        results_sha256: of its bytes.
        started: seconds since 1970.
        seconds: how long the run took.
    """

    checkpoint: Checkpoint
    settings: dict[str, Any]
    results: str
    results_sha256: str
    started: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """Where a checkpoint stands.

    Attributes:
        state: `complete`: nothing to do; `other`: a result of something else lies there;
            `missing`: to be run.
        why: what is different or damaged; empty where there is nothing to say.
    """

    state: Literal["complete", "other", "missing"]
    why: str = ""


def write_record(folder: Path, record: Record) -> None:
    """Writes the record; it is there as a whole or not at all."""
    content = {
        "made_by": _MADE_BY,
        "schema": _SCHEMA,
        "settings_sha256": digest(record.settings),
        **asdict(record),
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    write_whole(folder / RECORD, text.encode())


def read_record(folder: Path) -> Record | None:
    """The record of a folder; None where there is none that can be used."""
    try:
        content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if content["made_by"] != _MADE_BY or content["schema"] != _SCHEMA:
            return None
        return Record(
            Checkpoint(**content["checkpoint"]),
            dict(content["settings"]),
            str(content["results"]),
            str(content["results_sha256"]),
            float(content["started"]),
            float(content["seconds"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def status(out: Path, checkpoint: Checkpoint, arguments: HarnessArguments) -> Status:
    """Is there a complete result of this checkpoint with these settings?

    Raises:
        NeuronXAError: the folder that would be its own holds something else.
    """
    folder = out / checkpoint.folder
    _refuse_foreign(folder)
    record = read_record(folder)
    if record is None:
        return Status("missing")
    was = record.checkpoint
    if (was.pretrained, was.revision) != (checkpoint.pretrained, checkpoint.revision):
        return Status("other", f"it is the result of {was.label}")
    changed = differences(record.settings, arguments.settings)
    if changed:
        return Status("other", changed)
    if checkpoint.is_local and _newest(Path(checkpoint.pretrained)) > record.started:
        return Status("other", f"the files of {checkpoint.label} are newer than it")
    if not is_whole(folder, record):
        return Status("missing", "its results file is gone or was changed")
    return Status("complete")


def is_whole(folder: Path, record: Record) -> bool:
    """Is the results file still what was recorded?"""
    try:
        data = (folder / record.results).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest() == record.results_sha256


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The settings that differ, in words; empty where none do."""
    return "; ".join(
        f"{key} was {_told(old.get(key))} and is now {_told(new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    )


def recorded(out: Path) -> dict[Path, Record]:
    """All complete results below OUT, by folder, in the order of their steps."""
    found = {
        folder: record
        for folder in sorted(out.glob("step-*"))
        if (record := read_record(folder)) is not None
    }
    return dict(sorted(found.items(), key=lambda item: item[1].checkpoint.step))


def unfinished(out: Path, but: Mapping[Path, Record]) -> list[str]:
    """Names of the checkpoints' folders that have no complete result."""
    folders = [f for f in out.glob("step-*") if f not in but and (f / LOG).is_file()]
    return [f.name for f in sorted(folders, key=lambda f: (len(f.name), f.name))]


def _told(value: object) -> str:
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)


def _newest(folder: Path) -> float:
    """When a checkpoint's own files were last written; its subfolders are other checkpoints."""
    times = [path.stat().st_mtime for path in folder.iterdir() if path.suffix in _OF_THE_MODEL]
    return max(times, default=0.0)


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    ours = {RECORD, LOG, LOCK, HARNESS, RUNNING}
    foreign = (
        sorted(
            path.name
            for path in folder.iterdir()
            if path.name not in ours and not path.name.startswith(".")
        )
        if folder.is_dir()
        else [folder.name]
    )
    if foreign:
        raise NeuronXAError(
            f"{folder} would hold the result of a checkpoint, but there is {foreign[0]}, which no "
            "sweep wrote. Choose another -o; it must not be the folder of the checkpoints."
        )
