"""What can go wrong around a run of the harness, found early or told in a sentence.

The harness names the folder of its results after the model, logs a failed save and goes on, and
ends with a traceback where a model does not load.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError

logger = logging.getLogger(__name__)

_ROOM = 2**16
"""Bytes written on trial before a run; a results file of one language is about as large."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

_LFS = b"version https://git-lfs"


def run_config(path: str | None) -> dict[str, Any]:
    """The YAML file of `--config`, read by the harness' own safe loader.

    Raises:
        NeuronXAError: It is missing, is no YAML, asks for Python objects, or is no mapping.
    """
    if not path:
        return {}
    from lm_eval.config.evaluate_config import EvaluatorConfig

    try:
        return dict(EvaluatorConfig.load_yaml_config(path))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise NeuronXAError(
            f"--config is {path!r}, which cannot be used: {_one_line(error)}. Give a YAML file "
            "with the options of `run` as keys."
        ) from error


def model_arguments(given: object) -> dict[str, Any]:
    """Model arguments as a dictionary, however they were given."""
    from lm_eval.utils import simple_parse_args_string

    if isinstance(given, str):
        return dict(simple_parse_args_string(given))
    return dict(given) if isinstance(given, Mapping) else {}


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


def disk_fault(error: OSError) -> int:
    """Say that something could not be written, wherever it happened.

    Args:
        error: What reached the end of the command.

    Returns:
        The exit code: 2, or 141 where the reader of standard output went away.

    Raises:
        OSError: It is of another kind.
    """
    if error.errno not in (errno.EPIPE, *_FULL):
        raise error
    with suppress(OSError, ValueError):  # else the interpreter tries again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return 141
    place = repr(str(error.filename)) if error.filename else "standard output, or another file,"
    print(
        f"neuronxa: error: {place} cannot be written: {error.strerror}. Free some space, or write "
        "elsewhere.",
        file=sys.stderr,
    )
    return 2


# Results ---------------------------------------------------------------------------------------


def check_output(output: Path, arguments: Mapping[str, Any]) -> None:
    """Find out before the run whether its results can be saved; leave nothing behind.

    Args:
        output: The value of `--output_path`.
        arguments: Of the model.

    Raises:
        NeuronXAError: Nothing can be written there, or the name of the model leads elsewhere.
    """
    from lm_eval.loggers.evaluation_tracker import GeneralConfigTracker
    from lm_eval.utils import sanitize_model_name

    name = ""
    folder = output.absolute()
    if output.suffix == ".json":
        folder = folder.parent
    else:
        given = GeneralConfigTracker._get_model_name(dict(arguments)) or ""
        name = sanitize_model_name(given)
        if name == "..":
            raise NeuronXAError(
                f"The model is {given!r}, after which the harness names the folder of the results, "
                f"so they would lie outside of --output_path {str(output)!r}. Give the whole path "
                "of the model."
            )
    try:
        there = folder / name
        while not os.path.lexists(there) and there != there.parent:
            there = there.parent
        with tempfile.TemporaryDirectory(dir=there) as trial:
            (Path(trial) / name).mkdir(exist_ok=True)
            _fill(Path(trial))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise NeuronXAError(
            f"--output_path is {str(output)!r}, but nothing can be written to "
            f"{str(folder / name)[:200]!r}: {reason}. Choose another folder, or free some space; "
            "the results would be lost after the run."
        ) from None


def _fill(folder: Path) -> None:
    with (folder / "trial").open("wb") as file:
        file.write(bytes(_ROOM))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def results_saved(output: Path | None) -> Iterator[None]:
    """Raise after a run whose results the harness could not write.

    Args:
        output: The value of `--output_path`, if there is one.

    Raises:
        NeuronXAError: A results or samples file is missing or cut off.
    """
    if output is None:
        yield
        return
    source = logging.getLogger("lm_eval.loggers.evaluation_tracker")
    failures = _Failures()
    source.addHandler(failures)
    start = time.time()
    try:
        yield
    finally:
        source.removeHandler(failures)
    folder = output.parent if output.suffix == ".json" else output
    if not failures.found and os.environ.get("RANK", "0") == "0":
        # Where the log level hides the warning; clocks of file systems are coarse.
        written = folder.rglob("*_20??-??-??T*.json") if folder.is_dir() else iter(())
        if not any(path.stat().st_mtime >= start - 5 for path in written):
            failures.found.append("no results file is there")
    if failures.found:
        raise NeuronXAError(
            f"The run is over, but its results could not be saved to {str(output)!r}: "
            f"{failures.found[0]}. Files of this run there are incomplete: delete them. Free some "
            "space or choose another --output_path, then run the same command again."
        )


class _Failures(logging.Handler):
    """Collect why the harness could not save; it logs that inside its `except`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Could not save"):
            error = sys.exc_info()[1]
            reason = getattr(error, "strerror", None) or _one_line(error)
            self.found.append(reason.rstrip("."))


# The model -------------------------------------------------------------------------------------


@contextmanager
def loading_told(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Turn whatever stops a model from being loaded into a sentence.

    Args:
        arguments: Of the model.

    Raises:
        NeuronXAError: The model could not be loaded.
    """
    try:
        yield
    except NeuronXAError:
        raise
    except Exception as error:  # of many libraries, with as many types
        if not _while_loading(error):
            raise
        shown = ",".join(f"{key}={value}" for key, value in arguments.items())
        raise NeuronXAError(
            f"The model of --model_args {shown[:200]!r} could not be loaded: "
            f"{_advice(error, arguments)}"
        ) from error


def _while_loading(error: BaseException) -> bool:
    from lm_eval.api.model import LM

    makers = {
        maker.__func__.__code__ for maker in (LM.create_from_arg_obj, LM.create_from_arg_string)
    }
    return any(frame.f_code in makers for frame, _ in traceback.walk_tb(error.__traceback__))


def _advice(error: Exception, arguments: Mapping[str, Any]) -> str:
    """Why, and what to do next."""
    if not arguments.get("pretrained"):
        return "it has no pretrained=NAME_OR_FOLDER. Add it to --model_args."
    key, name = "pretrained", arguments["pretrained"]
    for other in ("pretrained", "peft", "delta", "tokenizer"):
        if not arguments.get(other):
            continue
        path = Path(str(arguments[other]))
        try:
            there = path.exists()
        except (OSError, ValueError):  # a name that no path can have
            there = False
        if not there:
            key, name = other, arguments[other]
            break
        weights = other != "tokenizer" and not arguments.get("gguf_file")
        if problem := _problem_of(path, weights):
            return problem
    chain = list(_chain(error))
    names = {type(each).__name__ for each in chain}
    told = " ".join(_one_line(each) for each in chain)
    if "GatedRepoError" in names or "trying to access a gated repo" in told:
        return (
            f"{name} is gated on the Hub. Accept its terms at https://huggingface.co/{name}, then "
            "log in with `hf auth login` or set HF_TOKEN."
        )
    if "RevisionNotFoundError" in names or "not a valid git identifier" in told:
        return (
            f"{name} has no revision {arguments.get('revision', 'main')!r}. The page of its files "
            "on the Hub lists branches, tags and commits; correct revision=."
        )
    if "RepositoryNotFoundError" in names or "not a valid model identifier" in told:
        return (
            f"there is neither a folder {name!r} nor a model of this name on the Hub. Correct the "
            "name; for a private model log in with `hf auth login` or set HF_TOKEN."
        )
    if "HFValidationError" in names or "Repo id must" in told:
        return (
            f"there is no folder {str(name)[:200]!r}, and names on the Hub look like "
            f"owner/model. Correct {key}=."
        )
    if "couldn't connect" in told or "LocalEntryNotFoundError" in names:
        return (
            f"there is no folder {name!r}, no copy of that repository in the cache, and no "
            "connection to the Hub. Check the connection (and HF_HUB_OFFLINE), or give a folder."
        )
    if "backend tokenizer" in told:
        return (
            f"{arguments.get('tokenizer') or name} has no tokenizer that can be read. Copy or "
            "download tokenizer.json, or name another with tokenizer=; older kinds need `pip "
            "install sentencepiece tiktoken`."
        )
    reason = _one_line(error).rstrip(".!")
    if "SafetensorError" in names:
        return f"a file of its weights is damaged ({reason}). Download it again."
    return (
        f"{type(error).__name__}: {reason}. Check the name or folder, and what else the loader "
        "names; `neuronxa doctor` tries the same without a run."
    )


def _problem_of(path: Path, weights: bool) -> str | None:
    """What is wrong with a local model, or None where that cannot be seen."""
    from safetensors import SafetensorError, safe_open

    if not path.is_dir():
        if path.suffix == ".gguf":
            return None
        return f"{path} is a file. Give the folder that holds it, with its config.json."
    for config in sorted(path.glob("*.json")):
        try:
            content = json.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            return f"{config} is damaged ({_one_line(error)}). Copy or download it again."
        if config.name == "config.json" and not isinstance(content, dict):
            return f"{config} is no JSON object. Copy or download it again."
    if not weights:
        return None
    if not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        return (
            f"the folder {path} has no config.json, so it holds no model. Give the folder that "
            "save_pretrained wrote, or a snapshot of the Hub."
        )
    files = sorted(path.glob("*.safetensors"))
    for file in files:
        if file.open("rb").read(len(_LFS)) == _LFS:
            return f"{file} is only a pointer of git-lfs. Get the file itself with `git lfs pull`."
        try:
            with safe_open(file, "np"):
                pass
        except (SafetensorError, OSError) as error:
            reason = _one_line(error).removeprefix("Error while deserializing header: ")
            return f"{file} is damaged or cut off ({reason}). Copy or download it again."
    if not files and not any([*path.glob("*.bin"), *path.glob("*.gguf")]):
        return f"the folder {path} has no weights (*.safetensors). Copy or download them again."
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
