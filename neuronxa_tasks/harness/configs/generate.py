"""`python -m neuronxa_tasks.harness.configs`: task_configs/ written, or compared with the table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from neuronxa_tasks.files import write_whole
from neuronxa_tasks.harness.configs import benchmark_yaml, task_yaml

COMMAND = "python -m neuronxa_tasks.harness.configs"
BY_HAND = tuple(f"neuronxa_world_{task}" for task in ("cloze", "knowledge", "story", "nli"))
"""How the names of tasks begin whose configs are written by hand."""

_ROOT = Path(__file__).parents[3] / "task_configs"


def generated_files() -> dict[str, str]:
    """Return all generated files: path inside `task_configs/` -> text."""
    return task_yaml.own_files() | benchmark_yaml.own_files()


def differences(root: Path) -> dict[str, str]:
    """Compare a folder `task_configs/` with what would be generated.

    Returns:
        Path inside it -> `missing`, `differs` or `left over`; empty where all is well. Files that
        are not named like ours are nobody's business.
    """
    found: dict[str, str] = {}
    wanted = generated_files()
    for path, text in wanted.items():
        file = root / path
        if not file.is_file():
            found[path] = "missing"
        elif file.read_bytes() != text.encode("utf-8"):
            found[path] = "differs"
    for folder in {path.partition("/")[0] for path in wanted}:
        for file in (root / folder).glob("*"):
            name = file.name.removeprefix("_")
            if name.startswith("neuronxa_") and not name.startswith(BY_HAND):
                path = f"{folder}/{file.name}"
                if path not in wanted:
                    found[path] = "left over"
    return dict(sorted(found.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write `task_configs/`, or with `--check` say what is out of date.

    Returns:
        Exit code: 1 where `--check` found a difference, else 0.
    """
    parser = argparse.ArgumentParser(
        prog=COMMAND, description="Generate task_configs/ from the language table."
    )
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    parser.add_argument("--root", type=Path, default=_ROOT, help="the folder task_configs/")
    options = parser.parse_args(arguments)
    root: Path = options.root
    found = differences(root)
    if options.check:
        for path, state in found.items():
            print(f"{state}: {path}")
        if found:
            print(f"Run `{COMMAND}` to write them again.")
        return 1 if found else 0
    wanted = generated_files()
    for path, state in found.items():
        if state == "left over":
            (root / path).unlink()
        else:
            write_whole(root / path, wanted[path].encode("utf-8"))
    print(f"{len(wanted)} files in {root}, {len(found)} changed")
    return 0
