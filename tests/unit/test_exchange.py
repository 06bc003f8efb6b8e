"""Who scores what."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from neuronxa_tasks.harness.processes import share

costs = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 1000), max_size=20)


@given(costs, st.integers(1, 8))
def test_everything_is_done_once(costs: dict[str, int], processes: int) -> None:
    shares = share(costs, processes)
    assert len(shares) == processes
    assert sorted(name for names in shares for name in names) == sorted(costs)


@given(costs, st.integers(1, 8), st.randoms(use_true_random=False))
def test_order_does_not_matter(costs: dict[str, int], processes: int, draw: object) -> None:
    names = list(costs)
    draw.shuffle(names)  # type: ignore[attr-defined]
    assert share({name: costs[name] for name in names}, processes) == share(costs, processes)


@given(st.lists(st.integers(0, 50), max_size=7), st.integers(1, 3))
def test_close_to_the_best(costs: list[int], processes: int) -> None:
    named = {str(index): cost for index, cost in enumerate(costs)}
    longest = max(sum(named[name] for name in names) for names in share(named, processes))
    best = min(
        max(
            sum(cost for cost, chosen in zip(costs, choice, strict=True) if chosen == process)
            for process in range(processes)
        )
        for choice in product(range(processes), repeat=len(costs))
    )
    assert 3 * processes * longest <= (4 * processes - 1) * best  # Graham's bound
