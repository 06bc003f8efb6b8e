"""Several processes of one run: who scores what, and how they hear of each other.

Under data parallelism every process has a copy of the model. Texts and results are exchanged, and
a language is scored whole by one process. The processes are those of `torchrun` or
`accelerate launch`, on one machine or several; gloo carries the exchange on CPUs.

Under tensor parallelism (`tp_plan`) all processes run every pass together and do the same from
beginning to end. The harness takes each for the only one: rank 0 of 1. The first of them decides
what need not be computed, and keeps and shows the results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from torch import distributed

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.slices import processes

WAIT = timedelta(hours=12)
"""How long a process on a CPU waits for another that gives no sign, such as a machine that lost
its power. A process that dies is noticed at once. With accelerators the harness sets the limit."""

_GROUP = "_neuronxa_group"

T = TypeVar("T")


def check_rank(lm: Any) -> None:
    """Refuse to run where the harness has counted the processes wrongly.

    Raises:
        NeuronXAError: The rank of `lm` is not that of the process.
    """
    if lm.world_size > 1 and distributed.get_rank() != lm.rank:
        raise NeuronXAError(
            f"Process {distributed.get_rank()} of {lm.world_size} was given the sentences of "
            f"rank {lm.rank}, because --model hf counts the processes of each machine anew. Some "
            "sentences would be scored twice and others never. Use --model hf-neuronxa."
        )


def follows(lm: Any) -> bool:
    """Whether this process computes together with a first one, which keeps and shows the results.

    Args:
        lm: A loaded model of the harness.
    """
    return _processes(lm) > 1 and distributed.get_rank() > 0


def of_the_first(lm: Any, value: T) -> T:
    """Have all processes that run their passes together go on with the value of the first.

    Args:
        lm: A loaded model of the harness.
        value: Of this process, such as what it found on its disk.

    Returns:
        The value of the first; under data parallelism, and in a process of its own, `value`.
    """
    if _processes(lm) == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, src=0)
    return values[0]


def gather(lm: Any, value: Any) -> list[Any]:
    """Bring one value of every process together, in all of them.

    Args:
        lm: A loaded `HFLM`.
        value: Of this process.

    Returns:
        The values by rank; a list of one where there is one process.

    Raises:
        NeuronXAError: Another process has died, or gave no sign for `WAIT`.
    """
    if lm.world_size == 1:
        return [value]
    everything: list[Any] = [None] * lm.world_size
    try:
        distributed.all_gather_object(everything, value, group=_group(lm))
    except RuntimeError as error:
        raise NeuronXAError(
            f"Process {lm.rank} of {lm.world_size} has lost another one: it died, was killed or "
            f"cannot be reached ({_line(error)}). Look for its last words above or on its "
            "machine: a message, or nothing at all where the system killed it for its memory. Then "
            "start the same command again; languages that were scored are kept."
        ) from error
    return everything


def together(lm: Any, work: Callable[[], T]) -> list[T]:
    """Do one's own part of the work, then bring the parts together.

    A process that fails tells the others before it ends: a silent one would leave them waiting.

    Args:
        lm: A loaded `HFLM`.
        work: This process' part.

    Returns:
        The parts by rank.

    Raises:
        NeuronXAError: In every process, if one of them failed by such an error.
        Exception: Any other of this process; the others then get a NeuronXAError that names it.
    """
    part: T | None = None
    failure: Exception | None = None
    try:
        part = work()
    except Exception as caught:  # whatever it is, the others must not wait for this process
        failure = caught
    gathered = gather(lm, (part, None if failure is None else _told(lm, failure)))
    if failure is not None:
        raise failure
    for _, message in gathered:
        if message is not None:
            raise NeuronXAError(message)
    return [each for each, _ in gathered]


def share(costs: Mapping[str, int], processes: int) -> list[list[str]]:
    """Distribute work so that all processes end at about the same time.

    The most expensive first, each to the process that has least to do (Graham 1969: at most 4/3
    of the shortest possible time). The same in every process.

    Args:
        costs: Name -> cost, such as tokens.
        processes: At least 1.

    Returns:
        The names of each process, sorted.
    """
    shares: list[list[str]] = [[] for _ in range(processes)]
    loads = [0] * processes
    for name in sorted(costs, key=lambda name: (-costs[name], name)):
        least = loads.index(min(loads))
        shares[least].append(name)
        loads[least] += costs[name]
    return [sorted(names) for names in shares]


def _processes(lm: Any) -> int:
    return processes(getattr(lm, "model", None))


def _group(lm: Any) -> Any:
    """A group of all processes with our limit; the harness' own one waits for 52 weeks."""
    if distributed.get_backend() != "gloo":
        return None
    if _GROUP not in vars(lm):
        setattr(lm, _GROUP, distributed.new_group(backend="gloo", timeout=WAIT))
    return getattr(lm, _GROUP)


def _told(lm: Any, failure: Exception) -> str:
    if isinstance(failure, NeuronXAError):
        return str(failure)
    return (
        f"Process {lm.rank} of {lm.world_size} failed with {type(failure).__name__}: "
        f"{_line(failure)}. The run cannot be completed without its languages. Its own output has "
        "the traceback; once that is settled, start the same command again."
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
