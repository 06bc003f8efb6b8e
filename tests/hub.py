"""A Hub on the loopback interface: as much of its protocol as `datasets` needs, and its faults.

A repository is a mapping of paths to bytes at one revision. A data set is called `NAME`, a model
`NAME@REVISION`. Point a process to it with the environment that `Hub.environment` returns.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

Rows = list[dict[str, Any]]
Fault = Literal["missing", "gated", "broken", "silent"]
"""No such repository | terms not accepted | error 500 | silence, then it hangs up.

The client puts no time limit on its retries, so a Hub that stayed silent would hold a test forever.
"""
SILENCE = 0.5
"""Seconds."""


@dataclass
class Repository:
    """A repository at one revision."""

    files: dict[str, bytes]
    revision: str = ""

    def __post_init__(self) -> None:
        digest = hashlib.sha1(b"".join(self.files[name] for name in sorted(self.files)))
        self.revision = self.revision or digest.hexdigest()

    def info(self, path: str) -> dict[str, Any] | None:
        """What the Hub's API says of a file or folder."""
        if path in self.files:
            content = self.files[path]
            oid = hashlib.sha1(content).hexdigest()
            return {"type": "file", "path": path, "size": len(content), "oid": oid}
        if any(name.startswith(f"{path}/") for name in self.files):
            oid = hashlib.sha1(path.encode()).hexdigest()
            return {"type": "directory", "path": path, "size": 0, "oid": oid}
        return None

    def tree(self, folder: str, recursive: bool) -> list[dict[str, Any]]:
        """The entries of a folder."""
        prefix = f"{folder}/" if folder else ""
        paths: set[str] = set()
        for name in self.files:
            if name.startswith(prefix):
                parts = name[len(prefix) :].split("/")
                depths = range(1, len(parts) + 1) if recursive else [1]
                paths |= {prefix + "/".join(parts[:depth]) for depth in depths}
        return [info for path in sorted(paths) if (info := self.info(path))]


def repository(
    configs: Mapping[str, Mapping[str, tuple[str, Rows]]], revision: str = ""
) -> Repository:
    """Make a repository: config name -> split -> (path of the file, rows).

    The suffix of a path says whether its rows become parquet or JSON lines; the README names the
    configs as on the real Hub.
    """
    files: dict[str, bytes] = {}
    card: list[dict[str, Any]] = []
    for name, splits in configs.items():
        data_files = [{"split": split, "path": path} for split, (path, _) in splits.items()]
        card.append({"config_name": name, "data_files": data_files})
        for path, rows in splits.values():
            files[path] = parquet(rows) if path.endswith(".parquet") else json_lines(rows)
    files["README.md"] = f"---\n{yaml.safe_dump({'configs': card})}---\n".encode()
    return Repository(files, revision)


def parquet(rows: Rows) -> bytes:
    """Rows as a parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def json_lines(rows: Rows) -> bytes:
    """Rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@dataclass
class Hub:
    """Repositories behind an address."""

    repositories: dict[str, Repository]
    url: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def model(self, name: str, revision: str) -> Repository | None:
        """The model of a revision, by the revision's name or its commit."""
        for key, found in self.repositories.items():
            stem, _, label = key.partition("@")
            if stem == name and revision in (label, found.revision):
                return found
        return None

    def environment(self, cache: Path) -> dict[str, str]:
        """Variables for a process that shall see this Hub and keep its cache in a folder."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


@contextmanager
def serve(repositories: dict[str, Repository]) -> Iterator[Hub]:
    """Serve repositories until the end of the block."""
    hub = Hub(repositories)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, format: str, *arguments: object) -> None:
            hub.requests.append(f"{self.command} {self.path}")

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form = parse_qs(self.rfile.read(length).decode())
            url = urlsplit(self.path)
            parts = [unquote(part) for part in url.path.strip("/").split("/")]
            api = parts[0] == "api"
            parts = parts[api:]
            if not api and parts[0] != "datasets":
                parts = ["models", *parts]
            name = "/".join(parts[1:3])
            if parts[0] not in ("datasets", "models") or len(parts) < 3:
                return self.fail(404, "EntryNotFound", "Not part of this Hub")
            fault = hub.faults.get(name)
            if fault == "silent":
                hub.closing.wait(SILENCE)
                self.close_connection = True
                return None
            if fault == "broken":
                return self.fail(500, "", "Internal error of the test's Hub")
            if fault == "gated":
                return self.fail(401, "GatedRepo", f"Access to dataset {name} is restricted")
            verb, *rest = parts[3:] or ["info"]
            revision, path = (rest[0] if rest else "main"), "/".join(rest[1:])
            model = parts[0] == "models"
            found = hub.model(name, revision) if model else hub.repositories.get(name)
            if fault == "missing" or found is None:
                return self.fail(401, "RepoNotFound", "Repository not found")
            if not model and revision not in ("main", found.revision):
                return self.fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            commit = {"X-Repo-Commit": found.revision}
            if not api and verb == "resolve":
                if path not in found.files:
                    return self.fail(404, "EntryNotFound", "Entry not found", commit)
                content = found.files[path]
                etag = hashlib.sha1(content).hexdigest()
                return self.send(200, content, commit | {"ETag": f'"{etag}"'}, "text/plain")
            if api and verb in ("info", "revision"):
                return self.json({
                    "id": name, "sha": found.revision, "private": False, "gated": False,
                    "disabled": False, "downloads": 0, "likes": 0, "tags": [],
                    "siblings": [{"rfilename": file} for file in sorted(found.files)],
                })  # fmt: skip
            if api and verb == "tree":
                recursive = parse_qs(url.query).get("recursive", [""])[0].lower() in ("true", "1")
                if path and found.info(path) is None:
                    return self.fail(404, "EntryNotFound", "Entry not found", commit)
                return self.json(found.tree(path, recursive))
            if api and verb == "paths-info":
                paths = form.get("paths", [])
                return self.json([info for each in paths if (info := found.info(each))])
            return self.fail(404, "EntryNotFound", "Not part of this Hub")

        def json(self, value: object) -> None:
            self.send(200, json.dumps(value).encode(), {}, "application/json")

        def fail(
            self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
        ) -> None:
            errors = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
            body = json.dumps({"error": message}).encode()
            self.send(status, body, {**errors, **(headers or {})}, "application/json")

        def send(self, status: int, body: bytes, headers: Mapping[str, str], kind: str) -> None:
            span = self.headers.get("Range")
            if status == 200 and span:
                first, _, last = span.removeprefix("bytes=").partition("-")
                start, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
                headers = {**headers, "Content-Range": f"bytes {start}-{end}/{len(body)}"}
                status, body = 206, body[start : end + 1]
            self.send_response(status)
            for key, value in {**headers, "Content-Type": kind}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
