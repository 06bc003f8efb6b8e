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
from neuronxa_tasks.demo.card import card
from neuronxa_tasks.demo.models import ARCHITECTURES, arguments_of, make_model
from neuronxa_tasks.demo.stream import (
    INFERENCE,
    MIXED,
    Dial,
    Line,
    check_dials,
    documents,
    load_dials,
)
from neuronxa_tasks.demo.tokenizer import make_tokenizer
from neuronxa_tasks.demo.tokenizer import save as save_tokenizer
from neuronxa_tasks.errors import NeuronXAError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONTEXT = 64
"""Tokens in a training row: about six sentences."""

WATCHED = 100
"""Held-out sentences for the alignment that is logged."""


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
    steps: int = 12000,
    rows: int = 12,
    peak: float = 4e-3,
    decay: float = 0.1,
    mixed: float = MIXED,
    inference: float = INFERENCE,
    precision: str = "float32",
    checkpoints: int = 0,
    log_every: int = 1000,
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
        inference: Share of the English documents that are exercises in inference.
        precision: `float32`, or `bfloat16` for forward and backward passes in that precision
            with float32 weights, which is faster on processors and GPUs made for it.
        checkpoints: How many earlier checkpoints to keep: after half of the steps, a quarter, ...
        log_every: Steps between two lines of the log.

    Raises:
        NeuronXAError: If a number, a dial or the architecture is refused, or nothing can be
            written.
    """
    import torch

    from neuronxa_tasks.demo.loss import next_token_loss

    check_dials(dials)
    arguments_of(arch)
    if (
        min(steps, rows) < 1
        or not 0 <= checkpoints < steps
        or not (0 <= mixed <= 1 and 0 <= inference <= 1)
    ):
        raise NeuronXAError(
            f"Training was asked for {steps} steps of {rows} rows with {checkpoints} earlier "
            f"checkpoints and shares of {mixed} mixed documents and {inference} exercises. Steps "
            "and rows must be at least 1, checkpoints fewer than steps, and the shares in [0, 1]. "
            "Correct the numbers."
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
    worker = model if precision == "float32" else _copy_in_bfloat16(model)
    source = Rows(tokenizer, dials, np.random.default_rng(seed), mixed, inference)
    keep = {max(1, round(steps / 2 ** (i + 1))) for i in range(checkpoints)}
    log: list[dict[str, Any]] = []
    started, losses = time.monotonic(), []
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step - 1, steps, peak)
        ids = torch.from_numpy(source.batch(rows, CONTEXT)).to(device)
        loss = next_token_loss(worker, ids)
        loss.backward()  # type: ignore[no-untyped-call]
        if worker is not model:
            _take_slopes(model, worker)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if worker is not model:
            _take_weights(worker, model)
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
        "inference": inference,
        "precision": precision,
        "context": CONTEXT,
        "watched": WATCHED,
        "vocabulary": len(tokenizer),
        "dials": {code: dataclasses.asdict(dial) for code, dial in dials.items()},
        "versions": versions(),
        "log": log,
    }
    (out / "training.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    (out / "README.md").write_text(card(made), encoding="utf-8")


def _copy_in_bfloat16(model: PreTrainedModel) -> PreTrainedModel:
    """A copy for forward and backward passes.

    It computes attention step by step, since the fused backward pass of bfloat16 takes five times
    as long on processors.
    """
    import copy

    import torch

    worker = copy.deepcopy(model).to(dtype=torch.bfloat16)
    worker.set_attn_implementation("eager")
    return worker


def _take_slopes(model: PreTrainedModel, worker: PreTrainedModel) -> None:
    for mine, its in zip(model.parameters(), worker.parameters(), strict=True):
        assert its.grad is not None  # every weight takes part in the loss
        mine.grad = its.grad.float()
        its.grad = None


def _take_weights(worker: PreTrainedModel, model: PreTrainedModel) -> None:
    import torch

    with torch.no_grad():
        for its, mine in zip(worker.parameters(), model.parameters(), strict=True):
            its.copy_(mine)


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
    save_tokenizer(tokenizer, folder)


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
    made.add_argument("--steps", type=int, default=12000, help="optimiser steps (default 12000)")
    made.add_argument("--rows", type=int, default=12, help="rows per step (default 12)")
    made.add_argument("--peak", type=float, default=4e-3, help="learning rate (default 0.004)")
    made.add_argument("--decay", type=float, default=0.1, help="weight decay (default 0.1)")
    made.add_argument(
        "--mixed",
        type=float,
        default=MIXED,
        help=f"share of bilingual documents with mixed sentences (default {MIXED})",
    )
    made.add_argument(
        "--inference",
        type=float,
        default=INFERENCE,
        help=f"share of English documents that are exercises in inference (default {INFERENCE})",
    )
    made.add_argument(
        "--precision",
        choices=["float32", "bfloat16"],
        default="float32",
        help="of the passes; bfloat16 is faster where the hardware has it (default float32)",
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
    made.add_argument(
        "--checkpoints",
        type=int,
        default=0,
        help="earlier checkpoints to keep: at 1/2, 1/4, ... of the steps",
    )
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
            inference=args.inference,
            precision=args.precision,
            checkpoints=args.checkpoints,
        )
    except NeuronXAError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
