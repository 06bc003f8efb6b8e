"""The documentation builds as a site, strictly; the sdist holds what the documents name."""

from __future__ import annotations

import html.parser
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import neuronxa_tasks

ROOT = Path(__file__).parents[2]


class Links(html.parser.HTMLParser):
    """Addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "img", "iframe"):
            self.loaded.append(found.get("src") or "")
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(found.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="install the group `dev` to build the site")
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return out


def test_every_document_is_a_page(site: Path) -> None:
    for path in (ROOT / "docs").glob("*.md"):
        page = site / "index.html" if path.stem == "index" else site / path.stem / "index.html"
        assert page.is_file(), path


def test_the_public_names_are_documented(site: Path) -> None:
    page = (site / "api" / "index.html").read_text(encoding="utf-8")
    for name in set(neuronxa_tasks.__all__) - {"__version__"}:
        home = getattr(neuronxa_tasks, name).__module__
        assert f'id="{home}.{name}"' in page, name
    assert "neuronxa_tasks.alignment.profile.Profile.to_frame" in page


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        links = Links()
        links.feed(path.read_text(encoding="utf-8"))
        foreign = [each for each in links.loaded if each.startswith(("http:", "https:", "//"))]
        assert foreign == [], path


def test_no_link_leads_out_of_the_site(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert "../results/" not in path.read_text(encoding="utf-8"), path


def test_the_sdist_holds_makefile_and_documents(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (archive,) = tmp_path.glob("neuronxa_tasks-*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    documents = {
        str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*") if path.is_file()
    }
    documents = {name for name in documents if "__pycache__" not in name}
    wanted = {"Makefile", "mkdocs.yml", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "LICENSE"}
    assert documents | wanted <= names
