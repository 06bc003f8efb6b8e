"""The table of supported architectures does not shrink and does not lie."""

from __future__ import annotations

import coverage_of_architectures as coverage
import pytest
from models import TINY
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.states.families import FAMILIES
from neuronxa_tasks.states.locate import locate
from neuronxa_tasks.states.refused import REFUSED

pytestmark = pytest.mark.tiny

KNOWN = coverage.read(coverage.TABLE.read_text(encoding="utf-8"))
AT_LEAST = 131


def test_no_family_is_lost() -> None:
    supported = {name for name, status in KNOWN.items() if status == coverage.SUPPORTED}
    assert supported == set(FAMILIES) & set(TINY) & set(KNOWN)
    assert len(supported) >= AT_LEAST


def test_every_class_of_the_mapping_has_a_line() -> None:
    missing = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - set(KNOWN)
    assert not missing, "run python tests/coverage_of_architectures.py"


@pytest.mark.parametrize(
    ("model_type", "status"),
    [
        ("llama", coverage.SUPPORTED),
        ("bart", coverage.REFUSED),
        ("mamba", coverage.REFUSED),
        ("lfm2", coverage.SUPPORTED),
        ("bert", coverage.REFUSED),
        ("musicgen", coverage.REFUSED),
        ("qwen4_exp", coverage.LOCATED),
    ],
)
def test_a_line_is_what_is_measured(model_type: str, status: str) -> None:
    class_name = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]
    assert coverage.measure(model_type, class_name).status == status == KNOWN[model_type]


def test_every_refusal_has_a_reason_of_its_own() -> None:
    assert coverage.NO_ROW not in coverage.TABLE.read_text(encoding="utf-8")
    assert not set(REFUSED) & set(FAMILIES)
    halves = {"musicgen_decoder", "musicgen_melody_decoder"}  # decoders of others in the mapping
    assert set(REFUSED) - halves <= set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert {KNOWN[name] for name in set(REFUSED) - halves} == {coverage.REFUSED}


def test_the_error_is_the_reason_of_the_table() -> None:
    model = coverage.without_memory("whisper")
    with pytest.raises(NeuronXAError, match="decoder of an encoder-decoder model") as caught:
        locate(model)
    assert coverage.reason(str(caught.value)) == REFUSED["whisper"].words


@pytest.mark.slow
def test_the_whole_table_is_what_is_measured() -> None:
    assert coverage.read(coverage.table()) == KNOWN
