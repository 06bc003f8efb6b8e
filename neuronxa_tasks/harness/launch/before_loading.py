"""Before the model of a run is loaded: options, task names and text, which need no weights.

The harness finds the tasks, loads the model, and only then loads the tasks. `neuronxa run` loads
them before the model, with the same seeds, and hands them over.
"""

from __future__ import annotations

import random
import sys
import traceback
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from lm_eval.config import evaluate_config
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.utils import set_torch_seed

from neuronxa_tasks.errors import NeuronXAError, one_line
from neuronxa_tasks.harness import plugin
from neuronxa_tasks.harness.launch.model_arguments import check_arguments
from neuronxa_tasks.harness.launch.output import is_first
from neuronxa_tasks.harness.launch.task_index import items, needed_names
from neuronxa_tasks.harness.tasks.bare import BareTask, check_limit, check_samples
from neuronxa_tasks.harness.tasks.caller import arguments_of_the_run, checked_call
from neuronxa_tasks.names import CHECKED


class Checked(EvaluatorConfig):  # type: ignore[misc]
    """The harness' options, which loads tasks as soon as it has found them."""

    @classmethod
    def from_cli(cls, namespace: Namespace) -> EvaluatorConfig:
        """Refuse options that do not go together.

        Raises:
            NeuronXAError: As said.
        """
        try:
            return EvaluatorConfig.from_cli.__func__(cls, namespace)
        except (ValueError, TypeError) as error:
            raise NeuronXAError(
                f"The options of the run cannot be used: {one_line(error).rstrip('.')}. Correct "
                "them; `neuronxa run --help` lists all."
            ) from error

    def process_tasks(self, metadata: dict[str, Any] | None = None) -> Any:
        """Find the tasks, check everything, load the tasks, and return who hands them over.

        Raises:
            NeuronXAError: Whatever the model is not needed for.
        """
        if not self.tasks or not any(self.tasks):
            raise NeuronXAError(
                "--tasks names no task, so there is nothing to run. Write for example --tasks "
                "neuronxa_mini, or --tasks neuronxa_flores_xnli,xnli."
            )
        check_limit(self.limit)
        if self.samples is not None and not isinstance(self.samples, dict):
            raise NeuronXAError(
                f"--samples is {str(self.samples)[:200]!r}, which is neither JSON nor a file. "
                "Write task names with numbers of documents: '{\"TASK\": [0, 1, 2]}'."
            )
        _check_batches(self.batch_size, self.max_batch_size)
        shots = self.num_fewshot
        if shots is not None and (type(shots) is not int or shots < 0):
            raise NeuronXAError(
                f"--num_fewshot is {shots!r}; it must be a whole number of examples, 0 or more."
            )
        kind = _model_class(self.model)
        if hasattr(kind, "_get_accelerate_args"):  # HFLM, which others only resemble
            check_arguments(self.model_args)
        manager = self._find_tasks(metadata)
        if not self.tasks:
            raise NeuronXAError("--tasks names a folder without task configs. Name a task.")
        loaded, states = _loaded(self, manager)
        refuses = getattr(kind, plugin.REQUEST, None) is plugin.refuse
        ours = [task for task in loaded["tasks"].values() if isinstance(task, BareTask)]
        if refuses and any(task.OUTPUT_TYPE == plugin.REQUEST for task in ours):
            plugin.refuse_class(kind)
        _check_samples(self.samples, loaded["tasks"])

        def load(_: object) -> Any:
            checked_call()
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])
            return loaded

        manager.load = load
        if is_first():
            print(CHECKED, file=sys.stderr, flush=True)
        return manager

    def _find_tasks(self, metadata: dict[str, Any] | None) -> Any:
        """The harness' task manager; `self.tasks` are then names without patterns.

        Raises:
            NeuronXAError: A name that nobody has.
        """
        with needed_names(items(self.tasks)) as names:
            try:
                return EvaluatorConfig.process_tasks(self, metadata)
            except ValueError as error:
                if not str(error).startswith("Tasks not found"):
                    raise
                missing = str(error).partition(": ")[2].split(", ")
                close = [each for name in missing for each in get_close_matches(name, names)]
                hint = f" Did you mean {', '.join(close)}?" if close else ""
                raise NeuronXAError(
                    f"{error}.{hint} `lm_eval ls tasks --include_path {plugin.task_configs()}` "
                    "lists all names."
                ) from None


@contextmanager
def checked_before_loading() -> Iterator[None]:
    """Let the harness check and load all but the model first."""
    before = evaluate_config.EvaluatorConfig
    evaluate_config.EvaluatorConfig = Checked
    try:
        yield
    finally:
        evaluate_config.EvaluatorConfig = before


def _loaded(options: EvaluatorConfig, manager: Any) -> tuple[Any, tuple[Any, Any, Any]]:
    """The tasks, and the states of the random numbers behind them; the seeds are the harness'."""
    seeds = options.seed or [None, None, None]
    if seeds[0] is not None:
        random.seed(seeds[0])
    if seeds[1] is not None:
        np.random.seed(seeds[1])
    if seeds[2] is not None:
        set_torch_seed(seeds[2])
    with arguments_of_the_run(options.model_args):
        try:
            loaded = manager.load(options.tasks)
        except NeuronXAError:
            raise
        except Exception as error:  # of many libraries, with as many types
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
            if not any(_downloads(frame) for frame in frames):
                raise
            name = next((_named(frame) for frame in reversed(frames) if _named(frame)), "a task")
            raise NeuronXAError(
                f"The data of the task {name} could not be loaded: {type(error).__name__}: "
                f"{one_line(error, 900).rstrip('.')}. Check the connection to the Hub (and "
                "HF_HUB_OFFLINE, HF_DATASETS_OFFLINE), load the data once while it is there, or "
                "leave the task out."
            ) from error
    return loaded, (random.getstate(), np.random.get_state(), torch.get_rng_state())


def _downloads(frame: Any) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(("datasets.", "huggingface_hub."))


def _named(frame: Any) -> str:
    """Name of the task that a function of the harness is about."""
    for local in ("self", "entry", "cfg"):
        found = frame.f_locals.get(local)
        name = getattr(getattr(found, "config", None), "task", None) or getattr(found, "name", None)
        if isinstance(name, str) and str(frame.f_globals.get("__name__")).startswith("lm_eval."):
            return name
    return ""


def _model_class(name: str) -> type:
    from lm_eval.api.registry import get_model, model_registry

    try:
        found: type = get_model(name)
    except ImportError as error:
        raise NeuronXAError(
            f"--model is {name!r}, which needs something that is not installed: "
            f"{one_line(error)}. Install it (see the harness' documentation of this model), or "
            "use --model hf-neuronxa."
        ) from error
    except ValueError:
        names = sorted(model_registry.keys())
        close = get_close_matches(name, names, n=3)
        hint = f" Did you mean {', '.join(close)}?" if close else ""
        raise NeuronXAError(
            f"--model is {name!r}, which the harness does not know.{hint} It knows "
            f"{', '.join(names)}."
        ) from None
    return found


def _check_batches(size: object, most: object) -> None:
    text = str(size)
    number, colon, schedule = text.partition(":")
    automatic = number == "auto" and (not colon or _is_number(schedule))
    if not automatic and not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise NeuronXAError(
            f"--batch_size is {text!r}; it must be a whole number, 1 or more, or auto, or auto:N."
        )
    if most is not None and (type(most) is not int or most < 1):
        raise NeuronXAError(f"--max_batch_size is {most!r}; it must be a whole number, 1 or more.")


def _is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _check_samples(samples: dict[str, Any] | None, tasks: dict[str, Any]) -> None:
    if samples is None:
        return
    named = [name for name in samples if name in tasks]
    if not named:
        raise NeuronXAError(
            f"--samples is about {', '.join(map(repr, list(samples)[:5])) or 'no task'}, and none "
            f"of them is in this run, which has {', '.join(list(tasks)[:5])}. Correct the names."
        )
    for name in named:
        check_samples(name, samples[name], len(tasks[name].eval_docs))
