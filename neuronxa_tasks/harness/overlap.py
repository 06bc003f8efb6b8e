"""Two stages at once: the next item is made while another thread works on those before it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

BEHIND = 2
"""Items that may be handed over and not done while the next one is made: one that is worked on, and
one that waits."""

TURN = 1e-4
"""Seconds after which a thread gives way while there are two. Each operation of torch lets go of
the interpreter and has to ask for it again; with Python's 5 ms, a thread that runs Python alone
would hold up the forward passes for most of its time."""


def overlapped(
    items: Generator[Item, None, None], work: Callable[[Item], Done], behind: int = BEHIND
) -> Iterator[Done]:
    """Make items here, and work on them in one other thread, in order.

    Whatever ends this, an error, an interruption or a caller that stops, all items that were made
    are worked on first. The thread is gone when this has ended.

    Args:
        items: Makes the items, in this thread; it is closed at the end, after an error too.
        work: Is called with one item after the other. It shares the interpreter with `items`, so it
            must touch nothing that these use and that two threads cannot.
        behind: Items that may be handed over and not done while the next one is made. Where there
            are more, the oldest is awaited.

    Yields:
        What `work` makes of each item, in the order of the items.

    Raises:
        Exception: That of `work`, once the item that is being made is whole; or that of `items`,
            which goes first where both fail.
    """
    with (
        _short_turns(),
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="neuronxa") as worker,
        closing(items),  # first of the three: what it holds is not held while the others end
    ):
        waiting: deque[Future[Done]] = deque()
        for item in items:
            waiting.append(worker.submit(work, item))
            while waiting and (len(waiting) > behind or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
