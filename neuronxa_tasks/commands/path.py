"""`neuronxa path`: where the task configs and the shipped checkpoint are."""

from __future__ import annotations

import argparse

from neuronxa_tasks.world import shipped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "--checkpoint",
        nargs="?",
        const=shipped.NAME,
        metavar="NAME",
        help=f"print the folder of the shipped tiny model instead, which is {shipped.NAME}",
    )
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print the folder."""
    from neuronxa_tasks.harness.plugin import task_configs

    print(task_configs() if options.checkpoint is None else shipped.folder(options.checkpoint))
    return 0
