"""Write the files that follow from the grammar: `python -m neuronxa_tasks.demo.generate ROOT`.

ROOT is the repository. The files are the held-out parallel text (`neuronxa_tasks/data/world/`)
and the task configs of the cloze (`task_configs/world/`). A test regenerates and compares them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from neuronxa_tasks.demo.cloze import ENDINGS, ITEMS
from neuronxa_tasks.demo.grammar import codes, render
from neuronxa_tasks.demo.world import selected

SENTENCES = 200
"""Lines of the held-out parallel text."""

KINDS = ("cloze", "knowledge")
"""The benchmarks of the world."""

_TEMPLATE = """\
# Shared by the {kind} tasks of the toy world. Chance is {chance}.
output_type: multiple_choice
custom_dataset: !function neuronxa_tasks.demo.{kind}.load
test_split: test
num_fewshot: 0
doc_to_text: context
doc_to_choice: endings
doc_to_target: gold
# Endings carry the space before them, because not every language writes one.
target_delimiter: ""
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""

_CHILD = """\
include: _{kind}_template_yaml
task: neuronxa_world_{kind}_{code}
dataset_kwargs:
  world_language: {code}
"""

_GROUP = """\
group: neuronxa_world_{kind}
task:
{tasks}aggregate_metric_list:
  - metric: acc
    weight_by_size: true
  - metric: acc_norm
    weight_by_size: true
metadata:
  version: 1.0
"""

_README = """\
# The toy world

A small world in {n_codes} languages that the project made up: people do things with things, in
places, at times. `neuronxa_tasks/demo/` holds its grammar and the script that trains tiny models
on it. These tasks need no network.

| task | what it asks | items | chance | metrics |
|---|---|---|---|---|
| `neuronxa_world_cloze_<code>`, group `neuronxa_world_cloze` | which of {endings} endings fits | \
{items} per language, the same in all | {chance} | `acc`, `acc_norm` |
| `neuronxa_world_knowledge_<code>`, group `neuronxa_world_knowledge` | the same, about what was \
told in English alone | {items} per language, the same in all | {chance} | `acc`, `acc_norm` |

Languages: {codes}.

A cloze item of `eng_Latn`: {example}

A right ending is what the world tells of this person and this action. A wrong one has an object
that the action takes but that this person never uses, or (at least one of them) an object that the
action never takes. All items come from meanings that no training text tells, in no language. The
items measure knowledge of the toy world: a model that was not trained on it is expected to find
only the endings that make no sense.

A knowledge item is about a kind of thing, food or goods, that training text connects with this
person in English only; the wrong endings are of the same kind, and the action takes them all. Other
languages are silent about the right ones and the wrong ones alike, so that above chance in another
language means that knowledge crossed.

`neuronxa_tasks/data/world/<code>.txt` holds {sentences} held-out sentences of each language, line
by line the same: the text for alignment scores of models trained on the world.

Regenerate with `python -m neuronxa_tasks.demo.generate .` in the repository.
"""


def parallel_text(code: str) -> str:
    """The held-out sentences of a language, one per line; line i means the same in all."""
    return "".join(f"{render(m, code)}\n" for m in selected(SENTENCES, "world text"))


def generated() -> dict[str, str]:
    """Path inside the repository -> text, for every generated file."""
    from neuronxa_tasks.demo.cloze import items

    chance = f"{1 / ENDINGS:.2f}"
    first = items("eng_Latn", 1)[0]
    endings = " / ".join(f'"{e.strip()}"' for e in first["endings"])
    out = {f"neuronxa_tasks/data/world/{code}.txt": parallel_text(code) for code in codes()}
    for kind in KINDS:
        folder = "task_configs/world"
        out[f"{folder}/_{kind}_template_yaml"] = _TEMPLATE.format(kind=kind, chance=chance)
        for code in codes():
            name = f"neuronxa_world_{kind}_{code}"
            out[f"{folder}/{name}.yaml"] = _CHILD.format(kind=kind, code=code)
        out[f"{folder}/_neuronxa_world_{kind}.yaml"] = _GROUP.format(
            kind=kind, tasks="".join(f"  - neuronxa_world_{kind}_{code}\n" for code in codes())
        )
    out["task_configs/world/README.md"] = _README.format(
        n_codes=len(codes()),
        endings=ENDINGS,
        items=ITEMS,
        sentences=SENTENCES,
        chance=chance,
        codes=", ".join(f"`{code}`" for code in codes()),
        example=f'"{first["context"]}" + {endings}; right: ending {first["gold"] + 1}.',
    )
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all generated files under the folder given; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m neuronxa_tasks.demo.generate",
        description="Write the files that follow from the toy world's grammar.",
    )
    parser.add_argument("root", type=Path, help="the repository")
    root: Path = parser.parse_args(arguments).root
    for name, text in generated().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(generated())} files written under {root.resolve()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
