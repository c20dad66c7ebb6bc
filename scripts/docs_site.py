"""A hook of mkdocs: what the pages of docs/ link to outside of docs/ becomes a part of the site.

Links lead to files of the repository, so that they work wherever its files are read. For the site,
each such file or folder becomes a page below ``repository/``, and the links are changed to lead
there. Diagrams are drawn by mermaid where `./dev docs` has put it; else they stay text.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from posixpath import relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MERMAID = ROOT / "var" / "mermaid" / "mermaid.min.js"
MERMAID_URI = "assets/mermaid.min.js"

_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)(\[[^\]]*\]\()(?!https?:|#)([^)\s#]+)")
_LANGUAGES = {"env": "bash", "yml": "yaml"}


def on_config(config: MkDocsConfig) -> None:
    """Without mermaid, leave diagrams to be shown as code."""
    if not MERMAID.exists():
        config.mdx_configs["pymdownx.superfences"]["custom_fences"] = []


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """Add pages for all that is linked to outside of docs/, and what mermaid needs."""
    linked = _linked([DOCS / file.src_uri for file in files.documentation_pages()])
    for path in sorted(linked):
        files.append(
            File.generated(
                config,
                _uri(path),
                content=_page(path, linked),
                inclusion=InclusionLevel.NOT_IN_NAV,
            )
        )
    if MERMAID.exists():
        files.append(File.generated(config, MERMAID_URI, abs_src_path=str(MERMAID)))


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the links of a page of docs/ lead to the pages that `on_files` has added."""
    if page.file.generated_by is not None:
        return markdown
    return _relinked(markdown, DOCS / page.file.src_uri)


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Load mermaid where there is a diagram."""
    if '<pre class="mermaid">' not in html:
        return html
    return f'{html}<script src="{relpath(MERMAID_URI, Path(page.url).parent)}"></script>'


def _linked(pages: list[Path]) -> set[Path]:
    """All that is linked to outside of docs/, by these pages or by a page that they link to."""
    found: set[Path] = set()
    while pages:
        page = pages.pop()
        new = {path for path in _targets(page) if not path.is_relative_to(DOCS)} - found
        found |= new
        pages += [path for path in new if path.suffix == ".md"]
    return found


def _targets(page: Path) -> Iterator[Path]:
    for part in _FENCED.split(page.read_text(encoding="utf-8"))[::2]:
        for link in _LINK.finditer(part):
            path = (page.parent / link[2]).resolve()
            if path.exists() and path.is_relative_to(ROOT):
                yield path


def _uri(path: Path) -> str:
    """The path of a page, or of a file of docs/, in the site's own tree of sources."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    name = path.relative_to(ROOT).as_posix()
    if path.is_dir():
        return f"repository/{name}/index.md"
    return f"repository/{name}" if path.suffix == ".md" else f"repository/{name}.md"


def _relinked(markdown: str, page: Path) -> str:
    """The text of a page, with links as the site has them. Broken links are left to mkdocs."""

    def change(link: re.Match[str]) -> str:
        path = (page.parent / link[2]).resolve()
        if not (path.exists() and path.is_relative_to(ROOT)):
            return link[0]
        return link[1] + relpath(_uri(path), str(Path(_uri(page)).parent))

    return _outside_fences(lambda text: _LINK.sub(change, text), markdown)


def _outside_fences(change: Callable[[str], str], markdown: str) -> str:
    parts = _FENCED.split(markdown)
    parts[::2] = map(change, parts[::2])
    return "".join(parts)


def _page(path: Path, linked: set[Path]) -> str:
    """The page for a file or a folder outside of docs/."""
    if path.suffix == ".md":
        return _relinked(path.read_text(encoding="utf-8"), path)
    is_text = path.suffix == ".rst"  # the protocol; sources would only clutter the search
    meta = "" if is_text else "---\nsearch: {exclude: true}\n---\n\n"
    title = f"{meta}# {path.relative_to(ROOT)}\n\n"
    if path.is_dir():
        return title + "".join(_entry(child, linked, path) for child in sorted(path.iterdir()))
    suffix = path.suffix.lstrip(".")
    language = _LANGUAGES.get(suffix, suffix)
    return f"{title}`````{language}\n{path.read_text(encoding='utf-8').rstrip()}\n`````\n"


def _entry(child: Path, linked: set[Path], folder: Path) -> str:
    """A line of the list of what is in a folder."""
    if child.name.startswith((".", "__pycache__")):
        return ""
    name = child.name + "/" * child.is_dir()
    if child not in linked:
        return f"- `{name}`\n"
    return f"- [`{name}`]({relpath(_uri(child), str(Path(_uri(folder)).parent))})\n"
