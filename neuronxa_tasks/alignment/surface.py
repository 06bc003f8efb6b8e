"""What text alone gives away: names, digits and shared words find translations without a network.

The same pairs, the same definition of hit and tie as for a model's vectors, but the vectors are
TF-IDF weights. A model's score says something about the model where it is above these.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from neuronxa_tasks.alignment.hits import Alignment, align, count_rivals

NGRAMS = (1, 4)
"""Shortest and longest character n-gram."""


def surface(pivot: Sequence[str], target: Sequence[str]) -> Alignment:
    """Align two line-parallel lists of sentences by their characters.

    Each sentence is the TF-IDF vector of its lower-cased character n-grams of length 1 to 4
    within words (scikit-learn's `char_wb`: a word has a blank on either side). The vocabulary and
    the document frequencies are those of the 2n sentences together; tf is the plain count, idf is
    ln((1 + 2n) / (1 + df)) + 1, scikit-learn's default.

    Args:
        pivot: n sentences.
        target: n sentences.

    Returns:
        An alignment of one layer.

    Raises:
        NeuronXAError: Different numbers of sentences, or fewer than two.
    """
    return _align_texts(pivot, target, analyzer="char_wb", ngram_range=NGRAMS)


def token_overlap(pivot: Sequence[Sequence[int]], target: Sequence[Sequence[int]]) -> Alignment:
    """Align two line-parallel lists of sentences by the tokens they share.

    As `surface`, with the tokens of a model's tokenizer instead of n-grams: what the embedding
    table gives away before any layer has run.

    Args:
        pivot: Token ids of n sentences, see `content_tokens`.
        target: The same for the target.

    Returns:
        An alignment of one layer. A sentence without tokens has cosine 0 with everything.

    Raises:
        NeuronXAError: Different numbers of sentences, or fewer than two.
    """
    return _align_texts(pivot, target, analyzer=list)


def plain_tokens(tokenizer: Any, sentences: Sequence[str]) -> list[list[int]]:
    """Token ids of sentences without what a tokenizer adds (BOS).

    Args:
        tokenizer: A transformers tokenizer.
        sentences: n strings. They are not cut at the context's length.
    """
    rows: list[list[int]] = tokenizer(list(sentences), add_special_tokens=False)["input_ids"]
    return rows


def content_tokens(rows: Sequence[Sequence[int]], special: Collection[int]) -> list[list[int]]:
    """Leave special tokens out, such as the unknown.

    Args:
        rows: Token ids of n sentences.
        special: A tokenizer's `all_special_ids`, best as a set.
    """
    return [[token for token in ids if token not in special] for ids in rows]


def _align_texts(pivot: Sequence[Any], target: Sequence[Any], **analysis: Any) -> Alignment:
    # Loaded here: it takes a second, and only a run needs it.
    from sklearn.feature_extraction.text import (  # type: ignore[import-untyped,unused-ignore]
        TfidfVectorizer,
    )

    n = len(pivot)
    if n != len(target) or n < 2 or not any(map(len, [*pivot, *target])):
        # Without sentences or features; the error, if any, is that of all alignments.
        return align([np.zeros((n, 1))], [np.zeros((len(target), 1))])
    # Sentences as rows: of the features of 2n sentences most are 0, so they stay sparse.
    vectors = TfidfVectorizer(**analysis).fit_transform([*pivot, *target])
    similarity = torch.from_numpy((vectors[:n] @ vectors[n:].T).toarray())
    return Alignment(count_rivals(similarity).numpy()[:, None, :])
