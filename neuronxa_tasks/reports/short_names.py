"""Names of models as tables show them: short, and still different from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Model to its name without the folders or the organisation before it.

    A name that two models would share keeps as many parts as it needs:
    `a/x/llama` and `b/x/llama` stay whole, `google/gemma-7b` becomes `gemma-7b`.

    Args:
        models: different names.
    """
    names = list(dict.fromkeys(models))
    parts = {name: [part for part in name.split("/") if part] or [name] for name in names}
    depth = dict.fromkeys(names, 1)
    while True:
        shown = {name: "/".join(parts[name][-depth[name] :]) for name in names}
        counts = Counter(shown.values())
        longer = [n for n in names if counts[shown[n]] > 1 and depth[n] < len(parts[n])]
        if not longer:
            break
        for name in longer:
            depth[name] += 1
    return {name: shown[name] if counts[shown[name]] == 1 else name for name in names}
