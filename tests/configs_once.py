"""The harness reads its ten thousand task configs once in a process, not for every run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_configs_once() -> None:
    """Let the harness keep what it has read of its own task configs and of ours.

    It makes the index of all names anew for every run, and reads every file for that. These files
    stay as they are while tests run; all others are read each time. The harness makes a task of a
    copy of its entry, so entries can be shared.
    """
    import lm_eval.tasks
    from lm_eval.tasks import _index

    from neuronxa_tasks.harness.plugin import task_configs

    read, known = _index.load_yaml, {}
    if read.__module__ == __name__:
        return
    kept = (f"{Path(lm_eval.tasks.__file__).parent}/", f"{task_configs()}/")

    def load_yaml(path: Path, **options: bool) -> Any:
        if not str(path).startswith(kept):
            return read(path, **options)
        key = (path, *sorted(options.items()))
        if key not in known:
            known[key] = read(path, **options)
        return known[key]

    _index.load_yaml = load_yaml
