"""Several processes give the scores of one. Gloo on the CPU, the real launchers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from commands import BIN, ENVIRONMENT, Finished, Forker

pytestmark = pytest.mark.harness

ALIGNMENT = [f"neuronxa_mini_{code}" for code in ("fra_Latn", "hin_Deva", "rus_Cyrl", "zho_Hans")]
TASKS = [*ALIGNMENT, "neuronxa_world_cloze_eng_Latn"]
LIMIT = 300
"""Seconds in which a broken run must have ended. It takes few; a busy machine takes longer."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def arguments(checkpoint: Path, out: Path, tasks: Sequence[str] = TASKS, n: int = 20) -> list[str]:
    return [
        "run", "--model", "hf-neuronxa", "--model_args", f"pretrained={checkpoint}",
        "--tasks", ",".join(tasks), "--metadata", json.dumps({"n": n}),
        "--output_path", str(out), "--log_samples", "--batch_size", "8", "--device", "cpu",
    ]  # fmt: skip


def start(program: Sequence[object], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [BIN / str(program[0]), *map(str, program[1:])],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRONMENT},
            cwd=log.parent,
        )


@contextlib.contextmanager
def running(
    programs: Sequence[Sequence[object]], folder: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start programs together; none is left behind."""
    started = [start(program, folder / f"log{i}") for i, program in enumerate(programs)]
    try:
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()


def finished(programs: Sequence[Sequence[object]], folder: Path, out: Path) -> Finished:
    with running(programs, folder) as processes:
        codes = [process.wait(timeout=2 * LIMIT) for process in processes]
    logs = [(folder / f"log{i}").read_text(encoding="utf-8") for i in range(len(programs))]
    assert codes == [0] * len(codes), "\n".join(logs)
    return Finished(0, "\n".join(logs), "", out)


def torchrun(processes: int, command: Sequence[str]) -> list[object]:
    return ["torchrun", "--standalone", "--nproc-per-node", processes, "-m", "neuronxa_tasks",
            *command]  # fmt: skip


def machines(count: int, processes: int, command: Sequence[str]) -> list[list[object]]:
    """One launcher for each machine; all of them meet on the loopback interface."""
    port = free_port()
    return [
        ["torchrun", "--nnodes", count, "--nproc-per-node", processes,
         "--rdzv-backend", "c10d", "--rdzv-id", port, "--rdzv-endpoint", f"127.0.0.1:{port}",
         "--local-addr", "127.0.0.1", "-m", "neuronxa_tasks", *command]
        for _ in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def alone(forker: Forker, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("alone")
    done = forker(*arguments(checkpoint, folder / "out"), cwd=folder)
    assert done.code == 0, done.err
    return done


Launch = Callable[[list[str]], list[list[object]]]
WAYS: dict[str, Launch] = {
    "two": lambda command: [torchrun(2, command)],
    "three": lambda command: [torchrun(3, command)],
    "accelerate": lambda command: [
        ["accelerate", "launch", "--cpu", "--num_processes", 2, "--num_machines", 1,
         "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", free_port(),
         "-m", "neuronxa_tasks", *command]
    ],
    "two machines": lambda command: machines(2, 2, command),
}  # fmt: skip


@pytest.mark.parametrize(
    "way",
    [
        "two",
        pytest.param("three", marks=pytest.mark.slow),
        pytest.param("accelerate", marks=pytest.mark.slow),
        pytest.param("two machines", marks=pytest.mark.slow),
    ],
)
def test_scores_of_one_process(way: str, checkpoint: Path, tmp_path: Path, alone: Finished) -> None:
    out = tmp_path / "out"
    together = finished(WAYS[way](arguments(checkpoint, out)), tmp_path, out)
    assert together.results["config"]["neuronxa"] == alone.results["config"]["neuronxa"]
    for task in TASKS:
        entries = [done.results["results"][task] for done in (alone, together)]
        for name, value in entries[0].items():
            if isinstance(value, float):
                assert entries[1][name] == pytest.approx(value, abs=1e-12), (task, name)
    for task in ALIGNMENT:
        rivals = [
            {each["doc_id"]: [each[name] for name in ("nasca_max", "navca_max", "mexa_max")]
             for each in done.samples(task)}
            for done in (alone, together)
        ]  # fmt: skip
        assert rivals[0] == rivals[1]
        assert len(rivals[0]) == 20
    # Each document of the benchmark once, with the answer of one process.
    answers = [
        {sample["doc_id"]: sample["acc"] for sample in done.samples(TASKS[-1])}
        for done in (alone, together)
    ]
    assert answers[0] == answers[1]
    assert len(together.samples(TASKS[-1])) == len(answers[0])


PROCESS = """
import os, signal, sys, time
from types import SimpleNamespace
from torch import distributed
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.processes import gather, together
distributed.init_process_group("gloo")
rank, size = distributed.get_rank(), distributed.get_world_size()
lm = SimpleNamespace(rank=rank, world_size=size)
assert gather(lm, rank * 10) == [0, 10, 20]
end = sys.argv[1]
def work():
    if rank == 1:
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "killed later":
            time.sleep(3)
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "error":
            raise ValueError("no such\\nthing.")
        if end == "unpicklable":
            error = RuntimeError("odd")
            error.lock = __import__("threading").Lock()
            raise error
        if end == "told":
            raise NeuronXAError("The words of process 1.")
        if end == "leaves":
            sys.exit(7)
    return rank
try:
    assert together(lm, work) == [0, 1, 2]
    distributed.barrier()
    distributed.destroy_process_group()  # else a late thread may abort an ended process
    print("done", flush=True)
except SystemExit as left:  # it tells nobody; the interpreter's own end may be aborted by gloo
    os._exit(left.code)
except NeuronXAError as error:
    print("neuronxa:", error, flush=True)
    os._exit(2)
"""


@pytest.mark.parametrize(
    ("end", "codes", "words"),
    [
        ("well", [0, 0, 0], "done"),
        ("killed", [2, -9, 2], "lost another one"),
        ("killed later", [2, -9, 2], "lost another one"),
        ("leaves", [2, 7, 2], "lost another one"),
        ("error", [2, 1, 2], "Process 1 of 3 failed with ValueError: no such thing. The run"),
        ("unpicklable", [2, 1, 2], "Process 1 of 3 failed with RuntimeError: odd. The run"),
        ("told", [2, 2, 2], "The words of process 1."),
    ],
)
def test_end_of_one_process_is_told_without_a_launcher(
    end: str, codes: list[int], words: str, tmp_path: Path
) -> None:
    port = free_port()
    outputs = [(tmp_path / str(rank)).open("w+") for rank in range(3)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, end],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                **ENVIRONMENT,
                **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
                **{"RANK": str(rank), "WORLD_SIZE": "3"},
            },
        )
        for rank, output in enumerate(outputs)
    ]
    try:
        ended = [process.wait(timeout=LIMIT) for process in processes]
        # A process that ends by an exception leaves gloo's threads behind, and they may abort it.
        assert [1 if code == -signal.SIGABRT else code for code in ended] == codes
    finally:
        for process in processes:
            process.kill()
    for rank in (0, 2):
        outputs[rank].seek(0)
        assert words in outputs[rank].read()


ALL_PAIRS = """
import os, sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
import torch
from torch import distributed
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness import matrices as module
from neuronxa_tasks.harness.processes import together
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.sentence_pairs import Pairs
distributed.init_process_group("gloo")
rank, size = distributed.get_rank(), distributed.get_world_size()
lm = SimpleNamespace(rank=rank, world_size=size)
share = partial(together, lm)
end = sys.argv[1]
settings = dict(corpus="mini", pivot="a", tap="gate", weights="position", routed_nav=False,
                pairs="all")
tasks = {t: Pairs({**settings, "target": t}, {}, {0: ("x", t), 1: ("y", t)}) for t in "bcd"}
def elsewhere(work):
    return [Path("/on/the/first/machine") if isinstance(part, Path) else part
            for part in share(work)]
def exhausted(*_, **__):
    raise torch.OutOfMemoryError("out of memory on this device")
if end == "elsewhere" and rank == 1:
    share_of_rank = elsewhere
else:
    share_of_rank = share
if end == "memory" and rank == 1:
    module.hit_matrix = exhausted
def vectors(seed):
    draw = torch.Generator().manual_seed(seed)
    nas, nav, hidden = (
        tuple(torch.rand(2, 8, generator=draw) for _ in range(2)) for _ in range(3)
    )
    return SentenceVectors(nas=nas, nav=nav, hidden=hidden, tokens=(1, 1), truncated=0)
try:
    with module.matrices(tasks, share_of_rank, rank, size) as all_pairs:
        for place, name in enumerate("bcd"):
            if place % size == rank:
                all_pairs.keep({**settings, "target": name}, vectors(0), vectors(place + 1))
        share(lambda: None)
        (block,) = all_pairs.compare("cpu")
    assert block["languages"] == list("abcd")
    distributed.barrier()
    distributed.destroy_process_group()
    print("done", flush=True)
except NeuronXAError as error:
    print("neuronxa:", error, flush=True)
    os._exit(2)
except torch.OutOfMemoryError:
    os._exit(3)
"""


@pytest.mark.parametrize(
    ("end", "codes", "words"),
    [
        ("well", [0, 0], ("done", "done")),
        ("elsewhere", [2, 2], ("Process 1 of 2 cannot use /on/the/first/machine",) * 2),
        ("memory", [2, 3], ("Process 1 of 2 failed with OutOfMemoryError: out of memory", "")),
    ],
)
def test_all_pairs_in_two_processes_end_together(
    end: str, codes: list[int], words: tuple[str, str], tmp_path: Path
) -> None:
    """Neither a folder that one does not see nor its memory leaves the other one waiting."""
    port = free_port()
    outputs = [(tmp_path / str(rank)).open("w+") for rank in range(2)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ALL_PAIRS, end],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                **ENVIRONMENT,
                **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
                **{"RANK": str(rank), "WORLD_SIZE": "2"},
                "NEURONXA_CACHE": str(tmp_path / "cache"),
            },
        )
        for rank, output in enumerate(outputs)
    ]
    try:
        ended = [process.wait(timeout=LIMIT) for process in processes]
        told = [output.seek(0) or output.read() for output in outputs]
        assert ended == codes, told
    finally:
        for process in processes:
            process.kill()
    for word, text in zip(words, told, strict=True):
        assert word in text
    assert list((tmp_path / "cache").iterdir()) == []


def workers(launcher: int) -> list[int]:
    """Processes that a launcher has started, in the order of their rank."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == launcher and b"neuronxa_tasks" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return sorted(found)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_killed_on_another_machine(checkpoint: Path, tmp_path: Path) -> None:
    """The launcher of the other machine sees nothing; its worker has to notice."""
    command = arguments(checkpoint, tmp_path / "out", ["neuronxa_mini"], n=100)
    command += ["--verbosity", "INFO"]
    with running(machines(2, 1, command), tmp_path) as launchers:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            logs = [(tmp_path / f"log{i}").read_text(errors="replace") for i in (0, 1)]
            if any("Running neuron_states requests" in log for log in logs):
                break
            time.sleep(0.05)
        for worker in workers(launchers[1].pid):
            os.kill(worker, signal.SIGKILL)
        assert [launcher.wait(timeout=LIMIT) for launcher in launchers] == [1, 1]
    words = [(tmp_path / f"log{i}").read_text(errors="replace") for i in (0, 1)]
    assert "SIGKILL" in words[1]
    assert "has lost another one" in words[0]
    assert "start the same command again" in words[0]
