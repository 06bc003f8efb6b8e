"""Wrong input through the command: one sentence, exit code 2, nothing written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from commands import Command
from models import byte_tokenizer

from neuronxa_tasks.names import CHECKED

pytestmark = pytest.mark.harness

FRENCH = "neuronxa_flores_fra_Latn"
Fails = Callable[..., str]


@pytest.fixture
def fails(neuronxa: Command, checkpoint: Path, tmp_path: Path) -> Fails:
    """Run `neuronxa run`; return what it says about its failure."""

    def run(
        *arguments: str,
        tasks: str = FRENCH,
        model: str = "hf-neuronxa",
        loading: bool | None = None,
        **metadata: object,
    ) -> str:
        out = tmp_path / "out"
        done = neuronxa(
            *("run", "--model", model, "--tasks", tasks, "--device", "cpu"),
            *(["--metadata", json.dumps(metadata)] if metadata else []),
            *("--model_args", f"pretrained={checkpoint}", "--output_path", out, *arguments),
        )
        assert done.code == 2, done.err
        assert "Traceback" not in done.err
        assert loading is None or (CHECKED in done.err) is loading
        assert not out.exists()
        last = done.err.rstrip().splitlines()[-1]
        assert last.startswith("neuronxa: error: ")
        return last

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound data folder that each test damages."""
    folder = tmp_path / "text"
    folder.mkdir()
    for code in ("eng_Latn", "fra_Latn"):
        lines = [f"{code} {i} {'abcdefghij'[i % 10] * i}" for i in range(120)]
        (folder / f"{code}.devtest").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_missing_language_file(fails: Fails, folder: Path) -> None:
    (folder / "fra_Latn.devtest").unlink()
    told = fails(data_dir=str(folder))
    assert "no file for fra_Latn" in told
    assert "looked for fra_Latn.devtest, devtest/fra_Latn.devtest, " in told


def test_no_such_folder(fails: Fails, tmp_path: Path) -> None:
    assert "is not a folder" in fails(data_dir=str(tmp_path / "nowhere"))


def test_unequal_line_counts(fails: Fails, folder: Path) -> None:
    with (folder / "fra_Latn.devtest").open("a", encoding="utf-8") as file:
        file.write("one more\n")
    told = fails(data_dir=str(folder))
    assert "eng_Latn.devtest has 120 lines and fra_Latn.devtest has 121" in told


def test_empty_file(fails: Fails, folder: Path) -> None:
    (folder / "fra_Latn.devtest").write_text("", encoding="utf-8")
    assert "fra_Latn.devtest" in (told := fails(data_dir=str(folder)))
    assert "is empty" in told


def test_empty_line(fails: Fails, folder: Path) -> None:
    path = folder / "fra_Latn.devtest"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:7], " ", *lines[8:]]) + "\n", encoding="utf-8")
    assert "Line 8 of fra_Latn.devtest" in fails(data_dir=str(folder))


def test_not_utf8(fails: Fails, folder: Path) -> None:
    path = folder / "fra_Latn.devtest"
    path.write_bytes(path.read_bytes().replace(b"fra_Latn 5 ", b"fra\xe9 5 ", 1))
    told = fails(data_dir=str(folder))
    assert "not UTF-8" in told
    assert "0xe9" in told


def test_fewer_lines_than_n(fails: Fails, folder: Path) -> None:
    assert "has 120 lines, fewer than n = 121" in fails(data_dir=str(folder), n=121)


def test_unknown_task(fails: Fails) -> None:
    told = fails(tasks="neuronxa_flores_fra_Lat")
    assert "`fra_Lat` names no language of the table" in told
    assert "`fra_Latn`" in told


def test_pivot_not_in_the_corpus(fails: Fails, folder: Path) -> None:
    told = fails(data_dir=str(folder), pivot="eng_Latin")
    assert "The pivot 'eng_Latin' is not a language of flores" in told
    assert "eng_Latn" in told


def test_tatoeba_has_one_pivot(fails: Fails, folder: Path) -> None:
    told = fails(tasks="neuronxa_tatoeba_fra", data_dir=str(folder), pivot="deu_Latn")
    assert "all its pairs are with English" in told


def test_unknown_key(fails: Fails, folder: Path) -> None:
    told = fails(data_dir=str(folder), pivots="deu_Latn")
    assert "'pivots'" in told
    assert "Did you mean pivot?" in told


def test_unwritable_output(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = fails("--output_path", str(tmp_path / "file" / "out"))
    assert "nothing can be written" in told


def test_include_path_that_is_no_folder(fails: Fails, tmp_path: Path) -> None:
    assert "which is not a folder" in fails("--include_path", str(tmp_path / "nowhere"))


def test_unsupported_architecture(fails: Fails, folder: Path, tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    model = MambaForCausalLM(MambaConfig(vocab_size=300, hidden_size=16, num_hidden_layers=2))
    model.save_pretrained(tmp_path / "mamba")
    byte_tokenizer().save_pretrained(tmp_path / "mamba")
    told = fails("--model_args", f"pretrained={tmp_path / 'mamba'}", data_dir=str(folder))
    assert "MambaForCausalLM" in told
    assert "Choose another causal language model" in told


def test_api_model(fails: Fails, folder: Path) -> None:
    told = fails(
        "--model_args",
        "model=x,base_url=http://127.0.0.1:9/v1/completions,tokenizer_backend=None",
        model="local-completions",
        data_dir=str(folder),
    )
    assert "LocalCompletionsAPI cannot give neuron states" in told
    assert "--model hf-neuronxa" in told


def test_users_own_include_path_works_beside_ours(
    neuronxa: Command, checkpoint: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.jsonl").write_text(
        "".join(json.dumps({"q": f"{i} is", "gold": i % 2}) + "\n" for i in range(6)),
        encoding="utf-8",
    )
    (own / "mine.yaml").write_text(
        "task: mine\ndataset_path: json\n"
        f"dataset_kwargs:\n  data_files:\n    test: {own / 'mine.jsonl'}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{q}}'\n"
        "doc_to_target: gold\ndoc_to_choice: ['even', 'odd']\n"
        "metric_list:\n  - metric: acc\n",
        encoding="utf-8",
    )
    done = neuronxa(
        "run", "--model_args", f"pretrained={checkpoint}", "--device", "cpu",
        "--tasks", "mine,neuronxa_mini_deu_Latn", "--include_path", own, "--limit", 6,
        "--output_path", "out",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert {"mine", "neuronxa_mini_deu_Latn"} <= set(done.results["results"])


def test_no_network(neuronxa: Command, checkpoint: Path, tmp_path: Path) -> None:
    done = neuronxa(
        "run", "--model", "hf", "--model_args", f"pretrained={checkpoint}",
        "--tasks", FRENCH, "--device", "cpu", NEURONXA_CACHE=str(tmp_path / "empty"),
    )  # fmt: skip
    assert done.code == 2
    assert "Traceback" not in done.err
    for words in ("could not be loaded from the Hub", "neuronxa fetch flores200", "data_dir"):
        assert words in done.err


@pytest.fixture
def gated_hub() -> Iterator[str]:
    """A server that answers as the Hub does to somebody who has not accepted the terms."""

    class Gate(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = b'{"error": "Access to dataset openlanguagedata/flores_plus is restricted."}'
            self.send_response(401)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("X-Error-Message", "Access to dataset is restricted.")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = answer

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_gated_without_login(
    command: Command, checkpoint: Path, tmp_path: Path, gated_hub: str
) -> None:
    done = command(
        "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={checkpoint}",
        "--include_path", command("neuronxa", "path").out.strip(),
        "--tasks", FRENCH, "--device", "cpu",
        HF_ENDPOINT=gated_hub, HF_HUB_OFFLINE="0", HF_DATASETS_OFFLINE="0",
        NEURONXA_CACHE=str(tmp_path / "empty"), HF_HOME=str(tmp_path / "hf"),
    )  # fmt: skip
    assert done.code == 1  # the harness' own process ends with an uncaught error
    last = done.err.rstrip().splitlines()[-1]
    assert last.startswith("neuronxa: error: ")
    assert "Traceback" not in done.err
    for words in ("accept its terms at", "hf auth login", "neuronxa fetch flores200"):
        assert words in last


MINI = "neuronxa_mini_deu_Latn"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metadata", '{"n": 5'], "--metadata cannot be read: Invalid JSON"),
        (["--model", "hf-neuronx"], "Did you mean hf-neuronxa"),
        (["--model", "vllm"], "needs something that is not installed: No module named 'vllm'"),
        (["--model", "dummy"], "DummyLM cannot give neuron states"),
        (["--limit", "0"], "--limit is 0.0; it must be"),
        (["--limit", "-3"], "--limit is -3.0"),
        (["--limit", "nan"], "--limit is nan"),
        (["--samples", json.dumps({MINI: [0, 100]})], "numbers of its documents, 0 to 99"),
        (["--samples", json.dumps({MINI: [0, -1]})], "[0, -1] for"),
        (["--samples", json.dumps({"other": [0, 1]})], "none of them is in this run"),
        (["--samples", "nowhere.json"], "neither JSON nor a file"),
        (["--batch_size", "ten"], "--batch_size is 'ten'"),
        (["--batch_size", "0"], "--batch_size is '0'"),
        (["--num_fewshot", "-1"], "--num_fewshot is -1; it must be"),
        (["--device", "banana"], "--device is 'banana'"),
        (["--model_args", "pretrained=x,add_bos_token=maybe"], "add_bos_token is 'maybe'"),
        (["--model_args", "pretrained=x,max_length=0"], "max_length is 0"),
        (["--metadata", '{"tap": "up"}'], "tap is 'up'"),
        (["--metadata", '{"n": 101}'], "fewer than n = 101"),
    ],
)
def test_said_before_the_model_is_loaded(arguments: list[str], words: str, fails: Fails) -> None:
    assert words in fails(*arguments, tasks=MINI, loading=False)


def test_the_tasks_of_the_run(fails: Fails, folder: Path) -> None:
    assert "--tasks names no task" in fails(tasks="", loading=False)
    told = fails(tasks=f"{MINI},xnli_de", loading=False)  # no network in tests
    assert "The data of the task xnli_de could not be loaded" in told
    (folder / "fra_Latn.devtest").unlink()
    assert "no file for fra_Latn" in fails(data_dir=str(folder), loading=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [("limt: 5\n", "Did you mean limit?"), ("limit: many\n", "--limit is 'many'")],
)
def test_keys_and_values_of_a_config_file(
    text: str, words: str, fails: Fails, tmp_path: Path
) -> None:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    assert words in fails("--config", str(tmp_path / "run.yaml"), tasks=MINI, loading=False)


def test_a_damaged_model_is_told_after_the_checks(fails: Fails, tmp_path: Path) -> None:
    told = fails("--model_args", f"pretrained={tmp_path}", tasks=MINI, loading=True)
    assert "could not be loaded" in told
