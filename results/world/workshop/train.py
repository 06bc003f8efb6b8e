"""Train a tiny language model on the toy world: `python -m workshop.train`.

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuronxa_tasks.errors import NeuronXAError
from workshop.card import card
from workshop.models import ARCHITECTURES, arguments_of, make_model
from workshop.rows import Rows
from workshop.stream import INFERENCE, MIXED, Dial, check_dials, load_dials
from workshop.tokenizer import make_tokenizer
from workshop.tokenizer import save as save_tokenizer
from workshop.watch import WATCHED, watch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONTEXT = 64
"""Tokens in a training row: about six sentences."""

PRECISIONS = ("float32", "bfloat16")
"""Of the forward and backward passes; weights are float32."""


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
    steps: int = 8000,
    rows: int = 12,
    peak: float = 4e-3,
    decay: float = 0.2,
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

    from workshop.half import copy_in_bfloat16, take_slopes, take_weights
    from workshop.loss import next_token_loss

    check_dials(dials)
    arguments_of(arch)
    if precision not in PRECISIONS:
        raise NeuronXAError(
            f"The precision {precision!r} is unknown to the training script, which makes its "
            f"passes in {' or '.join(PRECISIONS)}. Choose one of them."
        )
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
    worker = model if precision == "float32" else copy_in_bfloat16(model)
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
            take_slopes(model, worker)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if worker is not model:
            take_weights(worker, model)
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
        prog="python -m workshop.train",
        description="Train a tiny language model on the toy world.",
    )
    made.add_argument("--arch", default="llama", help=f"one of: {', '.join(ARCHITECTURES)}")
    made.add_argument("--out", type=Path, required=True, help="folder for the checkpoint")
    made.add_argument("--seed", type=int, default=0, help="of data and weights (default 0)")
    made.add_argument("--steps", type=int, default=8000, help="optimiser steps (default 8000)")
    made.add_argument("--rows", type=int, default=12, help="rows per step (default 12)")
    made.add_argument("--peak", type=float, default=4e-3, help="learning rate (default 0.004)")
    made.add_argument("--decay", type=float, default=0.2, help="weight decay (default 0.2)")
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
        choices=PRECISIONS,
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
