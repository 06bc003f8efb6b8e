"""Python values as JSON that changes when the value does; for the name of a computation.

Whatever cannot be seen, such as a function typed into a notebook, is refused: a name that leaves
something out would give the answer of another computation.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import re
import sys
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuronxa_tasks.resume.fingerprint import checksum, plain_tensors

_DEEPEST = 30
_PLAIN = (torch.dtype, torch.device, torch.layout, torch.memory_format)
_BUILTIN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
)


class UnseenError(Exception):
    """A value that cannot be described; the message says which."""


class Describer:
    """Describes values; each object once, so that circles end.

    Args:
        known: Objects that are described elsewhere -> what stands for them here.
        left_out: Names of attributes that change nothing.
    """

    def __init__(
        self, known: Iterable[tuple[object, str]] = (), left_out: Iterable[str] = ()
    ) -> None:
        self._left_out = frozenset(left_out)
        # The objects are kept, too: the identity of a dead one would be given out again.
        self._seen: dict[int, tuple[object, str]] = {id(each): (each, name) for each, name in known}
        self._files: dict[str, str] = {}

    def value(self, value: Any, where: str, depth: int = 0) -> Any:
        """Describe a value.

        Args:
            value: Anything.
            where: What it is called, for the message.
            depth: Of values around it.

        Raises:
            UnseenError: It, or something in it, cannot be seen.
        """
        if value is None or isinstance(value, (bool, int, float, str)):
            return [type(value).__name__, value] if isinstance(value, enum.Enum) else value
        if isinstance(
            value, (complex, bytes, range, slice, *_PLAIN, re.Pattern, enum.Enum, np.generic)
        ):
            return [type(value).__name__, repr(value)]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__, str(getattr(value, "__version__", ""))]
        if depth > _DEEPEST:
            raise UnseenError(f"{where} is nested too deeply")
        if id(value) in self._seen:
            return ["as", self._seen[id(value)][1]]
        self._seen[id(value)] = value, where
        return self._composed(value, where, depth + 1)

    def attributes(
        self, of: Any, where: str, depth: int = 0, without: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Describe the attributes of an object.

        Raises:
            UnseenError: One of them cannot be seen.
        """
        skipped = self._left_out.union(without)
        return {
            name: self.value(value, f"{where}.{name}", depth)
            for name, value in sorted(vars(of).items())
            if name not in skipped
        }

    def tensor(self, value: Tensor, where: str) -> list[Any]:
        """Shape, dtype and checksum of a tensor.

        Raises:
            UnseenError: Its values are not in memory.
        """
        found = []
        for name, part in plain_tensors("", value):
            if part.device.type == "meta":
                raise UnseenError(f"{where} is offloaded and was not read")
            found.append([name, list(part.shape), str(part.dtype), checksum(part)])
        return found

    def source(self, kind: Any, where: str) -> list[str]:
        """Name of a class or function, and a hash of the file that it comes from.

        Raises:
            UnseenError: There is no such file.
        """
        home = str(kind.__module__)
        name = f"{home}.{kind.__qualname__}"
        if home == "builtins":
            return [name]
        file = getattr(sys.modules.get(home), "__file__", None)
        if home == "__main__" or not file:
            raise UnseenError(f"the code of {where} ({kind.__qualname__}) is not in a file")
        return [name, self._file(file, where)]

    def _composed(self, value: Any, where: str, depth: int) -> Any:
        kind = type(value).__name__
        if isinstance(value, Tensor):
            return [kind, *self.tensor(value, where)]
        if isinstance(value, np.ndarray) and value.dtype != object:
            digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            return [kind, str(value.dtype), list(value.shape), digest]
        if isinstance(value, Mapping):
            items = [
                [self.value(key, where, depth), self.value(each, f"{where}[{key!r}]", depth)]
                for key, each in value.items()
            ]
            return [kind, sorted(items, key=str), *self._of_object(value, where, depth)]
        if isinstance(value, (set, frozenset)):
            return [kind, sorted((self.value(each, where, depth) for each in value), key=str)]
        if isinstance(value, (list, tuple)):
            items = [self.value(each, f"{where}[{i}]", depth) for i, each in enumerate(value)]
            return [kind, items, *self._of_object(value, where, depth)]
        if isinstance(value, functools.partial):
            whole = [value.func, value.args, value.keywords]
            return [kind, [self.value(each, where, depth) for each in whole]]
        if isinstance(value, types.MethodType):
            whole = [value.__func__, value.__self__]
            return [kind, [self.value(each, where, depth) for each in whole]]
        if isinstance(value, types.FunctionType):
            return [kind, *self._function(value, where, depth)]
        if isinstance(value, _BUILTIN):
            return [kind, str(value.__qualname__), str(getattr(value, "__module__", None))]
        if isinstance(value, type):
            return [kind, *self.source(value, where)]
        return [kind, self.source(type(value), where), *self._of_object(value, where, depth)]

    def _function(self, function: types.FunctionType, where: str, depth: int) -> list[Any]:
        cells = [_content(cell) for cell in function.__closure__ or ()]
        bound = [function.__defaults__, function.__kwdefaults__, cells]
        code = function.__code__
        return [
            *self.source(function, where),
            [code.co_firstlineno, self._file(code.co_filename, where)],
            [self.value(each, f"{where} ({function.__qualname__})", depth) for each in bound],
        ]

    def _file(self, path: str, where: str) -> str:
        if path not in self._files:
            if not Path(path).is_file():
                raise UnseenError(f"the code of {where} is not in a file")
            self._files[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        return self._files[path]

    def _of_object(self, value: Any, where: str, depth: int) -> list[Any]:
        """What an object holds beside its elements."""
        found: list[Any] = []
        if hasattr(value, "__dict__"):
            found.append(self.attributes(value, where, depth))
        slots = [
            name
            for kind in type(value).__mro__
            for name in _names(vars(kind).get("__slots__", ()))
            if name not in ("__dict__", "__weakref__") and hasattr(value, name)
        ]
        found += [[name, self.value(getattr(value, name), where, depth)] for name in slots]
        if not found and not isinstance(value, (Mapping, list, tuple)):
            raise UnseenError(f"{where} is a {type(value).__name__}, which cannot be looked into")
        return found


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _names(slots: str | Iterable[str]) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots
