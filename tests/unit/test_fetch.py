"""The download of FLORES-200 against a real server on the loopback interface."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import filelock
import pytest

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text import download, fetch
from neuronxa_tasks.text.corpora import CORPORA
from neuronxa_tasks.text.fetch import fetch_flores200
from neuronxa_tasks.text.manifest import MANIFEST

TOP = "flores200_dataset"
CODES = CORPORA["flores"].codes
FILES = {
    **{f"./{TOP}/devtest/{code}.devtest": f"A. {code}\nB.\n".encode() for code in CODES},
    f"./{TOP}/README": b"FLORES-200\n",
    f"./{TOP}/metadata_devtest.tsv": b"URL\tdomain\n",
    f"./{TOP}/dev/eng_Latn.dev": b"One.\nTwo.\n",
    f"./{TOP}/dev/fra_Latn.dev": b"Un.\nDeux.\n",
    # Bytes that do not compress, so that the archive has a length worth cutting.
    f"./{TOP}/devtest/eng_Latn.devtest": bytes(hashlib.shake_256(b"eng").digest(150_000)),
    f"./{TOP}/devtest/fra_Latn.devtest": "Bonjour à tous.\nAu revoir.\n".encode(),
}


def member(name: str, data: bytes = b"", **attributes: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def tar_gz(*extra: tuple[tarfile.TarInfo, bytes], files: dict[str, bytes] | None = None) -> bytes:
    """An archive of FLORES' form, with further members at its end."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for folder in ("", "/dev", "/devtest"):
            tar.addfile(member(f"./{TOP}{folder}", type=tarfile.DIRTYPE)[0])
        for name, data in (FILES if files is None else files).items():
            tar.addfile(member(name, data)[0], io.BytesIO(data))
        for info, data in extra:
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ARCHIVE = tar_gz()
SHA = hashlib.sha256(ARCHIVE).hexdigest()


@dataclass
class Server:
    """A file server whose faults can be set.

    `cuts` holds how many bytes of the body the next answers give before the connection closes.
    """

    body: bytes = ARCHIVE
    status: int = 200
    state_length: bool = True
    location: str = ""
    cuts: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        if self.location:
            handler.send_response(302)
            handler.send_header("Location", self.location)
            handler.end_headers()
            return
        if self.status != 200:
            handler.send_error(self.status)
            return
        handler.send_response(200)
        if self.state_length:
            handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body[: self.cuts.pop(0)] if self.cuts else self.body)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/{TOP}.tar.gz"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    with serving(Server()) as running:
        yield running


def get(server: Server, root: Path, sha256: str | None = None) -> Path:
    sha256 = sha256 or hashlib.sha256(server.body).hexdigest()
    return fetch_flores200(server.url, sha256, root, progress=False)


def names(root: Path) -> list[str]:
    """What is in the cache folder; the lock stays there for the next one."""
    there = sorted(path.name for path in root.iterdir()) if root.exists() else []
    return [name for name in there if name != fetch._LOCK]


def assert_complete(root: Path) -> None:
    assert names(root) == [TOP]
    files = (path for path in (root / TOP).rglob("*") if path.is_file())
    found = {f"./{path.relative_to(root).as_posix()}" for path in files}
    assert found == {*FILES, f"./{TOP}/{MANIFEST}"}
    for name, data in FILES.items():
        assert (root / name).read_bytes() == data


# What should work ---------------------------------------------------------------------------------


def test_download_unpack_and_no_second_request(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "new" / "cache"
    assert get(server, root) == root / TOP / "devtest"
    assert_complete(root)
    assert len(server.requests) == 1
    assert get(server, root) == root / TOP / "devtest"
    assert len(server.requests) == 1


def test_default_folder_is_where_the_corpus_looks(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURONXA_CACHE", str(tmp_path / "cache"))
    found = fetch_flores200(server.url, SHA.upper(), progress=False)
    text = CORPORA["flores"].load("deu_Latn", "fra_Latn", None)
    assert text.target == ("Bonjour à tous.", "Au revoir.")
    assert text.source["kind"] == "archive"
    assert text.source["where"] == str(found)


def test_defaults_are_the_official_archive() -> None:
    assert fetch.URL == "https://dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz"
    assert re.fullmatch("[0-9a-f]{64}", fetch.SHA256)


def test_layout_has_every_language() -> None:
    for code in CODES:
        for split in ("dev", "devtest"):
            assert fetch._LAYOUT.fullmatch(f"{split}/{code}.{split}")
    for name in ("metadata_dev.tsv", "metadata_devtest.tsv", "README", "README.md"):
        assert fetch._LAYOUT.fullmatch(name)
    for name in ("dev/eng_Latn.devtest", "dev/._eng_Latn.dev", "dev/eng_Latn.dev\n", "x/README"):
        assert not fetch._LAYOUT.fullmatch(name)


def test_progress_bar_goes_to_standard_error(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_flores200(server.url, SHA, tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert "100%" in err


def test_cut_connection_starts_again(server: Server, tmp_path: Path) -> None:
    server.cuts = [40_000, 30_000]
    get(server, tmp_path)
    assert_complete(tmp_path)
    assert len(server.requests) == 3


def test_connection_that_is_always_cut(server: Server, tmp_path: Path) -> None:
    server.cuts = [10_000, 5_000, 1_000]
    with pytest.raises(NeuronXAError, match=r"cut off, 3 times: .*Check the conn.*data_dir"):
        get(server, tmp_path)
    assert names(tmp_path) == []
    get(server, tmp_path)
    assert_complete(tmp_path)


def test_server_without_length(server: Server, tmp_path: Path) -> None:
    server.state_length = False
    get(server, tmp_path)
    assert_complete(tmp_path)


def test_redirect_to_an_allowed_address(server: Server, tmp_path: Path) -> None:
    with serving(Server(location=server.url)) as first:
        fetch_flores200(first.url, SHA, tmp_path, progress=False)
    assert_complete(tmp_path)


def test_strange_but_harmless_members_are_left_out(server: Server, tmp_path: Path) -> None:
    server.body = tar_gz(
        member("./._flores200_dataset", b"x"),
        member(f"./{TOP}/._README", b"x"),
        member(f"./{TOP}/dev/extra.sh", b"x"),
        member("elsewhere/README", b"x"),
    )
    get(server, tmp_path)
    assert_complete(tmp_path)


# What must be refused -----------------------------------------------------------------------------


def test_wrong_checksum(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match=r"expected sha256:0{64} but got [0-9a-f]{64}\. It"):
        get(server, tmp_path, "0" * 64)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [404, 403, 500])
def test_http_error(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(NeuronXAError, match=f"cannot be had: {status} .*data_dir"):
        get(server, tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1


def test_refused_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x.tar.gz"
        with pytest.raises(NeuronXAError, match=r"cannot be reached, .*refused.*HTTPS_PROXY"):
            fetch_flores200(url, SHA, tmp_path, progress=False)
    assert names(tmp_path) == []


def test_server_that_falls_silent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    release = threading.Event()
    send = server.answer

    def half(handler: BaseHTTPRequestHandler) -> None:
        server.cuts = [70_000]
        send(handler)
        handler.wfile.flush()
        release.wait(10)

    monkeypatch.setattr(server, "answer", half)
    try:
        with pytest.raises(NeuronXAError, match="cut off, 2 times"):
            get(server, tmp_path)
    finally:
        release.set()


def test_unknown_host_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    with pytest.raises(NeuronXAError, match=r"cannot be reached, .*not known.*HTTPS_PROXY"):
        fetch_flores200(folder=tmp_path, progress=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x.tar.gz",
        "http://127.0.0.1.example.org/x.tar.gz",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "https:///x",
        "http://[::1",
        "x.tar.gz",
        "",
    ],
)
def test_addresses_that_are_not_https(tmp_path: Path, url: str) -> None:
    with pytest.raises(NeuronXAError, match="not an https address"):
        fetch_flores200(url, SHA, tmp_path / "new", progress=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("location", ["http://example.org/x", "file:///etc/passwd"])
def test_redirect_away_from_https(server: Server, tmp_path: Path, location: str) -> None:
    server.location = location
    with pytest.raises(NeuronXAError, match=r"not an https address"):
        get(server, tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1


def test_endless_download_is_stopped(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 100_000)
    with pytest.raises(NeuronXAError, match="sends more than 100000 bytes"):
        get(server, tmp_path)
    assert not (tmp_path / TOP).exists()


def test_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile, "copyfileobj", full)
    with pytest.raises(NeuronXAError, match=r"No space left on device.*NEURONXA_CACHE"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NeuronXAError, match="cannot be written"):
        get(server, tmp_path / "file" / "cache")


@pytest.mark.parametrize("name", ["mine.txt", "devtest/eng_Latn.devtest"])
def test_foreign_folder_in_the_way(server: Server, tmp_path: Path, name: str) -> None:
    mine = tmp_path / TOP / name
    mine.parent.mkdir(parents=True)
    mine.write_text("x", encoding="utf-8")
    with pytest.raises(NeuronXAError, match=r"has no readable SHA256SUMS.*Move .* away, then run"):
        get(server, tmp_path)
    assert server.requests == []
    assert mine.read_text(encoding="utf-8") == "x"


def test_link_in_the_way(server: Server, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (tmp_path / "cache" / TOP).mkdir(parents=True)
    (tmp_path / "cache" / TOP / "devtest").symlink_to(mine)
    with pytest.raises(NeuronXAError, match="has no readable SHA256SUMS"):
        get(server, tmp_path / "cache")
    assert (tmp_path / "cache" / TOP / "devtest").is_symlink()


def test_file_in_the_way(server: Server, tmp_path: Path) -> None:
    (tmp_path / TOP).write_text("mine", encoding="utf-8")
    with pytest.raises(NeuronXAError, match=r"is a file, where FLORES-200 would be.*Move it away"):
        get(server, tmp_path)
    assert (tmp_path / TOP).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("folder", ["", "devtest", "devtest/deeper"])
def test_empty_folder_in_the_way_is_used(server: Server, tmp_path: Path, folder: str) -> None:
    (tmp_path / TOP / folder).mkdir(parents=True)
    get(server, tmp_path)
    assert_complete(tmp_path)


# What was unpacked and has changed since ----------------------------------------------------------


def load(code: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setenv("NEURONXA_CACHE", str(cache))
    return CORPORA["flores"].load("deu_Latn", code, None).target


@pytest.mark.parametrize("change", ["copied over", "cut", "gone", "not listed", "no manifest"])
def test_a_changed_file_is_neither_read_nor_taken_for_fetched(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    folder = get(server, tmp_path)
    assert load("fra_Latn", tmp_path, monkeypatch) == ("Bonjour à tous.", "Au revoir.")
    file, manifest = folder / "fra_Latn.devtest", tmp_path / TOP / MANIFEST
    if change == "copied over":
        file.write_bytes((folder / "deu_Latn.devtest").read_bytes())
    elif change == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif change == "gone":
        file.unlink()
    elif change == "no manifest":
        manifest.unlink()
    else:
        lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "fra_Latn" not in line]
        manifest.write_text("".join(kept), encoding="utf-8")
    why = {
        "copied over": r"fra_Latn\.devtest is not the file that was unpacked: its SHA-256 is",
        "cut": r"fra_Latn\.devtest is not the file that was unpacked: its SHA-256 is",
        "gone": r"fra_Latn\.devtest cannot be read: there is no such file",
        "not listed": r"fra_Latn\.devtest is not among the \d+ files",
        "no manifest": "has no readable SHA256SUMS",
    }[change] + f".* Move {tmp_path / TOP} away, then run `neuronxa fetch flores200`"
    with pytest.raises(NeuronXAError, match=why):
        load("fra_Latn", tmp_path, monkeypatch)
    with pytest.raises(NeuronXAError, match=why):
        get(server, tmp_path)
    assert len(server.requests) == 1
    if change != "no manifest":
        assert load("spa_Latn", tmp_path, monkeypatch) == ("A. spa_Latn", "B.")  # is still right
    (tmp_path / TOP).rename(tmp_path / "away")
    get(server, tmp_path)
    assert load("fra_Latn", tmp_path, monkeypatch) == ("Bonjour à tous.", "Au revoir.")


def test_the_manifest_is_that_of_sha256sum(server: Server, tmp_path: Path) -> None:
    get(server, tmp_path)
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("no sha256sum here; install coreutils")
    done = subprocess.run(
        [tool, "--strict", "-c", MANIFEST], cwd=tmp_path / TOP, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(FILES)


# Hostile archives ---------------------------------------------------------------------------------

EVIL = {
    "parent": (member(f"{TOP}/../../evil.txt", b"x"), "lead out"),
    "parent in the middle": (member(f"{TOP}/dev/../../../evil.txt", b"x"), "lead out"),
    "absolute": (member("/tmp/evil.txt", b"x"), "lead out"),
    "backslash": (member(f"{TOP}\\..\\evil.txt", b"x"), "lead out"),
    "drive": (member("C:evil.txt", b"x"), "lead out"),
    "folder outside": (member("../evil", type=tarfile.DIRTYPE), "lead out"),
    "symbolic link": (
        member(f"{TOP}/dev/deu_Latn.dev", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "neither a file",
    ),
    "link as folder": (
        member(f"{TOP}/devtest", type=tarfile.SYMTYPE, linkname="/tmp"),
        "neither a file",
    ),
    "hard link": (
        member(f"{TOP}/dev/deu_Latn.dev", type=tarfile.LNKTYPE, linkname=f"{TOP}/README"),
        "neither a file",
    ),
    "device": (
        member(f"{TOP}/dev/deu_Latn.dev", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        "neither a file",
    ),
    "pipe": (member(f"{TOP}/dev/deu_Latn.dev", type=tarfile.FIFOTYPE), "neither a file"),
    "same name": (member(f"{TOP}/README", b"again"), "twice"),
    "same name, other spelling": (member(f"{TOP}/.//dev/eng_Latn.dev", b"again"), "twice"),
}


@pytest.mark.parametrize("case", EVIL)
def test_hostile_member(server: Server, tmp_path: Path, case: str) -> None:
    evil, message = EVIL[case]
    root = tmp_path / "a" / "b" / "cache"
    server.body = tar_gz(evil)
    with pytest.raises(NeuronXAError, match=message):
        get(server, root)
    assert names(root) == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [fetch._LOCK]


def test_bomb_by_size(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 400_000)
    server.body = tar_gz(member(f"{TOP}/dev/deu_Latn.dev", bytes(1_000_000)))
    with pytest.raises(NeuronXAError, match="unpacks to more than 400000 bytes"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_bomb_by_declared_size(server: Server, tmp_path: Path) -> None:
    info = tarfile.TarInfo(f"{TOP}/dev/deu_Latn.dev")
    info.size = 2**40
    server.body = gzip.compress(info.tobuf() + bytes(1024))
    with pytest.raises(NeuronXAError, match=r"is damaged \(unexpected end of data"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_bomb_in_a_header(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 400_000)
    server.body = tar_gz(member(f"{TOP}/README", pax_headers={"comment": "x" * 1_000_000}))
    with pytest.raises(NeuronXAError, match="unpacks to more than 400000 bytes"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_bomb_behind_the_end(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 400_000)
    server.body = ARCHIVE + gzip.compress(bytes(1_000_000))
    with pytest.raises(NeuronXAError, match="unpacks to more than 400000 bytes"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_bomb_by_count(server: Server, tmp_path: Path) -> None:
    server.body = tar_gz(*(member(f"{TOP}/{index}") for index in range(2000)))
    with pytest.raises(NeuronXAError, match="more than 2000 members"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_bomb_of_nested_headers(server: Server, tmp_path: Path) -> None:
    info, _ = member("x", pax_headers={"comment": "x"})
    extended = info.tobuf(tarfile.PAX_FORMAT)[:-512]  # without the member that it describes
    server.body = gzip.compress(extended * 5000)
    with pytest.raises(NeuronXAError, match=r"is damaged .*recursion"):
        get(server, tmp_path)
    assert names(tmp_path) == []


def test_sparse_file(server: Server, tmp_path: Path) -> None:
    headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": "99",
        "GNU.sparse.map": "0,1",
    }
    server.body = tar_gz(member(f"{TOP}/dev/deu_Latn.dev", b"x", pax_headers=headers))
    with pytest.raises(NeuronXAError, match="neither a file"):
        get(server, tmp_path)
    assert names(tmp_path) == []


# Names without the archive's bytes: they hold the time, and all workers must find the same names.
NOT_FLORES = r"The archive (is damaged|has no devtest file of \d+ languages, such as)"


@pytest.mark.parametrize(
    "length",
    [0, 5, 1000, len(ARCHIVE) // 2, len(ARCHIVE) - 1],
    ids=["empty", "5 bytes", "1000 bytes", "half", "one byte missing"],
)
def test_truncated_archive(server: Server, tmp_path: Path, length: int) -> None:
    server.body = ARCHIVE[:length]
    with pytest.raises(NeuronXAError, match=NOT_FLORES):
        get(server, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Not found</html>",
        gzip.compress(b"not a tar file" * 100),
        gzip.compress(b""),
        ARCHIVE[:-8] + b"\0" * 8,
        tar_gz(files={f"./{TOP}/README": b"x"}),
    ],
    ids=["page", "no tar", "empty", "checksum", "no corpus"],
)
def test_file_that_is_something_else(server: Server, tmp_path: Path, body: bytes) -> None:
    server.body = body
    with pytest.raises(NeuronXAError, match=NOT_FLORES):
        get(server, tmp_path)
    assert names(tmp_path) == []


# Interruption and company -------------------------------------------------------------------------


def test_interrupt_while_unpacking(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[int] = []

    def stop(source: Any, target: Any, *args: Any) -> None:
        target.write(source.read(3))
        copies.append(1)
        if len(copies) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(tarfile, "copyfileobj", stop)
    with pytest.raises(KeyboardInterrupt):
        get(server, tmp_path)
    assert names(tmp_path) == []


KILLED = """
import os, signal, sys, tarfile
from neuronxa_tasks.text import fetch

def die(source, target, *args):
    target.write(source.read(3))
    target.flush()
    os.kill(os.getpid(), signal.SIGKILL)

tarfile.copyfileobj = die
fetch.fetch_flores200(sys.argv[1], sys.argv[2], sys.argv[3], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_kill_while_unpacking(server: Server, tmp_path: Path) -> None:
    script = [sys.executable, "-c", KILLED, server.url, SHA, str(tmp_path)]
    assert subprocess.run(script, timeout=120).returncode == -signal.SIGKILL
    assert not (tmp_path / TOP).exists()
    left = names(tmp_path)
    assert left
    assert all(name.startswith(f".{TOP}.") for name in left)
    get(server, tmp_path)
    assert_complete(tmp_path)  # the dead process' folders are gone too, and its lock does not hold


def test_several_at_once_download_once(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            get(server, tmp_path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(server.requests) == 1
    assert_complete(tmp_path)
    assert "Another process is fetching FLORES-200; waiting for it." in capfd.readouterr().err


def test_without_a_lock(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*args: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fetch, "WAIT", 0.2)  # older releases of filelock try again and again
    with pytest.raises(NeuronXAError, match=r"(No locks available|has no locks).*NEURONXA_CACHE"):
        get(server, tmp_path)
    assert server.requests == []


def test_a_process_that_never_ends(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "WAIT", 0.2)
    with filelock.FileLock(tmp_path / fetch._LOCK):
        with pytest.raises(NeuronXAError, match=r"not to be had for 0\.2 seconds: another process"):
            get(server, tmp_path)
        assert server.requests == []
    get(server, tmp_path)
    assert_complete(tmp_path)
