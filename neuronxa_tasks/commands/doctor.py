"""`neuronxa doctor`: look at a model and say whether a full run will work."""

from __future__ import annotations

import argparse

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch import arguments as launch
from neuronxa_tasks.harness.launch.loading_errors import loading_told
from neuronxa_tasks.names import DEFAULT_N


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.description = (
        "Loads a model as `neuronxa run` would, reports what it is, and runs ten "
        "sentences through it. Exit code 1 if a check fails."
    )
    parser.add_argument(
        "--model_args",
        required=True,
        nargs="+",
        metavar="ARG",
        help="as for `run`: pretrained=NAME,dtype=bfloat16,... or JSON",
    )
    parser.add_argument("--device", help="as for `run`: cpu, cuda:0, ...")
    parser.add_argument(
        "--n", type=int, default=DEFAULT_N, help="sentence pairs of the run that is planned"
    )
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Load the model, examine it, and print what was found; 1 if a check failed."""
    import torch

    from neuronxa_tasks.commands.examination import examine
    from neuronxa_tasks.harness.launch.model_arguments import (
        check_arguments,
        check_device,
        typed_arguments,
    )
    from neuronxa_tasks.harness.launch.output import is_first
    from neuronxa_tasks.harness.model import NeuronXALM

    if options.n < 2:
        raise NeuronXAError(
            f"--n is {options.n}; it must be a number of sentence pairs, 2 or more."
        )
    arguments = typed_arguments(options.model_args)
    check_device(options.device)
    check_arguments(arguments)
    launch.announce(arguments)
    with loading_told(arguments):
        lm = NeuronXALM.create_from_arg_obj(arguments, {"device": options.device})
    examination = examine(
        lm.model,
        lm.tokenizer,
        n=options.n,
        max_length=lm.max_length,
        add_special_tokens=lm.add_bos_token,
        device=lm.device,
    )
    if not is_first():  # several processes have looked at one model together
        return 0 if examination.ok else 1
    print(examination)
    if lm.model.dtype in (torch.float16, torch.bfloat16) and lm.softmax_dtype is None:
        print(
            f"For benchmarks beside it: log-likelihoods are computed in {lm.model.dtype} "
            "and rounded so coarsely that answers can tie; add softmax_dtype=float32 to "
            "--model_args. Alignment, BMLAMA-53 and bits per byte do not need it."
        )
    return 0 if examination.ok else 1
