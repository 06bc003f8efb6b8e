"""What a results file says of the run: its model, and how each task was run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.results.files import RunFile, as_text, at, number, read_samples, whole

CHOICE = "a choice of samples"
"""The limit of a task that ran on items chosen by --samples."""
UNLOGGED = "an unlogged choice of samples in "
"""Begins the text of items that nobody can tell: no two such texts are of the same items."""


def model_of(
    content: dict[str, Any], config: dict[str, Any], path: str, names: Mapping[str, str]
) -> tuple[str, str, str]:
    """Name and revision of the model, and what of `names` gave it its name; else empty."""
    arguments = _arguments(config.get("model_args"))
    # The order of the harness: an adapter names the model before its base does.
    keys = ("peft", "delta", "pretrained", "model", "path", "engine")
    found = as_text(content.get("model_name")) or next(
        (arguments[key] for key in keys if arguments.get(key)), None
    )
    if not found and path in names:
        found = names[path]
    if not found:
        raise NeuronXAError(
            f"{path} does not say which model was run (neither `model_name` nor `model_args`). "
            f"Name it: {path}=NAME."
        )
    by = path if path in names else found if found in names else ""
    revision = as_text(config.get("model_revision")) or arguments.get("revision") or ""
    return names.get(by, found), revision, by


def _arguments(given: object) -> dict[str, str]:
    """Model arguments, which are a text up to harness 0.4.9 and a dictionary later."""
    if isinstance(given, dict):
        return {str(key): as_text(value) for key, value in given.items()}
    pairs = (part.partition("=") for part in str(given or "").split(","))
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def fewshot_of(content: dict[str, Any], config: dict[str, Any], task: str) -> int | None:
    """Examples in the prompt, None where the file does not say."""
    for found in (
        at(content, "n-shot", task),
        at(content, "configs", task, "num_fewshot"),
        config.get("num_fewshot"),
    ):
        value = whole(found)
        if value is not None:
            return value
    return None


def items_of(content: dict[str, Any], task: str, metrics: object) -> int | None:
    """Documents scored; the harness before 0.4.3 does not say."""
    effective = at(content, "n-samples", task, "effective")
    for found in (effective, at(metrics, "sample_len"), at(metrics, "samples")):
        value = whole(found, least=1)
        if value is not None:
            return value
    return None


def version_text(found: object) -> str:
    """Task version; 1, 1.0 and "1.0" are the same."""
    if found is None or isinstance(found, (dict, list)):
        return ""
    try:
        return f"{float(str(found)):g}"
    except ValueError:
        return str(found)


def settings_of(content: dict[str, Any], config: dict[str, Any], task: str) -> dict[str, Any]:
    """What must be equal for two values of a benchmark to be comparable."""
    settings: dict[str, Any] = {}
    counted = at(content, "n-samples", task)
    original, effective = number(at(counted, "original")), number(at(counted, "effective"))
    limit = number(config.get("limit"))
    if limit is not None:
        # The command line writes 100.0 where Python code writes 100.
        settings["limit"] = int(limit) if limit.is_integer() else limit
    elif original is not None and effective is not None and effective < original:
        settings["limit"] = CHOICE
    if content.get("chat_template"):
        # Only whether: each model has a template of its own.
        settings["chat_template"] = True
        if content.get("fewshot_as_multiturn"):
            settings["multiturn"] = True
    if content.get("system_instruction"):
        settings["system_instruction"] = str(content.get("system_instruction_sha") or "yes")[:12]
    if config.get("gen_kwargs") and at(content, "configs", task, "output_type") == "generate_until":
        settings["gen_kwargs"] = config["gen_kwargs"]
    return settings


def chosen_items(run: RunFile, task: str) -> str:
    """Which items a task ran on that was given a choice of them: a hash, or that nobody can tell.

    The results file has only their number; the samples file has each document's number and hash.
    """
    if task not in run.samples:
        return f"{UNLOGGED}{run.path}"
    digest = hashlib.sha256()
    for sample in read_samples(run.samples[task]):
        digest.update(f"{sample['doc_id']} {sample.get('doc_hash') or ''}\n".encode())
    return digest.hexdigest()


def dictionary(content: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    """An object of the file; empty where it is not there.

    Raises:
        NeuronXAError: something else is there.
    """
    found = content.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise NeuronXAError(
            f"{path} has a `{key}` that is no object but {type(found).__name__}, so it was not "
            "written by the harness. Give the file as the harness wrote it."
        )
    return found
