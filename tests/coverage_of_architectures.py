"""Which causal language models of transformers are supported: measure, write docs/architectures.md.

    python tests/coverage_of_architectures.py

Every class of transformers' causal-LM mapping is tried. Model types with a tiny configuration in
`models.py` are run; all others are built without memory (device `meta`) from their default
configuration, and only their structure is looked at.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from models import TINY, byte_tokenizer, tiny_model
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.families import FAMILIES
from neuronxa_tasks.states.layout import Layout
from neuronxa_tasks.states.locate import locate

TABLE = Path(__file__).parents[1] / "docs" / "architectures.md"
SUPPORTED = "supported"
LOCATED = "located"
REFUSED = "refused"
NOT_BUILT = "cannot be built"

HEAD = """# Supported architectures

Measured with transformers {version}, by `python tests/coverage_of_architectures.py`.

* **supported**: a tiny random model was run; NAS, NAV and hidden states equal an independent
  computation from the weights (`tests/tiny/test_states_golden.py`).
* **located**: the model is built of a supported text decoder; its structure was recognised in the
  default configuration, which is too large to run here.
* **refused**: the error names the model; no score is computed.
* **cannot be built**: transformers does not build it from its default configuration here.

{counts}

| model type | class | status | detail |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    model_type: str
    class_name: str
    status: str
    detail: str

    def __str__(self) -> str:
        return f"| {self.model_type} | {self.class_name} | {self.status} | {self.detail} |"


def measure(model_type: str, class_name: str) -> Row:
    """Try one model type."""
    if model_type in FAMILIES and model_type in TINY:
        model = tiny_model(model_type)
        encode = Encoder(model, byte_tokenizer())
        encode(["A dog.", "Nobody came."])
        return Row(model_type, class_name, SUPPORTED, describe(encode.layout))
    try:
        config = AutoConfig.for_model(model_type)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except Exception as error:  # anything can go wrong in 170 classes; it is what is measured
        return Row(model_type, class_name, NOT_BUILT, type(error).__name__)
    try:
        layout = locate(model)
    except NeuronXAError as error:
        return Row(model_type, class_name, REFUSED, reason(str(error)))
    return Row(model_type, class_name, LOCATED, f"decoder {layout.model_type}")


def describe(layout: Layout) -> str:
    """What kinds of feed-forward network there are."""
    kinds = []
    if any(len(ffn.neurons) == 1 and hasattr(ffn.neurons[0], "down") for ffn in layout.ffns):
        kinds.append("dense")
    if any(hasattr(part, "experts") for ffn in layout.ffns for part in ffn.neurons):
        kinds.append("experts")
    if any(len(ffn.neurons) > 1 for ffn in layout.ffns):
        kinds.append("shared experts")
    if len(layout.ffns) < len(layout.blocks):
        kinds.append("some layers without")
    return ", ".join(kinds)


def reason(message: str) -> str:
    """The refusal in a few words."""
    for words in ("encoder-decoder", "state-space or recurrent"):
        if words in message:
            return words
    return "no row: neurons not identified"


def table() -> str:
    """Measure everything."""
    rows = [measure(*each) for each in sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items())]
    counts = Counter(row.status for row in rows)
    line = ", ".join(f"{counts[each]} {each}" for each in (SUPPORTED, LOCATED, REFUSED, NOT_BUILT))
    head = HEAD.format(version=transformers.__version__, counts=f"Of {len(rows)}: {line}.")
    others = sorted(set(FAMILIES) - set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
    tail = f"\nText decoders of multimodal models, supported as well: {', '.join(others)}.\n"
    return head + "\n".join(map(str, rows)) + "\n" + tail


def read(text: str) -> dict[str, str]:
    """Status by model type from a table."""
    cells = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    return {row[1].strip(): row[3].strip() for row in cells[1:]}


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table(), encoding="utf-8")
    print(next(line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("Of ")))
