"""The site of the documents: it builds, its links lead somewhere, it needs no other host."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
LINKED = re.compile(r'<a [^>]*href="(?!https?:)([^"#]+)')
LOADED = re.compile(r'<(?:link|script|img|iframe)\b[^>]* (?:href|src)="?([^" >]+)')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
    made = subprocess.run([*command, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> list[Path]:
    return [page for page in sorted(site.rglob("*.html")) if page.name != "404.html"]


def test_sources_that_a_page_links_to_are_pages(site: Path) -> None:
    page = (site / "reference" / "database.html").read_text(encoding="utf-8")
    assert 'href="../repository/swpt_accounts/db/tables.py.html"' in page
    source = site / "repository" / "swpt_accounts" / "db" / "tables.py.html"
    assert "registered_balance_change" in source.read_text(encoding="utf-8")


def test_links_of_the_readme_lead_to_pages_of_the_site(site: Path) -> None:
    page = (site / "repository" / "index.html").read_text(encoding="utf-8")
    assert 'href="../architecture.html"' in page
    assert 'href="CONTRIBUTING.html"' in page


def test_links_lead_to_files_of_the_site(pages: list[Path]) -> None:
    links = {
        (page, link) for page in pages for link in LINKED.findall(page.read_text(encoding="utf-8"))
    }
    assert links
    broken = {(page, link) for page, link in links if not (page.parent / unquote(link)).exists()}
    assert not broken


def test_nothing_is_loaded_from_other_hosts(pages: list[Path]) -> None:
    loaded = {
        source for page in pages for source in LOADED.findall(page.read_text(encoding="utf-8"))
    }
    assert loaded
    assert not {source for source in loaded if re.match(r"(https?:)?//", source)}


def test_diagrams_come_with_the_script_that_draws_them(pages: list[Path]) -> None:
    texts = [page.read_text(encoding="utf-8") for page in pages]
    assert any("flowchart" in text for text in texts)
    for text in texts:
        assert ('<pre class="mermaid">' in text) == ("mermaid.min.js" in text)
