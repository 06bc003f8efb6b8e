"""The tokenizer of the toy world: every word of the world is one token, every byte is one too.

A unigram model over bytes with a vocabulary that is written, not learned. Words are equally likely
and bytes far less, so that a text is cut into as few pieces as possible. Chinese and Thai, which
write no spaces, are cut into the phrases of a sentence in this way.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workshop import grammar, world
from workshop.nli import LABELS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPECIAL = ("<pad>", "<bos>", "<eos>")

LONGEST = 512
"""Tokens that a text may have."""

_WORD, _BYTE = -1.0, -10.0
"""Scores. A word never costs more than its bytes."""


def _words_of(text: str) -> list[str]:
    """Words, each with the space before it, and signs; as the tokenizer's pattern cuts them."""
    # Letters and their marks: \w alone leaves out the vowel signs of Thai and Hindi.
    return re.findall(r"\n| ?[^\s.,;:!?'’।۔。،-]+| ?[.,;:!?'’।۔。،-]", text)


@functools.cache
def words() -> tuple[str, ...]:
    """Every word that a text of the world can have, in a fixed order.

    Of languages with spaces the words of all sentences, of the others the phrases; phrases also
    as a sentence in two languages has them, in the midst of another language.
    """
    found: dict[str, None] = dict.fromkeys(["\n", *LABELS])
    told = [*world.meanings(), *world.later_meanings()]
    for code in grammar.codes():
        texts: Iterator[str]
        if grammar.lexicon(code)["space"]:
            texts = (grammar.render(m, code) for m in told)
        else:
            texts = itertools.chain.from_iterable(grammar.pieces(m, code) for m in told)
            found[grammar.lexicon(code)["stop"]] = None
        for text in dict.fromkeys(texts):
            found.update(dict.fromkeys(_words_of(text)))
        found.update(dict.fromkeys(_borrowed(code)))
    found.pop("", None)
    return tuple(found)


def _borrowed(code: str) -> Iterator[str]:
    """Words of the phrases that another language's sentence can borrow."""
    lex = grammar.lexicon(code)
    forms = [entry[n]["form"] for entry in lex["who"].values() for n in entry]
    forms += [entry["form"] for entry in lex["what"].values()]
    forms += lex["where"].values()  # the time comes first in every language
    for form in forms:
        yield from _words_of(f" {form}")


def make_tokenizer() -> PreTrainedTokenizerBase:
    """The tokenizer; it puts `<bos>` before every text and gives back any text unchanged."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    scores = dict.fromkeys(SPECIAL, 0.0)
    scores.update(dict.fromkeys(sorted(pre_tokenizers.ByteLevel.alphabet()), _BYTE))
    for word in words():
        scores["".join(piece for piece, _ in to_bytes.pre_tokenize_str(word))] = _WORD
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), None, False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[^\s\p{P}]+| ?\p{P}|\s"), "isolated"),
            to_bytes,
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A",
        pair="<bos> $A <bos> $B",
        special_tokens=[("<bos>", SPECIAL.index("<bos>"))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        clean_up_tokenization_spaces=False,
        model_max_length=LONGEST,
    )


def save(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the tokenizer's files, the large one without white space and without what was set last.

    Padding and truncation of the latest call are no part of a tokenizer.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["padding"] = content["truncation"] = None
    path.write_text(
        json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
