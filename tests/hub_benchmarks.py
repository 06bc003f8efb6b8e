"""Repositories of the loopback Hub with rows of our own: SIB-200, Global-MMLU-Lite and INCLUDE.

Their layout is that of the real repositories, their text is the shipped sentences, and their
answers are arbitrary: nothing here is public data.
"""

from __future__ import annotations

from hub import Repository, Rows, repository

from neuronxa_tasks.text import sib200
from neuronxa_tasks.text.languages import languages
from neuronxa_tasks.text.shipped import DATA

MMLU_SUBJECTS = ("Business", "Humanities", "Medical", "Other", "STEM", "Social Sciences")
INCLUDE_DOMAINS = (
    "Applied Science", "Arts & Humanities", "Business & Commerce", "Driving License",
    "General knowledge", "Health oriented education", "Marine License", "Medical License",
    "Professional certification", "STEM", "Social Science",
)  # fmt: skip
LETTERS = "ABCD"


def lines(code: str) -> list[str]:
    """The shipped sentences of a language."""
    return (DATA / "mini" / f"{code}.txt").read_text(encoding="utf-8").splitlines()


def codes(benchmark: str) -> dict[str, str]:
    """Key of a language that the shipped sentences have -> its code in a benchmark."""
    there = {path.stem for path in (DATA / "mini").glob("*.txt")}
    found = ((row.code, row.code_in(benchmark)) for row in languages() if row.code in there)
    return {key: code for key, code in found if code}


def sib200_rows(code: str, first: int, count: int) -> Rows:
    """Sentences from line `first` on, in falling order of their ids, with topics by the id."""
    text = lines(code)
    return [
        {"index_id": i, "category": sib200.TOPICS[i % 5], "text": text[i % len(text)]}
        for i in reversed(range(first, first + count))
    ]


def questions(code: str, categories: tuple[str, ...], column: str, *, letters: bool) -> Rows:
    """Two questions of each category."""
    text = lines(code)
    return [
        {
            "question": text[i],
            **{f"option_{letter.lower()}": text[i + j + 1] for j, letter in enumerate(LETTERS)},
            "answer": LETTERS[i % 4] if letters else i % 4,
            column: categories[i % len(categories)],
        }
        for i in range(2 * len(categories))
    ]


def hub_benchmarks(languages_of_sib200: list[str]) -> dict[str, Repository]:
    """The repositories by their names."""
    lite = {
        code: {
            split: (
                f"{code}/{split}.parquet",
                questions(key, MMLU_SUBJECTS, "subject_category", letters=True),
            )
            for split in ("test", "dev")
        }
        for key, code in codes("global_mmlu").items()
    }  # fmt: skip
    include = {
        code.title(): {
            "test": (
                f"{code}/test.parquet",
                questions(key, INCLUDE_DOMAINS, "domain", letters=False),
            )
        }
        for key, code in codes("include").items()
    }
    return {
        sib200.HUB: repository({
            code: {
                "train": (f"data/{code}/train.parquet", sib200_rows(code, 60, 10)),
                "validation": (f"data/{code}/dev.parquet", sib200_rows(code, 80, 5)),
                "test": (f"data/{code}/test.parquet", sib200_rows(code, 0, 20)),
            }
            for code in languages_of_sib200
        }),
        # The harness' configs use the old and the new name of the owner.
        "CohereForAI/Global-MMLU-Lite": repository(lite),
        "CohereLabs/Global-MMLU-Lite": repository(lite),
        "CohereForAI/include-base-44": repository(include),
    }  # fmt: skip
