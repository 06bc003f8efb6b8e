"""All languages of FLORES in one command, with no more memory than a few of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ENVIRONMENT, Finished

from neuronxa_tasks.text.corpora import CORPORA

pytestmark = [pytest.mark.harness, pytest.mark.data, pytest.mark.slow]

N = 20
FEW = 20
SHARE = 1.1
"""Peak with all languages over the peak with a few, at most."""

MEASURE = """
import resource, sys, time
from neuronxa_tasks.cli import main
start, code = time.monotonic(), main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"\\n{code} {peak:.0f} {time.monotonic() - start:.0f} {time.process_time():.0f}")
"""


def measured(tasks: str, checkpoint: Path, data: Path, folder: Path) -> tuple[Finished, float]:
    """Run the command in a process of its own; return what it wrote and its peak in MiB."""
    done = subprocess.run(
        [
            sys.executable, "-c", MEASURE, "run", "--model", "hf-neuronxa",
            "--model_args", f"pretrained={checkpoint}", "--tasks", tasks,
            "--metadata", json.dumps({"data_dir": str(data), "n": N}),
            "--batch_size", "16", "--device", "cpu", "--output_path", str(folder),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **ENVIRONMENT},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    code, peak, wall, processor = done.stdout.splitlines()[-1].split()
    assert code == "0"
    print(f"{folder.name}: peak {peak} MiB, {wall} s, {processor} s of the processor")
    return Finished(0, done.stdout, done.stderr, folder), float(peak)


@pytest.mark.timeout(7200)
def test_peak_does_not_grow(checkpoint: Path, data_dir: Path, tmp_path: Path) -> None:
    data = data_dir / "flores200" / "devtest"
    codes = [code for code in CORPORA["flores"].codes if code != "eng_Latn"]
    few = ",".join(f"neuronxa_flores_{code}" for code in codes[:FEW])
    _, peak_of_few = measured(few, checkpoint, data, tmp_path / "few")
    done, peak_of_all = measured("neuronxa_flores", checkpoint, data, tmp_path / "all")
    assert len(done.results["config"]["neuronxa"]["tasks"]) == len(codes)
    assert peak_of_all < SHARE * peak_of_few
