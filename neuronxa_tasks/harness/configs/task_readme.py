"""The README of each folder of task configs, in the form the harness asks of a task folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from neuronxa_tasks.harness.tasks.options import KEYS
from neuronxa_tasks.text.languages import benchmark_languages, language, resolve

CITATIONS = """\
@inproceedings{huang-etal-2025-neurons,
    title = "From Neurons to Semantics: Evaluating Cross-Linguistic Alignment Capabilities of Large
             Language Models via Neurons Alignment",
    author = "Huang, Chongxuan and Ye, Yongshi and Fu, Biao and Su, Qifeng and Shi, Xiaodong",
    booktitle = "Proceedings of the 63rd Annual Meeting of the Association for Computational
                 Linguistics (Volume 1: Long Papers)",
    year = "2025",
    publisher = "Association for Computational Linguistics",
    url = "https://aclanthology.org/2025.acl-long.1406/",
    note = "arXiv:2507.14900"
}

@inproceedings{kargaran-etal-2025-mexa,
    title = "{MEXA}: Multilingual Evaluation of {E}nglish-Centric {LLM}s via Cross-Lingual
             Alignment",
    author = "Kargaran, Amir Hossein and Modarressi, Ali and Nikeghbal, Nafiseh and Diesner, Jana
              and Yvon, Fran{\\c{c}}ois and Sch{\\"u}tze, Hinrich",
    booktitle = "Findings of the Association for Computational Linguistics: ACL 2025",
    pages = "27001--27023",
    year = "2025",
    publisher = "Association for Computational Linguistics",
    url = "https://aclanthology.org/2025.findings-acl.1385/",
    note = "arXiv:2410.05873"
}
"""

_METRICS = {
    "`nasca`": "share of sentence pairs that are mutual nearest neighbours by neuron activation "
    "states (whether the activation is positive), mean over the feed-forward layers",
    "`navca`": "the same with neuron activation values (their magnitude)",
    "`mexa`": "the same with hidden states, mean over the embeddings and all layers (MEXA's score)",
    "`nasca_max`, `navca_max`, `mexa_max`": "the best layer instead of the mean",
    "`surface`": "the same share by TF-IDF of character n-grams of the bare text, without a model",
    "`token_overlap`": "the same by TF-IDF of the tokens of the model's tokenizer",
    "`<score>_floor`, `<score>_above_floor`": "with the control `untrained`: the score of the same "
    "architecture with fresh random weights, and the score less that",
    "`<score>_shuffled`": "with the control `shuffled`: the score of wrong pairs, which is no more "
    "than chance",
    "`<score>_centred`, `<score>_csls`, `nasca_width_matched`, `navca_width_matched`, "
    "`mexa_hidden_sign`, `nasca_top_decile`, `nasca_up_sign`": "with `variants`: other ways to "
    "compare, from the same forward pass",
}

READING = """\
All lie between 0 and 1, higher is more alignment. Chance is 1/(2n - 1): 0.005 at n = 100. `surface`
and `token_overlap` are what names, digits and shared words give away; a score says something about
the model where it is above them. Scores depend on n, so compare only scores of the same n. A
group's score is the plain mean over its languages. A language has no score against itself.
"""

OPTIONS = {
    "data_dir": "folder to read the text from",
    "pivot": "language that all others are compared with; default `eng_Latn`",
    "n": "number of sentence pairs, from the top of the file; default 100",
    "tap": "where neurons are read: `gate` (default; the activation function's output) or `inner` "
    "(the input of the down projection)",
    "routed_nav": "mixture of experts: multiply NAV by the routing weight (default: false)",
    "weights": "token weights of a sentence vector: `position` (default), `uniform` or `last`",
    "control": "controls to score beside the model: `untrained`, `shuffled`, or a list of both",
    "control_seeds": "how often each control is drawn; default 3",
    "variants": "further ways to compare: `centred`, `csls`, `width_matched`, `hidden_sign`, "
    "`top_decile`, `up_sign`, or a list of them",
    "measures": "further measures of the same vectors, such as `cka`: names of docs/measures.md, "
    "or `all`",
    "pairs": "`all`: also align every language of the run with every other; `half`: the same with "
    "vectors in half precision",
    "covariates": "covariates that cost a further pass: `bits_per_byte`",
}

BENCHMARK_NAMES = {
    "xnli": "XNLI",
    "xstorycloze": "XStoryCloze",
    "belebele": "Belebele",
    "m_mmlu": "okapi's m-MMLU",
    "m_arc": "okapi's m-ARC",
    "bmlama53": "BMLAMA-53",
    "xcopa": "XCOPA",
    "xwinograd": "XWinograd",
    "pawsx": "PAWS-X",
    "global_mmlu": "Global-MMLU-Lite",
    "global_mmlu_full": "Global-MMLU",
    "mmlu_prox": "MMLU-ProX",
    "mmmlu": "OpenAI's MMMLU",
    "include": "INCLUDE",
    "global_piqa": "Global-PIQA",
    "afrixnli": "AfriXNLI",
}


class _Text(NamedTuple):
    title: str
    about: str
    citations: str
    licence: str
    options: tuple[str, ...]
    example: str
    notes: str


_FLORES = _Text(
    title="NeuronXA on FLORES-200",
    about="""\
Cross-lingual alignment of a language model's neurons, measured on FLORES-200: 204 language
varieties, one task each. By default the first 100 sentences of the devtest split (1012 sentences),
the ones MEXA uses.

The text comes from the first of these that is there:

1. a folder, `--metadata '{"data_dir": "..."}'`, with `<code>.devtest` or `<code>.txt`, the
   release's root, or FLORES+ as text, JSONL or parquet (all forms: `docs/benchmarks.md`),
2. the official archive, once downloaded by `neuronxa fetch flores200`,
3. `openlanguagedata/flores_plus` on the Hub. It is gated: accept its terms and log in first.

Homepage: https://github.com/facebookresearch/flores/tree/main/flores200
""",
    citations="""\
@article{nllb-2022,
    title = "No Language Left Behind: Scaling Human-Centered Machine Translation",
    author = "{NLLB Team}",
    year = "2022",
    journal = "arXiv:2207.04672"
}

@article{goyal-etal-2022-flores,
    title = "The {F}lores-101 Evaluation Benchmark for Low-Resource and Multilingual Machine
             Translation",
    author = "Goyal, Naman and Gao, Cynthia and Chaudhary, Vishrav and Chen, Peng-Jen and Wenzek,
              Guillaume and Ju, Da and Krishnan, Sanjana and Ranzato, Marc'Aurelio and Guzm{\\'a}n,
              Francisco and Fan, Angela",
    journal = "Transactions of the Association for Computational Linguistics",
    volume = "10",
    year = "2022",
    url = "https://aclanthology.org/2022.tacl-1.30/"
}

@inproceedings{guzman-etal-2019-flores,
    title = "The {FLORES} Evaluation Datasets for Low-Resource Machine Translation:
             {N}epali--{E}nglish and {S}inhala--{E}nglish",
    author = "Guzm{\\'a}n, Francisco and Chen, Peng-Jen and Ott, Myle and Pino, Juan and Lample,
              Guillaume and Koehn, Philipp and Chaudhary, Vishrav and Ranzato, Marc'Aurelio",
    booktitle = "Proceedings of EMNLP-IJCNLP 2019",
    year = "2019",
    url = "https://aclanthology.org/D19-1632/"
}
""",
    licence="CC BY-SA 4.0. The text is not part of this package.",
    options=KEYS,
    example="--tasks neuronxa_flores_xnli,xnli",
    notes="""\
Belebele's passages are made of FLORES sentences. Where a score is to predict Belebele, take
Tatoeba or text of your own beside it.

With `pivot` set to another language, the groups still leave English out; name
`neuronxa_flores_eng_Latn` beside the group to have it.
""",
)

_TATOEBA = _Text(
    title="NeuronXA on Tatoeba",
    about="""\
Cross-lingual alignment of a language model's neurons, measured on the Tatoeba test set: 112
languages, each with its own English sentences (up to 1000, at least 104 pairs). Task names carry
the code of the file names, such as `fra` of `tatoeba.fra-eng.fra`. By default the first 100 pairs.

The text comes from the first of these that is there:

1. a folder, `--metadata '{"data_dir": "..."}'`, with `<code>-eng.<code>` and `<code>-eng.eng`
   (the prefix `tatoeba.` of the LASER release may stay),
2. `mteb/tatoeba-bitext-mining` on the Hub.

Homepage: https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1
""",
    citations="""\
@article{artetxe-schwenk-2019-massively,
    title = "Massively Multilingual Sentence Embeddings for Zero-Shot Cross-Lingual Transfer and
             Beyond",
    author = "Artetxe, Mikel and Schwenk, Holger",
    journal = "Transactions of the Association for Computational Linguistics",
    volume = "7",
    pages = "597--610",
    year = "2019",
    url = "https://aclanthology.org/Q19-1038/"
}
""",
    licence="The test set points to the terms of use of Tatoeba (https://tatoeba.org/eng/terms_of_use"
    "), where sentences are CC BY 2.0 FR unless marked otherwise. The text is not part of\n"
    "this package.",
    options=tuple(key for key in KEYS if key != "pivot"),
    example="--tasks neuronxa_tatoeba_fra,neuronxa_tatoeba_swh",
    notes="""\
The English side differs from language to language, and some languages have many sentences of one
pattern ("Tom needs water", "Tom needed water"), which makes them harder. Compare models on one
language rather than languages of one model. The pivot is always English.
""",
)

_MINI = _Text(
    title="NeuronXA on shipped sentences",
    about="""\
Cross-lingual alignment of a language model's neurons, measured on 100 everyday sentences in a few
languages, written for this project. They ship with the package, so that a run needs no download. A
quick look and a test of the set-up; for results to publish, take FLORES-200.
""",
    citations="",
    licence="MIT, like the package.",
    options=tuple(key for key in KEYS if key != "data_dir"),
    example="--tasks neuronxa_mini",
    notes="""\
With `pivot` set to another language, the group still leaves English out; name
`neuronxa_mini_eng_Latn` beside the group to have it.
""",
)

_TEXTS = {"flores": _FLORES, "tatoeba": _TATOEBA, "mini": _MINI}


def metrics_table() -> str:
    """Return a Markdown table of the six metrics."""
    return _table("metric", _METRICS)


def options_table(keys: Sequence[str]) -> str:
    """Return a Markdown table of the options a user can set by `--metadata`."""
    return _table("key", {f"`{key}`": OPTIONS[key] for key in keys})


def _table(what: str, rows: Mapping[str, str]) -> str:
    lines = (f"| {name} | {meaning} |" for name, meaning in rows.items())
    return "\n".join((f"| {what} | meaning |", "|---|---|", *lines, ""))


def readme(name: str, codes: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str:
    """Return the README of a shipped corpus.

    Args:
        name: `flores`, `tatoeba` or `mini`.
        codes: Codes of its tasks.
        groups: Suffix of a group's name (empty for the main group) -> its codes.
    """
    text = _TEXTS[name]
    tasks = "".join(f"* `neuronxa_{name}_{code}`: {_language(name, code)}\n" for code in codes)
    listed = "".join(
        f"* {_group(name, suffix, len(members))}\n" for suffix, members in groups.items()
    )
    citations = "\n".join(filter(None, (CITATIONS, text.citations)))
    return f"""\
# {text.title}

{text.about}
### Paper

Title: `From Neurons to Semantics: Evaluating Cross-Linguistic Alignment Capabilities of Large
Language Models via Neurons Alignment` (NeuronXA), https://arxiv.org/abs/2507.14900

Title: `MEXA: Multilingual Evaluation of English-Centric LLMs via Cross-Lingual Alignment`,
https://arxiv.org/abs/2410.05873

### Citation

```bibtex
{citations}```

### Licence of the text

{text.licence}

### Metrics

{metrics_table()}
{READING}
### Groups and Tasks

#### Groups

{listed}
#### Tasks

{tasks}
### Usage

```bash
neuronxa run --model hf-neuronxa --model_args pretrained=MODEL {text.example}
```

Options, as in `--metadata '{{"n": 50, "tap": "inner"}}'`:

{options_table(text.options)}
Few-shot examples, chat templates and system instructions never change a score. `--limit N` means
n = N.

### Notes

{text.notes}
### Changelog

* 1.0: first version.
"""


def _language(name: str, code: str) -> str:
    row = resolve(code, "tatoeba") if name == "tatoeba" else language(code)
    return row.name


def _group(name: str, suffix: str, size: int) -> str:
    if not suffix:
        return f"`neuronxa_{name}`: all languages but English ({size})"
    absent = [row for row in benchmark_languages(suffix).values() if not row.flores]
    lacking = ", ".join(row.name for row in absent)
    return (
        f"`neuronxa_{name}_{suffix}`: the languages of {BENCHMARK_NAMES[suffix]} without English "
        f"({size})" + (f"; not in FLORES-200: {lacking}" if lacking else "")
    )
