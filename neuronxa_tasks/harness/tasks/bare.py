"""What our tasks share: documents of their own, sentences as they are, no request cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lm_eval.api.model import CachingLM
from lm_eval.api.task import Task
from lm_eval.config.task import TaskConfig
from lm_eval.evaluator_utils import get_sample_size
from lm_eval.filters import build_filter_ensemble

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.frames import frames


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

    @classmethod
    def check_run(cls, run: Run, chosen: Mapping[str, Docs]) -> None:
        """Refuse what cannot be done, while nothing of the run is lost yet.

        Args:
            run: The evaluation that begins.
            chosen: Tasks of this class -> their documents in this run, those of all processes.
        """

    def build_all_requests(self, **kwargs: Any) -> None:
        """Build the requests without the harness' request cache.

        Its key knows neither the folder of the text nor our options, so it would give old text
        back. All requests are built before the first is sent: the first of our tasks checks the
        whole run.
        """
        run = Run.beginning()
        if run is not None and self is next(iter(run.ours.values()), None):
            kinds: dict[type[BareTask], list[str]] = {}
            for name, task in run.ours.items():
                kinds.setdefault(type(task), []).append(name)
            for kind, names in kinds.items():
                kind.check_run(run, {name: run.docs(name) for name in names})
        super().build_all_requests(
            **{**kwargs, "cache_requests": False, "rewrite_requests_cache": False}
        )


Docs: TypeAlias = dict[int, dict[str, Any]]
"""Documents by their number in the task."""


@dataclass(frozen=True)
class Run:
    """An evaluation of the harness that is about to begin.

    Attributes:
        lm: The model.
        tasks: Task -> the object.
        limit: Value of `--limit`.
        samples: Value of `--samples`.
    """

    lm: Any
    tasks: Mapping[str, Any]
    limit: float | None
    samples: Mapping[str, Any] | None

    @classmethod
    def beginning(cls) -> Run | None:
        """Find the evaluation that builds requests, None outside of one.

        A task is not told by which model it is run, nor beside which tasks.
        """
        for frame in frames("evaluate"):
            found = frame.f_locals
            if {"lm", "eval_tasks", "limit_arg", "samples"} <= found.keys():
                lm = found["lm"]
                lm = lm.lm if isinstance(lm, CachingLM) else lm
                return cls(lm, found["eval_tasks"], found["limit_arg"], found["samples"])
        return None

    @property
    def ours(self) -> dict[str, BareTask]:
        """The tasks of this package."""
        return {name: task for name, task in self.tasks.items() if isinstance(task, BareTask)}

    def docs(self, name: str) -> Docs:
        """The documents of a task that this run uses, whichever process has them."""
        task = self.tasks[name]
        chosen = None if self.samples is None else self.samples.get(name)
        if chosen is not None:
            check_samples(name, chosen, len(task.eval_docs))
        else:
            check_limit(self.limit)
        found = task.doc_iterator(
            rank=0, world_size=1, limit=get_sample_size(task, self.limit), samples=chosen
        )
        return dict(found)


def check_limit(limit: object) -> None:
    """Refuse a value of `--limit` that is no number of documents.

    Raises:
        NeuronXAError: It is neither a share between 0 and 1 nor a whole number from 1.
    """
    if limit is None:
        return
    number = isinstance(limit, int | float) and not isinstance(limit, bool)
    if not (number and (0 < limit < 1 or (limit >= 1 and limit % 1 == 0))):  # type: ignore[operator]
        raise NeuronXAError(
            f"--limit is {limit!r}; it must be a number of documents, 1 or more, or a share of "
            "them between 0 and 1. Leave it out to take all."
        )


def check_samples(task: str, chosen: object, count: int) -> None:
    """Refuse a value of `--samples` that the harness would take in another sense, or late.

    Args:
        task: Name of the task.
        chosen: Its entry.
        count: Documents that it has.

    Raises:
        NeuronXAError: No list of different whole numbers from 0 to `count` - 1, or an empty one.
    """
    whole = isinstance(chosen, list | tuple) and all(type(each) is int for each in chosen)
    if (
        not whole
        or not chosen
        or len(set(chosen)) < len(chosen)  # type: ignore[arg-type, call-overload]
        or not all(0 <= each < count for each in chosen)  # type: ignore[attr-defined]
    ):
        told = repr(chosen)
        told = told if len(told) <= 80 else f"{told[:80]}..."
        raise NeuronXAError(
            f"--samples has {told} for {task}; it must be a list of different numbers of its "
            f"documents, 0 to {count - 1}. Correct it, or leave the task out of --samples to take "
            "all."
        )
