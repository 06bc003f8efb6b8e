"""Rows of data sets on the Hub, and what to do where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from neuronxa_tasks.errors import NeuronXAError


@cache
def hub_configs(repository: str) -> tuple[str, ...]:
    """Names of the configurations of a data set."""
    from datasets import get_dataset_config_names

    return tuple(get_dataset_config_names(repository))


@lru_cache(maxsize=2)  # the pivot of a run and the target at hand
def hub_rows(
    repository: str, name: str, split: str, revision: str | None, next_step: str
) -> tuple[dict[str, Any], ...]:
    """Rows of one split, through `datasets`.

    Args:
        repository: The data set.
        name: Its configuration.
        split: Its split.
        revision: A commit or branch.
        next_step: What to do instead, for the error.

    Raises:
        NeuronXAError: The Hub or its cache refuses, for whatever reason.
    """
    from datasets import load_dataset

    with hub_errors(f"{repository} ({name}, {split})", next_step):
        return tuple(load_dataset(repository, name, split=split, revision=revision))


@contextmanager
def hub_errors(what: str, next_step: str) -> Iterator[None]:
    """Tell an error of `datasets` in a sentence that ends with what to do instead."""
    try:
        yield
    except Exception as error:  # many types: gated, offline, unknown config, broken cache
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise NeuronXAError(
            f"{what} could not be loaded from the Hub: {reason}. {next_step}"
        ) from error
