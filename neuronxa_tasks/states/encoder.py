"""Sentences to sentence vectors: tokens, batches, forward passes, weighted means."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuronxa_tasks.errors import NeuronXAError, one_line
from neuronxa_tasks.names import TAPS, VARIANTS, WEIGHTS, Tap, Weights, one_of
from neuronxa_tasks.states.batches import cut
from neuronxa_tasks.states.fused import compiler
from neuronxa_tasks.states.layout import Layout
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.memory import Room, free_cached, out_of_memory
from neuronxa_tasks.states.reading import fetch_all
from neuronxa_tasks.states.taps import Pooled, Taps
from neuronxa_tasks.states.vectors import SentenceVectors

logger = logging.getLogger(__name__)


class Encoder:
    """Turns sentences into sentence vectors with a loaded causal language model.

    Example:
        >>> encode = Encoder(model, tokenizer)  # doctest: +SKIP
        >>> profile(encode(english), encode(french)).scores  # doctest: +SKIP

    Args:
        model: A transformers causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        tap: Where neurons are read: `gate` or `inner`.
        weights: Token weights: `position` (t / sum(1..T)), `uniform` or `last`.
        batch_size: Sentences per forward pass, at most; fewer where that is faster, see
            `batches.cut`. Halved, and kept so, when memory runs out; not with tensor parallelism.
        max_length: Longest input in tokens; longer sentences lose their end, with a warning.
            By default the model's `max_position_embeddings`.
        add_special_tokens: Passed to the tokenizer; by default the tokenizer decides, so a BOS
            that it adds is kept with the weight of its position, as MEXA does.
        routed_nav: In a mixture of experts, multiply NAV by the routing weight of the expert. Off
            by default, so that NAV is the activation itself, as in a dense model.
        variants: Also give the vectors that these variants compare; see `SentenceVectors`.
        counts: Also count the tokens at which each neuron is active.
        device: Where token ids are put; by default the device of the model's first weight.
        call: Runs the whole model on token ids [B, T], padded on the right, where that is more
            than its decoder does; see `whole_call`. Costs the logits, [B, T, vocabulary].

    Attributes:
        layout: Where the neurons are.
        numba: Version of the compiler of the fused kernel; "" where torch does its work.

    Raises:
        NeuronXAError: An unknown option, an architecture whose neurons are not known, or one
            that does not have what a variant compares.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        tap: Tap = "gate",
        weights: Weights = "position",
        batch_size: int = 32,
        max_length: int | None = None,
        add_special_tokens: bool | None = None,
        routed_nav: bool = False,
        variants: Collection[str] = (),
        counts: bool = False,
        device: torch.device | str | None = None,
        call: Callable[[Tensor], Any] | None = None,
    ) -> None:
        one_of("tap", tap, TAPS)
        one_of("weights", weights, WEIGHTS)
        for variant in variants:
            one_of("variants", variant, tuple(VARIANTS))
        if batch_size < 1:
            raise NeuronXAError(f"batch_size is {batch_size}; it must be at least 1.")
        self.layout: Layout = locate(model)
        self.tap: Tap = tap
        self.weights: Weights = weights
        self.batch_size = batch_size
        self._model = model
        # The first weight may be on the disk, from where accelerate brings it when it is used.
        at = torch.device(model.device if device is None else device)
        self.device = torch.device("cpu") if at.type == "meta" else at
        self.numba = compiler(self.layout, self.device)
        self._taps = Taps(
            self.layout,
            tap,
            routed_nav=routed_nav,
            variants=variants,
            counts=counts,
            late=call is not None,
            one_walk=bool(self.numba),
        )
        self._call = call
        self.tokenizer = tokenizer
        self._special = (
            {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
        )
        text = model.config.get_text_config() if hasattr(model, "config") else None
        self.max_length = max_length or getattr(text, "max_position_embeddings", None)

    def __call__(
        self, sentences: Sequence[str], progress: Callable[[int], object] | None = None
    ) -> SentenceVectors:
        """Encode sentences.

        Sentences with equal tokens are encoded once, so that their vectors are equal to the last
        bit.

        Args:
            sentences: n strings, in any order and length.
            progress: Called with the number of sentences done after each batch.

        Returns:
            Vectors in the order of the sentences; in main memory where they do not fit beside the
            model.

        Raises:
            NeuronXAError: No sentence, a sentence without tokens, a model in training mode, a
                hook that did not fire, activations that are not finite, or memory that does not
                suffice for a single sentence.
        """
        tokens = self.tokens(sentences)
        inputs = [ids[: self.max_length] for ids in tokens]
        truncated = sum(len(ids) < len(full) for ids, full in zip(inputs, tokens, strict=True))
        if truncated:
            logger.warning(
                "%d of %d sentences are longer than the context of %d tokens and lost their end.",
                truncated,
                len(sentences),
                self.max_length,
            )
        # Longest first: padding is least, and memory runs out at once or never.
        distinct = sorted(dict.fromkeys(inputs), key=len, reverse=True)
        places: dict[tuple[int, ...], list[int]] = {ids: [] for ids in distinct}
        for i, ids in enumerate(inputs):
            places[ids].append(i)
        room = Room(len(inputs))
        with torch.inference_mode(), self._taps:
            for start, stop in self._batches(distinct, places, room):
                if progress is not None:
                    progress(sum(len(places[ids]) for ids in distinct[start:stop]))
            self._check_finite(room.filled, sentences)
        return SentenceVectors(
            tokens=tuple(len(ids) for ids in inputs),
            truncated=truncated,
            **{name: tuple(layers) for name, layers in room.filled.items()},
        )

    def tokens(self, sentences: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token ids of sentences, whole; all that is checked before a forward pass.

        Args:
            sentences: n strings.

        Raises:
            NeuronXAError: No sentence, a model in training mode, a sentence without tokens, or a
                token that the model has no embedding for.
        """
        if isinstance(sentences, str) or not sentences:
            raise NeuronXAError(
                f"Sentences must be a list of at least one string, not {sentences!r}. "
                "Put each sentence into a list."
            )
        if self._model.training:
            raise NeuronXAError(
                "The model is in training mode, where dropout makes each vector a random one. "
                "Call model.eval() first."
            )
        tokens = [
            tuple(ids) for ids in self.tokenizer(list(sentences), **self._special)["input_ids"]
        ]
        rows = embedding_rows(self._model)
        for i, ids in enumerate(tokens):
            if not ids:
                raise NeuronXAError(
                    f"The tokenizer made no token of {_named(sentences, i)}, so it has no vector. "
                    "Remove the sentence from every language of the corpus."
                )
            if rows is not None and max(ids) >= rows:
                raise NeuronXAError(
                    f"The tokenizer gives the token {max(ids)} for {_named(sentences, i)}, but the "
                    f"embedding of the model has {rows} rows. The tokenizer is that of another "
                    "model, or has tokens that this one never got. Name the model's own with "
                    "tokenizer=, or enlarge the embedding (resize_token_embeddings) and train it."
                )
        return tokens

    def _batches(
        self,
        distinct: list[tuple[int, ...]],
        places: dict[tuple[int, ...], list[int]],
        room: Room,
    ) -> Iterator[tuple[int, int]]:
        """Fill `room`; yield start and stop of the rows that are done."""
        start, sizes = 0, self._cut(distinct)
        while start < len(distinct):
            batch = distinct[start : start + sizes[0]]
            lacking = self._batch(batch, [places[ids] for ids in batch], room)
            if not lacking:
                yield start, start + len(batch)
                start += len(batch)
                del sizes[0]
                continue
            if self.layout.processes > 1:
                raise NeuronXAError(
                    f"Memory ran out on {self.device} with {len(batch)} sentences of up to "
                    f"{len(batch[0])} tokens ({lacking.rstrip('.')}). With tensor parallelism the "
                    "batch is not halved, because the other processes go on with theirs. Start "
                    f"the same command again with a --batch_size below {len(batch)}, or with more "
                    "processes."
                )
            free_cached()
            # Longest first: where a batch went through before, the vectors took its room since.
            if start and room.to_cpu():
                continue
            if len(batch) == 1:
                raise NeuronXAError(
                    f"Memory ran out on {self.device} with a single sentence of "
                    f"{len(batch[0])} tokens ({lacking.rstrip('.')}). Give the model more memory: "
                    "a smaller dtype, parallelize=True over several devices, or --device cpu."
                )
            self.batch_size = (len(batch) + 1) // 2
            logger.warning("Out of memory; going on with batches of %d.", self.batch_size)
            sizes = self._cut(distinct[start:])

    def _batch(self, batch: list[tuple[int, ...]], places: list[list[int]], room: Room) -> str:
        """Put the vectors of one batch into `room`; returns what was said where memory ran out.

        The error itself would keep the tensors of the failed pass alive.
        """
        try:
            room.put(self._forward(batch), places)
        except Exception as error:
            if not out_of_memory(error):
                raise
            return one_line(error)
        return ""

    def _cut(self, inputs: list[tuple[int, ...]]) -> list[int]:
        return cut([len(ids) for ids in inputs], self.batch_size, self.device.type)

    def _forward(self, batch: list[tuple[int, ...]]) -> Pooled:
        """Sentence vectors of one batch, padded on the right."""
        lengths = torch.tensor([len(ids) for ids in batch])
        longest = max(map(len, batch))
        # Padding is masked, so any id will do. The last token is at home in the embedding, which
        # a pad token need not be, and makes no activation that overflows.
        ids = torch.tensor([[*row, *row[-1:] * (longest - len(row))] for row in batch])
        mask = (torch.arange(longest) < lengths.unsqueeze(1)).long()
        device = self.device
        self._taps.begin(token_weights(lengths, longest, self.weights), mask)
        if self._call is not None:
            # No mask: the harness gives none either, and no token sees what comes after it.
            self._call(ids.to(device))
            return self._taps.end()
        # The decoder alone: the LM head would make [B, T, vocabulary] logits that nobody reads.
        output = self.layout.decoder(
            input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False
        )
        return self._taps.end(output[0])

    def _check_finite(self, vectors: Pooled, sentences: Sequence[str]) -> None:
        # NAS of NaN is 0: it hides what NAV shows.
        kinds = {"nav": "neuron activations", "hidden": "hidden states"}
        # NaN and infinity pass through a maximum.
        largest = [
            [torch.linalg.vector_norm(each, ord=math.inf, dim=1) for each in vectors[name]]
            for name in kinds
        ]
        for kind, found in zip(kinds.values(), fetch_all(largest), strict=True):
            finite = np.isfinite(found)
            if not finite.all():
                layer, row = (int(i) for i in np.argwhere(~finite)[0])
                if kind == "neuron activations":
                    layer = self.layout.layers[layer]  # some blocks of a hybrid have none
                raise _not_finite(kind, layer, _named(sentences, row), self._model.dtype)


def embedding_rows(model: Any) -> int | None:
    """Number of tokens that a model has an embedding for; None where that cannot be seen."""
    try:
        embedding = model.get_input_embeddings()
        rows = getattr(embedding, "num_embeddings", None) or embedding.weight.shape[0]
    except (AttributeError, NotImplementedError):
        return None
    return int(rows)


def token_weights(lengths: Tensor, longest: int, weights: Weights) -> Tensor:
    """Weight of each token in the mean over its sentence.

    Args:
        lengths: [B] int64, real tokens per sentence.
        longest: T, the padded length.
        weights: `position`: t / sum(1..T) for t = 1..T, later tokens have seen more context
            (MEXA, section 3); `uniform`: 1 / T; `last`: 1 at the last token.

    Returns:
        [B, T] float32. Each row sums to 1; padding on the right has 0.
    """
    positions = torch.arange(1, longest + 1)
    real = positions <= lengths.unsqueeze(1)
    if weights == "position":
        raw = torch.where(real, positions, 0)
    elif weights == "uniform":
        raw = real.long()
    else:
        raw = (positions == lengths.unsqueeze(1)).long()
    return (raw.double() / raw.sum(dim=1, keepdim=True)).float()


def _not_finite(kind: str, layer: int, sentence: str, dtype: torch.dtype) -> NeuronXAError:
    if dtype == torch.float16:
        advice = (
            "float16 holds nothing above 65,504, which trained models exceed: load the model with "
            "dtype=bfloat16 or dtype=float32"
        )
    else:
        advice = "Look for damaged weights (neuronxa doctor), or load the model with dtype=float32"
    return NeuronXAError(
        f"The {kind} of layer {layer} are NaN or infinite for {sentence} (model in "
        f"{str(dtype).removeprefix('torch.')}), so no score can be trusted. {advice}."
    )


def _named(sentences: Sequence[str], i: int, length: int = 80) -> str:
    """Number and beginning of a sentence, for a message."""
    text = sentences[i] if len(sentences[i]) <= length else f"{sentences[i][:length]}..."
    return f"sentence {i + 1} of {len(sentences)}, {text!r}"
