"""Sphinx's settings. `./dev docs` makes a site of the documents, which needs no other host.

The pages are plain Markdown (and the protocol's reStructuredText), to be read wherever the files
of the repository are. What the site has besides comes from here: the tree of its pages, which is
the index in docs/README.md; the tables that the program describes itself (scripts/reference.py);
diagrams, which mermaid draws where `./dev docs` has put it.
"""

import html
import re
import sys
from pathlib import Path
from posixpath import dirname, normpath
from typing import ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.reference import TABLES  # noqa: E402 - Sphinx does not run in the root

project = "Swaptacular accounting authority"
extensions = ["myst_parser", "sphinx_click"]
include_patterns = ["*.md", "*.rst", "docs/**.md"]
exclude_patterns = [".*", "var"]
root_doc = "docs/README"
nitpicky = True

html_theme = "furo"
html_title = project
html_static_path = ["assets/site"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_extra_path = ["assets/index.html"]
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # SQL with commands of psql

myst_heading_anchors = 4  # as the hosts of repositories make them
myst_fence_as_directive = ["mermaid"]

MERMAID = ROOT / "var" / "mermaid" / "mermaid.min.js"
if MERMAID.exists():
    html_static_path.append(str(MERMAID.parent))
    html_js_files = ["mermaid.min.js"]

_CHAPTER = re.compile(r"^##+ (.+)\n", re.MULTILINE)
_PAGE = re.compile(r"\]\(([^)\s#]+)\.(?:md|rst)\)")
_PLACE = re.compile(r"^<!-- table: (\w+) -->$", re.MULTILINE)


class Mermaid(SphinxDirective):
    """A diagram, for mermaid to draw."""

    has_content: ClassVar = True

    def run(self) -> list[nodes.Node]:
        text = html.escape("\n".join(self.content))
        return [nodes.raw("", f'<pre class="mermaid">{text}</pre>', format="html")]


def add_tables(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put tables where the comments are that name them, and the tree of pages into the index."""
    source[0] = _PLACE.sub(lambda place: TABLES[place[1]](), source[0])
    if name == root_doc:
        source[0] += "".join(_trees(source[0]))
    elif name == "docs/runbooks/README":
        source[0] += _tree("docs/runbooks", "", source[0].partition("\n|")[2])


def _trees(index: str) -> list[str]:
    """What has the links of each chapter of the index in the margin of all pages."""
    chapters = ["Start", *_CHAPTER.split(index)]
    return [
        _tree("docs", f":caption: {title}\n", text)
        for title, text in zip(chapters[::2], chapters[1::2], strict=True)
    ]


def _tree(folder: str, option: str, text: str) -> str:
    pages = "\n".join(f"/{normpath(f'{folder}/{link}')}" for link in _PAGE.findall(text))
    return f"\n```{{toctree}}\n:hidden:\n{option}\n{pages}\n```\n"


def resolve_links(app: Sphinx, tree: nodes.document) -> None:
    """Let paths in reStructuredText lead to pages of the site. A folder is no page: it is text."""
    folder = dirname(app.env.docname)
    for node in list(tree.findall(nodes.reference)):
        path, _, anchor = node.get("refuri", "").partition("#")
        target = normpath(f"{folder}/{path}".lstrip("/")).removesuffix(".rst")
        if path.endswith(".rst") and target in app.env.found_docs:
            page = app.builder.get_relative_uri(app.env.docname, target)
            node["refuri"] = page + (anchor and f"#{anchor}")
    for link in list(tree.findall(addnodes.pending_xref)):
        if (ROOT / folder / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    app.add_directive("mermaid", Mermaid)
    app.connect("source-read", add_tables)
    app.connect("doctree-read", resolve_links)
