"""Text of our own tasks from a Hub: found, cached, and refused in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub import Fault, Hub

from neuronxa_tasks.text.flores import FLORES_HUB
from neuronxa_tasks.text.tatoeba import TATOEBA_HUB, TATOEBA_REVISION

pytestmark = [pytest.mark.harness, pytest.mark.data]

LOAD = """
import json, sys, time
from neuronxa_tasks.text.corpora import corpus
from neuronxa_tasks.errors import NeuronXAError
time.sleep = lambda seconds: None  # between the library's retries
for name, target in json.loads(sys.argv[1]):
    try:
        text = corpus(name).load("eng_Latn", target, 5)
    except NeuronXAError as error:
        print(json.dumps({"error": str(error)}))
    else:
        print(json.dumps({"pivot": text.pivot, "target": text.target, "source": text.source}))
"""


def load(
    environment: dict[str, str], *texts: tuple[str, str], cwd: Path
) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(texts)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        cwd=cwd,
        env={**os.environ, **environment, "NEURONXA_CACHE": str(cwd / "none")},
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_corpora_from_the_hub_and_from_its_cache(hub: Hub, data_dir: Path, tmp_path: Path) -> None:
    environment = hub.environment(tmp_path / "cache")
    texts = ("flores", "fra_Latn"), ("tatoeba", "fra"), ("flores", "zho_Hans")
    flores, tatoeba, renamed = load(environment, *texts, cwd=tmp_path)

    def lines(path: str) -> list[str]:
        text = (data_dir / path).read_text(encoding="utf-8").split("\n")
        return [line.strip() for line in text[:5]]

    # The rows of FLORES+ come in any order; the id brings them into that of the release.
    assert flores["pivot"] == lines("flores200/devtest/eng_Latn.devtest")
    assert flores["target"] == lines("flores200/devtest/fra_Latn.devtest")
    source = flores["source"]
    assert isinstance(source, dict)
    assert (source["kind"], source["where"]) == ("hub", FLORES_HUB)
    assert tatoeba["pivot"] == lines("tatoeba/fra-eng.eng")
    assert tatoeba["target"] == lines("tatoeba/fra-eng.fra")

    assert renamed["target"] == lines("flores200/devtest/zho_Hans.devtest")

    asked = len(hub.requests)
    offline = {**environment, "HF_HUB_OFFLINE": "1"}
    assert load(offline, *texts, cwd=tmp_path) == [flores, tatoeba, renamed]
    assert len(hub.requests) == asked
    assert any(TATOEBA_REVISION in request for request in hub.requests)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "doesn't exist on the Hub"),
        ("gated", "is a gated dataset on the Hub"),
        ("broken", "An error happened while trying to locate the file on the Hub"),
        ("silent", "Server disconnected"),
    ],
)
def test_a_hub_that_fails_is_told_in_a_sentence(
    hub: Hub, fault: Fault, reason: str, tmp_path: Path
) -> None:
    hub.faults.update({FLORES_HUB: fault, TATOEBA_HUB: fault})
    try:
        flores, tatoeba = load(
            hub.environment(tmp_path / "cache"),
            ("flores", "fra_Latn"), ("tatoeba", "fra"), cwd=tmp_path,
        )  # fmt: skip
    finally:
        hub.faults.clear()
    for failed in (flores, tatoeba):
        message = str(failed["error"])
        assert "could not be loaded from the Hub" in message
        assert reason in message
        assert "data_dir" in message
    assert "neuronxa fetch flores200" in str(flores["error"])
