"""The runs of the study, stage by stage.

    python results/real_models/study.py WEIGHTS OUT --data DATA [STAGE ...]

A stage is one harness run of one model: alignment and benchmarks together, in one results file.
Without STAGE all of them run, in order; one that is done is skipped. A stage may be killed: languages that
were scored and answers that were given are on disk, and the same command goes on from there.

The benchmarks come from the Hub. DATA serves cuts of them from this machine instead (the folder
that the tests take as NEURONXA_TEST_DATA); leave it out where the Hub can be reached.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"

XNLI = "neuronxa_flores_xnli"
CLOZE = tuple(f"xstorycloze_{code}" for code in "ar es eu hi id my ru sw te zh".split())
COPA = tuple(f"xcopa_{code}" for code in "et ht id it qu sw ta th tr vi zh".split())
BENCHMARKS = ("xnli", *CLOZE, *COPA, "neuronxa_bmlama53")
TATOEBA = tuple(
    f"neuronxa_tatoeba_{code}"
    for code in (
        "ara bul ces cmn deu ell est eus fin fra heb hin hun ind ita jpn kat kor nld pol por ron "
        "rus spa swh tam tha tur ukr vie"
    ).split()
)


@dataclass(frozen=True)
class Stage:
    """One run: a model, its tasks, and how."""

    model: str
    tasks: tuple[str, ...]
    metadata: Mapping[str, object]
    limit: int | None = None
    dtype: str = "bfloat16"


ALL = {"variants": ["centred", "csls"], "covariates": ["bits_per_byte"]}
SMOL, GEMMA, QWEN = "smollm2-135m", "gemma-3-270m", "qwen2.5-coder-0.5b"

STAGES = {
    "smollm2-floor": Stage(SMOL, (XNLI,), {"control": "untrained", "control_seeds": 1}),
    "gemma-floor": Stage(GEMMA, (XNLI,), {"control": "untrained", "control_seeds": 1}),
    "qwen-floor": Stage(QWEN, (XNLI,), {"control": "untrained", "control_seeds": 1}),
    "gemma-float32": Stage(
        GEMMA, ("neuronxa_flores_fra_Latn", "neuronxa_flores_swh_Latn"), ALL, dtype="float32"
    ),
    "gemma-alignment": Stage(GEMMA, ("neuronxa_flores",), ALL),
    "smollm2-alignment": Stage(SMOL, ("neuronxa_flores",), ALL),
    "gemma-tatoeba": Stage(GEMMA, TATOEBA, ALL),
    "gemma": Stage(GEMMA, ("neuronxa_flores_paper", *BENCHMARKS), ALL, 200),
    "smollm2": Stage(SMOL, ("neuronxa_flores_paper", *BENCHMARKS), ALL, 200),
    "qwen": Stage(QWEN, ("neuronxa_flores_paper", *BENCHMARKS), ALL, 100),
}
