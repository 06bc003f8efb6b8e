"""`neuronxa transfer`: fine-tune on English XNLI for zero-shot cross-lingual transfer.

A model is fine-tuned on English XNLI and evaluated on XNLI in all languages. The training text is
the harness' own prompt of `xnli_en`, and the training loss is about the same three log-likelihoods
that the harness compares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from neuronxa_tasks.commands.xnli_training import Settings, read_examples


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `neuronxa transfer`."""
    default = Settings()
    parser.add_argument("model", help="the checkpoint: a folder or a name on the Hub")
    parser.add_argument(
        "--train",
        required=True,
        metavar="FILE_OR_NAME",
        help="English training data: JSON lines with premise, hypothesis, label; or facebook/xnli",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="new folder for the adapter"
    )
    for name, text in (
        ("steps", "number of updates"),
        ("batch", "examples per update"),
        ("lr", "learning rate"),
        ("rank", "rank of LoRA"),
        ("seed", "order of examples, first weights"),
    ):
        value = getattr(default, name)
        parser.add_argument(
            f"--{name}", type=type(value), default=value, help=f"{text} (default: {value})"
        )
    parser.add_argument("--device", help="such as cuda:0 (default: a GPU if there is one)")


def run(options: argparse.Namespace) -> int:
    """Fine-tune and save the adapter; the command `neuronxa transfer`.

    Returns:
        The exit code 0.

    Raises:
        NeuronXAError: Wrong input, no peft, an adapter that exists already.
    """
    settings = Settings(options.steps, options.batch, options.lr, options.rank, options.seed)
    from neuronxa_tasks.commands.finetune import check_free, check_peft, finetune

    check_peft()
    check_free(options.out)
    examples, source = read_examples(options.train)
    report = finetune(options.model, examples, source, options.out, settings, options.device)
    print(
        f"{options.out}: adapter of {report['parameters']} parameters, loss "
        f"{report['loss']['first']:.4f} -> {report['loss']['last']:.4f} (means over the first and "
        f"last tenth of {settings.steps} steps)\n"
        "evaluate it with: neuronxa run --model hf-neuronxa "
        f"--model_args pretrained={options.model},peft={options.out} --tasks neuronxa_with_xnli"
    )
    return 0
