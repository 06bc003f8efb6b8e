"""Why a model does not load, in a sentence: the harness would end with a traceback."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neuronxa_tasks.errors import NeuronXAError, one_line

logger = logging.getLogger(__name__)


_LFS = b"version https://git-lfs"


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
        if problem := _problem_of(path, weights, other):
            return problem
    chain = list(_chain(error))
    names = {type(each).__name__ for each in chain}
    told = " ".join(one_line(each, 5000) for each in chain)
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
    if "load_in_" in told and "unexpected keyword" in told:
        return (
            "plain `hf` cannot pass load_in_8bit and load_in_4bit on to this version of "
            "transformers. Use --model hf-neuronxa, which can."
        )
    if "trust_remote_code" in told:
        return (
            f"{name} comes with Python code of its own, which is run with all your rights. Read "
            "it, and if you trust it add trust_remote_code=True to --model_args."
        )
    reason = one_line(error, 900).rstrip(".!")  # the remedy of a loader stands at the end
    if "SafetensorError" in names:
        return f"a file of its weights is damaged ({reason}). Download it again."
    return (
        f"{type(error).__name__}: {reason}. Check the name or folder, and what else the loader "
        "names; `neuronxa doctor` tries the same without a run."
    )


def _problem_of(path: Path, weights: bool, key: str) -> str | None:
    """What is wrong with a local model, or None where that cannot be seen."""
    try:
        return _fault_of(path, weights, key)
    except OSError as error:
        place = error.filename or path
        return f"{place} cannot be read: {error.strerror or error}. Check that you may read it."


def _fault_of(path: Path, weights: bool, key: str) -> str | None:
    from safetensors import SafetensorError, safe_open

    if not path.is_dir():
        if path.suffix == ".gguf":
            return None
        return f"{path} is a file. Give the folder that holds it, with its config.json."
    for config in sorted(path.glob("*.json")):
        try:
            content = json.loads(config.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            return f"{config} is damaged ({one_line(error)}). Copy or download it again."
        if config.name == "config.json" and not isinstance(content, dict):
            return f"{config} is no JSON object. Copy or download it again."
    if not weights:
        return None
    adapter = path / "adapter_config.json"
    if key == "pretrained" and adapter.is_file() and not (path / "config.json").is_file():
        base = json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path")
        return (
            f"the folder {path} holds only an adapter, which needs the model that it was trained "
            f"on. Name both: pretrained={base or 'BASE'},peft={path}."
        )
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
        except SafetensorError as error:
            reason = one_line(error).removeprefix("Error while deserializing header: ")
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
