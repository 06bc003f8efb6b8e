"""Starts `neuronxa` again and again from a process that has loaded everything already.

Loading takes many seconds, the run of a tiny model few. Reads one JSON object per line: the
arguments, further environment, a file for the output, and after how many seconds to kill -9 the
run (or null), counted from its start, or from the moment when a folder has a number of kept
results. Answers with the exit code, negative where a signal ended it, and the seconds taken.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def main() -> None:
    import lm_eval._cli
    import lm_eval.evaluator  # noqa: F401

    import neuronxa_tasks.harness.model
    import neuronxa_tasks.harness.task  # noqa: F401

    _index_once()
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


def _index_once() -> None:
    """Read the harness' ten thousand task configs now, and not in every run."""
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._index import TaskIndex

    from neuronxa_tasks.harness.plugin import task_configs

    original, known = TaskIndex.build, {}

    def build(paths: Sequence[Path]) -> Any:
        key = tuple(map(str, paths))
        if key not in known:
            known[key] = original(paths)
        return known[key]

    TaskIndex.build = staticmethod(build)
    TaskManager(include_path=[str(task_configs())])


def _run(job: dict[str, object]) -> None:
    from neuronxa_tasks.cli import main as neuronxa

    code = 1
    try:
        output = os.open(str(job["output"]), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(job["env"])  # type: ignore[call-overload]
        code = neuronxa(job["arguments"])  # type: ignore[arg-type]
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
