"""`neuronxa fetch`: download and check a corpus once."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.description = "Download and check a corpus once."
    parser.add_argument("corpus", choices=["flores200"])
    parser.add_argument("--url", help="another place for the same archive, such as a mirror")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="cache folder (default: NEURONXA_CACHE or ~/.cache)"
    )
    parser.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Download, and print the folder."""
    from neuronxa_tasks.text import fetch

    place = {} if options.url is None else {"url": options.url}
    folder = fetch.fetch_flores200(folder=options.to, **place)
    print(folder)
    return 0
