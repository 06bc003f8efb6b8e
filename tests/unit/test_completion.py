"""The shell completes verbs and options by a script that is made once."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from neuronxa_tasks.cli import main


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for words, expected in (
        ("neuronxa lea", ["leaderboard"]),
        ("neuronxa run --metad", ["--metadata"]),
        ("neuronxa run --check", ["--checkpoints"]),
        ("neuronxa gate --base", ["--baseline"]),
    ):
        asked = f"""{script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE="{words}"
$(complete -p neuronxa | sed 's/.*-F \\([^ ]*\\).*/\\1/') neuronxa
echo "${{COMPREPLY[@]}}"
"""
        done = subprocess.run(
            ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True
        )
        assert [word for word in done.stdout.split() if word in expected] == expected


def test_without_shtab_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "zsh"]) == 2
    assert "neuronxa-tasks[completion]" in capsys.readouterr().err
