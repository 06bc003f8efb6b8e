"""SIB-200 as a task of the harness: the topic of a sentence by the likelihood of seven words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lm_eval.api.task import ConfigurableTask

from neuronxa_tasks.harness.tasks.caller import checked_call
from neuronxa_tasks.harness.tasks.options import parse_options
from neuronxa_tasks.text import sib200


class Sib200Task(ConfigurableTask):  # type: ignore[misc]
    """Topics of SIB-200 in one language, whose code is `dataset_name`.

    A multiple-choice task of the harness in all but its text, which may come from a folder. The
    config has the prompt. A document has `id` (the sentence's number, the same in every language),
    `text` and `category`.
    """

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        given = {key: value for key, value in (config or {}).items() if key != "class"}
        metrics = [
            {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
            {"metric": "f1", "aggregation": macro_f1, "higher_is_better": True},
        ]
        super().__init__(
            config={
                **given,
                "output_type": "multiple_choice",
                "test_split": "test",
                "fewshot_split": "train",
                "doc_to_choice": list(sib200.TOPICS),
                "doc_to_target": "category",
                "metric_list": metrics,
            }
        )

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Read the sentences from a folder, or from the Hub or its cache."""
        import datasets

        metadata = self.config.metadata or {}
        options = parse_options(metadata, checked_call())
        found = sib200.load(str(self.config.dataset_name), options.data_dir)
        self.config.metadata = {**metadata, "source": found.source}
        self.dataset = datasets.DatasetDict(
            {
                "test": datasets.Dataset.from_list(list(found.test)),
                "train": datasets.Dataset.from_list(list(found.train)),
            }
        )

    def build_all_requests(self, **kwargs: Any) -> None:
        """Build the requests without the harness' cache, whose key does not know the folder."""
        super().build_all_requests(
            **{**kwargs, "cache_requests": False, "rewrite_requests_cache": False}
        )


def macro_f1(items: Sequence[tuple[int, int]]) -> float:
    """Return the mean over topics of F1, the harmonic mean of precision and recall.

    Args:
        items: Index of the right topic, and of the predicted one, for each sentence.

    Returns:
        The mean over the topics that occur, as right ones or as predictions; NaN for no items.
    """
    if not items:
        return float("nan")
    right, predicted = np.asarray(items).T
    scores = [
        2 * np.sum((right == topic) & (predicted == topic))
        / (np.sum(right == topic) + np.sum(predicted == topic))
        for topic in np.union1d(right, predicted)
    ]  # fmt: skip
    return float(np.mean(scores))
