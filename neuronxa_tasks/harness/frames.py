"""Functions that are being executed: what the harness was told, and does not hand on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any


def frames(name: str) -> Iterator[FrameType]:
    """Functions of a name that are being executed, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == name:
            yield frame
        frame = frame.f_back


def arguments_of_the_call() -> Mapping[str, Any]:
    """Local names of `simple_evaluate`; none where the harness was called in another way."""
    found = (frame.f_locals for frame in frames("simple_evaluate"))
    return next((names for names in found if "model_args" in names), {})
