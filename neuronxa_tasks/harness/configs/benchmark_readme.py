"""The READMEs of `task_configs/bmlama53/` and `task_configs/benchmarks/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neuronxa_tasks.harness.configs.task_readme import BENCHMARK_NAMES, CITATIONS
from neuronxa_tasks.text.languages import benchmark_languages

_BMLAMA_CITATION = """\
@inproceedings{qi-etal-2023-cross,
    title = "Cross-Lingual Consistency of Factual Knowledge in Multilingual Language Models",
    author = "Qi, Jirui and Fern{\\'a}ndez, Raquel and Bisazza, Arianna",
    booktitle = "Proceedings of the 2023 Conference on Empirical Methods in Natural Language
                 Processing",
    year = "2023",
    publisher = "Association for Computational Linguistics",
    url = "https://aclanthology.org/2023.emnlp-main.658/"
}
"""


def bmlama_readme() -> str:
    """Return the README of the BMLAMA-53 tasks."""
    tasks = "".join(
        f"* `neuronxa_bmlama53_{code}`: {row.name}\n"
        for code, row in sorted(benchmark_languages("bmlama53").items())
    )
    return f"""\
# BMLAMA-53

Cross-lingual knowledge application: does a model know the same fact in every language? 3070 facts
in 53 languages, each a sentence with a mask and up to ten candidate answers. The mask is replaced
by each candidate, and the candidates are ranked by how likely the model finds the whole sentence.

The text is not downloaded by itself. It comes from the first of these that is there, as
`<code>.jsonl` or as the published table `<code>.tsv`:

1. a folder, `--metadata '{{"data_dir": "..."}}'`, or its subfolder `bmlama53` or `BMLAMA53`,
2. the subfolder `BMLAMA53` of the cache folder (`NEURONXA_CACHE`, by default `~/.cache/neuronxa`).

The folder `1_easyrun/BMLAMA53` of the homepage is such a folder. In a run whose `data_dir` holds
the text of FLORES-200, put it into the cache folder.

Homepage: https://github.com/Betswish/Cross-Lingual-Consistency

### Paper

Title: `Cross-Lingual Consistency of Factual Knowledge in Multilingual Language Models`

Abstract: https://arxiv.org/abs/2310.10378

### Citation

```bibtex
{_BMLAMA_CITATION}```

### Licence of the text

Apache 2.0, the licence of its repository. The text is not part of this package.

### Metrics

| metric | meaning |
|---|---|
| `acc` | share of queries whose right candidate has the lowest loss per token (1/k if k tie) |
| `acc_sum` | the same by the loss of the whole sentence |
| `cross_entropy` | mean loss per token of the right sentence, mean over queries; lower is better |
| `candidate_tokens` | tokens of a filled sentence, mean over candidates and queries |

The loss of a sentence is its cross-entropy in nats, over all its tokens, those around the
candidate included. The mean per token prefers candidates of many tokens: once its first pieces are
there, the rest of a rare word is certain, and each such token lowers the mean. The sum prefers
short candidates: each token costs something. Read both, and look at `candidate_tokens` where they
part. `acc` is the published one. The softmax is in float32, whatever the model's dtype.

The first token is scored given the model's BOS, or its EOS where it has no BOS, as the harness does
for an empty context. The authors' script scores it given the BOS of the tokenizer (for BLOOM it
writes one before the sentence) and leaves it out where the tokenizer adds none; so for such models
(GPT-2, Qwen) the numbers can differ a little from theirs.

Chance is the mean of 1 / (number of candidates). Facts with a single candidate are kept, as in the
published results; they always count as right and raise chance.

With `--log_samples` each query has under `cross_entropy` the loss of every candidate. RankC, the
agreement of two languages on the ranking, follows from them: see
`neuronxa_tasks/statistics/rankc.py`.

### Groups and Tasks

#### Groups

* `neuronxa_bmlama53`: all languages, English included (53)

#### Tasks

{tasks}
### Usage

```bash
neuronxa run --model hf-neuronxa --model_args pretrained=MODEL --tasks neuronxa_bmlama53 \\
    --metadata '{{"data_dir": "BMLAMA53"}}' --log_samples --output_path out
```

Few-shot examples, chat templates and system instructions never change a score. `--limit N` takes
the first N facts of a fixed order in which every beginning covers all relations evenly; the
published file is sorted by relation.

### Notes

In the published files the right answer is always the last candidate. Nothing here depends on the
order of candidates, but shuffle them before you show a list to a model.

### Changelog

* 1.0: first version.
"""


def benchmarks_readme(harness: Mapping[str, str], paper: Sequence[str], languages: int) -> str:
    """Return the README of the groups of alignment and benchmark.

    Args:
        harness: Column of the language table -> the harness' group or tag.
        paper: The columns that make the paper's set.
        languages: Number of languages in `neuronxa_flores_paper`.
    """
    groups = "".join(
        f"* `neuronxa_with_{name}`: `neuronxa_flores_{name}` and "
        f"`{task.replace('{}', '<code>')}` ({BENCHMARK_NAMES[name]})\n"
        for name, task in harness.items()
    )
    return f"""\
# NeuronXA beside a benchmark

Groups that run alignment and a benchmark together for the same languages, in one run and one
results file. The benchmarks are the harness' own tasks, unchanged; BMLAMA-53 and SIB-200, which it
lacks, are in the folders `bmlama53` and `sib200` next to this one.

### Paper

Title: `From Neurons to Semantics: Evaluating Cross-Linguistic Alignment Capabilities of Large
Language Models via Neurons Alignment` (NeuronXA), https://arxiv.org/abs/2507.14900

Title: `MEXA: Multilingual Evaluation of English-Centric LLMs via Cross-Lingual Alignment`,
https://arxiv.org/abs/2410.05873

### Citation

```bibtex
{CITATIONS}```

### Groups and Tasks

#### Groups

{groups}* `neuronxa_with_sib200`: alignment on Tatoeba, and SIB-200 in the same languages
* `neuronxa_flores_paper`: alignment in the {languages} languages of the paper's benchmarks
* `neuronxa_paper`: `neuronxa_flores_paper` and the benchmarks of the paper:
  {", ".join(f"`{harness[name]}`" for name in paper)}

#### Tasks

None of their own.

### Usage

```bash
neuronxa run --model hf-neuronxa --model_args pretrained=MODEL --tasks neuronxa_with_xnli \\
    --output_path out
```

### Notes

* Two of these groups often share languages. `neuronxa run` then runs a shared task once and counts
  it in both groups (`--tasks neuronxa_with_xnli,neuronxa_with_xcopa`). The plain `lm_eval run`
  refuses it: name the parts (`--tasks neuronxa_flores_paper,xnli,belebele`), or write a group that
  holds both into a folder for `--include_path`.
* Global-MMLU, MMLU-ProX and INCLUDE have a group of the harness for each language, whose tasks are
  subjects; the mean of the group is the score of the language. Global-PIQA is its cloze form, the
  parallel and the non-parallel part; AfriXNLI is the first of five prompts.
* `--num_fewshot` reaches the benchmarks and never the alignment. MEXA uses 5 examples for
  Belebele, m-ARC and m-MMLU.
* The paper's XNLI is the transfer of a model that was fine-tuned on English; `docs/benchmarks.md`
  says how.
* Belebele's passages and SIB-200's sentences are FLORES: put Tatoeba or text of your own beside
  them, as `neuronxa_with_sib200` does.
* m-ARC has no English, and XStoryCloze's English is given out on request only.

### Changelog

* 1.0: first version.
"""
