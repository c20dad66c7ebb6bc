"""The documents of this version, to which the other pages refer."""

import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, abort, render_template
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from werkzeug.security import safe_join

documents = Blueprint("documents", __name__)

FOLDER: Final = Path(__file__).parents[3] / "docs"
_PLACE: Final = re.compile(r"^<!-- table: \w+ -->$", re.MULTILINE)
NO_TABLE: Final = "This table is on the site that is made by ./dev docs."


def _image(_renderer: Any, tokens: Sequence[Token], at: int, _options: Any, _env: Any) -> str:
    return escape(tokens[at].content)


def _open_table(_renderer: Any, _tokens: Any, _at: int, _options: Any, _env: Any) -> str:
    return '<div class="scroll" tabindex="0"><table>'


def _close_table(_renderer: Any, _tokens: Any, _at: int, _options: Any, _env: Any) -> str:
    return "</table></div>"


def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.add_render_rule("image", _image)
    made.add_render_rule("table_open", _open_table)
    made.add_render_rule("table_close", _close_table)
    return made


def _anchor(title: str) -> str:
    """That of a chapter, as the documents refer to it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


@documents.get("/docs/<path:name>")
def document(name: str) -> str:
    """A page, whose links to other pages are links in the console, too."""
    path = Path(safe_join(str(FOLDER), name) or "")
    if path.suffix != ".md" or not path.is_file():
        abort(404)
    markdown = _markdown()
    tokens = markdown.parse(_PLACE.sub(NO_TABLE, path.read_text()))
    titles = []
    for opening, text in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", _anchor(text.content))
            titles.append(text.content)
    html = markdown.renderer.render(tokens, markdown.options, {})
    # what has no text is no header, and what scrolls is reached by keyboard
    html = html.replace("<th></th>", "<td></td>").replace("<pre>", '<pre tabindex="0">')
    content = Markup(html)  # noqa: S704 - escaped
    return render_template("document.html", title=titles[0], content=content)
