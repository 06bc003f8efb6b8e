"""`neuronxa unlink`: our tasks out of the installed harness."""

from __future__ import annotations

import argparse

from neuronxa_tasks.commands.results_options import describe

DESCRIPTION = """\
Removes from the installed harness (lm_eval) of this environment what `neuronxa link` has written
there, and nothing else. Say it before neuronxa-tasks is uninstalled.
"""
_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command: none."""
    describe(parser, DESCRIPTION, "")
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Unlink, and say what was done."""
    from neuronxa_tasks.harness.link import unlink

    done = unlink()
    if done.files:
        print(f"{done.files} task configs are removed from {done.folder}")
    else:
        print(f"Nothing was removed: there is no link in {done.folder}.")
    for path in done.left[:_SHOWN]:
        print(f"left, since `neuronxa link` did not write it or it was changed: {path}")
    if done.left[_SHOWN:]:
        print(f"and {len(done.left) - _SHOWN} more of the kind")
    return 0
