"""Task configs of SIB-200, and what stands beside it."""

from __future__ import annotations

from neuronxa_tasks.harness.configs.task_yaml import HEADER, dump_yaml, group_yaml, task_name
from neuronxa_tasks.text import sib200
from neuronxa_tasks.text.languages import benchmark_languages, language

SIB200 = "sib200"
TASK_CLASS = "neuronxa_tasks.harness.tasks.sib200.Sib200Task"
PROMPT = (
    f"Given the categories {', '.join(sib200.TOPICS[:-1])}, or {sib200.TOPICS[-1]}; what category "
    "does the text: '{{text}}' belong to: \n\n"
)
"""The first prompt of AfroBench, so that scores are those of the harness' `sib_<code>_prompt_1`."""

_VERSION = 1.0
_CITATION = """\
@inproceedings{adelani-etal-2024-sib,
    title = "{SIB}-200: A Simple, Inclusive, and Big Evaluation Dataset for Topic Classification in
             200+ Languages and Dialects",
    author = "Adelani, David Ifeoluwa and Liu, Hannah and Shen, Xiaoyu and Vassilyev, Nikita and
              Alabi, Jesujoba O. and Mao, Yanke and Gao, Haonan and Lee, En-Shiun Annie",
    booktitle = "Proceedings of the 18th Conference of the European Chapter of the Association for
                 Computational Linguistics (Volume 1: Long Papers)",
    year = "2024",
    publisher = "Association for Computational Linguistics",
    url = "https://aclanthology.org/2024.eacl-long.14/"
}
"""


def own_files() -> dict[str, str]:
    """Return the files of the folder: file name -> text."""
    template = f"_{task_name(SIB200)}_yaml"
    shared = {"dataset_path": sib200.HUB, "doc_to_text": PROMPT, "metadata": {"version": _VERSION}}
    files = {template: f"{HEADER}class: !function {TASK_CLASS}\n{dump_yaml(shared)}"}
    tasks = {task_name(SIB200, code): code for code in sib200.codes()}
    for task, code in tasks.items():
        files[f"{task}.yaml"] = dump_yaml({"include": template, "task": task, "dataset_name": code})
    files[f"_{task_name(SIB200)}.yaml"] = group_yaml(task_name(SIB200), list(tasks), ("acc", "f1"))
    files["README.md"] = _readme(tasks)
    return files


def beside_tatoeba() -> list[str]:
    """Return the alignment tasks of Tatoeba and the topics of SIB-200 for the same languages.

    SIB-200 is made of FLORES, so alignment on FLORES would be measured on the same sentences.
    """
    both = {
        code: row.code
        for code, row in sorted(benchmark_languages("tatoeba").items())
        if row.code in sib200.codes()
    }
    return [
        *(task_name("tatoeba", code) for code in both),
        *(task_name(SIB200, code) for code in sorted(both.values())),
    ]


def _readme(tasks: dict[str, str]) -> str:
    listed = "".join(f"* `{task}`: {language(code).name}\n" for task, code in tasks.items())
    topics = ", ".join(sib200.TOPICS)
    return f"""\
# SIB-200

Cross-lingual understanding in the most languages that any benchmark has: the topic of a sentence,
one of seven ({topics}).
204 sentences in {len(tasks)} languages, the same in each: those of FLORES-200, and N'Ko.

**Its text is FLORES.** Scores of alignment on FLORES are measured on the same sentences, so a
correlation of the two may be that of the text. Put Tatoeba beside it (`neuronxa_with_sib200`), or
parallel text of your own (`neuronxa tasks new`).

The text comes from the first of these that is there:

1. a folder, `--metadata '{{"data_dir": "..."}}'`, or its subfolder `sib200`, with the published
   files `<code>/test.tsv` and `<code>/train.tsv` (or `.jsonl`); the folder `data/annotated` of the
   homepage is such a folder,
2. the subfolder `sib200` of the cache folder (`NEURONXA_CACHE`, by default `~/.cache/neuronxa`),
3. `{sib200.HUB}` on the Hub, or the Hub's cache.

Homepage: https://github.com/dadelani/sib-200

### Paper

Title: `SIB-200: A Simple, Inclusive, and Big Evaluation Dataset for Topic Classification in 200+
Languages and Dialects`

Abstract: https://arxiv.org/abs/2309.07445

### Citation

```bibtex
{_CITATION}```

### Licence of the text

CC BY-SA 4.0. The text is not part of this package.

### Metrics

| metric | meaning |
|---|---|
| `acc` | share of sentences whose right topic is the most likely of the seven words |
| `f1` | F1 of each topic that occurs, as the right one or as a prediction; mean over the topics |

Topics are not equally frequent, so a model that always says the same one has an accuracy of some
.25 and an F1 of some .06; read both.

The prompt is the first one of AfroBench, so the scores are those of the harness' tasks
`sib_<code>_prompt_1`, which exist for 56 African languages:

```
{PROMPT.rstrip()}
```

followed by an empty line and the topic.

### Groups and Tasks

#### Groups

* `{task_name(SIB200)}`: all languages

#### Tasks

{listed}
### Usage

```bash
neuronxa run --model hf-neuronxa --model_args pretrained=MODEL --tasks neuronxa_with_sib200 \\
    --output_path out
```

`--num_fewshot N` takes examples from the 701 sentences for training. `--limit N` takes the first N
of a fixed order in which every beginning covers all articles evenly, the same in every language.

### Changelog

* 1.0: first version.
"""
