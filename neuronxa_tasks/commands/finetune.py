"""LoRA on XNLI: the training loop behind `neuronxa transfer`.

The loss of an example is the cross-entropy of the right choice among the three, where the logit of
a choice is the sum of the log-probabilities of its tokens: the number by which the harness chooses.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from neuronxa_tasks.commands.xnli_training import Example, Settings
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.files import disk_told, whole_folder

REPORT = "neuronxa_transfer.json"


def check_peft() -> None:
    """Refuse to start without peft.

    Raises:
        NeuronXAError: peft is not installed.
    """
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise NeuronXAError(
            f"peft cannot be imported ({error}), and the fine-tuning is done with it. Install it "
            "with `pip install neuronxa-tasks[peft]`."
        ) from None


def check_free(out: Path) -> None:
    """Refuse a folder that exists, before the work is done.

    Raises:
        NeuronXAError: `out` exists, or nothing can be written where it would be.
    """
    if out.exists():
        raise NeuronXAError(
            f"{out} exists already; an adapter never replaces anything. Choose another folder, or "
            "remove this one."
        )
    folder = out.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(dir=folder):
            pass
    except OSError as error:
        raise NeuronXAError(
            f"Nothing can be written to {folder}: {error.strerror}. Choose another folder for the "
            "adapter."
        ) from None


def finetune(
    name: str,
    examples: Sequence[Example],
    source: Mapping[str, Any],
    out: Path,
    settings: Settings,
    device: str | None = None,
) -> dict[str, Any]:
    """Fine-tune a checkpoint and save the adapter.

    Args:
        name: The checkpoint: a folder or a name on the Hub.
        examples: The training data.
        source: Where it came from, for the report.
        out: New folder; it appears only when all is written.
        settings: How to train.
        device: As in PyTorch; by default a GPU if there is one.

    Returns:
        The report, also written to `out` as `neuronxa_transfer.json`. The same input and seed give
        the same weights on a CPU.

    Raises:
        NeuronXAError: A checkpoint that cannot be loaded, an example that does not fit into the
            context, or a loss that is not finite.
    """
    check_peft()
    check_free(out)
    model, tokenizer = _load(name)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    sequences = encode(tokenizer, examples, _context(model))
    labels = [example.label for example in examples]
    order = np.random.default_rng(settings.seed)
    with _seeded(settings.seed, place):
        adapted = _adapt(model, settings.rank).to(place)
        losses = list(_train(adapted, sequences, labels, order, settings, place))
    tenth = max(1, len(losses) // 10)
    report = {
        "schema": 1,
        "model": name,
        "train": dict(source),
        "settings": {key: getattr(settings, key) for key in settings.__slots__},
        "parameters": sum(p.numel() for p in adapted.parameters() if p.requires_grad),
        "loss": {
            "first": float(np.mean(losses[:tenth])),
            "last": float(np.mean(losses[-tenth:])),
            "steps": losses,
        },
        "versions": {
            each: version(each) for each in ("neuronxa-tasks", "peft", "torch", "transformers")
        },
    }
    with disk_told(out, "Choose another folder, or free some space."), whole_folder(out) as folder:
        adapted.save_pretrained(folder)
        text = json.dumps(report, indent=1, ensure_ascii=False)
        (folder / REPORT).write_text(text + "\n", encoding="utf-8")
        check_free(out)  # nobody else has made it meanwhile
    return report


def encode(
    tokenizer: Any, examples: Sequence[Example], limit: int | None
) -> list[tuple[list[int], ...]]:
    """Turn examples into token ids as the harness does for a choice without a context.

    Returns:
        For each example its three choices, each a prefix token (BOS, or EOS where there is none)
        and the tokens of the text.

    Raises:
        NeuronXAError: The tokenizer has neither, or a choice is longer than `limit`.
    """
    prefix = tokenizer.bos_token_id
    if prefix is None:
        prefix = tokenizer.eos_token_id
    if prefix is None:
        raise NeuronXAError(
            f"The tokenizer {type(tokenizer).__name__} has neither BOS nor EOS, so the first token "
            "of a text cannot be scored. Set one of them in tokenizer_config.json."
        )
    encoded: list[tuple[list[int], ...]] = []
    for row, example in enumerate(examples):
        choices = []
        for text in example.choices():
            tokens = tokenizer.encode(text, add_special_tokens=False)
            choices.append(tokens if tokens[:1] == [prefix] else [prefix, *tokens])
        longest = max(map(len, choices))
        if limit is not None and longest > limit:
            raise NeuronXAError(
                f"Row {row} of the training data has {longest} tokens, but the model's context is "
                f"{limit}. Remove rows that long."
            )
        encoded.append(tuple(choices))
    return encoded


def log_likelihoods(model: nn.Module, sequences: Sequence[Sequence[int]]) -> Tensor:
    """Return the sum of the log-probabilities of all tokens but the first.

    Args:
        model: A causal language model.
        sequences: n lists of token ids, of any lengths.

    Returns:
        `[n]` float32, in nats, on the model's device.
    """
    device = next(model.parameters()).device
    longest = max(map(len, sequences))
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros(len(sequences), longest, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    ids, mask = ids.to(device), mask.to(device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    scores = torch.log_softmax(logits[:, :-1].float(), dim=-1)
    each = scores.gather(-1, ids[:, 1:, None]).squeeze(-1)
    return torch.where(mask[:, 1:].bool(), each, 0.0).sum(dim=-1)


def _load(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise NeuronXAError(
            f"The checkpoint {name!r} cannot be loaded: {reason}. Give the folder or Hub name of a "
            "causal language model of transformers."
        ) from error
    return model, tokenizer


def _context(model: Any) -> int | None:
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return None if limit is None else int(limit)


def _adapt(model: Any, rank: int) -> Any:
    from peft import LoraConfig, TaskType, get_peft_model

    # No dropout: with it the result would depend on the device's random numbers.
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        target_modules="all-linear",
    )
    return get_peft_model(model, config)


def _train(
    model: Any,
    sequences: Sequence[tuple[list[int], ...]],
    labels: Sequence[int],
    order: np.random.Generator,
    settings: Settings,
    device: torch.device,
) -> Iterator[float]:
    """Train, and yield the loss of each step."""
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / settings.steps)
    batches = _batches(len(sequences), settings.batch, order)
    for step in tqdm(range(settings.steps), desc="Fine-tuning", unit="step"):
        rows = next(batches)
        logits = log_likelihoods(model, [choice for row in rows for choice in sequences[row]])
        target = torch.tensor([labels[row] for row in rows], device=device)
        loss = nn.functional.cross_entropy(logits.view(len(rows), -1), target)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise NeuronXAError(
                f"The loss is {value} at step {step}, so the training has failed. Lower --lr, or "
                "use a checkpoint in bfloat16 or float32 rather than float16."
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        yield value


def _batches(total: int, size: int, order: np.random.Generator) -> Iterator[list[int]]:
    """Rows in random order, each once per pass."""
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting += order.permutation(total).tolist()
        yield waiting[:size]
        waiting = waiting[size:]


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch, from which LoRA's first weights come, and put its state back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
