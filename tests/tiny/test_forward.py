"""The forward pass of a score is that of the benchmarks, whatever the harness' class does to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.models.hf_steered import SteeredModel
from lm_eval.models.hf_vlms import HFMultimodalLM
from lm_eval.models.huggingface import HFLM
from models import KINDS, alignment_requests, byte_tokenizer, tiny_model

from neuronxa_tasks.alignment.profile import Profile, profile
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.model import NeuronXALM, neuron_states
from neuronxa_tasks.harness.scoring import encoder
from neuronxa_tasks.states.encoder import Encoder
from neuronxa_tasks.states.forward import whole_call
from neuronxa_tasks.states.vectors import SentenceVectors
from neuronxa_tasks.text.corpora import CORPORA

pytestmark = pytest.mark.tiny

N = 24
TEXT = CORPORA["mini"].load("eng_Latn", "deu_Latn", N)
TOKENIZER = byte_tokenizer(bos=True)


def loaded(kind: type[HFLM] = HFLM, model: Any = None, **arguments: Any) -> Any:
    return kind(
        pretrained=tiny_model("llama") if model is None else model,
        **{"tokenizer": TOKENIZER, "device": "cpu", "batch_size": 4, **arguments},
    )


def vectors(lm: Any, **options: Any) -> tuple[SentenceVectors, SentenceVectors]:
    encode = encoder(lm, lm.model, **options)
    return encode(TEXT.pivot), encode(TEXT.target)


def aligned(lm: Any, **options: Any) -> Profile:
    return profile(*vectors(lm, **options))


def close(one: SentenceVectors, other: SentenceVectors, tolerance: float = 1e-5) -> None:
    for name in ("nas", "nav", "hidden", "signs", "top", "up"):
        layers = getattr(one, name)
        assert len(layers) == len(getattr(other, name))
        for a, b in zip(layers, getattr(other, name), strict=True):
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def equal(one: Profile, other: Profile) -> None:
    for name in ("nas", "nav", "hidden"):
        rivals = getattr(one, name).rivals, getattr(other, name).rivals
        assert rivals[0].tolist() == rivals[1].tolist()


@pytest.fixture
def steered(tmp_path: Path) -> tuple[Any, Any]:
    """A model steered by the harness, and one whose weights say the same.

    A vector added to the output of a block is a bias of its down projection.
    """
    torch.manual_seed(3)
    steering = {i: torch.randn(32) * 4 for i in (0, 2, 3)}
    plain, biased = (tiny_model("llama", mlp_bias=True) for _ in range(2))
    with torch.no_grad():
        for i, vector in steering.items():
            biased.model.layers[i].mlp.down_proj.bias += vector
    config = {
        f"layers.{i}": {"steering_vector": vector, "action": "add"}
        for i, vector in steering.items()
    }
    torch.save(config, tmp_path / "steer.pt")
    path = str(tmp_path / "steer.pt")
    return loaded(SteeredModel, plain, steer_path=path), loaded(model=biased)


@pytest.mark.parametrize("tap", ["gate", "inner"])
def test_steering_is_in_the_score(steered: tuple[Any, Any], tap: str) -> None:
    lm, biased = steered
    variants = ("hidden_sign", "top_decile", "up_sign")
    for ours, expected in zip(
        vectors(lm, tap=tap, variants=variants),
        vectors(biased, tap=tap, variants=variants),
        strict=True,
    ):
        close(ours, expected)
    equal(aligned(lm, tap=tap), aligned(biased, tap=tap))
    plain = loaded(model=lm.model)
    assert aligned(lm, tap=tap).scores != aligned(plain, tap=tap).scores
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in lm.model.modules()
    )


def test_steering_is_in_a_run(steered: tuple[Any, Any]) -> None:
    answers = [neuron_states(lm, alignment_requests(TEXT.pivot, TEXT.target)) for lm in steered]
    assert answers[0] == answers[1]
    floors = alignment_requests(TEXT.pivot, TEXT.target, control=["untrained"])
    with pytest.raises(
        NeuronXAError, match=r"`untrained` cannot.*SteeredModel has a `_model_call`"
    ):
        neuron_states(steered[0], floors)


@pytest.mark.parametrize("model_type", KINDS)
def test_the_whole_model_gives_the_vectors_of_its_decoder(model_type: str) -> None:
    model = tiny_model(model_type)
    sentences = [*TEXT.pivot[:5], "A."]  # of different length: the padding is not masked
    whole = Encoder(model, TOKENIZER, call=lambda ids: model(ids))(sentences)
    close(whole, Encoder(model, TOKENIZER)(sentences))


def test_mixed_precision_is_in_the_score() -> None:
    lm = loaded(mixed_precision_dtype="bfloat16")
    with torch.autocast("cpu", torch.bfloat16):
        encode = Encoder(lm.model, TOKENIZER, batch_size=4)
        expected = encode(TEXT.pivot), encode(TEXT.target)
    for ours, theirs in zip(vectors(lm), expected, strict=True):
        close(ours, theirs, 1e-2)
    with pytest.raises(AssertionError):
        close(vectors(lm)[0], vectors(loaded())[0], 1e-4)


def one_token(module: Any, args: Any, kwargs: Any) -> Any:
    (ids,) = args or kwargs.values()
    return (torch.full_like(ids, 77),), {}


def test_a_hook_above_the_decoder_is_in_the_score() -> None:
    lm = loaded()
    lm.model.register_forward_pre_hook(one_token, with_kwargs=True)
    call = whole_call(lm)
    assert call is not None
    assert "LlamaForCausalLM has a hook" in call.why
    first = vectors(lm)[0].hidden[0]
    torch.testing.assert_close(first, first[:1].expand_as(first))


class Twice(HFLM):
    """A pass of its own that calls the model twice."""

    def _model_call(self, inps: Any, **_: Any) -> Any:
        super()._model_call(inps)
        return super()._model_call(inps)


def test_a_call_that_runs_the_decoder_twice_is_refused() -> None:
    with pytest.raises(NeuronXAError, match="2 times in one forward pass"):
        vectors(loaded(Twice))


class Around(NeuronXALM):
    """Hooks of its own around the likelihoods would fall away."""

    def _loglikelihood_tokens(self, *args: Any, **kwargs: Any) -> Any:
        return super()._loglikelihood_tokens(*args, **kwargs)


def test_what_stands_around_the_call_is_refused_by_name() -> None:
    with pytest.raises(NeuronXAError, match=r"Around has a `_loglikelihood_tokens` of its own"):
        vectors(loaded(Around))
    lm = loaded()
    lm.loglikelihood = lambda requests: []
    with pytest.raises(NeuronXAError, match=r"HFLM has a `loglikelihood` of its own"):
        vectors(lm)


def test_the_usual_classes_run_their_decoder_alone() -> None:
    for kind in (HFLM, NeuronXALM):
        assert whole_call(loaded(kind)) is None
    # Images have likelihoods of their own there; texts go the usual way.
    assert "loglikelihood" in vars(HFMultimodalLM)
    lm = loaded()
    lm.__class__ = type("Seen", (HFMultimodalLM,), {"__module__": "lm_eval.models.hf_vlms"})
    assert whole_call(lm) is None
