"""Weights of which a process holds a part: torch's `DTensor`.

torch has it under this name from 2.5 on, in builds with `torch.distributed`. Where nobody has
imported it, there is none.
"""

from __future__ import annotations

import sys
from typing import Any, TypeGuard


def is_dtensor(value: Any) -> TypeGuard[Any]:
    """Whether a value is a `DTensor`."""
    kind = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    return kind is not None and isinstance(value, kind)
