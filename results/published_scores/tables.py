"""Rebuilds the tables of published scores from clones of the repositories that published them.

    git clone https://github.com/wassim-mezghanni/MEXA-fork fork && git -C fork checkout b9480dd2
    git clone https://github.com/MaLA-LM/emma-500 emma && git -C emma checkout ed9a8f89
    git clone https://github.com/EleutherAI/lm-evaluation-harness lmeval
    git -C lmeval checkout 5e59782e861391d4130b6cfccd9bf88c0f491d09
    python results/published_scores/tables.py --mexa fork --emma emma --harness lmeval -o OUT

Each clone makes one table: `mexa_flores.csv`, `emma500_tasks.csv`,
`lm_eval_multilingual_0shot.csv`.
A clone that is not named is left out. The sha256 of the whole tables begin with 01653083, 8619faa5
and 9aa98efd. Some of the sources state no licence: the tables are for study and are not committed.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

# The nine models of MEXA's own tables, whose copies lie in the clone too. The names are those of
# the table that the reports here were made from. Two are wrong: MEXA's README names
# Mistral-7B-v0.3 and OLMo-1.7-7B-hf (README.md here, "Faults of these tables").
SPACE = {
    "gemma2-9B": "google/gemma-2-9b",
    "gemma-7B": "google/gemma-7b",
    "llama3.1-70B": "meta-llama/Llama-3.1-70B",
    "llama3.1-8B": "meta-llama/Llama-3.1-8B",
    "llama3-8B": "meta-llama/Meta-Llama-3-8B",
    "llama2-7B": "meta-llama/Llama-2-7b-hf",
    "llama1-7B": "huggyllama/llama-7b",
    "mistral-7B": "mistralai/Mistral-7B-v0.1",
    "olmo-7B": "allenai/OLMo-7B",
}
SPACE_FILES = {"mexa": "flores-mean-arc.csv", "mexa_max": "flores-max-belebele.csv"}
# Causal models of the fork, n = 100. Left out: encoders, embedding models, other pivots, centred
# runs, and Llama 3.1 8B, which equals that of MEXA's own tables.
FORK = (
    "apertus1.5_70b",
    "apertus1.5_8b",
    "apertus8b",
    "apertusmini4b",
    "gemma4_12b",
    "gemma4_26b_a4b",
    "gemma4_31b",
    "gemma4_e2b",
    "gemma4_e4b",
    "mistral_7b_v03",
    "mixtral_8x22b",
    "mixtral_8x7b",
    "qwen3.5_9b",
    "qwen3_0.6b",
    "qwen3_1.7b",
    "qwen3_4b",
    "qwen3_8b",
)

# file -> benchmark, suffix of its accuracy columns, what the values are divided by. The standard
# error stands in the column after the accuracy, by whatever name; SIB-200 has none.
EMMA = {
    "belebele.csv": ("belebele", "-acc", 1),
    "arc_multilingual.csv": ("m_arc", "-acc_norm", 1),
    "xcopa.csv": ("xcopa", "-acc", 100),
    "xnli.csv": ("xnli", "-acc", 100),
    "xstorycloze.csv": ("xstorycloze", "-acc", 100),
}
# Base models that also have MEXA scores, by the names of either kind of file.
HUB = {
    "Llama 2 7B": "meta-llama/Llama-2-7b-hf",
    "Llama-2-7b-hf": "meta-llama/Llama-2-7b-hf",
    "Llama 3 8B": "meta-llama/Meta-Llama-3-8B",
    "Llama-3-8B": "meta-llama/Meta-Llama-3-8B",
    "Llama 3.1 8B": "meta-llama/Llama-3.1-8B",
    "Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
    "Gemma 7B": "google/gemma-7b",
    "gemma-7b": "google/gemma-7b",
    "Gemma 2 9B": "google/gemma-2-9b",
    "gemma-2-9b": "google/gemma-2-9b",
    "Mistral-7B-v0.3": "mistralai/Mistral-7B-v0.3",
    "Qwen3-8B-Base": "Qwen/Qwen3-8B-Base",
}

HARNESS = ("bloom", "llama", "mpt", "xglm")
HARNESS_BENCHMARKS = ("pawsx", "xcopa", "xnli", "xstory_cloze", "xwinograd")

Row = tuple[object, ...]


def read(path: Path) -> list[list[str]]:
    """Cells of a CSV file, header first. By position: some headers repeat the name `stderr`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.reader(file) if row]


def write(path: Path, header: str, rows: Iterable[Row]) -> None:
    """Writes a table and tells what is in it."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header.split(","))
        out.writerows(rows)
    print(f"{path}: {len(rows)} rows, {len({row[0] for row in rows})} models")


def space(data: Path) -> Iterator[Row]:
    """MEXA's own tables. A cell is the score times the model's English accuracy, divided here."""
    for metric, name in SPACE_FILES.items():
        (_, *models), *lines = read(data / name)
        table = {language: dict(zip(models, cells, strict=True)) for language, *cells in lines}
        english = table.pop("eng_Latn")
        for language, cells in table.items():
            for short, model in SPACE.items():
                value = round(float(cells[short]) / float(english[short]), 4)
                yield model, language, metric, value, 100, "MEXA space"


def fork(data: Path) -> Iterator[Row]:
    """The fork's tables: one file a model, whose columns `MODEL_max` and `MODEL_mean` name it."""
    for short in FORK:
        header, *lines = read(data / f"flores_table1_100_{short}_results.csv")
        model = header[2].removesuffix("_mean")
        for language, largest, mean, *_ in lines:
            yield model, language, "mexa", float(mean), 100, "MEXA-fork"
            yield model, language, "mexa_max", float(largest), 100, "MEXA-fork"


def emma(data: Path) -> Iterator[Row]:
    """Accuracies and standard errors, as shares."""
    for name, (benchmark, suffix, whole) in EMMA.items():
        header, *lines = read(data / name)
        columns = {
            column: title.removesuffix(suffix)
            for column, title in enumerate(header)
            if title.endswith(suffix)
        }
        for line in lines:
            for column, language in columns.items():
                value, error = (round(float(cell) / whole, 6) for cell in line[column : column + 2])
                yield HUB.get(line[0], line[0]), language, benchmark, value, error
    # Two files bear the name at some commits; the one that has all models is the larger.
    path = max(data.glob("SIB-200/*SIB-200.csv"), key=lambda path: path.stat().st_size)
    (_, _, *languages), *lines = read(path)
    for short, _, *cells in lines:
        for language, cell in zip(languages, cells, strict=True):
            yield HUB.get(short, short), language, "sib200", float(cell), ""


def harness(clone: Path) -> Iterator[Row]:
    """Zero-shot results of 2023, one file a model and benchmark."""
    for benchmark in HARNESS_BENCHMARKS:
        for path in clone.glob(f"results/*/*/*_{benchmark}_0-shot.json"):
            if path.parts[-3] not in HARNESS:
                continue
            content = json.loads(path.read_text(encoding="utf-8"))
            source = path.relative_to(clone).as_posix()
            for task, scores in content["results"].items():
                language = task.removeprefix(f"{benchmark}_")
                shots, version = content["config"]["num_fewshot"], content["versions"][task]
                accuracy, error = scores["acc"], scores["acc_stderr"]
                yield (
                    path.parts[-2],
                    benchmark,
                    language,
                    task,
                    shots,
                    accuracy,
                    error,
                    version,
                    source,
                )


def main() -> None:
    """Writes the tables of the clones that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mexa", type=Path, help="clone of wassim-mezghanni/MEXA-fork")
    parser.add_argument("--emma", type=Path, help="clone of MaLA-LM/emma-500")
    parser.add_argument("--harness", type=Path, help="clone of EleutherAI/lm-evaluation-harness")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    given = parser.parse_args()
    if not (given.mexa or given.emma or given.harness):
        parser.error("name at least one clone: --mexa, --emma or --harness")
    if given.mexa:
        data = given.mexa / "dashboard" / "public" / "data"
        rows = sorted([*space(data), *fork(data)], key=lambda row: row[:3])
        write(given.out / "mexa_flores.csv", "model,language,metric,value,n,source", rows)
    if given.emma:
        rows = sorted(emma(given.emma / "evaluation_results"), key=lambda row: row[:3])
        write(given.out / "emma500_tasks.csv", "model,language,benchmark,value,stderr", rows)
    if given.harness:
        header = "model,benchmark,language,task,num_fewshot,acc,acc_stderr,task_version,source_path"
        rows = sorted(harness(given.harness), key=lambda row: row[:3])
        write(given.out / "lm_eval_multilingual_0shot.csv", header, rows)


if __name__ == "__main__":
    main()
