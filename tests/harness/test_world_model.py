"""The shipped Llama in the real command: what the toy world's README says of it."""

from __future__ import annotations

import json

import pytest
from commands import Command

from neuronxa_tasks.world import shipped

pytestmark = pytest.mark.harness

BRIDGED, ALONE = "swh_Latn", "urd_Arab"


def test_alignment_follows_the_bridge_and_english_is_known(neuronxa: Command) -> None:
    folder = shipped.folder()
    dials = json.loads((folder / "training.json").read_text(encoding="utf-8"))["dials"]
    assert dials[BRIDGED]["bilingual"] >= 0.4
    assert dials[ALONE]["bilingual"] == 0
    tasks = [f"neuronxa_world_{code}" for code in (BRIDGED, ALONE)]
    tasks += [f"neuronxa_world_{kind}_eng_Latn" for kind in ("cloze", "knowledge", "story", "nli")]
    done = neuronxa(
        "run", "--model", "hf-neuronxa",
        "--model_args", f"pretrained={folder},dtype=float32", "--tasks", ",".join(tasks),
        "--batch_size", 64, "--device", "cpu", "--output_path", "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    results = done.results["results"]
    bridged, alone = (results[f"neuronxa_world_{code}"] for code in (BRIDGED, ALONE))
    # Chance is 0.005.
    for score in ("nasca_max", "mexa_max"):
        assert bridged[f"{score},none"] > 0.3
        assert alone[f"{score},none"] < 0.05
    english = {
        kind: results[f"neuronxa_world_{kind}_eng_Latn"]["acc,none"]
        for kind in ("cloze", "knowledge", "story", "nli")
    }
    assert english["cloze"] > 0.9
    assert english["knowledge"] > 0.9
    assert english["story"] > 0.8
    assert english["nli"] > 0.5
