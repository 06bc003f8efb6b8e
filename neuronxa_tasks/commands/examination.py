"""Will a full run work? What a loaded model is, and a check with ten sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch
from torch.nn.functional import cosine_similarity

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.names import DEFAULT_N, TAPS
from neuronxa_tasks.states.encoder import Encoder, embedding_rows
from neuronxa_tasks.states.layout import DenseNeurons, Layout
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.random_weights import random_weights
from neuronxa_tasks.states.vectors import SentenceVectors

TEN = (
    "Why?",
    "The bread is still warm.",
    "Der Zug nach Hamburg hat heute zwanzig Minuten Verspätung, weil auf der Strecke gebaut wird.",
    "Mvua ilinyesha usiku kucha.",
    "我们明天早上去市场买菜。",
    "أين أقرب محطة قطار؟",
    "मेरी बहन हर शाम किताब पढ़ती है।",
    "Она забыла ключи на кухонном столе и вернулась домой только поздно вечером.",
    "วันนี้อากาศร้อนมาก",
    "No one had expected that 3 of the 12 letters, sent in May, would come back unopened.",
)
"""Sentences of several lengths and scripts, so that a batch of them is padded."""

_LEAST_COSINE = {torch.float32: 0.9999, torch.float64: 0.9999}
_LEAST_COSINE_HALF = 0.98


@dataclass(frozen=True)
class Check:
    """One thing that must hold before a full run is worth its time.

    Attributes:
        name: What was looked at.
        ok: Whether it holds.
        detail: What was seen, and if it does not hold what to do.
    """

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Examination:
    """What is known about a model, and what was checked.

    Attributes:
        facts: Pairs of name and value, in the order to show them.
        checks: Checks in the order they were made; a failed one may end the examination.
    """

    facts: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether a full run will work."""
        return all(check.ok for check in self.checks)

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.facts)
        lines = [f"{name:<{width}}  {value}" for name, value in self.facts]
        lines += [
            "",
            *(f"[{'ok' if c.ok else 'FAILED'}] {c.name}: {c.detail}" for c in self.checks),
        ]
        verdict = "A full run will work." if self.ok else "A full run will not work."
        return "\n".join([*lines, "", verdict])


def examine(
    model: Any,
    tokenizer: Any,
    *,
    n: int = DEFAULT_N,
    max_length: int | None = None,
    add_special_tokens: bool | None = None,
    device: torch.device | str | None = None,
    sentences: Sequence[str] = TEN,
) -> Examination:
    """Look at a loaded model and run a few sentences through it.

    Args:
        model: A transformers model.
        tokenizer: Its tokenizer.
        n: Sentence pairs of the run that is planned, for the memory it will take.
        max_length: As for `Encoder`.
        add_special_tokens: As for `Encoder`.
        device: As for `Encoder`.
        sentences: Texts of the check; better of several lengths.
    """
    facts = [*_model_facts(model), *_tokenizer_facts(tokenizer)]
    try:
        layout = locate(model)
    except NeuronXAError as error:
        return Examination(tuple(facts), (Check("architecture", False, str(error)),))
    facts += [*_layout_facts(layout)]
    checks = [
        Check("architecture", True, f"neurons of {layout.model_type} are known"),
        _weights_check(model),
        _vocabulary_check(model, tokenizer),
    ]
    try:
        encoders = [
            Encoder(
                model,
                tokenizer,
                tap=tap,  # type: ignore[arg-type]
                max_length=max_length,
                add_special_tokens=add_special_tokens,
                device=device,
            )
            for tap in TAPS
        ]
        gate, inner = (encode(sentences) for encode in encoders)
        alone = [encoders[0]([sentence]) for sentence in sentences]
    except NeuronXAError as error:
        return Examination(tuple(facts), (*checks, Check("forward pass", False, str(error))))
    needed = vector_bytes(gate, n)
    total = _size(sum(needed.values()))
    facts.append(("memory for vectors", f"{total} for pivot and target, n = {n}"))
    numba = encoders[0].numba
    facts.append(("sums over tokens", f"compiled by numba {numba}" if numba else "by torch"))
    checks += [
        Check("hooks", True, f"fired once in {len(layout.ffns)} layers, for {' and '.join(TAPS)}"),
        Check("numbers", True, "all activations and hidden states are finite"),
        _padding_check(gate, alone, model.dtype),
        _density_check(gate, inner),
        _context_check(gate, encoders[0]),
        _memory_check(needed),
    ]
    return Examination(tuple(facts), tuple(checks))


def _weights_check(model: Any) -> Check:
    names = random_weights(model)
    detail = "no weight is known to be random"
    if names:
        detail = (
            f"{len(names)} weights seem not to come from the checkpoint but from chance, such as "
            f"{', '.join(names[:3])}. Look at the load report, and for a complete file"
        )
    return Check("weights", not names, detail)


def _vocabulary_check(model: Any, tokenizer: Any) -> Check:
    rows, tokens = embedding_rows(model), len(tokenizer)
    seen = f"{tokens:,} tokens"
    if rows is None or tokens <= rows:
        return Check("vocabulary", True, f"{seen}, and as many rows in the embedding, or more")
    seen += f", but {rows:,} rows in the embedding"
    added = getattr(tokenizer, "added_tokens_decoder", {})
    if all(token in added for token in range(rows, tokens)):
        return Check("vocabulary", True, f"{seen}; text does not have those beyond, all are added")
    return Check(
        "vocabulary",
        False,
        f"{seen}: text with a token beyond cannot be run. The tokenizer is that of another model, "
        "or has tokens that this one never got; name the model's own with tokenizer=",
    )


def vector_bytes(vectors: SentenceVectors, n: int) -> dict[torch.device, int]:
    """Bytes of the vectors of n pivot and n target sentences, which are in memory together.

    Args:
        vectors: Of any number of sentences of the same model.
        n: Sentence pairs.

    Returns:
        Device -> bytes; the layers of one model may be on several.
    """
    needed: dict[torch.device, int] = {}
    for each in (*vectors.nas, *vectors.nav, *vectors.hidden):
        size = 2 * n * each[0].numel() * each.element_size()
        needed[each.device] = needed.get(each.device, 0) + size
    return needed


def _model_facts(model: Any) -> Iterable[tuple[str, str]]:
    parameters = list(model.parameters())
    yield "model", f"{type(model).__name__}, model_type {model.config.model_type}"
    yield "parameters", f"{sum(each.numel() for each in parameters):,}"
    yield (
        "dtype",
        ", ".join(_counted(str(each.dtype).removeprefix("torch.") for each in parameters)),
    )
    yield "devices", ", ".join(_counted(str(each.device) for each in parameters))


def _tokenizer_facts(tokenizer: Any) -> Iterable[tuple[str, str]]:
    yield "tokenizer", f"{type(tokenizer).__name__}, {len(tokenizer):,} tokens"
    named = (
        (name, getattr(tokenizer, f"{name}_token", None)) for name in ("bos", "eos", "pad", "unk")
    )
    yield "special tokens", ", ".join(f"{name} {token!r}" for name, token in named)
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    added = len(tokenizer("a")["input_ids"]) - len(plain)
    yield "added to a text", f"{added} special tokens by default"


def _layout_facts(layout: Layout) -> Iterable[tuple[str, str]]:
    yield "decoder", f"{type(layout.decoder).__name__}, model_type {layout.model_type}"
    blocks = len(layout.blocks)
    where = "all" if len(layout.ffns) == blocks else ", ".join(map(str, layout.layers))
    yield "layers", f"{blocks}, with feed-forward neurons: {where}"
    yield "neurons per layer", ", ".join(_counted(f"{width:,}" for width in layout.widths))
    for part in layout.ffns[-1].neurons:
        if isinstance(part, DenseNeurons):
            gate = part.activation or part.down
            taps = f"gate {type(gate).__name__}, inner {type(part.down).__name__}"
        else:
            taps = f"{part.count} experts of {part.each:,}, {type(part.experts).__name__}"
        yield "tap modules", f"{part.name}: {taps}"


def _padding_check(
    together: SentenceVectors, alone: Sequence[SentenceVectors], dtype: torch.dtype
) -> Check:
    least = 1.0
    for i, single in enumerate(alone):
        for name in ("nas", "nav", "hidden"):
            for one, many in zip(getattr(single, name), getattr(together, name), strict=True):
                if not torch.equal(one[0], many[i]):  # two zero vectors have the cosine 0
                    least = min(least, float(cosine_similarity(one[0], many[i], dim=0)))
    needed = _LEAST_COSINE.get(dtype, _LEAST_COSINE_HALF)
    seen = f"least cosine of a sentence alone and in a padded batch is {least:.6f}"
    if least >= needed:
        return Check("padding", True, seen)
    return Check(
        "padding",
        False,
        f"{seen}, below {needed}: padding changes the vectors. Run with --batch_size 1, or look "
        "for custom attention code that ignores the attention mask.",
    )


def _density_check(gate: SentenceVectors, inner: SentenceVectors) -> Check:
    shares = [float(layer.mean()) for layer in (*gate.nas, *inner.nas)]
    seen = f"{min(shares):.3f} to {max(shares):.3f} of the neurons of a layer are active"
    if min(shares) > 0 and max(shares) < 1:
        return Check("sparsity", True, seen)
    return Check(
        "sparsity",
        False,
        f"{seen}. A layer without any difference between its neurons has no state to compare; "
        "the weights may be damaged or not loaded.",
    )


def _context_check(vectors: SentenceVectors, encode: Encoder) -> Check:
    seen = f"{min(vectors.tokens)} to {max(vectors.tokens)} tokens per sentence"
    if not vectors.truncated:
        return Check("context", True, f"{seen}, none cut")
    return Check(
        "context",
        False,
        f"{seen}; {vectors.truncated} of {len(vectors)} are longer than the context of "
        f"{encode.max_length} tokens and lost their end. Raise the model argument max_length.",
    )


def _memory_check(needed: Mapping[torch.device, int]) -> Check:
    main = int(psutil.virtual_memory().available)
    told, left = [], 0  # what the devices cannot hold is kept in main memory
    for device, size in needed.items():
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else main
        told.append(f"{_size(size)} of {_size(free)} free on {device}")
        if device.type == "cpu" or size >= free:
            left += size
    seen = f"{', '.join(told)}, besides the model's own work"
    if left and set(needed) != {torch.device("cpu")}:
        seen += f"; {_size(left)} of {_size(main)} free in main memory, which takes what is left"
    if left < main:
        return Check("memory", True, seen)
    return Check("memory", False, f"{seen}. Use fewer sentence pairs (n), or more memory.")


def _counted(values: Iterable[str]) -> list[str]:
    return [f"{value} ({count}x)" for value, count in Counter(values).items()]


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.1f} {unit}"
