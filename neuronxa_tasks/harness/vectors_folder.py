"""The folder of the vectors of all pairs: gone at the end of a run, and after a kill at the next.

A run holds a lock in its folder. The system lets go of it when the process ends, however it ends;
so a folder whose lock is free belongs to nobody any more.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import cache_folder

_NAME, _BEGUN, _LOCK = "pairs-", ".pairs-", "lock"
_DAY = 24 * 3600


@contextmanager
def vectors_folder() -> Iterator[Path]:
    """Lend a new folder inside the cache folder; it is removed at the end.

    Raises:
        NeuronXAError: The cache folder cannot be written.
    """
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        begun = Path(tempfile.mkdtemp(prefix=_BEGUN, dir=root))
        lock = FileLock(begun / _LOCK)
        with suppress(NotImplementedError):  # no locks there: left for a day, see `_is_left`
            lock.acquire(timeout=0)
        # Under this name others look at the lock, which is held by now.
        folder = begun.rename(root / f"{_NAME}{begun.name.removeprefix(_BEGUN)}")
    except (OSError, Timeout) as error:
        raise NeuronXAError(
            f"All pairs, and `lape`, need space in {root}, which cannot be written: "
            f"{getattr(error, 'strerror', None) or error}. Set NEURONXA_CACHE to another folder."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            lock.release()


def remove_left(root: Path) -> None:
    """Remove the folders of runs that were killed.

    Args:
        root: The cache folder.
    """
    for folder in [*root.glob(f"{_NAME}*"), *root.glob(f"{_BEGUN}*")]:
        # What another user owns, or another run has just removed, is left alone.
        with suppress(OSError):
            if not folder.is_symlink() and folder.is_dir() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether no run uses a folder: its lock is free, or, where no lock can tell, it is old."""
    lock = folder / _LOCK
    if not folder.name.startswith(_BEGUN) and lock.exists():
        try:
            with FileLock(lock).acquire(timeout=0):
                return True
        except Timeout:
            return False
        except NotImplementedError:  # the file system has no locks
            pass
    changed = max(each.stat().st_mtime for each in (folder, *folder.rglob("*")))
    return changed < time.time() - _DAY
