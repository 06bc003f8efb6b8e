"""What our tasks share: documents of their own, sentences as they are, no request cache."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from lm_eval.api.task import Task
from lm_eval.config.task import TaskConfig
from lm_eval.filters import build_filter_ensemble
from lm_eval.utils import simple_parse_args_string


class BareTask(Task):  # type: ignore[misc]
    """A harness task whose text reaches the model without any prompt around it.

    Few-shot examples, system instructions and chat templates never touch it.
    """

    def set_up(self, given: Mapping[str, Any], docs: list[dict[str, Any]]) -> None:
        """Take the config (without `class`) and the documents.

        As in the harness' own ConfigurableTask this stands for `super().__init__`, which would
        load a data set.
        """
        self._training_docs = self._fewshot_docs = self._instances = self.fewshot_rnd = None
        self._filters = [build_filter_ensemble("none", [["take_first", None]])]
        self._config = TaskConfig(**{**given, "output_type": self.OUTPUT_TYPE, "num_fewshot": 0})
        self._docs = docs

    def has_training_docs(self) -> bool:
        """There are none."""
        return False

    def has_validation_docs(self) -> bool:
        """There are none."""
        return False

    def has_test_docs(self) -> bool:
        """All documents are."""
        return True

    def test_docs(self) -> list[dict[str, Any]]:
        """Return the documents."""
        return self._docs

    def fewshot_context(self, doc: dict[str, Any], *args: Any, **kwargs: Any) -> str:
        """Return the bare text: a prompt around it would change what is measured."""
        return str(self.doc_to_text(doc))

    def build_all_requests(self, **kwargs: Any) -> None:
        """Build the requests without the harness' request cache.

        Its key knows neither the folder of the text nor our options, so it would give old text
        back.
        """
        super().build_all_requests(
            **{**kwargs, "cache_requests": False, "rewrite_requests_cache": False}
        )


def model_arguments() -> Collection[str]:
    """Names of the model arguments of the run that is being set up.

    The harness merges them into the metadata of every task, where they cannot be told from keys
    that the user misspelt. They are still separate in the frame that loads the tasks.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "simple_evaluate" and "model_args" in frame.f_locals:
            arguments = frame.f_locals["model_args"]
            if isinstance(arguments, str):
                arguments = simple_parse_args_string(arguments)
            return tuple(arguments or ())
        frame = frame.f_back  # type: ignore[assignment]
    return ()
