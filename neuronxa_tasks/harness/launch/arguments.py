"""Before a run of the harness: its arguments, read and told."""

from __future__ import annotations

import logging
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError, one_line
from neuronxa_tasks.harness.launch.catalogue import own_name

logger = logging.getLogger(__name__)


def run_config(path: str | None) -> dict[str, Any]:
    """The YAML file of `--config`, read by the harness' own safe loader.

    Raises:
        NeuronXAError: It is missing, is no YAML, asks for Python objects, is no mapping, or has
            a key that is no option.
    """
    if not path:
        return {}
    from lm_eval.config.evaluate_config import EvaluatorConfig

    try:
        given = dict(EvaluatorConfig.load_yaml_config(path))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise NeuronXAError(
            f"--config is {path!r}, which cannot be used: {one_line(error)}. Give a YAML file "
            "with the options of `run` as keys."
        ) from error
    names = [each.name for each in fields(EvaluatorConfig)]
    for key in given:
        if key not in names:
            close = get_close_matches(str(key), names, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise NeuronXAError(
                f"--config is {path!r}, which has the key {key!r}, and `run` has no such option."
                f"{hint} Options are {', '.join(names)}."
            )
    return given


def harness_parser() -> ArgumentParser:
    """The harness' own parser of `run`, whose help also tells what is ours."""
    from lm_eval._cli import HarnessCLI

    from neuronxa_tasks.harness.tasks.options import told_keys

    parser: ArgumentParser = HarnessCLI()._subparsers.choices["run"]
    parser.prog = "neuronxa run"
    parser.usage = "neuronxa run --model <model> --model_args <arg=value> --tasks <task> [options]"
    parser.epilog = f"{told_keys()}\n{_EXAMPLES}"
    return parser


_EXAMPLES = """
examples:
  neuronxa run --model hf-neuronxa --model_args pretrained=NAME,dtype=bfloat16 \\
      --tasks neuronxa_flores_xnli,xnli --output_path out
  neuronxa run --model hf --model_args pretrained=NAME --tasks neuronxa_mini \\
      --metadata '{"control": ["untrained", "shuffled"], "variants": "csls"}'

All other arguments are those of `lm_eval run`. --verbosity INFO shows all that the harness says.
"""


def parsed(words: Sequence[str]) -> Namespace:
    """The arguments of `run`, as the harness' own parser reads them.

    Args:
        words: What stands behind `neuronxa run`.

    Raises:
        NeuronXAError: JSON that cannot be read.
        SystemExit: An argument that the harness does not know.
    """
    from lm_eval._cli import HarnessCLI

    sys.argv = ["neuronxa", "run", *words]  # the harness reads them from there
    try:
        options: Namespace = HarnessCLI().parse_args()
    except ValueError as error:
        raise broken_json(error) from error
    return options


def broken_json(error: ValueError) -> NeuronXAError:
    """Tell which option has JSON that cannot be read; the harness' parser does not."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    options = [frame.f_locals.get("option_string") for frame in frames]
    option = next((each for each in reversed(options) if isinstance(each, str)), "An option")
    return NeuronXAError(f"{option} cannot be read: {one_line(error)}")


def model_arguments(given: object) -> dict[str, Any]:
    """Model arguments as a dictionary, however they were given."""
    from lm_eval.utils import simple_parse_args_string

    if isinstance(given, str):
        return dict(simple_parse_args_string(given))
    return dict(given) if isinstance(given, Mapping) else {}


def own_names(given: object) -> object:
    """Items of `--tasks` with our tasks under their own names, whatever code the user wrote.

    Args:
        given: A text with commas, a list of such texts, or anything that the harness will refuse.

    Raises:
        NeuronXAError: One of our corpora lacks the language, or the code means several.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return given
    items = [item.strip() for text in texts for item in text.split(",")]
    found = [own_name(item) for item in items]
    for item, name in zip(items, found, strict=True):
        if item != name:
            logger.info("The task %s is %s.", item, name)
    return found


def announce(arguments: Mapping[str, Any]) -> None:
    """Warn of model arguments that do more, or less, than one may think.

    Args:
        arguments: Of the model.
    """
    name = arguments.get("pretrained")
    if str(arguments.get("trust_remote_code", False)).lower() not in ("false", "none", "0", ""):
        logger.warning(
            "trust_remote_code is on: Python code that comes with the model %r is run on this "
            "machine, with all your rights. Leave it out unless you have read that code.",
            name,
        )
    if arguments.get("revision", "main") != "main" and name and Path(str(name)).is_dir():
        logger.warning(
            "revision=%s is not looked at, since pretrained is a folder (%s): its files are taken "
            "as they are.",
            arguments["revision"],
            name,
        )
