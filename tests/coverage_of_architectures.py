"""Which causal language models of transformers are supported: measure, write docs/architectures.md.

    python tests/coverage_of_architectures.py

Every class of transformers' causal-LM mapping is tried. Model types with a tiny configuration in
`tiny_configs.py` are run; all others are built without memory (device `meta`) from their default
configuration, or around a tiny text decoder, and only their structure is looked at.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from models import TINY, byte_tokenizer, tiny_config, tiny_model
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.families import FAMILIES
from neuronxa_tasks.states.layout import Layout
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.refused import REFUSED as REASONS

TABLE = Path(__file__).parents[1] / "docs" / "architectures.md"
SUPPORTED = "supported"
LOCATED = "located"
REFUSED = "refused"
NOT_BUILT = "cannot be built"
NO_ROW = "no row: neurons not identified"

HEAD = """# Supported architectures

Measured with transformers {version}, by `python tests/coverage_of_architectures.py`.

* **supported**: a tiny random model was run; NAS, NAV and hidden states equal an independent
  computation from the weights (`tests/tiny/test_states_golden.py`).
* **located**: the model is built of a supported text decoder; its structure was recognised in the
  default configuration, which is too large to run here.
* **refused**: the error names the model and this reason; no score is computed.
* **cannot be built**: transformers does not build it here; the detail is its error. (gemma3n needs
  timm and pillow for its images; its text decoder, gemma3n_text, is supported.)

{counts}
Before the reasons and the newest families, by the same command: 93 supported, 7 located, 78 refused
(73 of them as "no row"), 11 cannot be built.

## What is read where a family differs

* **Several streams** (deepseek_v4, gemma3n_text, hy_v4, qwen4_exp_text): the hidden state of a
  block is all its streams in a row. The last one is the decoder's output, as everywhere.
* **llama4_text**: the routing weight multiplies the input of an expert, so it is in the activation;
  `routed_nav` adds nothing.
* **gemma3n_text**: `gate` is what the activation function gives after the sparsity, so most
  neurons are exactly 0.
* **bitnet**: `inner` is the product before the norm that stands in front of the down projection.
* **Limits** (deepseek_v4, hy_v4, inkling2_text, minimax_m3_vl_text, gpt_oss): `gate` and `inner`
  are what the network computes, within its limits.
* **longcat_flash**: a block's neurons are those of its experts and of its two dense networks;
  experts that pass their input on have none.
* **gemma4_text** with experts: those of the experts, then those of the dense network beside them.
* **zamba, zamba2**: the blocks with attention; their matrices are shared, their states are not.
* **mllama**: blocks for images do not run for a text and are not counted.

## All model types

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
        model = without_memory(model_type)
    except Exception as error:  # anything can go wrong in 170 classes; it is what is measured
        if model_type in REASONS:
            return Row(model_type, class_name, REFUSED, REASONS[model_type].words)
        lines = [line for line in str(error).splitlines() if line]
        detail = f"{type(error).__name__}: {lines[0][:80] if lines else ''}"
        return Row(model_type, class_name, NOT_BUILT, detail.replace("|", "/"))
    try:
        layout = locate(model)
    except NeuronXAError as error:
        return Row(model_type, class_name, REFUSED, reason(str(error)))
    return Row(model_type, class_name, LOCATED, f"decoder {layout.model_type}")


def without_memory(model_type: str) -> Any:
    """A model whose weights are nowhere: by default, else around its tiny text decoder."""
    text = f"{model_type}_text"
    try:
        config = AutoConfig.for_model(model_type)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except Exception:
        if text not in TINY:
            raise
    config = AutoConfig.for_model(model_type, text_config=tiny_config(text).to_dict())
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


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
    for each in REASONS.values():
        if each.sentence in message:
            return each.words
    if "is an encoder-decoder model" in message:
        return "encoder-decoder"
    return NO_ROW


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
