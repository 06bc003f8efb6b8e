"""Our task configs inside the installed harness, whose plain command then finds them by name.

They are copied: the harness looks for configs by a pattern that does not follow a linked folder on
Python 3.11. A file beside them says what was written, so that no other file is ever removed, and so
that copies of another version are noticed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import disk_told, room_beside

logger = logging.getLogger(__name__)

FOLDER, MARKER = "neuronxa", ".neuronxa-link.json"
_MADE_BY = "neuronxa link"
_INSTEAD = (
    'Without a link, say --include_path "$(neuronxa path)" or use `neuronxa run`; or make an '
    "environment of your own."
)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done.

    Attributes:
        folder: Inside the harness.
        files: Configs that were written or removed; 0 where nothing was to be done.
        left: Files there that `link` has not written, or that were changed since.
    """

    folder: Path
    files: int
    left: tuple[Path, ...] = ()


def harness_tasks() -> Path:
    """The folder of the installed harness' tasks, found without loading it.

    Raises:
        NeuronXAError: The harness is not installed as a folder of files.
    """
    spec = find_spec("lm_eval")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "tasks").is_dir():
            return Path(place) / "tasks"
    raise NeuronXAError(
        "The harness (lm_eval) has no folder of tasks in this environment. Install it with "
        "`pip install lm-eval`."
    )


def link(configs: Path, tasks: Path | None = None) -> Done:
    """Copy the configs into the harness, in the place of an earlier copy; all of them or none.

    Args:
        configs: Our folder of task configs.
        tasks: The harness' folder of tasks; by default that of this environment.

    Raises:
        NeuronXAError: The harness cannot be written to, or its folder holds what is not ours.
    """
    tasks = harness_tasks() if tasks is None else tasks
    folder = tasks / FOLDER
    ours = _hashes(configs)
    if _written(folder) == ours and _hashes(folder) == ours:
        return Done(folder, 0)
    foreign = _foreign(folder)
    if foreign:
        raise NeuronXAError(
            f"{foreign[0]} was not written by `neuronxa link`, or was changed since, and would be "
            "lost. Move it to a folder of yours, for --include_path, and link again."
        )
    # Beside the tasks, where the harness does not look while the copy grows.
    with disk_told(folder, _INSTEAD), room_beside(tasks) as room:
        new = room / FOLDER
        for name in ours:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(configs / name, new / name)
        marker = {"made_by": _MADE_BY, "version": version("neuronxa-tasks"), "files": ours}
        (new / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        if folder.is_dir():
            folder.rename(room / "old")
        try:
            new.rename(folder)
        except OSError:
            with suppress(OSError):
                (room / "old").rename(folder)
            raise
    return Done(folder, len(ours))


def unlink(tasks: Path | None = None) -> Done:
    """Remove what `link` has written, and nothing else.

    Args:
        tasks: As of `link`.

    Raises:
        NeuronXAError: The harness cannot be written to.
    """
    folder = (harness_tasks() if tasks is None else tasks) / FOLDER
    written = _written(folder)
    if written is None:
        return Done(folder, 0, tuple(_foreign(folder)))
    left = tuple(_foreign(folder))
    with disk_told(folder, "Unlink as somebody who may write there."):
        removed = 0
        for name in written:
            if (folder / name).is_file() and folder / name not in left:
                (folder / name).unlink()
                removed += 1
        (folder / MARKER).unlink()
        inside = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
        for place in (*inside, folder):
            with suppress(OSError):  # it holds something that is not ours
                place.rmdir()
    return Done(folder, removed, left)


@cache
def warn_if_stale(configs: Path, tasks: Path | None = None) -> None:
    """Name copies that are not those of this version; once in a process.

    Args:
        configs: As of `link`.
        tasks: As of `link`.
    """
    try:
        folder = (harness_tasks() if tasks is None else tasks) / FOLDER
        written = _written(folder)
        stale = written is not None and written != _hashes(configs)
    except (OSError, NeuronXAError):
        return
    if stale:
        logger.warning(
            "The task configs in %s are of neuronxa-tasks %s, and %s is installed. Plain `lm_eval "
            "run` takes them; bring them up to date with `neuronxa link`, or remove them with "
            "`neuronxa unlink`.",
            folder,
            _marker(folder).get("version"),
            version("neuronxa-tasks"),
        )


def linked_folder(tasks: Path) -> Path | None:
    """The folder of the copies inside the harness, if there are any.

    Args:
        tasks: The harness' folder of tasks.
    """
    return tasks / FOLDER if _marker(tasks / FOLDER) else None


def _configs(folder: Path) -> Iterator[Path]:
    """Task configs and what they include, without what only people read."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".md" and path.name != MARKER:
            yield path


def _hashes(folder: Path) -> dict[str, str]:
    """Name below the folder -> sha256 of the content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _configs(folder)
    }


def _marker(folder: Path) -> Mapping[str, object]:
    """What `link` says that it wrote; empty where it wrote nothing."""
    try:
        content = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    ours = isinstance(content, dict) and content.get("made_by") == _MADE_BY
    return content if ours and isinstance(content.get("files"), dict) else {}


def _written(folder: Path) -> dict[str, str] | None:
    """Name -> sha256 of what `link` wrote, of paths that stay inside; None where it did not."""
    files = _marker(folder).get("files")
    if not isinstance(files, dict):
        return None
    return {
        str(name): str(digest)
        for name, digest in files.items()
        if not Path(name).is_absolute() and ".." not in Path(name).parts
    }


def _foreign(folder: Path) -> list[Path]:
    """Files in the harness' folder that are not as `link` wrote them."""
    written = _written(folder) or {}
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
        and path != folder / MARKER
        and "__pycache__" not in path.parts
        and (
            path.is_symlink()
            or written.get(path.relative_to(folder).as_posix())
            != hashlib.sha256(path.read_bytes()).hexdigest()
        )
    ]
