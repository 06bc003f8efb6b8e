"""`load_in_8bit`, `load_in_4bit`: model arguments that transformers 5 takes only as an object."""

from __future__ import annotations

from typing import Any

_SWITCHES = ("load_in_8bit", "load_in_4bit")
_OPTIONS = ("llm_int8_", "bnb_4bit_")


def bits_config(arguments: dict[str, Any]) -> Any:
    """Make the object that loads a model with 8 or 4 bits.

    transformers 4 took these arguments one by one, and the harness passes them on so.

    Args:
        arguments: Of the model; loses those that the object has.

    Returns:
        A `BitsAndBytesConfig`; None where neither is switched on.
    """
    given = {name: arguments.pop(name) for name in _SWITCHES if name in arguments}
    if not any(given.values()):
        return None
    from transformers import BitsAndBytesConfig

    for name in [each for each in arguments if each.startswith(_OPTIONS)]:
        given[name] = arguments.pop(name)
    return BitsAndBytesConfig(**given)
