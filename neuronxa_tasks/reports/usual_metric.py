"""The metric of a benchmark that is used where nobody named one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

Model = TypeVar("Model")


def usual_metrics(models: Mapping[str, Collection[Model]], order: Sequence[str]) -> list[str]:
    """Chooses metrics so that no model is lost.

    Args:
        models: metric to the models that have it.
        order: preferred metrics, the first one most; others follow by name.

    Returns:
        The first preferred metric that all models have. Where there is none, the most preferred
        one, and further ones for the models that lack it; each is compared by itself.
    """
    everybody = {model for having in models.values() for model in having}
    preferred = [metric for metric in order if metric in models]
    for metric in preferred:
        if everybody <= set(models[metric]):
            return [metric]
    chosen: list[str] = []
    for metric in [*preferred, *sorted(set(models) - set(preferred))]:
        if everybody & set(models[metric]):
            chosen.append(metric)
            everybody -= set(models[metric])
    return chosen
