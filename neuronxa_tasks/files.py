"""Files: where things are kept, and how they are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Folder for what `neuronxa fetch` downloads: NEURONXA_CACHE, or ~/.cache/neuronxa."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("NEURONXA_CACHE") or Path(base) / "neuronxa").expanduser()
