"""`neuronxa link`: our tasks as part of the installed harness."""

from __future__ import annotations

import argparse

from neuronxa_tasks.commands.results_options import describe

DESCRIPTION = """\
Copies our task configs into the installed harness (lm_eval) of this environment. The plain command
then finds them without --include_path. `neuronxa unlink` takes them out. After an upgrade of
neuronxa-tasks say it again; a run with copies of another version says so.
"""
EXAMPLES = """\
example:
  neuronxa link
  lm_eval run --model hf --model_args pretrained=NAME --tasks neuronxa_flores_fra_Latn
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command: none."""
    describe(parser, DESCRIPTION, EXAMPLES)
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Link, and say what was done."""
    from neuronxa_tasks.harness.link import link
    from neuronxa_tasks.harness.plugin import task_configs

    done = link(task_configs())
    if done.files:
        print(f"{done.files} task configs are copied to {done.folder}")
    else:
        print(f"The task configs in {done.folder} are up to date; nothing was changed.")
    print(
        "In this environment `lm_eval run --model hf --tasks neuronxa_flores_fra_Latn ...` works "
        "without --include_path now; leave it out, or the harness warns of each task that it "
        "finds twice. `neuronxa unlink` takes them out."
    )
    return 0
