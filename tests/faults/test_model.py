"""Models that cannot be loaded: one sentence that says why and what to do."""

from __future__ import annotations

import json
import logging
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from commands import ENVIRONMENT, Command

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch.arguments import announce
from neuronxa_tasks.harness.launch.loading_errors import loading_told
from neuronxa_tasks.harness.model import NeuronXALM

from .conftest import SHIPPED, Copy, Damage

WEIGHTS = "model.safetensors"


def overwrite(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def cut(size: int) -> Damage:
    return lambda folder: os.truncate(folder / WEIGHTS, size)


def patch(offset: int, content: bytes) -> Damage:
    def damage(folder: Path) -> None:
        with (folder / WEIGHTS).open("r+b") as file:
            file.seek(offset)
            file.write(content)

    return damage


def remove(*names: str) -> Damage:
    def damage(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return damage


def config(**changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps(content | changes), encoding="utf-8")

    return damage


FAULTS: dict[str, tuple[Damage, str, str]] = {
    "weights cut off": (cut(100_000), "is damaged or cut off", "download it again"),
    "weights cut off in the header": (cut(40), "is damaged or cut off", "download it again"),
    "weights empty": (cut(0), "is damaged or cut off", "download it again"),
    "length of the header wrong": (patch(0, struct.pack("<Q", 2**62)), "is damaged", "again"),
    "length of the header too short": (patch(0, struct.pack("<Q", 99)), "is damaged", "again"),
    "bits flipped in the header": (patch(60, b"\xff\x00"), "is damaged", "again"),
    "a page of a web server": (overwrite(WEIGHTS, b"<html></html>"), "is damaged", "again"),
    "a pointer of git-lfs": (
        overwrite(WEIGHTS, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        "only a pointer of git-lfs",
        "git lfs pull",
    ),
    "no weights": (remove(WEIGHTS), "has no weights", "Copy or download"),
    "no config": (remove("config.json"), "has no config.json", "save_pretrained"),
    "config cut off": (overwrite("config.json", b'{"model_type": "lla'), "is damaged", "again"),
    "config of another kind": (overwrite("config.json", b"[1]"), "is no JSON object", "again"),
    "config nested too deeply": (overwrite("config.json", b"[" * 50_000), "is damaged", "again"),
    "config of another size": (config(intermediate_size=8), "mismatched_sizes", "Check the name"),
    "unknown kind of model": (config(model_type="nothing"), "nothing", "Check the name"),
    "no tokenizer": (
        remove("tokenizer.json", "tokenizer_config.json"), "has no tokenizer", "tokenizer=",
    ),
    "tokenizer cut off": (overwrite("tokenizer.json", b'{"a'), "is damaged", "again"),
}  # fmt: skip


def load(arguments: dict[str, Any]) -> str:
    """What is said about a model that does not load."""
    from neuronxa_tasks.harness.model import NeuronXALM

    with pytest.raises(NeuronXAError) as error, loading_told(arguments):
        NeuronXALM.create_from_arg_obj(arguments, {"device": "cpu"})
    told = str(error.value)
    assert told.startswith("The model of --model_args ")
    assert "\n" not in told
    return told


@pytest.mark.tiny
@pytest.mark.parametrize("case", FAULTS)
def test_damaged_folder(copy_of_model: Copy, case: str) -> None:
    damage, why, next_step = FAULTS[case]
    told = load({"pretrained": str(copy_of_model(damage))})
    assert why in told
    assert next_step in told


@pytest.mark.tiny
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"pretrained": "/no/such/folder"}, "there is no folder '/no/such/folder'"),
        ({"pretrained": "--help"}, "there is no folder '--help'"),
        ({"pretrained": "a\nb\x1b[31m"}, r"there is no folder 'a\nb\x1b[31m'"),
        ({"pretrained": "a\0b"}, r"there is no folder 'a\x00b'"),
        ({"pretrained": "modèle/ü"}, "names on the Hub look like owner/model"),
        ({"pretrained": "x" * 9000}, "names on the Hub look like owner/model"),
        ({"pretrained": str(SHIPPED / "config.json")}, "is a file. Give the folder"),
        ({"pretrained": str(SHIPPED), "tokenizer": "/no/where"}, "Correct tokenizer="),
        ({"pretrained": str(SHIPPED), "dtype": "float99"}, "float99"),
        ({"pretrained": str(SHIPPED), "nonsense": 1}, "nonsense"),
        ({"pretrained": ""}, "it has no pretrained="),
        ({"dtype": "float32"}, "it has no pretrained="),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], why: str) -> None:
    told = load(arguments)
    assert why in told
    assert len(told) < 1500


def raised(error: Exception, arguments: dict[str, Any]) -> str:
    """What is said where the loader ends with an error."""

    class Fails(NeuronXALM):
        def __init__(self, **_: Any) -> None:
            raise error

    with pytest.raises(NeuronXAError) as caught, loading_told(arguments):
        Fails.create_from_arg_obj(arguments)
    return str(caught.value)


@pytest.mark.tiny
def test_the_remedy_at_the_end_of_a_long_message_is_not_cut_off() -> None:
    told = raised(
        ValueError("word " * 100 + "install it with `pip install x`"), {"pretrained": "a/b"}
    )
    assert "install it with `pip install x`" in told
    code = "The repository a/b contains custom code. " + "Read it. " * 60
    told = raised(ValueError(f"{code} Pass `trust_remote_code=True`."), {"pretrained": "a/b"})
    assert "add trust_remote_code=True to --model_args" in told


@pytest.mark.tiny
def test_bits_that_plain_hf_cannot_pass_on() -> None:
    error = TypeError("X.__init__() got an unexpected keyword argument 'load_in_8bit'")
    assert "--model hf-neuronxa" in raised(error, {"pretrained": "a/b", "load_in_8bit": True})


@pytest.mark.tiny
def test_an_adapter_alone_names_the_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    told = load({"pretrained": str(tmp_path)})
    assert f"Name both: pretrained=org/base,peft={tmp_path}." in told


@pytest.mark.tiny
def test_a_file_that_cannot_be_read_is_not_called_damaged(copy_of_model: Copy) -> None:
    def damage(folder: Path) -> None:
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer.json").mkdir()

    told = load({"pretrained": str(copy_of_model(damage))})
    assert "tokenizer.json cannot be read: Is a directory" in told
    assert "damaged" not in told


def test_only_loading_is_told_as_loading() -> None:
    with pytest.raises(KeyError), loading_told({"pretrained": "x"}):
        raise KeyError("a bug elsewhere")


HUB_FAULTS = {
    "gated": (401, "GatedRepo"),
    "missing": (401, "RepoNotFound"),
    "revision": (404, "RevisionNotFound"),
    "broken": (500, ""),
}
HUB_TOLD = {
    "gated": ("is gated on the Hub", "https://huggingface.co/owner/gated", "hf auth login"),
    "missing": ("neither a folder 'owner/missing' nor a model", "hf auth login"),
    "revision": ("has no revision 'v9'", "correct revision="),
    "broken": ("owner/broken", "."),
}
LOAD = """
import json, sys, time
from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.harness.launch.loading_errors import loading_told
from neuronxa_tasks.harness.model import NeuronXALM
from neuronxa_tasks.harness.model import NeuronXALM
time.sleep = lambda seconds: None  # between the library's retries
for name in sys.argv[1:]:
    arguments = {"pretrained": f"owner/{name}"} | ({"revision": "v9"} if name == "revision" else {})
    try:
        with loading_told(arguments):
            NeuronXALM.create_from_arg_obj(arguments, {"device": "cpu"})
    except NeuronXAError as error:
        print(json.dumps(str(error)))
"""


@pytest.fixture
def hub() -> Iterator[str]:
    """A Hub of models, each with its own fault."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            names = [name for name in HUB_FAULTS if f"owner/{name}" in self.path]
            status, code = HUB_FAULTS[names[0]] if names else (404, "EntryNotFound")
            body = b'{"error": "told by the header"}'
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", f"{code} it is")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = answer

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.harness
def test_models_that_the_hub_does_not_give(hub: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *HUB_FAULTS],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=tmp_path,
        env={
            **os.environ,
            **ENVIRONMENT,
            **{"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"},
            **{"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "HF_TOKEN": ""},
        },
        check=True,
    )
    for words, line in zip(HUB_TOLD.values(), done.stdout.splitlines(), strict=True):
        told = json.loads(line)
        assert "could not be loaded" in told
        for word in words:
            assert word in told


@pytest.mark.harness
def test_the_command_ends_with_the_sentence(
    neuronxa: Command, copy_of_model: Copy, tmp_path: Path
) -> None:
    done = neuronxa(
        *("run", "--model", "hf", "--tasks", "neuronxa_mini_deu_Latn"),
        *("--model_args", f"pretrained={copy_of_model(cut(100_000))},revision=v9"),
        *("--trust_remote_code", "--device", "cpu", "--output_path", tmp_path / "out"),
    )
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    last = done.err.rstrip().splitlines()[-1]
    assert last.startswith("neuronxa: error: The model of --model_args ")
    assert "model.safetensors is damaged or cut off" in last
    assert not (tmp_path / "out").exists()
    assert "trust_remote_code is on: Python code that comes with the model" in done.err
    assert "revision=v9 is not looked at" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pretrained": "a/b"}, False),
        ({"pretrained": "a/b", "trust_remote_code": False}, False),
        ({"pretrained": "a/b", "trust_remote_code": "False"}, False),
        ({"pretrained": "a/b", "trust_remote_code": True}, True),
        ({"pretrained": "a/b", "trust_remote_code": "true"}, True),
    ],
)
def test_remote_code_is_said_aloud(
    arguments: dict[str, Any], said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        announce(arguments)
    assert ("with all your rights" in caplog.text) is said
