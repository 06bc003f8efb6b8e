"""Repositories of the loopback Hub: cuts of the public data in the real repositories' layout."""

from __future__ import annotations

import json
from pathlib import Path

from hub import Repository, Rows, repository

from neuronxa_tasks.text.flores import FLORES_HUB
from neuronxa_tasks.text.tatoeba import TATOEBA_HUB, TATOEBA_REVISION

STORIES = (
    ("The kettle", "Ana filled the kettle.", "She put it on the stove.", "The water began to boil.",
     "She took two cups.", "She made tea for her friend.", "She went to sleep in the kettle."),
    ("The bus", "Tom missed the bus.", "The next one was an hour away.", "It started to rain.",
     "He had no umbrella.", "He planted a tree on the moon.", "He came home wet."),
    ("The seed", "Mia put a seed into a pot.", "She watered it every day.", "It stood in the sun.",
     "After two weeks she looked again.", "A small plant had grown.", "The pot had no colour."),
    ("The key", "Ben could not find his key.", "He looked in every pocket.",
     "He looked in his bag.", "Then he looked at the door.", "The door spoke Latin.",
     "The key was in the lock."),
)  # fmt: skip
"""English stories for XStoryCloze, whose English is not public: title, four sentences, two ends.

Written for the test; the right ends are the first of the even and the second of the odd rows.
"""


def read(path: Path, rows: int) -> Rows:
    """The first rows of a JSON lines file."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(rows), strict=False)]


def hub_repositories(data: Path, rows: int = 12) -> dict[str, Repository]:
    """Every repository that the shipped data allows, by its name on the Hub."""
    return {
        "facebook/xnli": _xnli(data / "xnli", rows),
        "juletxara/xstory_cloze": _xstorycloze(data / "xstorycloze", rows),
        "facebook/belebele": _belebele(data / "belebele", rows),
        "cambridgeltl/xcopa": _xcopa(data / "xcopa", rows),
        FLORES_HUB: _flores(data / "flores200" / "devtest", rows),
        TATOEBA_HUB: _tatoeba(data / "tatoeba", rows),
    }


def _xnli(folder: Path, rows: int) -> Repository:
    codes = sorted(path.stem for path in folder.glob("*.jsonl") if path.stem != "my")
    return repository({
        code: {
            split: (f"{code}/{split}-00000-of-00001.parquet", read(folder / f"{code}.jsonl", rows))
            for split in ("train", "validation", "test")
        }
        for code in codes
    })  # fmt: skip


def _xstorycloze(folder: Path, rows: int) -> Repository:
    english: Rows = [
        {
            "story_id": title,
            **{f"input_sentence_{i + 1}": sentence for i, sentence in enumerate(story[:4])},
            "sentence_quiz1": story[4],
            "sentence_quiz2": story[5],
            "answer_right_ending": 1 + index % 2,
        }
        for index, (title, *story) in enumerate(STORIES)
    ]
    texts = {"en": (english, english)} | {
        path.stem: (read(folder / "train" / path.name, rows), read(path, rows))
        for path in sorted(folder.glob("*.jsonl"))
    }
    return repository({
        code: {
            split: (f"{code}/{split}-00000-of-00001.parquet", part)
            for split, part in zip(("train", "eval"), parts, strict=True)
        }
        for code, parts in texts.items()
    })  # fmt: skip


def _belebele(folder: Path, rows: int) -> Repository:
    return repository({
        path.stem: {"test": (f"data/{path.name}", read(path, rows))}
        for path in sorted(folder.glob("*.jsonl"))
    })  # fmt: skip


def _xcopa(folder: Path, rows: int) -> Repository:
    return repository({
        path.stem: {
            "validation": (
                f"{path.stem}/validation-00000-of-00001.parquet",
                read(folder / "validation" / path.name, rows),
            ),
            "test": (f"{path.stem}/test-00000-of-00001.parquet", read(path, rows)),
        }
        for path in sorted(folder.glob("*.jsonl"))
    })  # fmt: skip


def _flores(folder: Path, rows: int) -> Repository:
    """FLORES+: some codes are new, and the rows may be in any order, the id says the line."""
    renamed = {"zho_Hans": "cmn_Hans", "zho_Hant": "cmn_Hant", "est_Latn": "ekk_Latn"}
    configs = {}
    for path in sorted(folder.glob("*.devtest")):
        lines = path.read_text(encoding="utf-8").split("\n")[:rows]
        text: Rows = [{"id": index, "text": line} for index, line in enumerate(lines)]
        name = renamed.get(path.stem, path.stem)
        configs[name] = {"devtest": (f"devtest/{name}.parquet", text[::-1])}
    return repository(configs)


def _tatoeba(folder: Path, rows: int) -> Repository:
    configs = {}
    for path in sorted(folder.glob("*-eng.eng")):
        other = path.with_suffix(f".{path.stem.removesuffix('-eng')}")
        pairs: Rows = [
            {"sentence1": target.strip(), "sentence2": pivot.strip()}
            for target, pivot, _ in zip(
                other.read_text(encoding="utf-8").split("\n"),
                path.read_text(encoding="utf-8").split("\n"),
                range(rows),
                strict=False,
            )
        ]
        configs[path.stem] = {"test": (f"test/{path.stem}.jsonl", pairs)}
    return repository(configs, TATOEBA_REVISION)
