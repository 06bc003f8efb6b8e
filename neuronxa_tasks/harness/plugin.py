"""How the package and the harness find each other.

Three ways lead in: `neuronxa run`, the plain `lm_eval run --include_path`, and the entry point
group `lm_eval.models` of harness versions that discover plugins. All end in one of these functions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.link import warn_if_stale

ALIAS = "hf-neuronxa"
REQUEST = "neuron_states"


def task_configs() -> Path:
    """Return the folder of the task configs, for `--include_path` or `TaskManager`.

    Raises:
        NeuronXAError: The installation lacks them.
    """
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "task_configs", here.parent / "task_configs"):  # wheel, checkout
        if folder.is_dir():
            return folder
    raise NeuronXAError(
        f"The task configs are missing: neither {here / 'task_configs'} nor its sibling exists. "
        "The installation is incomplete; install neuronxa-tasks again."
    )


def register() -> None:
    """Make the model `hf-neuronxa` and the request type `neuron_states` known to the harness.

    And `--use_cache` keeps the answers of each model apart from those of others.

    For notebooks: after this, `lm_eval.simple_evaluate(model="hf-neuronxa", ...)` works with
    `TaskManager(include_path=str(neuronxa_tasks.task_configs()))`.
    """
    import lm_eval.models  # noqa: F401  first, or the harness thinks its own are registered
    from lm_eval.api.registry import model_registry

    if ALIAS not in model_registry:
        model_registry.register(ALIAS, target="neuronxa_tasks.harness.model:NeuronXALM")
    teach()
    from neuronxa_tasks.harness.answers import key_by_model

    key_by_model()


def teach() -> None:
    """Teach the harness' models the request type `neuron_states`.

    `HFLM` and its subclasses answer it; every other model refuses by name. Doing so twice is
    harmless.
    """
    from lm_eval.api.model import LM
    from lm_eval.models.huggingface import HFLM

    from neuronxa_tasks.harness import model

    if REQUEST in vars(HFLM):
        return
    original = HFLM.get_model_info

    def get_model_info(self: Any) -> dict[str, Any]:
        return {**original(self), **model.results_block(self)}

    HFLM.get_model_info = get_model_info
    setattr(HFLM, REQUEST, model.neuron_states)
    setattr(LM, REQUEST, refuse)
    _plain_errors()
    warn_if_stale(task_configs())


def refuse(lm: object, requests: object) -> None:
    """Say which models can answer `neuron_states`.

    Raises:
        NeuronXAError: Always.
    """
    refuse_class(type(lm))


def refuse_class(kind: type) -> None:
    """Say the same of a class whose model is not loaded yet.

    Raises:
        NeuronXAError: Always.
    """
    raise NeuronXAError(
        f"The model {kind.__name__} cannot give neuron states: NeuronXA tasks read activations "
        "inside the network, which servers, APIs and other engines do not show. Use --model hf or "
        "--model hf-neuronxa with the same checkpoint, or leave the neuronxa_* tasks out."
    )


def _plain_errors() -> None:
    """Print a NeuronXAError that nobody catches as a sentence, without a traceback."""
    previous = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, NeuronXAError):
            print(f"neuronxa: error: {error}", file=sys.stderr)
        else:
            previous(kind, error, trace)

    sys.excepthook = hook
