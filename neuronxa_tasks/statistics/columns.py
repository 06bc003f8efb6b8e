"""Columns of numbers that belong together: checked, and complete rows kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuronxa_tasks.errors import NeuronXAError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

MIN_POINTS = 4
"""Fewer points than this give no correlation: Fisher's interval needs n - 3 > 0."""

# A column whose spread is at most this share of its size is a constant plus rounding noise.
_FLAT = 1e-13


class CompleteRows(NamedTuple):
    """Rows in which no column is missing.

    Attributes:
        columns: the columns in the order given, each `[n]` float64 without NaN.
        kept: `[n_given]` bool, True where the row was kept.
        n_dropped: number of rows left out because a value was NaN.
    """

    columns: tuple[FloatArray, ...]
    kept: BoolArray
    n_dropped: int


def as_column(values: ArrayLike, name: str) -> FloatArray:
    """Turns numbers into a float64 column `[n]`; None becomes NaN.

    Args:
        values: `[n]` numbers, booleans, None or NaN.
        name: how messages call the column.

    Raises:
        NeuronXAError: not one-dimensional, a value that is no number, or an infinity.
    """
    raw = np.asarray(values)
    if raw.ndim != 1:
        raise NeuronXAError(
            f"{name} has the shape {raw.shape}, but a column needs exactly one axis. "
            "Pass one number per language."
        )
    if raw.dtype.kind == "O":
        column = np.array([_number(value, name) for value in raw], dtype=np.float64)
    elif raw.dtype.kind in "biuf":
        column = raw.astype(np.float64)
    else:
        shown = repr(raw[0].item()) if raw.size else str(raw.dtype)
        raise NeuronXAError(
            f"{name} holds {shown}, which is no number, and text is never turned into numbers "
            "here. Convert the column first."
        )
    if np.isinf(column).any():
        where = int(np.flatnonzero(np.isinf(column))[0])
        raise NeuronXAError(
            f"{name} is infinite in row {where}, and an infinite value has no correlation. "
            "Correct it, or write NaN for a value that is missing."
        )
    return column


def _number(value: object, name: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, (Real, np.bool_)):
        return float(value)
    raise NeuronXAError(
        f"{name} holds {value!r}, which is no number, and nothing is turned into numbers here. "
        "Convert the column first."
    )


def complete_rows(columns: Mapping[str, ArrayLike]) -> CompleteRows:
    """Keeps the rows in which every column has a number, and counts the others.

    Args:
        columns: name to `[n]` values; all of one length.

    Raises:
        NeuronXAError: see `as_column`; or columns of different lengths.
    """
    arrays = {name: as_column(values, name) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise NeuronXAError(
            f"The columns differ in length ({told} rows), so they cannot be paired. "
            "Join them on the language first."
        )
    stacked = np.stack(list(arrays.values()))
    kept = np.asarray(~np.isnan(stacked).any(axis=0), dtype=np.bool_)
    return CompleteRows(
        columns=tuple(array[kept] for array in arrays.values()),
        kept=kept,
        n_dropped=int((~kept).sum()),
    )


def panel_labels(
    model: Sequence[str], language: Sequence[str], kept: BoolArray
) -> list[tuple[str, str]]:
    """Model and language of the kept rows, each pair once.

    Args:
        model: `[n]` model of each row.
        language: `[n]` language of each row.
        kept: `[n]` bool, which rows count.

    Raises:
        NeuronXAError: a wrong number of labels, a row without a name, or a pair that comes twice.
    """
    for name, labels in (("model", model), ("language", language)):
        if len(labels) != len(kept):
            raise NeuronXAError(
                f"{name} has {len(labels)} labels for {len(kept)} rows, so they cannot be paired. "
                "Pass one label per row."
            )
        for row, label in enumerate(labels):
            if not isinstance(label, str) or not label:
                raise NeuronXAError(
                    f"{name} holds {label!r} in row {row}, but every row needs a name. "
                    "Fill it in, or leave the row out."
                )
    table = [
        pair for pair, keep in zip(zip(model, language, strict=True), kept, strict=True) if keep
    ]
    for (one, other), count in Counter(table).items():
        if count > 1:
            raise NeuronXAError(
                f"The model {one!r} has {count} rows for the language {other!r}, and they would "
                "count as different languages. Keep one row per model and language."
            )
    return table


def deviations(rows: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Centres every row and scales it to length 1.

    Args:
        rows: `[..., n]` float64 without NaN, n >= 1.

    Returns:
        The unit rows `[..., n]` (zeros where a row is constant) and `[...]` bool, True where the
        row is constant up to rounding.
    """
    # Dividing by the largest value first keeps squares of 1e200 finite.
    size = np.abs(rows).max(axis=-1, keepdims=True)
    scaled = np.divide(rows, size, out=np.zeros_like(rows), where=size > 0)
    centred = scaled - scaled.mean(axis=-1, keepdims=True)
    spread = np.abs(centred).max(axis=-1, keepdims=True)
    # Squares of 1e-200 would vanish, so the spread is taken out before the length is measured.
    unit = np.divide(centred, spread, out=np.zeros_like(rows), where=spread > 0)
    length = np.linalg.norm(unit, axis=-1, keepdims=True)
    unit = np.divide(unit, length, out=np.zeros_like(rows), where=length > 0)
    flat = (spread <= _FLAT)[..., 0]
    unit[flat] = 0.0
    return unit, flat


def check_confidence(confidence: float) -> None:
    """Refuses a confidence level outside (0, 1).

    Raises:
        NeuronXAError: `confidence` is not strictly between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise NeuronXAError(
            f"The confidence level is {confidence!r}, but it is a probability between 0 and 1. "
            "Pass for example 0.95."
        )


def check_resamples(count: int, name: str) -> None:
    """Refuses a number of resamples below 1.

    Raises:
        NeuronXAError: `count` is not positive.
    """
    if count < 1:
        raise NeuronXAError(
            f"{name} is {count!r}, but at least one is needed to say anything. "
            "Pass for example 9999."
        )
