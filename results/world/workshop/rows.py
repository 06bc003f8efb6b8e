"""Training documents as rows of token ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from workshop.stream import INFERENCE, MIXED, Dial, Line, documents

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Rows:
    """Documents as rows of token ids.

    Args:
        tokenizer: As `make_tokenizer` gives it.
        dials: The languages and how much of each.
        rng: The source of all randomness.
        mixed: Share of the bilingual documents whose sentences mix two languages.
        inference: Share of the English documents that are exercises in inference.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        dials: Mapping[str, Dial],
        rng: np.random.Generator,
        mixed: float = MIXED,
        inference: float = INFERENCE,
    ) -> None:
        self._tokenizer = tokenizer
        self._documents = documents(dials, rng, mixed, inference)
        self._known: dict[Line, list[int]] = {}
        # Much faster than `tokenizer.encode` for short texts.
        self._encode = tokenizer.backend_tokenizer.encode
        self._newline = self._ids_of("\n")

    def _ids_of(self, text: str) -> list[int]:
        return list(self._encode(text, add_special_tokens=False).ids)

    def _line(self, line: Line) -> list[int]:
        if line not in self._known:
            ids = self._ids_of(line.text)
            if line.guest is not None or line.label is not None:
                return ids  # seldom met twice
            self._known[line] = ids
        return self._known[line]

    def _ids(self) -> Iterator[int]:
        """Tokens of one document: `<bos>`, its lines with line breaks between them, `<eos>`."""
        yield int(self._tokenizer.bos_token_id)
        for number, line in enumerate(next(self._documents)):
            if number:
                yield from self._newline
            yield from self._line(line)
        yield int(self._tokenizer.eos_token_id)

    def batch(self, rows: int, length: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """The next rows, each of whole documents one after the other, cut at the length.

        Returns:
            Token ids, int64, shape [rows, length]. Every row begins with a new document.
        """
        out = np.empty((rows, length), dtype=np.int64)
        for row in out:
            ids: list[int] = []
            while len(ids) < length:
                ids.extend(self._ids())
            row[:] = ids[:length]
        return out
