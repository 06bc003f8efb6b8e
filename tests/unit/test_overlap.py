"""Work beside the making of the next items: order, bound, and whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.harness.overlap import BEHIND, TURN, overlapped

PATIENCE = 60
"""Seconds after which a test that waits for something has failed."""


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = threading.active_count(), sys.getswitchinterval()
    yield
    assert (threading.active_count(), sys.getswitchinterval()) == before


@given(st.integers(0, 12), st.integers(1, 4))
def test_all_in_order(count: int, behind: int) -> None:
    done: list[int] = []
    found = list(overlapped((i for i in range(count)), lambda i: done.append(i) or -i, behind))
    assert done == list(range(count))
    assert found == [-i for i in done]


@given(st.integers(1, 4))
def test_so_many_and_no_more_are_handed_over_and_not_done(behind: int) -> None:
    """The work begins only when as many as may wait do so; the thread that makes is never ahead."""
    done: list[int] = []
    begun = [threading.Event() for _ in range(9)]

    def made() -> Iterator[int]:
        for i, each in enumerate(begun):
            assert i - len(done) <= behind
            each.set()
            yield i

    def work(i: int) -> None:
        # Item i + behind begins while this one is not done.
        assert begun[min(i + behind, len(begun) - 1)].wait(PATIENCE)
        done.append(i)

    assert len(list(overlapped(made(), work, behind))) == len(done) == 9  # type: ignore[arg-type]


def test_the_work_is_done_elsewhere_one_after_the_other() -> None:
    here, at_once = threading.get_ident(), threading.Lock()

    def work(_: int) -> int:
        assert at_once.acquire(blocking=False)
        at_once.release()
        return threading.get_ident()

    (elsewhere,) = set(overlapped((i for i in range(50)), work))
    assert elsewhere != here


def test_an_error_of_the_work_is_raised_soon_and_whole() -> None:
    made: list[int] = []
    closed: list[bool] = []
    worked: list[int] = []
    failure = RuntimeError("no")

    def making() -> Iterator[int]:
        try:
            for i in range(1000):
                made.append(i)
                yield i
        finally:
            closed.append(True)

    def fails_at_three(i: int) -> int:
        worked.append(i)
        if i == 3:
            raise failure
        return i

    found: list[int] = []
    with pytest.raises(RuntimeError) as caught:
        found.extend(overlapped(making(), fails_at_three))  # type: ignore[arg-type]
    assert caught.value is failure
    assert "fails_at_three" in [each.name for each in traceback.extract_tb(failure.__traceback__)]
    assert found == [0, 1, 2]
    assert len(made) <= 3 + 1 + BEHIND
    assert worked == made
    assert closed == [True]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_of_the_making_waits_for_what_was_made(error: type[BaseException]) -> None:
    failed = threading.Event()
    done: list[int] = []

    def making() -> Iterator[int]:
        yield from range(2)
        failed.set()
        raise error

    def work(i: int) -> None:
        assert failed.wait(PATIENCE)
        done.append(i)

    with pytest.raises(error):
        list(overlapped(making(), work))  # type: ignore[arg-type]
    assert done == [0, 1]


def test_a_caller_that_stops_waits_for_what_was_made() -> None:
    done: list[int] = []
    closed: list[bool] = []

    def making() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    going = overlapped(making(), done.append)  # type: ignore[arg-type]
    next(going)
    going.close()  # type: ignore[attr-defined]
    assert done == list(range(len(done)))
    assert 1 <= len(done) <= 1 + BEHIND
    assert closed == [True]


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_an_interruption_while_the_work_is_awaited() -> None:
    """The signal comes when nothing is left to make, so this thread waits for the work."""
    heard = threading.Event()
    done: list[int] = []

    def interrupt(*_: Any) -> None:
        heard.set()
        raise KeyboardInterrupt

    def work(i: int) -> None:
        if i == 1:
            os.kill(os.getpid(), signal.SIGINT)
            assert heard.wait(PATIENCE)
        done.append(i)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(overlapped((i for i in range(2)), work))
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [0, 1]


def test_turns_are_short_only_while_there_are_two_threads() -> None:
    before = sys.getswitchinterval()
    seen = list(overlapped((i for i in range(2)), lambda _: sys.getswitchinterval()))
    assert seen == pytest.approx([TURN, TURN])
    assert sys.getswitchinterval() == before != pytest.approx(TURN)


def test_an_import_starts_no_thread() -> None:
    """`neuronxa run --checkpoints` imports everything, and then forks."""
    code = "import threading, neuronxa_tasks.harness.overlap; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
