"""Text baselines against loops over characters and tokens."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import naive
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import byte_tokenizer

from neuronxa_tasks.alignment.surface import content_tokens, plain_tokens, surface, token_overlap
from neuronxa_tasks.errors import NeuronXAError

MINI = Path(__file__).parents[2] / "neuronxa_tasks" / "text" / "data" / "mini"
WORDS = st.lists(st.sampled_from(["Anna", "anna", "7", "ab", "b", "東京", "é"]), min_size=1)
TEXTS = st.lists(st.tuples(WORDS.map(" ".join), WORDS.map(" ".join)), min_size=2, max_size=6)


def mini(code: str) -> list[str]:
    return (MINI / f"{code}.txt").read_text(encoding="utf-8").splitlines()


def ngrams(text: str) -> Counter[str]:
    """Character n-grams of length 1 to 4 within words that have a blank on either side.

    A word shorter than n counts once, as a whole, and not again for longer n.
    """
    found: Counter[str] = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        for length in range(1, 5):
            found.update(padded[i : i + length] for i in range(max(1, len(padded) - length + 1)))
            if len(padded) <= length:
                break
    return found


def naive_rivals(
    pivot: Sequence[Any], target: Sequence[Any], features: Callable[[Any], Counter[Any]]
) -> list[list[int]]:
    counts = [features(each) for each in [*pivot, *target]]
    total = len(counts)
    df = Counter(feature for each in counts for feature in each)
    vectors = [
        {f: tf * (math.log((1 + total) / (1 + df[f])) + 1) for f, tf in each.items()}
        for each in counts
    ]

    def cosine(a: dict[Any, float], b: dict[Any, float]) -> float:
        product = math.fsum(value * b.get(f, 0.0) for f, value in a.items())
        squares = [math.fsum(v * v for v in each.values()) for each in (a, b)]
        return round(product / math.sqrt(squares[0] * squares[1]), 11) if all(squares) else 0.0

    n = len(pivot)
    return naive.rivals([[cosine(p, t) for t in vectors[n:]] for p in vectors[:n]])


@pytest.mark.parametrize("code", ["deu_Latn", "rus_Cyrl", "zho_Hans", "tha_Thai"])
def test_surface_of_shipped_text(code: str) -> None:
    texts = mini("eng_Latn"), mini(code)
    assert surface(*texts).rivals[:, 0].tolist() == naive_rivals(*texts, features=ngrams)


@given(TEXTS)
def test_surface_with_ties(pairs: list[tuple[str, str]]) -> None:
    texts = [list(side) for side in zip(*pairs, strict=True)]
    assert surface(*texts).rivals[:, 0].tolist() == naive_rivals(*texts, features=ngrams)


@given(st.lists(st.tuples(*[st.lists(st.integers(0, 3), max_size=4)] * 2), min_size=2, max_size=6))
def test_token_overlap(pairs: list[tuple[list[int], list[int]]]) -> None:
    tokens = [list(side) for side in zip(*pairs, strict=True)]
    ours = token_overlap(*tokens)
    assert ours.rivals[:, 0].tolist() == naive_rivals(*tokens, features=Counter)


def test_identical_text_is_one_unless_a_sentence_is_there_twice() -> None:
    text = mini("eng_Latn")
    assert surface(text, text).mutual.tolist() == [len(set(text))] == [100]
    twice = [*text, text[0]]
    # The two are each other's rivals: both are lost, where one more could have been won.
    assert surface(twice, twice).mutual.tolist() == [99]


@given(TEXTS, st.randoms(use_true_random=False))
def test_order_of_the_pairs_does_not_matter(pairs: list[tuple[str, str]], random: Any) -> None:
    def hits(pairs: list[tuple[str, str]]) -> list[int]:
        found = surface(*map(list, zip(*pairs, strict=True)))
        return [int(each[0]) for each in (found.mutual, found.forward, found.backward)]

    mixed = random.sample(pairs, len(pairs))
    assert hits(mixed) == hits(pairs)


def test_special_tokens_are_left_out() -> None:
    tokenizer = byte_tokenizer(bos=True)
    assert len(tokenizer("ab")["input_ids"]) == 3
    tokens = content_tokens(plain_tokens(tokenizer, ["ab", "<s>c"]), tokenizer.all_special_ids)
    assert [len(each) for each in tokens] == [2, 1]


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(NeuronXAError, match="line-parallel"):
        surface(["a", "b"], ["a"])
    with pytest.raises(NeuronXAError, match="1 sentence pair"):
        surface(["a"], ["a"])
