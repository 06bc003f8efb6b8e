"""The real commands on a tiny checkpoint: in new processes, or in forks of a warm one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
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
    seconds: float = float("nan")

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


def in_new_process(program: str, *arguments: object, cwd: Path, **env: str) -> Finished:
    """Run a program of the environment in a folder, as a user would."""
    done = subprocess.run(
        [BIN / program, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT, **env},
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr, cwd / "out")


class Forker:
    """Runs `neuronxa` in forks of one process that has loaded everything (see `forker.py`).

    Use it where the command is what is tested; where it is the installed program, its start, or
    what libraries read while they are loaded, start a process of its own.

    Args:
        folder: Place for what the runs write to their streams.
        env: Environment of all runs, besides `ENVIRONMENT`.
    """

    def __init__(self, folder: Path, **env: str) -> None:
        self._folder, self._env, self._runs = folder, {**os.environ, **ENVIRONMENT, **env}, 0
        self._process: subprocess.Popen[str] | None = None

    def __call__(
        self,
        *arguments: object,
        cwd: Path,
        out: Path | None = None,
        largest: int | None = None,
        kill_after: float | None = None,
        kept: tuple[Path, int] | None = None,
        **env: str,
    ) -> Finished:
        """Run `neuronxa ARGUMENTS` in a folder.

        Args:
            arguments: Without the program's name.
            cwd: The folder.
            out: Where the results are; by default `out` in that folder.
            largest: Bytes that a file may have.
            kill_after: Seconds until kill -9.
            kept: Count these seconds from the moment when this folder has so many kept results.
            env: Further environment, of this run.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("forker.py")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._env,
                start_new_session=True,
            )  # fmt: skip
        process, self._runs = self._process, self._runs + 1
        streams = [self._folder / f"{stream}{self._runs}" for stream in ("out", "err")]
        job = {
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "env": env,
            "out": str(streams[0]),
            "err": str(streams[1]),
            "largest": largest,
            "kill_after": kill_after,
            "kept": (str(kept[0]), kept[1]) if kept else None,
        }
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, "forker.py has ended; the error stream says why"
            answer = json.loads(line)
        except BaseException:  # such as a test's time that is over: the next one starts afresh
            self.close()
            raise
        # A process that was killed at once has not even begun to write.
        told = [each.read_text(encoding="utf-8") if each.exists() else "" for each in streams]
        return Finished(answer["code"], *told, out or cwd / "out", answer["seconds"])

    def close(self) -> None:
        """End the process, and what it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None
