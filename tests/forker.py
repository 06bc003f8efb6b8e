"""Starts `neuronxa` again and again from a process that has loaded everything already.

Loading takes many seconds, the run of a tiny model few. Reads one JSON object per line:

- `arguments`, `cwd`, and `env`, which is added to the environment;
- `out` and `err`: files for the two streams;
- `largest`: bytes that a file may have, as on a disk that gets full, or null;
- `kill_after`: seconds after which to kill -9 the run, or null, counted from its start or, where
  `kept` is a folder and a number, from the moment when that folder has so many kept results.

Answers with the exit code, negative where a signal ended it, and the seconds taken. Every run is a
process of its own. What libraries read from the environment while they are loaded, such as HF_HOME
and HF_HUB_OFFLINE, is for all runs as it was when this program started.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from configs_once import read_configs_once


def main() -> None:
    _load()
    for line in sys.stdin:
        job = json.loads(line)
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _run(job)
        if job["kill_after"] is not None:
            _await_kill(pid, start, job["kill_after"], job["kept"])
            os.kill(pid, signal.SIGKILL)  # harmless where it has ended: nobody has waited for it
        _, status = os.waitpid(pid, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - start}
        print(json.dumps(answer), flush=True)


def _load() -> None:
    """All that a run loads, and the task configs that it would read."""
    from neuronxa_tasks.commands.own_process import load_what_a_run_needs

    load_what_a_run_needs()
    from lm_eval.tasks import TaskManager

    from neuronxa_tasks.harness.plugin import task_configs

    read_configs_once()
    TaskManager(include_path=[str(task_configs())])


def _run(job: dict[str, Any]) -> None:
    from neuronxa_tasks.cli import main as neuronxa

    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(job[name], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), stream)
        os.chdir(job["cwd"])
        os.environ.update(job["env"])
        if job["largest"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest"], job["largest"]))
        code = neuronxa(job["arguments"])
    except SystemExit as end:  # usage: the words are on the error stream already
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _await_kill(pid: int, start: float, after: float, kept: tuple[str, int] | None) -> None:
    if kept:
        folder, results = kept
        _wait(pid, lambda: sum(1 for _ in Path(folder).rglob("*.gz")) >= results)
        start = time.monotonic()
    _wait(pid, lambda: time.monotonic() >= start + after)


def _wait(pid: int, come: Callable[[], bool]) -> None:
    """Until the moment has come or the process has ended."""
    while not come():
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.001)


if __name__ == "__main__":
    main()
