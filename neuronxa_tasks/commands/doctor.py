"""`neuronxa doctor`: look at a model and say whether a full run will work."""

from __future__ import annotations

import argparse

from neuronxa_tasks.harness import launch
from neuronxa_tasks.harness.loading_errors import loading_told
from neuronxa_tasks.names import DEFAULT_N


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.description = (
        "Loads a model as `neuronxa run` would, reports what it is, and runs ten "
        "sentences through it. Exit code 1 if a check fails."
    )
    parser.add_argument(
        "--model_args", required=True, help="as for `run`: pretrained=NAME,dtype=bfloat16,..."
    )
    parser.add_argument("--device", help="as for `run`: cpu, cuda:0, ...")
    parser.add_argument(
        "--n", type=int, default=DEFAULT_N, help="sentence pairs of the run that is planned"
    )
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Load the model, examine it, and print what was found; 1 if a check failed."""
    from neuronxa_tasks.commands.examination import examine
    from neuronxa_tasks.harness.model import NeuronXALM

    arguments = launch.model_arguments(options.model_args)
    launch.announce(arguments)
    with loading_told(arguments):
        lm = NeuronXALM.create_from_arg_string(options.model_args, {"device": options.device})
    examination = examine(
        lm.model,
        lm.tokenizer,
        n=options.n,
        max_length=lm.max_length,
        add_special_tokens=lm.add_bos_token,
    )
    print(examination)
    return 0 if examination.ok else 1
