"""Write the files that follow from the grammar: `python -m workshop.generate`.

They are the held-out parallel text (`neuronxa_tasks/text/data/world/`), the items of the tasks
(`neuronxa_tasks/world/items/`) and the configs of these tasks (`task_configs/world/`). A test
regenerates and compares them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop import cloze, knowledge, nli, story
from workshop.grammar import codes, render
from workshop.world import selected

SENTENCES = 200
"""Lines of the held-out parallel text."""

REPOSITORY = Path(__file__).resolve().parents[3]

ITEMS: Mapping[str, Callable[[str], Sequence[Mapping[str, object]]]] = {
    "cloze": cloze.items,
    "knowledge": knowledge.items,
    "story": story.items,
    "nli": nli.items,
}
"""Name of a benchmark to the function that gives its items in a language."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark of the world as a task of the harness.

    Attributes:
        name: Of the module and in the task names.
        asks: What it asks, for the README.
        items: Items per language.
        options: Endings or labels of an item: chance is 1 / options.
        fields: Lines of the task config that say where context, options and answer stand.
        metrics: Names of the harness's metrics.
    """

    name: str
    asks: str
    items: int
    options: int
    fields: str
    metrics: tuple[str, ...] = ("acc", "acc_norm")

    @property
    def chance(self) -> str:
        """Chance as the texts show it."""
        return f"{1 / self.options:.2f}"


_ENDINGS = """\
doc_to_text: context
doc_to_choice: endings
doc_to_target: gold
"""
_CUT = (
    _ENDINGS
    + """\
# Endings carry the space before them, because not every language writes one.
target_delimiter: ""
"""
)
_NEXT_LINE = 'target_delimiter: "\\n"\n'

BENCHMARKS = (
    Benchmark("cloze", f"which of {cloze.ENDINGS} endings fits", cloze.ITEMS, cloze.ENDINGS, _CUT),
    Benchmark(
        "knowledge",
        "the same, about what was told in English alone",
        knowledge.ITEMS,
        cloze.ENDINGS,
        _CUT,
    ),
    Benchmark(
        "story",
        f"which of {story.ENDINGS} sentences follows",
        story.ITEMS,
        story.ENDINGS,
        _ENDINGS + _NEXT_LINE,
    ),
    Benchmark(
        "nli",
        f"{', '.join(nli.LABELS)}: what a premise says of a hypothesis",
        nli.ITEMS,
        len(nli.LABELS),
        'doc_to_text: "{{premise}}\\n{{hypothesis}}"\n'
        f"doc_to_choice: {list(nli.LABELS)}\n".replace("'", '"')
        + "doc_to_target: label\n"
        + _NEXT_LINE,
        ("acc",),
    ),
)
"""The benchmarks of the world."""

_TEMPLATE = """\
# Shared by the {name} tasks of the toy world. Chance is {chance}.
output_type: multiple_choice
custom_dataset: !function neuronxa_tasks.world.dataset.load
test_split: test
num_fewshot: 0
{fields}metric_list:
{metrics}metadata:
  version: {version}
"""

_METRIC = """\
  - metric: {metric}
    aggregation: mean
    higher_is_better: true
"""

_VERSION = "2.0"
"""Of the items: the cloze was made harder."""

_CHILD = """\
include: _{name}_template_yaml
task: neuronxa_world_{name}_{code}
dataset_kwargs:
  world_benchmark: {name}
  world_language: {code}
"""

_GROUP = """\
group: neuronxa_world_{name}
task:
{tasks}aggregate_metric_list:
{metrics}metadata:
  version: {version}
"""

_README = """\
# The toy world

A small world in {n_codes} languages that the project made up: people do things with things, in
places, at times. `results/world/` of the repository holds its grammar, tiny models that were
trained on it, and what they show. These tasks need no network.

| task | what it asks | items | chance | metrics |
|---|---|---|---|---|
{rows}
Items are the same in every language. Languages: {codes}.

**Cloze.** The wrong endings have another object, another place, or both: those that most of the
others who do this have, but this person never. So the action alone speaks for the wrong endings,
and person and action together for the right one. No training text tells the meaning, in any
language.

> {cloze_example}

**Knowledge.** The same form about a kind of thing, food or goods, that training text connects with
this person in English only; the wrong endings are things of that kind which the action takes and
most others use. Other languages are silent about the right ones and the wrong ones alike, so that
above chance in another language means that knowledge crossed.

**Story**, in the manner of XStoryCloze. A quarter of the wrong endings each is negated, of another
person, about another thing, or another act.

> {story_example}

**NLI**, in the manner of XNLI. English text and text that mixes English with another language teach
the labels; every language is asked in pure form with the same English labels. Premises are held out
of training.

> {nli_example}

The tasks measure knowledge of the toy world: a model that was not trained on it is expected to be
near chance in all of them.

`neuronxa_tasks/text/data/world/<code>.txt` holds {sentences} held-out sentences of each language,
line by line the same: the text for alignment scores of models trained on the world.

Regenerate with `python -m workshop.generate` in `results/world/`.
"""


def parallel_text(code: str) -> str:
    """The held-out sentences of a language, one per line; line i means the same in all."""
    return "".join(f"{render(m, code)}\n" for m in selected(SENTENCES, "world text"))


def item_lines(benchmark: str, code: str) -> str:
    """The items of a benchmark in a language, one JSON object per line."""
    return "".join(
        json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"
        for item in ITEMS[benchmark](code)
    )


def generated() -> dict[str, str]:
    """Path inside the repository -> text, for every generated file."""
    out = {f"neuronxa_tasks/text/data/world/{code}.txt": parallel_text(code) for code in codes()}
    folder = "task_configs/world"
    for kind in BENCHMARKS:
        name = kind.name
        out[f"{folder}/_{name}_template_yaml"] = _TEMPLATE.format(
            name=name,
            chance=kind.chance,
            fields=kind.fields,
            metrics="".join(_METRIC.format(metric=metric) for metric in kind.metrics),
            version=_VERSION if kind.name == "cloze" else "1.0",
        )
        for code in codes():
            out[f"neuronxa_tasks/world/items/{name}/{code}.jsonl"] = item_lines(name, code)
            child = _CHILD.format(name=name, code=code)
            out[f"{folder}/neuronxa_world_{name}_{code}.yaml"] = child
        out[f"{folder}/_neuronxa_world_{name}.yaml"] = _GROUP.format(
            name=name,
            tasks="".join(f"  - neuronxa_world_{name}_{code}\n" for code in codes()),
            metrics="".join(
                f"  - metric: {metric}\n    weight_by_size: true\n" for metric in kind.metrics
            ),
            version=_VERSION if kind.name == "cloze" else "1.0",
        )
    out[f"{folder}/README.md"] = _readme()
    return out


def _readme() -> str:
    def example(found: cloze.Item) -> str:
        options = " / ".join(f'"{e.strip()}"' for e in found["endings"])
        return f'"{found["context"]}" + {options}; right: ending {found["gold"] + 1}.'

    asked = nli.items("eng_Latn", 1)[0]
    return _README.format(
        n_codes=len(codes()),
        sentences=SENTENCES,
        rows="".join(
            f"| `neuronxa_world_{b.name}_<code>`, group `neuronxa_world_{b.name}` | {b.asks} | "
            f"{b.items} | {b.chance} | {', '.join(f'`{m}`' for m in b.metrics)} |\n"
            for b in BENCHMARKS
        ),
        codes=", ".join(f"`{code}`" for code in codes()),
        cloze_example=example(cloze.items("eng_Latn", 1)[0]),
        story_example=example(story.items("eng_Latn", 1)[0]),
        nli_example=f'"{asked["premise"]}" / "{asked["hypothesis"]}": '
        f"{nli.LABELS[asked['label']]}.",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all generated files; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.generate",
        description="Write the files that follow from the toy world's grammar.",
    )
    parser.add_argument(
        "root",
        type=Path,
        nargs="?",
        default=REPOSITORY,
        help="where to write them (default: the repository)",
    )
    root: Path = parser.parse_args(arguments).root
    texts = generated()
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(texts)} files written under {root.resolve()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
