"""What the site needs beside mkdocs.yml: links that leave docs/ become paths in the repository."""

from __future__ import annotations

import re
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """`[coverage](../results/coverage/README.md)` as `coverage (results/coverage/README.md)`.

    The repository has no public address yet; a link into it would lead nowhere.
    """

    def told(match: re.Match[str]) -> str:
        text, path = " ".join(match[1].split()), match[2]
        return f"`{path}`" if path.startswith(text) else f"{text} (`{path}`)"

    return _OUTSIDE.sub(told, markdown)
