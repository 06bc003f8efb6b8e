"""Files: where things are kept, and how they are written whole or not at all.

Whatever is written grows in a folder beside its place, under a name that nobody can guess, and is
renamed when it is complete. So a reader never sees half of it, a failure leaves what was there, and
a link that somebody else put in the way is not followed. A process that is killed leaves the hidden
folder `.<name>.<random>`, which may be deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from neuronxa_tasks.errors import NeuronXAError, one_line


def cache_folder() -> Path:
    """Folder for what `neuronxa fetch` downloads: NEURONXA_CACHE, or ~/.cache/neuronxa."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("NEURONXA_CACHE") or Path(base) / "neuronxa").expanduser()


@contextmanager
def whole_folder(
    target: Path, *, replace: bool = False, keep: Path | None = None
) -> Iterator[Path]:
    """Make a folder that appears only when the block has ended well.

    Parents are made where they are missing. Permissions are those of any new folder.

    Args:
        target: Its place. Unless `replace`, an entry there is an error.
        replace: Whether what is there goes away once the new folder is complete. If that cannot
            take its place, the old one is put back.
        keep: Where the old one is moved instead of being deleted.

    Yields:
        An empty folder to write into.

    Raises:
        OSError: The disk refuses, or `target` exists and may not be replaced.
    """
    with room_beside(target) as room:
        new, old = room / "new", keep or room.with_name(f"{room.name}.old")
        new.mkdir()
        yield new
        if not replace or not os.path.lexists(target):
            new.rename(target)
            return
        target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            if not os.path.lexists(target):  # else another process was faster
                old.rename(target)
            raise
        finally:
            if keep is None and os.path.lexists(old):
                old.rename(room / "old")  # and goes with the room


def write_whole(target: Path, content: bytes) -> None:
    """Write one file at once, in the place of what is there.

    Parents are made where they are missing. Permissions are those of any new file.

    Args:
        target: Its place.
        content: All bytes of it.

    Raises:
        NeuronXAError: `target` is a folder, a pipe or a device.
        OSError: The disk refuses; what was there still is.
    """
    check_file(target)
    with room_beside(target) as room:
        new = room / "new"
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else the name could reach the disk before the bytes
        new.replace(target)


def check_file(target: Path) -> None:
    """Refuse to replace what is no file.

    Raises:
        NeuronXAError: `target` is a folder, a pipe or a device.
    """
    if target.exists() and not target.is_file():
        raise NeuronXAError(
            f"{target} exists and is not a file but a folder, a pipe or a device. Give the name of "
            "a file."
        )


@contextmanager
def room_beside(target: Path) -> Iterator[Path]:
    """A private folder on the same disk, deleted at the end of the block.

    Args:
        target: Path whose parent gets the folder; made if it is missing.
    """
    place = target.absolute().parent
    place.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name[:40]}."  # a name has at most 255 bytes
    with TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as room:
        yield Path(room)


@contextmanager
def disk_told(place: Path, instead: str) -> Iterator[None]:
    """Tell an error of the disk in a sentence.

    Args:
        place: What was to be written.
        instead: What to do about it.

    Raises:
        NeuronXAError: In the place of any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or one_line(error)
        raise NeuronXAError(f"{place} cannot be written: {why}. {instead}") from error
