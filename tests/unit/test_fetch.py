"""The download of FLORES-200 against a real server on the loopback interface."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
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

import pytest

from neuronxa_tasks.errors import NeuronXAError
from neuronxa_tasks.text import corpora, fetch, flores
from neuronxa_tasks.text.fetch import fetch_flores200

TOP = "flores200_dataset"
FILES = {
    f"./{TOP}/README": b"FLORES-200\n",
    f"./{TOP}/metadata_devtest.tsv": b"URL\tdomain\n",
    f"./{TOP}/dev/eng_Latn.dev": b"One.\nTwo.\n",
    f"./{TOP}/dev/fra_Latn.dev": b"Un.\nDeux.\n",
    # Bytes that do not compress, so that the archive has a length worth cutting.
    f"./{TOP}/devtest/eng_Latn.devtest": bytes(hashlib.shake_256(b"eng").digest(150_000)),
    f"./{TOP}/devtest/fra_Latn.devtest": "Bonjour à tous.\n".encode(),
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
    ranges: bool = True
    state_length: bool = True
    wrong_start: bool = False
    location: str = ""
    cuts: list[int] = field(default_factory=list)
    requests: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append(asked)
        if self.location:
            handler.send_response(302)
            handler.send_header("Location", self.location)
            handler.end_headers()
            return
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = int(re.sub(r"\D", "", asked)) if asked and self.ranges else 0
        if start and start >= len(self.body):
            handler.send_error(416)
            return
        body = self.body[start:]
        handler.send_response(206 if start else 200)
        if start:
            told = start + 1 if self.wrong_start else start
            end = len(self.body) - 1
            handler.send_header("Content-Range", f"bytes {told}-{end}/{len(self.body)}")
        if self.state_length:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)


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
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    with serving(Server()) as running:
        yield running


def get(server: Server, root: Path, sha256: str | None = None) -> Path:
    sha256 = sha256 or hashlib.sha256(server.body).hexdigest()
    return fetch_flores200(server.url, sha256, root, progress=False)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def assert_complete(root: Path) -> None:
    assert names(root) == [TOP]
    found = {f"./{path.relative_to(root).as_posix()}" for path in root.rglob("*") if path.is_file()}
    assert found == set(FILES)
    for name, data in FILES.items():
        assert (root / name).read_bytes() == data


# What should work ---------------------------------------------------------------------------------


def test_download_unpack_and_no_second_request(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "new" / "cache"
    assert get(server, root) == root / TOP / "devtest"
    assert_complete(root)
    assert server.requests == [None]
    assert get(server, root) == root / TOP / "devtest"
    assert server.requests == [None]


def test_default_folder_is_where_the_corpus_looks(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURONXA_CACHE", str(tmp_path / "cache"))
    found = fetch_flores200(server.url, SHA.upper(), progress=False)
    assert found == flores.flores_archive_folder()
    assert (found / "fra_Latn.devtest").read_text(encoding="utf-8") == "Bonjour à tous.\n"


def test_defaults_are_the_official_archive() -> None:
    assert fetch.URL == "https://dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz"
    assert re.fullmatch("[0-9a-f]{64}", fetch.SHA256)


def test_layout_has_every_language() -> None:
    for code in corpora.CORPORA["flores"].codes:
        for split in ("dev", "devtest"):
            assert fetch._LAYOUT.fullmatch(f"{TOP}/{split}/{code}.{split}")
    for name in ("metadata_dev.tsv", "metadata_devtest.tsv", "README", "README.md"):
        assert fetch._LAYOUT.fullmatch(f"{TOP}/{name}")
    for name in ("dev/eng_Latn.devtest", "dev/._eng_Latn.dev", "dev/eng_Latn.dev\n", "x/README"):
        assert not fetch._LAYOUT.fullmatch(f"{TOP}/{name}")


def test_progress_bar_goes_to_standard_error(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_flores200(server.url, SHA, tmp_path)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{TOP}.tar.gz" in err


def test_cut_connection_is_continued(server: Server, tmp_path: Path) -> None:
    server.cuts = [40_000, 30_000]
    get(server, tmp_path)
    assert_complete(tmp_path)
    assert server.requests == [None, "bytes=40000-", "bytes=70000-"]


def test_next_call_continues_where_the_last_one_gave_up(server: Server, tmp_path: Path) -> None:
    server.cuts = [10_000, 5_000, 1_000, 1_000, 1_000]
    with pytest.raises(NeuronXAError, match=r"cut 5 times. The 18000 bytes .* Run the same"):
        get(server, tmp_path)
    assert names(tmp_path) == [f"{TOP}.tar.gz.part"]
    get(server, tmp_path)
    assert server.requests[-1] == "bytes=18000-"
    assert_complete(tmp_path)


def test_server_without_range_starts_over(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.cuts = [40_000]
    get(server, tmp_path)
    assert server.requests == [None, "bytes=40000-"]
    assert_complete(tmp_path)


def test_server_without_length(server: Server, tmp_path: Path) -> None:
    server.state_length = False
    get(server, tmp_path)
    assert_complete(tmp_path)


def test_range_that_was_not_asked_for_starts_over(server: Server, tmp_path: Path) -> None:
    server.wrong_start = True
    server.cuts = [40_000]
    get(server, tmp_path)
    assert server.requests == [None, "bytes=40000-", None]
    assert_complete(tmp_path)


def test_complete_part_is_only_verified(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TOP}.tar.gz.part").write_bytes(ARCHIVE)
    get(server, tmp_path)
    assert server.requests == []
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


def test_wrong_checksum_removes_the_part(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NeuronXAError, match=r"SHA-256 [0-9a-f]{64}, not 0000.*It was removed"):
        get(server, tmp_path, "0" * 64)
    assert names(tmp_path) == []


def test_damaged_part_is_found_and_the_next_call_recovers(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TOP}.tar.gz.part").write_bytes(b"x" * 1000)
    with pytest.raises(NeuronXAError, match="SHA-256"):
        get(server, tmp_path)
    get(server, tmp_path)
    assert_complete(tmp_path)


def test_part_that_is_too_long_is_removed(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TOP}.tar.gz.part").write_bytes(ARCHIVE + b"x")
    with pytest.raises(NeuronXAError, match=f"{len(ARCHIVE) + 1} bytes.*SHA-256"):
        get(server, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [404, 403, 500])
def test_http_error(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(NeuronXAError, match=f"answers {status} .*data_dir"):
        get(server, tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1


def test_refused_connection(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x.tar.gz"
        (tmp_path / f"{TOP}.tar.gz.part").write_bytes(b"abc")
        with pytest.raises(NeuronXAError, match=r"cannot be reached: .*refused.* 3 bytes .*kept"):
            fetch_flores200(url, SHA, tmp_path, progress=False)
    assert names(tmp_path) == [f"{TOP}.tar.gz.part"]


def test_server_that_falls_silent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    monkeypatch.setattr(fetch, "ATTEMPTS", 2)
    release = threading.Event()
    send = server.answer

    def half(handler: BaseHTTPRequestHandler) -> None:
        server.cuts = [70_000]
        send(handler)
        handler.wfile.flush()
        release.wait(10)

    monkeypatch.setattr(server, "answer", half)
    try:
        with pytest.raises(NeuronXAError, match="cut 2 times"):
            get(server, tmp_path)
    finally:
        release.set()


def test_unknown_host_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NeuronXAError, match=r"cannot be reached: .*not known.*HTTPS_PROXY"):
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
    with pytest.raises(NeuronXAError, match=r"not an https address|answers 302"):
        get(server, tmp_path)
    assert names(tmp_path) == []


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

    monkeypatch.setattr("neuronxa_tasks.text.fetch.shutil.copyfileobj", full)
    with pytest.raises(NeuronXAError, match=r"No space left on device.*NEURONXA_CACHE"):
        get(server, tmp_path)
    # The download is good and stays, nothing else does.
    assert names(tmp_path) == [f"{TOP}.tar.gz.part"]
    monkeypatch.undo()
    get(server, tmp_path)
    assert len(server.requests) == 1
    assert_complete(tmp_path)


def test_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(NeuronXAError, match="cannot be written"):
        get(server, tmp_path / "file" / "cache")


def test_foreign_folder_in_the_way(server: Server, tmp_path: Path) -> None:
    (tmp_path / TOP).mkdir()
    (tmp_path / TOP / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(NeuronXAError, match="Move it away"):
        get(server, tmp_path)
    assert server.requests == []
    assert names(tmp_path / TOP) == ["mine.txt"]


def test_empty_folder_in_the_way_is_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / TOP).mkdir()
    get(server, tmp_path)
    assert_complete(tmp_path)


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
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


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
    with pytest.raises(NeuronXAError, match="unpacks to more than 536870912 bytes"):
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
@pytest.mark.parametrize(
    "length",
    [0, 5, 1000, len(ARCHIVE) // 2, len(ARCHIVE) - 1],
    ids=["empty", "5 bytes", "1000 bytes", "half", "one byte missing"],
)
def test_truncated_archive(server: Server, tmp_path: Path, length: int) -> None:
    server.body = ARCHIVE[:length]
    with pytest.raises(NeuronXAError, match=r"The archive (is damaged|has no files)"):
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
    with pytest.raises(NeuronXAError, match=r"The archive (is damaged|has no files)"):
        get(server, tmp_path)
    assert names(tmp_path) == []


# Interruption and company -------------------------------------------------------------------------


def test_interrupt_while_unpacking(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[int] = []

    def stop(source: Any, target: Any) -> None:
        target.write(source.read(3))
        copies.append(1)
        if len(copies) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("neuronxa_tasks.text.fetch.shutil.copyfileobj", stop)
    with pytest.raises(KeyboardInterrupt):
        get(server, tmp_path)
    assert names(tmp_path) == [f"{TOP}.tar.gz.part"]


KILLED = """
import os, signal, sys
from neuronxa_tasks.text import fetch

def die(source, target):
    target.write(source.read(3))
    target.flush()
    os.kill(os.getpid(), signal.SIGKILL)

fetch.shutil.copyfileobj = die
fetch.fetch_flores200(sys.argv[1], sys.argv[2], sys.argv[3], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_kill_while_unpacking(server: Server, tmp_path: Path) -> None:
    script = [sys.executable, "-c", KILLED, server.url, SHA, str(tmp_path)]
    assert subprocess.run(script, timeout=120).returncode == -signal.SIGKILL
    assert not (tmp_path / TOP).exists()
    assert any(name.startswith(f".{TOP}-") for name in names(tmp_path))
    get(server, tmp_path)
    assert len(server.requests) == 1
    assert_complete(tmp_path)  # the dead process' folder is gone too


def test_two_at_once_download_once(server: Server, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("the lock is POSIX; run on Linux or macOS")
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
    assert server.requests == [None]
    assert_complete(tmp_path)


def test_loser_of_the_rename_takes_the_winners_folder(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack = fetch._extract

    def overtaken(archive: Path, into: Path) -> None:
        unpack(archive, into)
        unpack(archive, tmp_path)  # what another process without the lock would do

    monkeypatch.setattr(fetch, "_extract", overtaken)
    get(server, tmp_path)
    assert_complete(tmp_path)


def test_without_a_lock(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*args: Any) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / f".{TOP}-other").mkdir()  # may be a living process' folder
    get(server, tmp_path)
    assert names(tmp_path) == [f".{TOP}-other", TOP]
