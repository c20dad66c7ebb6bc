"""Reads tables and examples from the protocol's documents (reStructuredText)."""

import re
from collections.abc import Mapping
from textwrap import dedent
from typing import Final, NamedTuple

_HEADING = re.compile(r"^(\S.*)\n([=-])\2+\n", re.MULTILINE)
_LIST_TABLE = re.compile(r"^\.\. list-table::.*\n((?:(?: {3}.*)?\n)+)", re.MULTILINE)
_ROW = re.compile(r"^ {3}\* - ?", re.MULTILINE)
_CELL = re.compile(r"^ {5}- ?", re.MULTILINE)
_JSON_BLOCK = re.compile(r"^\.\. code-block:: json\n\n((?:(?: {3}.*)?\n)+)", re.MULTILINE)
_FIELD_TABLE_HEAD: Final = ["Field", "Type", "Constraints", "Meaning"]

_LINK = re.compile(r"`([^`<]+?)(?: <[^`>]+>)?`__?")
_SUPERSCRIPT = re.compile(r"\\ :sup:`([^`]+)`")

Table = list[list[str]]


class Field(NamedTuple):
    """A row of a message's table. The texts are reStructuredText."""

    name: str
    type: str
    constraints: str
    meaning: str


def sections(text: str) -> dict[str, str]:
    """The text below each heading, up to the next heading of any level."""
    parts = _HEADING.split(text)
    return dict(zip(parts[1::3], parts[3::3], strict=True))


def tables(text: str) -> list[Table]:
    """The list-tables in a text: rows of cells, the heads included."""
    return [
        [[" ".join(cell.split()) for cell in _CELL.split(row)] for row in _ROW.split(block)[1:]]
        for block in _LIST_TABLE.findall(text)
    ]


def message_fields(protocol: str) -> dict[str, list[Field]]:
    """The fields of each message, as the protocol's document describes them."""
    return {
        message: [Field(row[0].strip("`"), *row[1:]) for row in table[1:]]
        for message, text in sections(protocol).items()
        for table in tables(text)
        if table[0] == _FIELD_TABLE_HEAD
    }


def json_blocks(text: str) -> list[str]:
    """The JSON examples in a text, without their indentation."""
    return [dedent(block).strip("\n") for block in _JSON_BLOCK.findall(text)]


def message_examples(protocol_json: str) -> Mapping[str, list[str]]:
    """The examples of each message, as the document on serialization gives them."""
    blocks = {name: json_blocks(text) for name, text in sections(protocol_json).items()}
    return {name: examples for name, examples in blocks.items() if examples}


def markdown(text: str) -> str:
    """Turn a line of reStructuredText into Markdown. Links become plain text."""
    text = _SUPERSCRIPT.sub(r"^\1", text)
    text = text.replace("``", "\0")
    return _LINK.sub(r"\1", text).replace("\0", "`")
