"""BMLAMA-53 as a task of the harness: accuracy of the ranking of candidates, one language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.model import LM

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness import plugin
from neuronxa_tasks.harness.answers import answering
from neuronxa_tasks.harness.log_likelihoods import check_prefix, float32_softmax
from neuronxa_tasks.harness.tasks.bare import BareTask, Docs, Run
from neuronxa_tasks.harness.tasks.caller import checked_call
from neuronxa_tasks.harness.tasks.options import parse_options
from neuronxa_tasks.text import bmlama

REQUEST = "sentence_losses"


class CandidateLosses(TypedDict):
    """The scores of one query; a samples file has it under `cross_entropy` of each query.

    `losses[j]` is the mean cross-entropy per token, in nats, of the prompt filled with candidate j,
    and `tokens[j]` the number of tokens that were scored, so that their product is minus the
    log-likelihood of the sentence; `gold` is the index of the right candidate.
    """

    losses: list[float]
    tokens: list[int]
    gold: int


class BmlamaTask(BareTask):
    """Facts of BMLAMA-53 in one language, whose code is `dataset_name`.

    A document is a query: `id`, `prompt`, `candidates`, `gold` (an index), `sentences`.
    """

    VERSION = 2.0
    OUTPUT_TYPE = REQUEST

    def __init__(
        self,
        data_dir: str | None = None,
        cache_dir: str | None = None,
        download_mode: Any = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        given = {key: value for key, value in (config or {}).items() if key != "class"}
        metadata = given.get("metadata") or {}
        options = parse_options(metadata, checked_call())
        path = bmlama.find(str(given["dataset_name"]), data_dir or options.data_dir)
        docs = [
            {
                "id": query.id,
                "prompt": query.prompt,
                "candidates": list(query.candidates),
                "gold": query.gold,
                "sentences": list(query.sentences()),
            }
            for query in bmlama.spread(bmlama.read(path))
        ]
        self.set_up({**given, "metadata": {**metadata, "source": bmlama.source(path)}}, docs)

    @classmethod
    def check_run(cls, run: Run, chosen: Mapping[str, Docs]) -> None:
        """Refuse a model or a sentence that cannot be scored; see `check_sentences`."""
        check_sentences(
            run.lm, (doc["sentences"] for docs in chosen.values() for doc in docs.values())
        )

    def doc_to_text(self, doc: dict[str, Any]) -> str:
        """Return the sentence with its mask."""
        return str(doc["prompt"])

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        """Return the right answer."""
        return str(doc["candidates"][doc["gold"]])

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> Instance:
        """Make one request of a query: its filled sentences."""
        return Instance(
            request_type=self.OUTPUT_TYPE,
            doc=doc,
            arguments=tuple(doc["sentences"]),
            idx=0,
            metadata=kwargs["metadata"],
        )

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """Turn the losses of one query into metrics.

        Returns:
            `acc` by the mean loss per token, as published; `acc_sum` by the loss of the whole
            sentence; `cross_entropy`, the `CandidateLosses` of the query; `candidate_tokens`, the
            mean number of tokens of its filled sentences.
        """
        losses, tokens, gold = results[0]["losses"], results[0]["tokens"], doc["gold"]
        return {
            "acc": accuracy(losses, gold),
            "acc_sum": accuracy(sums(losses, tokens), gold),
            "cross_entropy": CandidateLosses(losses=losses, tokens=tokens, gold=gold),
            "candidate_tokens": float(np.mean(tokens)),
        }

    def aggregation(self) -> dict[str, Callable[[Any], float]]:
        """Mean over queries; of the cross-entropy, that of the right candidates."""
        return {
            "acc": mean,
            "acc_sum": mean,
            "cross_entropy": gold_loss,
            "candidate_tokens": mean,
        }

    def higher_is_better(self) -> dict[str, bool]:
        """A better model has a higher accuracy and a lower loss."""
        return {"acc": True, "acc_sum": True, "cross_entropy": False, "candidate_tokens": False}


def accuracy(losses: Sequence[float], gold: int) -> float:
    """Return whether the right candidate has the lowest loss.

    Where several have it the value is the chance that a random one of them is the right one, so
    that the place of the right answer in the list (always the last) means nothing.

    Args:
        losses: One per candidate.
        gold: Index of the right one.

    Returns:
        1, 0, or 1/k where the right one shares the lowest loss with k - 1 others. NaN where a loss
        is not finite.
    """
    values = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(values).all():
        return math.nan
    best = values == values.min()
    return float(best[gold] / best.sum())


def sums(losses: Sequence[float], tokens: Sequence[int]) -> list[float]:
    """Return the losses of whole sentences, in nats, from means per token.

    Rounded to 12 digits, so that sentences of equal likelihood tie whatever their lengths.
    """
    return [float(f"{loss * count:.12g}") for loss, count in zip(losses, tokens, strict=True)]


def gold_loss(queries: Sequence[CandidateLosses]) -> float:
    """Return the mean loss of the right candidates, in nats per token."""
    return float(np.mean([query["losses"][query["gold"]] for query in queries]))


class SentenceLosses(TypedDict):
    """Of the sentences of one request: mean loss per token in nats, and tokens scored."""

    losses: list[float]
    tokens: list[int]


def sentence_losses(lm: Any, requests: Sequence[Any]) -> list[SentenceLosses]:
    """Score whole sentences by their mean cross-entropy per token.

    The harness' own log-likelihood with an empty context gives the sum over all tokens of a
    sentence, the first one given the model's prefix token (BOS, or EOS where there is none). Qi et
    al. do the same through the BOS of the tokenizer. The softmax is taken in float32: added up in
    bfloat16, losses come in steps, and candidates tie that do not. Under `--use_cache` sentences
    that were scored before are not scored again.

    Args:
        lm: A model of the harness with a tokenizer.
        requests: Instances whose arguments are sentences.

    Returns:
        For each request the losses and the tokens of its sentences.

    Raises:
        NeuronXAError: The model shows no tokenizer, or a sentence does not fit into its context.
    """
    sentences, lengths = check_sentences(lm, [request.args for request in requests])
    with float32_softmax(lm):
        found = answering(lm).loglikelihood(
            [
                Instance("loglikelihood", {}, ("", sentence), index)
                for index, sentence in enumerate(sentences)
            ]
        )
    scored = {
        sentence: (-float(total) / length, length)
        for sentence, length, (total, _) in zip(sentences, lengths, found, strict=True)
    }
    return [
        SentenceLosses(
            losses=[scored[sentence][0] for sentence in request.args],
            tokens=[scored[sentence][1] for sentence in request.args],
        )
        for request in requests
    ]


def check_sentences(lm: Any, requests: Iterable[Sequence[str]]) -> tuple[list[str], list[int]]:
    """Refuse a model or a sentence that cannot be scored.

    Args:
        lm: A model of the harness.
        requests: Sentences of each request.

    Returns:
        The different sentences, and the tokens that the harness scores of each.

    Raises:
        NeuronXAError: The model shows no tokenizer, it has no token before the first, or a
            sentence does not fit into its context.
    """
    lacking = [name for name in ("tok_encode", "prefix_token_id") if not hasattr(lm, name)]
    if lacking:
        raise NeuronXAError(
            f"The model {type(lm).__name__} cannot score the sentences of BMLAMA-53: a mean per "
            f"token needs its tokenizer, but it has no {' and no '.join(lacking)}. Use --model hf "
            "or --model hf-neuronxa, or leave the neuronxa_bmlama53_* tasks out."
        )
    check_prefix(lm, "BMLAMA-53")
    sentences = list(dict.fromkeys(sentence for each in requests for sentence in each))
    return sentences, [_length(lm, sentence) for sentence in sentences]


def _length(lm: Any, sentence: str) -> int:
    """Number of tokens that the harness scores."""
    tokens = lm.tok_encode(sentence, add_special_tokens=False)
    # The harness takes the sentence's own first token as context where it is the prefix token.
    length = len(tokens) - int(tokens[:1] == [lm.prefix_token_id])
    limit = getattr(lm, "max_length", None)
    if length < 1 or (limit is not None and length > limit):
        raise NeuronXAError(
            f"The sentence {sentence!r} has {length} tokens, but the model can score 1 to {limit}. "
            "Set the model argument max_length as high as the model allows."
        )
    return length


def teach() -> None:
    """Teach the harness' models the request type `sentence_losses`. Twice is harmless."""
    plugin.teach()
    if REQUEST not in vars(LM):
        setattr(LM, REQUEST, sentence_losses)


teach()  # loading a task is all that `lm_eval run --model hf` needs
