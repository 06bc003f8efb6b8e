"""What the task configs of the toy world call to get their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from neuronxa_tasks.world import cloze, knowledge, nli, story

if TYPE_CHECKING:
    import datasets

ITEMS: Mapping[str, Callable[[str], Sequence[Mapping[str, object]]]] = {
    "cloze": cloze.items,
    "knowledge": knowledge.items,
    "story": story.items,
    "nli": nli.items,
}
"""Name of a benchmark to the function that gives its items in a language."""


def load(*, world_benchmark: str, world_language: str, **_: Any) -> dict[str, datasets.Dataset]:
    """The items as a data set with one split (`custom_dataset` of the task configs).

    Args:
        world_benchmark: A key of `ITEMS`.
        world_language: FLORES-200 code.
        **_: The harness hands over the metadata of the run; these tasks have no options.
    """
    import datasets

    items = ITEMS[world_benchmark](world_language)
    return {"test": datasets.Dataset.from_list([dict(item) for item in items])}
