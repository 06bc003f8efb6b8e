"""`neuronxa path`: where the task configs and the shipped checkpoint are."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "--checkpoint",
        nargs="?",
        const="llama",
        metavar="NAME",
        help="print the folder of a shipped tiny model instead: llama (default), qwen3, ...",
    )
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print the folder."""
    from neuronxa_tasks.harness.plugin import task_configs
    from neuronxa_tasks.world import shipped

    print(task_configs() if options.checkpoint is None else shipped.folder(options.checkpoint))
    return 0
