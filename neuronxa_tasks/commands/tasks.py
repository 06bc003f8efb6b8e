"""`neuronxa tasks new`: task configs for one's own parallel text."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    kinds = parser.add_subparsers(metavar="COMMAND", required=True)
    new = kinds.add_parser(
        "new",
        help="turn a folder of line-parallel files into task configs",
        description="FOLDER holds one file `<code>.txt` per language, one sentence per line; line "
        "i means the same in every file. The configs are for --include_path.",
    )
    new.add_argument("name", help="name of the corpus in the task names: neuronxa_NAME_<code>")
    new.add_argument("folder", type=Path, help="folder with the files <code>.txt")
    new.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="where to write")
    new.add_argument("--pivot", default="eng_Latn", help="pivot language (default: eng_Latn)")
    new.add_argument("--force", action="store_true", help="replace configs of the same name")
    new.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Write the configs, and print what was made."""
    from neuronxa_tasks.harness.configs.own_corpus import new_tasks

    report = new_tasks(
        options.name, options.folder, options.out, options.pivot, overwrite=options.force
    )
    print(report)
    return 0
