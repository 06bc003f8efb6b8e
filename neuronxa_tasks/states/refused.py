"""Model types of transformers' causal language models that have no row, each with its reason.

Read from the classes of transformers. What is neither here nor in `FAMILIES` is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a model type has no score.

    Attributes:
        words: In a few words, for the table.
        sentence: What follows the model's name in the error.
    """

    words: str
    sentence: str


_RECURRENT = Reason(
    "state-space or recurrent",
    "is a state-space or recurrent model without the feed-forward neurons that NeuronXA reads.",
)
_ENCODER = Reason(
    "encoder: its tokens see the text on both sides",
    "is of a family of encoders, whose tokens see the text on both sides. NeuronXA is defined for "
    "decoders, where the last token has seen the whole sentence and the first one only itself.",
)
_HALF = Reason(
    "decoder half of an encoder-decoder model",
    "is the decoder of an encoder-decoder model. Its layers were trained to read an encoder's "
    "states, which a sentence alone does not give.",
)
_SOUND = Reason(
    "reads codes of sound, not text",
    "reads several streams of codes of sound, not a sentence.",
)
_DRAFT = Reason(
    "draft model: reads another model's states",
    "is a draft model that reads the states of a larger model; of a text alone it computes "
    "nothing. Score the model that it drafts for.",
)

REFUSED: Mapping[str, Reason] = MappingProxyType(
    {
        **dict.fromkeys(("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm"), _RECURRENT),
        **dict.fromkeys(
            (
                "bert",
                "bert-generation",
                "big_bird",
                "camembert",
                "data2vec-text",
                "electra",
                "ernie",
                "megatron-bert",
                "rembert",
                "roberta",
                "roberta-prelayernorm",
                "roc_bert",
                "roformer",
                "xlm",
                "xlm-roberta",
                "xlm-roberta-xl",
                "xlnet",
                "xmod",
            ),
            _ENCODER,
        ),
        **dict.fromkeys(
            (
                "bart",
                "bigbird_pegasus",
                "blenderbot",
                "blenderbot-small",
                "marian",
                "mbart",
                "mvp",
                "pegasus",
                "plbart",
                "prophetnet",
                "trocr",
                "whisper",
            ),
            _HALF,
        ),
        **dict.fromkeys(
            ("musicgen", "musicgen_decoder", "musicgen_melody", "musicgen_melody_decoder"), _SOUND
        ),
        **dict.fromkeys(("gemma4_assistant", "gemma4_unified_assistant"), _DRAFT),
        "blt": Reason(
            "reads bytes in patches: no state of each token in each layer",
            "reads bytes and joins them to patches of varying length, so that most of its layers "
            "have no state of a token.",
        ),
        "cpmant": Reason(
            "puts prompt tokens of its own before the text",
            "puts prompt tokens of its own before the text, inside the decoder, so that its states "
            "are not those of the text's tokens.",
        ),
        "hrm_text": Reason(
            "runs its blocks several times: a neuron has no single state",
            "runs the same blocks several times for one text, so that a neuron has several states "
            "and no layer that is its own.",
        ),
        "reformer": Reason(
            "reversible blocks with two streams, attention by hashing",
            "has reversible blocks with two streams and attention by random hashes, so that no "
            "state of a block is the same twice.",
        ),
    }
)
"""By the `model_type` of the decoder's config."""
