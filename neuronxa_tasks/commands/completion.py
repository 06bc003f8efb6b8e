"""`neuronxa completion`: a script with which the shell completes verbs and options."""

from __future__ import annotations

import argparse

from neuronxa_tasks.commands.results_options import describe
from neuronxa_tasks.errors import NeuronXAError

SHELLS = ("bash", "zsh", "tcsh")
DESCRIPTION = """\
Prints a script with which the shell completes verbs and options, those of `run` too. It is made
once, and Python does not start for it again.
"""
EXAMPLES = """\
examples:
  neuronxa completion bash >> ~/.bash_completion
  neuronxa completion zsh > ~/.zfunc/_neuronxa      where fpath has ~/.zfunc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    describe(parser, DESCRIPTION, EXAMPLES)
    parser.add_argument("shell", choices=SHELLS, help="for which shell")
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print the script.

    Raises:
        NeuronXAError: shtab, which makes it, is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise NeuronXAError(
            "shtab, which makes the script, is not installed. Say pip install "
            "'neuronxa-tasks[completion]'."
        ) from error
    from neuronxa_tasks.commands.run_many import add_options
    from neuronxa_tasks.harness.launch.arguments import harness_parser

    parser: argparse.ArgumentParser = options.parser
    harness = harness_parser()
    add_options(harness)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            action.choices["run"] = harness
    print(shtab.complete(parser, options.shell))
    return 0
