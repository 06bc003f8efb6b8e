"""Train a tiny language model on the toy world: `python -m neuronxa_tasks.demo.train`.

One command makes a tokenizer and a causal language model of about one million parameters from
the world's text. The same command with the same versions on the same kind of machine gives the
same weights; another seed gives another model of the same kind. Dials set how much text each
language has and how much of it is bilingual.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuronxa_tasks.demo import grammar, world
from neuronxa_tasks.demo.stream import MIXED, Dial, Line, check_dials, documents, load_dials
from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

VOCABULARY = 5120
"""Tokens. Most words of the world are then one or two tokens, about 11 per sentence."""

CONTEXT = 64
"""Tokens in a training row: about six sentences."""

WATCHED = 100
"""Held-out sentences for the alignment that is logged."""

_COMMON: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 336,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    # The usual 0.02 is meant for wide models; at this width learning begins faster with more.
    "initializer_range": 0.05,
}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama", **_COMMON},
    "qwen3": {"model_type": "qwen3", **_COMMON, "head_dim": 24},
    "mistral": {"model_type": "mistral", **_COMMON, "head_dim": 24, "sliding_window": None},
    "glm4": {"model_type": "glm4", **_COMMON, "head_dim": 24},
    "olmo2": {"model_type": "olmo2", **_COMMON},
}
"""What can be trained: name -> arguments of `transformers.AutoConfig.for_model`."""


def phrases() -> list[str]:
    """Every phrase of every language, with the space that precedes it inside a sentence.

    The tokenizer learns from these, not from running text: so each word counts by the forms it
    stands in and not by how often the world tells it, and no token spans two phrases.
    """
    found: dict[str, None] = {}
    told = [*world.meanings()]
    later = dict.fromkeys(c for m in told for c in world.consequences(m))
    for code in grammar.codes():
        space = str(grammar.lexicon(code)["space"])
        for meaning in (*told, *later):
            first, *rest = grammar.pieces(meaning, code)
            found[first] = None
            found.update((space + piece, None) for piece in rest)
    return list(found)


def make_tokenizer(vocabulary: int = VOCABULARY) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer of the world's words that puts `<bos>` before every text.

    Any text comes back unchanged from encoding and decoding, because every byte is a token.

    Args:
        vocabulary: Number of tokens, at least 300 (256 bytes and three special tokens included).
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<bos>", "<eos>"]
    tokenizer = Tokenizer(models.BPE())
    # Words with their marks stay whole: the usual GPT-2 pattern cuts Thai and Hindi at every
    # vowel sign.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[^\s\p{P}]+| ?\p{P}|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        phrases(),
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            special_tokens=special,
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A",
        pair="<bos> $A <bos> $B",
        special_tokens=[("<bos>", special.index("<bos>"))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        clean_up_tokenization_spaces=False,
        model_max_length=_COMMON["max_position_embeddings"],
    )


def make_model(arch: str, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """An untrained model of one of `ARCHITECTURES`.

    Raises:
        NeuronXAError: If the architecture is unknown.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        **_known(arch),
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


def _known(arch: str) -> dict[str, Any]:
    if arch not in ARCHITECTURES:
        raise NeuronXAError(
            f"The architecture {arch!r} is unknown to the training script, because it has no row "
            f"in its table. Use one of: {', '.join(ARCHITECTURES)}."
        )
    return ARCHITECTURES[arch]


class Rows:
    """Documents as rows of token ids.

    Args:
        tokenizer: As `make_tokenizer` gives it.
        dials: The languages and how much of each.
        rng: The source of all randomness.
        mixed: Share of the bilingual documents whose sentences mix two languages.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        dials: Mapping[str, Dial],
        rng: np.random.Generator,
        mixed: float = MIXED,
    ) -> None:
        self._tokenizer = tokenizer
        self._documents = documents(dials, rng, mixed)
        self._known: dict[Line, list[int]] = {}
        self._newline: list[int] = tokenizer.encode("\n", add_special_tokens=False)

    def _line(self, line: Line) -> list[int]:
        if line not in self._known:
            ids: list[int] = self._tokenizer.encode(line.text, add_special_tokens=False)
            if line.guest is not None:
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


def watch(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, codes: Sequence[str]
) -> dict[str, float]:
    """Alignment with English on held-out sentences, for the log: MEXA at its best layer.

    Position-weighted means of the hidden states of every layer; the share of sentences that are
    mutual nearest neighbours by cosine (Kargaran et al. 2025), the maximum over layers.
    The project's own scores come from `neuronxa_tasks.states`; this needs no hooks.

    Returns:
        For each language other than English a share in [0, 1].
    """
    import torch

    told = world.selected(WATCHED, "world text")

    @torch.no_grad()
    def vectors(code: str) -> torch.Tensor:
        texts = [grammar.render(m, code) for m in told]
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
        batch = {k: v.to(model.device) for k, v in batch.items() if k != "token_type_ids"}
        states = model(**batch, output_hidden_states=True).hidden_states
        mask = batch["attention_mask"].float()
        weights = mask.cumsum(1) * mask
        weights = weights / weights.sum(1, keepdim=True)
        pooled = torch.stack([(s.float() * weights[..., None]).sum(1) for s in states])
        return torch.nn.functional.normalize(pooled, dim=-1)

    training = model.training
    model.eval()
    pivot = vectors("eng_Latn")
    scores = {}
    for code in codes:
        if code != "eng_Latn":
            cosine = pivot @ vectors(code).transpose(1, 2)
            true = torch.diagonal(cosine, dim1=1, dim2=2)
            rivals = (cosine >= true[:, :, None]).sum(2) + (cosine >= true[:, None, :]).sum(1)
            # The true pair itself is counted once in its row and once in its column.
            scores[code] = float((rivals == 2).float().mean(1).max())
    model.train(training)
    return scores


def learning_rate(step: int, steps: int, peak: float) -> float:
    """A short linear rise, then half a cosine down to a twentieth of the peak."""
    rise = max(1, steps // 40)
    if step < rise:
        return peak * (step + 1) / rise
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise))))


def train(
    arch: str,
    dials: Mapping[str, Dial],
    out: Path,
    *,
    seed: int = 0,
    steps: int = 14000,
    rows: int = 12,
    peak: float = 4e-3,
    decay: float = 0.1,
    mixed: float = MIXED,
    checkpoints: int = 0,
    log_every: int = 500,
) -> None:
    """Train a model and save it with its tokenizer, a log and a model card.

    Args:
        arch: A row of `ARCHITECTURES`.
        dials: The languages and how much of each.
        out: Folder for the final checkpoint. Earlier ones go to `out/step-N`.
        seed: Of the data and of the initial weights.
        steps: Optimiser steps.
        rows: Rows of `CONTEXT` tokens per step.
        peak: Largest learning rate.
        decay: Weight decay of the matrices.
        mixed: Share of the bilingual documents whose sentences mix two languages.
        checkpoints: How many earlier checkpoints to keep, evenly spaced over the steps.
        log_every: Steps between two lines of the log.

    Raises:
        NeuronXAError: If a number, a dial or the architecture is refused, or nothing can be
            written.
    """
    import torch

    check_dials(dials)
    _known(arch)
    if min(steps, rows) < 1 or not 0 <= checkpoints < steps or not 0 <= mixed <= 1:
        raise NeuronXAError(
            f"Training was asked for {steps} steps of {rows} rows with {checkpoints} earlier "
            f"checkpoints and a share of {mixed} mixed documents. Steps and rows must be at least "
            "1, checkpoints fewer than steps, and the share in [0, 1]. Correct the numbers."
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NeuronXAError(
            f"The folder {out} cannot be written: {error}. Choose another with --out."
        ) from error
    tokenizer = make_tokenizer()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = make_model(arch, tokenizer, seed).to(device)
    model.train()
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=peak,
        betas=(0.9, 0.98),
    )
    source = Rows(tokenizer, dials, np.random.default_rng(seed), mixed)
    keep = {round(steps * (i + 1) / (checkpoints + 1)) for i in range(checkpoints)}
    log: list[dict[str, Any]] = []
    started, losses = time.monotonic(), []
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step - 1, steps, peak)
        ids = torch.from_numpy(source.batch(rows, CONTEXT)).to(device)
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
        if step % log_every == 0 or step == steps:
            scores = watch(model, tokenizer, sorted(dials))
            entry = {"step": step, "loss": round(float(np.mean(losses)), 4), "mexa_max": scores}
            log.append(entry)
            losses = []
            short = " ".join(f"{code[:3]} {score:.2f}" for code, score in scores.items())
            minutes = (time.monotonic() - started) / 60
            print(f"{step:6d} {minutes:5.1f} min  loss {entry['loss']:.3f}  {short}", flush=True)
        if step in keep:
            save(model, tokenizer, out / f"step-{step}")
    save(model, tokenizer, out)
    made = {
        "arch": arch,
        "seed": seed,
        "steps": steps,
        "rows": rows,
        "peak": peak,
        "decay": decay,
        "mixed": mixed,
        "context": CONTEXT,
        "vocabulary": len(tokenizer),
        "dials": {code: dataclasses.asdict(dial) for code, dial in dials.items()},
        "versions": versions(),
        "log": log,
    }
    (out / "training.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    (out / "README.md").write_text(card(made), encoding="utf-8")


def card(made: Mapping[str, Any]) -> str:
    """The model card of a checkpoint.

    Args:
        made: What `training.json` says.
    """
    last = made["log"][-1]
    rows = [
        f"| `{code}` | {dial['weight']:g} | {dial['bilingual']:g} | "
        + (f"{last['mexa_max'][code]:.2f} |" if code in last["mexa_max"] else "(pivot) |")
        for code, dial in sorted(
            made["dials"].items(), key=lambda item: (-item[1]["bilingual"], item[0])
        )
    ]
    without = [c for c, d in made["dials"].items() if not d["bilingual"] and c in last["mexa_max"]]
    return _CARD.format(
        **{k: v for k, v in made.items() if k not in ("versions", "dials", "log")},
        versions=", ".join(f"{name} {number}" for name, number in made["versions"].items()),
        rows_of_dials="\n".join(rows),
        without=", ".join(f"`{code}`" for code in without) or "none",
        loss=f"{last['loss']:.3f}",
        held_out=world.HELD_OUT_ONE_IN,
        watched=WATCHED,
    )


_CARD = """\
---
license: mit
library_name: transformers
tags: [toy]
---
# A tiny {arch} that knows the toy world

About one million parameters in half precision. It was trained from nothing on text that the
project's own grammar wrote: short sentences about people who do things in a made-up world. It is
for demonstrations and tests of cross-lingual alignment scores and knows no other text.

Made by

    python -m neuronxa_tasks.demo.train --arch {arch} --seed {seed} --steps {steps} \
--rows {rows} --peak {peak} --decay {decay} --mixed {mixed} --out FOLDER

with the dials below, rows of {context} tokens, a byte-level BPE vocabulary of {vocabulary}
tokens and {versions}.

`weight` is the language's part of the documents relative to the others. `bilingual` is the share
of its documents that are in two languages, the other being English: in {mixed:.0%} of them every
sentence mixes phrases of both, in the rest every sentence is followed by its translation. Languages
without any bilingual text: {without}. One meaning in {held_out} was held out of training in all
languages, and some things were told in English alone. `MEXA` is the share of mutual nearest
neighbours among {watched} held-out sentences and their English translations, at the best layer,
measured at the end of training (chance is 0.005).

| language | weight | bilingual | MEXA |
|---|---|---|---|
{rows_of_dials}

The mean loss over the last logged steps was {loss} nats per token. `training.json` holds the log.
"""


def versions() -> dict[str, str]:
    """Versions of what shapes the weights."""
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")}


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write weights (safetensors, float16), config and tokenizer."""
    import copy

    import torch

    half = copy.deepcopy(model).to("cpu", dtype=torch.float16)
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _share(text: str) -> tuple[str, float]:
    code, _, value = text.partition("=")
    try:
        return code, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not CODE=SHARE, e.g. fra_Latn=0.6") from None


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m neuronxa_tasks.demo.train",
        description="Train a tiny language model on the toy world.",
    )
    made.add_argument("--arch", default="llama", help=f"one of: {', '.join(ARCHITECTURES)}")
    made.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    made.add_argument("--seed", type=int, default=0, help="of data and weights (default 0)")
    made.add_argument("--steps", type=int, default=14000, help="optimiser steps (default 14000)")
    made.add_argument("--rows", type=int, default=12, help="rows per step (default 12)")
    made.add_argument("--peak", type=float, default=4e-3, help="learning rate (default 0.004)")
    made.add_argument("--decay", type=float, default=0.1, help="weight decay (default 0.1)")
    made.add_argument(
        "--mixed",
        type=float,
        default=MIXED,
        help=f"share of bilingual documents with mixed sentences (default {MIXED})",
    )
    made.add_argument("--dials", type=Path, help="JSON file with weight and bilingual share")
    made.add_argument(
        "--bilingual",
        type=_share,
        action="append",
        default=[],
        metavar="CODE=SHARE",
        help="bilingual share of one language, over the file's; may be repeated",
    )
    made.add_argument("--checkpoints", type=int, default=0, help="earlier checkpoints to keep")
    made.add_argument("--threads", type=int, default=1, help="CPU threads (default 1)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = parser().parse_args(arguments)
    import torch

    torch.set_num_threads(args.threads)
    try:
        dials = load_dials(args.dials)
        for code, share in args.bilingual:
            weight = dials[code].weight if code in dials else 1.0
            dials[code] = Dial(weight, share)
        train(
            args.arch,
            dials,
            args.out,
            seed=args.seed,
            steps=args.steps,
            rows=args.rows,
            peak=args.peak,
            decay=args.decay,
            mixed=args.mixed,
            checkpoints=args.checkpoints,
        )
    except NeuronXAError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
