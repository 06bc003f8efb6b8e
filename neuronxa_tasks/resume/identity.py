"""What the result of a language depends on, as a name under which it can be kept.

Too much in the name costs a second computation; too little would give a wrong answer. So whatever
might matter is in it, and a model of which not everything can be seen has no name at all.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from neuronxa_tasks.resume.fingerprint import unread
from neuronxa_tasks.states.forward import has_foreign_hook, is_patched, whole_call

_LIBRARIES = ("lm_eval", "numpy", "tokenizers", "torch", "transformers")
_LEFT_OUT = ("_name_or_path", "name_or_path", "transformers_version")
"""Where a model came from does not matter: its weights are read."""
_SCORE_PATH = ("text", "statistics", "states", "alignment", "resume", "harness")
"""Packages whose code decides a score. Results, reports, commands and the toy world do not."""
_FREE_SETTINGS = ("pairs",)
"""Settings that leave the results of a language as they are."""


@dataclass(frozen=True)
class Unnameable:
    """Why results of a model cannot be kept."""

    reason: str


def run_identity(lm: Any, weights: str, encoder: Any) -> str | Unnameable:
    """Name everything but the text and a task's settings.

    Args:
        lm: A loaded `HFLM`.
        weights: `fingerprint` of its model.
        encoder: An unused encoder of the run, whose options are read.

    Returns:
        A sha256; or the reason why there is none: a part of the model cannot be seen.
    """
    model = lm.model
    whole = whole_call(lm)
    if whole is not None and whole.of_class:
        return Unnameable(f"its {whole.why}, of which not everything can be seen")
    if names := unread(model):
        return Unnameable(f"weights are offloaded and were not read, such as {names[0]}")
    if hooked := _foreign_hooks(model):
        return Unnameable(f"its module {hooked} has a hook that is not known here")
    sources = _sources(model)
    if isinstance(sources, Unnameable):
        return sources
    return _sha256(
        {
            "code": _code(),
            "libraries": {name: version(name) for name in _LIBRARIES},
            "weights": weights,
            "sources": sources,
            "config": _config(model),
            "adapters": _adapters(model),
            "training": any(each.training for each in model.modules()),
            "dtype": str(model.dtype),
            "device": _device(torch.device(lm.device)),
            "precision": torch.get_float32_matmul_precision(),
            "mixed": str(getattr(lm, "mixed_precision_dtype", None)),
            "encoder": {name: value for name, value in vars(encoder).items() if _is_plain(value)},
            "add_bos_token": lm.add_bos_token,
            "tokenizer": _tokenizer(lm.tokenizer),
        }
    )


def task_identity(run: str, settings: Mapping[str, Any], texts: Sequence[str]) -> str:
    """Name the result of one task.

    Args:
        run: See `run_identity`.
        settings: Of the task.
        texts: Hash of the sentences and their token ids, of the pivot and of the target. The ids
            say what no serialisation of a tokenizer might say.
    """
    kept = {name: value for name, value in settings.items() if name not in _FREE_SETTINGS}
    return _sha256([run, kept, texts])


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_text).encode()).hexdigest()


def _text(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | dict | list | tuple | None)


@cache
def _code() -> str:
    """Hash of this package's modules, so that a result of other code is never taken."""
    digest = hashlib.sha256()
    for path in score_modules(Path(__file__).parents[1]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def score_modules(package: Path) -> list[Path]:
    """Every module on the path of a score: the ground, and the packages of `_SCORE_PATH`.

    Args:
        package: Folder of `neuronxa_tasks`.

    Raises:
        RuntimeError: A package of that path is gone, so that its code would be forgotten.
    """
    found = sorted(package.glob("*.py"))
    for name in _SCORE_PATH:
        inside = sorted((package / name).rglob("*.py"))
        if not inside:
            raise RuntimeError(f"{package / name} holds no module, but decides scores")
        found += inside
    return found


def _foreign_hooks(model: Any) -> str:
    """Name of the first module with a hook of somebody else's, who may change what it computes."""
    for name, module in model.named_modules():
        if has_foreign_hook(module) or is_patched(module):
            return name or type(module).__name__
    return ""


def _sources(model: Any) -> dict[str, str] | Unnameable:
    """Hash of every Python file that a module of the model comes from."""
    found: dict[str, str] = {}
    for kind in {type(module) for module in model.modules()}:
        home = kind.__module__
        if home in found:
            continue
        file = getattr(sys.modules.get(home), "__file__", None)
        if home == "__main__" or not file or not Path(file).is_file():
            return Unnameable(f"the code of its module {kind.__name__} is not in a file")
        found[home] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return found


def _config(model: Any) -> dict[str, Any]:
    config = model.config
    told = {name: value for name, value in config.to_dict().items() if name not in _LEFT_OUT}
    private = {
        name: str(value)
        for name, value in vars(config.get_text_config()).items()
        if name.endswith("_implementation") or name.endswith("_implementation_internal")
    }
    return told | private


def _adapters(model: Any) -> dict[str, Any]:
    """How adapters are used; that their weights are there is seen by the fingerprint."""
    configs = getattr(model, "peft_config", None) or {}
    use = ("active_adapters", "disable_adapters", "merged_adapters", "scaling")
    return {
        "configs": {name: vars(config) for name, config in configs.items()},
        "layers": [
            [name, *(str(getattr(module, each)) for each in use)]
            for name, module in (model.named_modules() if configs else ())
            if all(hasattr(module, each) for each in use)
        ],
    }


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return device.type


def _tokenizer(tokenizer: Any) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        whole: Any = tokenizer.get_vocab()
    else:
        whole = json.loads(backend.to_str())
        for state in ("truncation", "padding"):  # of the latest call
            whole.pop(state, None)
    return {
        "class": type(tokenizer).__name__,
        "whole": _sha256(whole),
        "special": [tokenizer.all_special_ids, tokenizer.unk_token_id],
    }
