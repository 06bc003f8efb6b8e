"""An order of numbered items in which every beginning covers all of them evenly."""

from __future__ import annotations


def spread_place(number: int) -> int:
    """Return the sorting key of item `number`.

    By the fractional part of number / golden ratio, the first k items lie at nearly equal distances
    among all, for every k (Steinhaus' three distances). The key depends on the number alone, so the
    order is the same in every language.
    """
    return number * 2654435769 % 2**32
