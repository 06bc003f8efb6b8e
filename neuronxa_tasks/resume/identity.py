"""What the result of a language depends on, as a name under which it can be kept.

Too much in the name costs a second computation; too little would give a wrong answer. So whatever
might matter is in it, and a model of which not everything can be seen has no name at all.
"""

from __future__ import annotations

import hashlib
import json
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import nn

from neuronxa_tasks.resume.code import code_hash
from neuronxa_tasks.resume.describe import Describer, UnseenError
from neuronxa_tasks.resume.fingerprint import unread
from neuronxa_tasks.states.forward import has_foreign_hook, is_patched, own_pass

_LIBRARIES = (
    "accelerate", "lm_eval", "numpy", "scikit-learn", "scipy", "tokenizers", "torch",
    "transformers",
)  # fmt: skip
_LEFT_OUT = frozenset({
    "_commit_hash", "_device_mesh", "_hf_hook", "_is_hf_initialized", "_mesh_manager",
    "_name_or_path", "_old_forward", "_original_object_hash", "name_or_path",
    "transformers_version", "warnings_issued",
})  # fmt: skip
"""Attributes that change no number: where a model came from (its weights are read), how it was
loaded, what was said once, which processes hold its parts (their number and the plan are
attributes of their own), and a hash that every process of Python salts anew."""
_REGISTRIES = (
    ("transformers.modeling_utils", "ALL_ATTENTION_FUNCTIONS"),
    ("transformers.masking_utils", "ALL_MASK_ATTENTION_FUNCTIONS"),
    ("transformers.integrations.moe", "ALL_EXPERTS_FUNCTIONS"),
)
"""Where transformers looks up the functions that a config names."""
_PLAIN = (str, int, float, bool, dict, list, tuple, type(None))
_NO_ANSWER = frozenset({
    "_neuronxa_resume", "_rank", "_world_size", "batch_schedule", "batch_size_per_gpu",
    "batch_sizes", "delta", "max_batch_size", "peft", "pretrained", "revision", "softmax_dtype",
})  # fmt: skip
"""Attributes of a model of the harness that change no answer, are seen in the weights, or are part
of the name of an answer."""
_FREE_SETTINGS = ("pairs", "lape")
"""Settings that leave the results of a language as they are."""
_OF_MODULES = frozenset(vars(nn.Module())) - {"training"}


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
    try:
        return digest({**model_parts(lm, weights), **run_parts(lm, encoder)})
    except UnseenError as error:
        return Unnameable(str(error))


def model_identity(lm: Any, weights: str) -> str | Unnameable:
    """Name a model and all that decides its answers but the requests.

    Batch sizes are left out: an answer is worth keeping when a batch did not fit.

    Args:
        lm: A loaded `HFLM`.
        weights: `fingerprint` of its model.

    Returns:
        A sha256; or the reason why there is none.
    """
    options = {
        name: str(value) if isinstance(value, torch.dtype) else value
        for name, value in vars(lm).items()
        if isinstance(value, (*_PLAIN, torch.dtype)) and name not in _NO_ANSWER
    }
    try:
        parts = model_parts(lm, weights)
    except UnseenError as error:
        return Unnameable(str(error))
    return digest({**parts, "options": options, "max_length": lm.max_length})


def task_identity(run: str, settings: Mapping[str, Any], texts: Sequence[str]) -> str:
    """Name the result of one task.

    Args:
        run: See `run_identity`.
        settings: Of the task.
        texts: Hash of the sentences and their token ids, of the pivot and of the target. The ids
            say what no serialisation of a tokenizer might say.
    """
    kept = {name: value for name, value in settings.items() if name not in _FREE_SETTINGS}
    return digest([run, kept, texts])


def digest(value: Any) -> str:
    """The sha256 of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def model_parts(lm: Any, weights: str) -> dict[str, Any]:
    """What decides how a model computes, by the name of its part, as JSON can hold it.

    Args:
        lm: A loaded `HFLM`.
        weights: `fingerprint` of its model.

    Raises:
        UnseenError: Something that decides cannot be seen.
    """
    model = lm.model
    if told := own_pass(lm):
        raise UnseenError(f"{told}, and not everything in it can be seen")
    if names := unread(model):
        raise UnseenError(f"weights are offloaded and were not read, such as {names[0]}")
    if hooked := _foreign_hooks(model):
        raise UnseenError(f"its module {hooked} has a hook that is not known here")
    modules = dict(model.named_modules())
    configs = {id(each): each for each in _configs(modules.values())}
    known = [(module, f"module {path}") for path, module in modules.items()]
    known += [(config, f"config {i}") for i, config in enumerate(configs.values())]
    describe = Describer(known, _LEFT_OUT)
    kinds = {type(module) for module in modules.values()}
    return {
        "libraries": _versions(kinds),
        "weights": weights,
        "class": _class(lm, describe),
        "modules": {path: _module(path, module, describe) for path, module in modules.items()},
        "buffers": {path: describe.tensor(buffer, path) for path, buffer in model.named_buffers()},
        "functions": _functions(kinds, configs.values(), describe),
        "configs": [_config(each) for each in configs.values()],
        "dtype": str(model.dtype),
        "device": _device(torch.device(lm.device)),
        "torch": _torch(torch.device(lm.device).type),
        "mixed": str(getattr(lm, "mixed_precision_dtype", None)),
        "add_bos_token": lm.add_bos_token,
        "tokenizer": _tokenizer(lm.tokenizer, describe),
    }


def run_parts(lm: Any, encoder: Any) -> dict[str, Any]:
    """What else decides a score: this package, and how the model is used."""
    options = {name: each for name, each in vars(encoder).items() if isinstance(each, _PLAIN)}
    return {"code": code_hash(), "encoder": options}


def _foreign_hooks(model: Any) -> str:
    """Name of the first module with a hook of somebody else's, who may change what it computes."""
    every = nn.modules.module
    if every._global_forward_hooks or every._global_forward_pre_hooks:
        return "(every one)"
    for name, module in model.named_modules():
        if has_foreign_hook(module) or is_patched(module):
            return name or type(module).__name__
    return ""


def _module(path: str, module: nn.Module, describe: Describer) -> list[Any]:
    """Class, code and attributes of a module, but for weights, buffers and the modules in it."""
    where = f"its module {path or type(module).__name__}"
    # A wrapper that is known, such as that of accelerate, which only moves tensors.
    without = _OF_MODULES | (set() if is_patched(module) else {"forward"})
    return [
        describe.source(type(module), where),
        describe.value(type(module).forward, f"{where}, its forward"),
        describe.attributes(module, where, without=without),
    ]


def _configs(modules: Iterator[Any] | Any) -> Iterator[Any]:
    for module in modules:
        config = vars(module).get("config")
        if hasattr(config, "to_dict"):
            yield config


def _config(config: Any) -> dict[str, Any]:
    told = {name: value for name, value in config.to_dict().items() if name not in _LEFT_OUT}
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    described = Describer(left_out=_LEFT_OUT).value(told, "its config")
    return {"told": described, **{name: str(value) for name, value in _implementations(text)}}


def _implementations(config: Any) -> Iterator[tuple[str, Any]]:
    for name, value in sorted(vars(config).items()):
        if name.endswith(("_implementation", "_implementation_internal")):
            yield name, value


def _functions(kinds: set[type], configs: Any, describe: Describer) -> list[Any]:
    """Functions that a model calls and that are none of its own: somebody may have put others in.

    Those that the modules of its classes name, and those that its configs choose.
    """
    found: list[Any] = []
    for home in sorted({kind.__module__ for kind in kinds}):
        names = vars(sys.modules.get(home, types.ModuleType(home)))
        for name, each in sorted(names.items()):
            if isinstance(each, types.FunctionType):
                found.append([home, name, describe.source(each, f"{home}.{name}")])
    chosen = {value for config in configs for _, value in _implementations(config)}
    for home, name in _REGISTRIES:
        registry = getattr(sys.modules.get(home), name, {})
        found += [
            [name, value, describe.value(registry[value], f"{name}[{value!r}]")]
            for value in sorted(str(each) for each in chosen if each in registry)
        ]
    return found


def _versions(kinds: set[type]) -> dict[str, str]:
    """Versions of the libraries, and of the packages that modules of the model come from."""
    packages = sorted({kind.__module__.partition(".")[0] for kind in kinds})
    return {name: version(name) for name in _LIBRARIES} | {
        f"package {name}": str(getattr(sys.modules.get(name), "__version__", ""))
        for name in packages
    }


def _class(lm: Any, describe: Describer) -> list[list[str]]:
    """Classes of the harness, and those that somebody made of them."""
    return [
        describe.source(kind, f"the model class {kind.__name__}")
        for kind in type(lm).__mro__
        if kind is not object and not kind.__module__.startswith("neuronxa_tasks.")
    ]


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return device.type


def _torch(device: str) -> dict[str, Any]:
    """Switches of torch that change how numbers are computed."""
    cuda = torch.backends.cuda
    autocast = torch.is_autocast_enabled(device)
    return {
        "default": str(torch.get_default_dtype()),
        "precision": torch.get_float32_matmul_precision(),
        "autocast": str(torch.get_autocast_dtype(device)) if autocast else None,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tf32": [cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32],
        "reduced": [
            cuda.matmul.allow_fp16_reduced_precision_reduction,
            cuda.matmul.allow_bf16_reduced_precision_reduction,
        ],
        "attention": {
            name: getattr(cuda, f"{name}_sdp_enabled")()
            for name in ("flash", "mem_efficient", "math", "cudnn")
        },
    }


def _tokenizer(tokenizer: Any, describe: Describer) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        whole: Any = tokenizer.get_vocab()
    else:
        whole = json.loads(backend.to_str())
        for state in ("truncation", "padding"):  # of the latest call
            whole.pop(state, None)
    return {
        "class": describe.source(type(tokenizer), "its tokenizer"),
        "whole": digest(whole),
        "special": [tokenizer.all_special_ids, tokenizer.unk_token_id],
    }
