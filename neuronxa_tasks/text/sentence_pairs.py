"""The texts of a run: sentence pairs of a task, and what a tokenizer makes of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Pairs:
    """The sentence pairs of one task: line number -> (pivot, target)."""

    settings: dict[str, Any]
    source: dict[str, Any]
    lines: dict[int, tuple[str, str]] = field(default_factory=dict)

    def column(self, index: int) -> tuple[str, ...]:
        """Return the pivot (0) or target (1) sentences in the order of the lines."""
        return tuple(self.lines[line][index] for line in sorted(self.lines))

    def used_source(self) -> dict[str, Any]:
        """Where the text came from, with the sha256 of the sentences that are used.

        All sentences of a text have the hash that reading it gave. A choice of them (`--samples`,
        `--limit`) has a hash of its own, and says that it is one: other choices are other text.
        """
        text = "\n".join(self.column(0) + self.column(1))
        digest = hashlib.sha256(text.encode()).hexdigest()
        chosen = {} if digest == self.source.get("sha256") else {"chosen": True}
        return {**self.source, "sha256": digest, **chosen}


class Texts:
    """What a tokenizer makes of the texts of a run, reduced to hashes and counts.

    Args:
        tokenizer: Of the model.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[tuple[str, ...], tuple[str, int]] = {}

    def digest(self, sentences: tuple[str, ...]) -> str:
        """Hash of the sentences and their token ids."""
        return self._of(sentences)[0]

    def tokens(self, sentences: tuple[str, ...]) -> int:
        """Tokens of all sentences together."""
        return self._of(sentences)[1]

    def _of(self, sentences: tuple[str, ...]) -> tuple[str, int]:
        if sentences not in self._known:
            ids = self._tokenizer(list(sentences))["input_ids"]
            text = json.dumps([sentences, ids])
            digest = hashlib.sha256(text.encode()).hexdigest()
            self._known[sentences] = digest, sum(map(len, ids))
        return self._known[sentences]
