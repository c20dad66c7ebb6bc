"""The messages of the protocol, as its documents describe them."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from docutils import nodes
from docutils.core import publish_doctree

from swpt_accounts.smp import outgoing
from swpt_accounts.smp.decoder import MESSAGE_TYPES

ROOT: Final = Path(__file__).parents[2]

OUTGOING: Final = {cls.__name__: cls for cls in outgoing.SIGNALS.values()}
# What is sent has all that is read: PendingBalanceChange is both.
MESSAGES: Final[dict[str, type[msgspec.Struct]]] = {**MESSAGE_TYPES, **OUTGOING}


@cache
def sections(document: str) -> dict[str, nodes.section]:
    """The sections of a document, by their titles. What is wrong with its form is raised."""
    text = (ROOT / document).read_text(encoding="utf-8")
    tree = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
    return {section[0].astext(): section for section in tree.findall(nodes.section)}


def rows(section: nodes.section, *head: str) -> list[list[str]]:
    """The rows of the first table with this head in a section (and in those below it)."""
    for table in section.findall(nodes.table):
        cells = [
            [" ".join(entry.astext().split()) for entry in row] for row in table.findall(nodes.row)
        ]
        if cells[0] == list(head):
            return cells[1:]
    raise LookupError(head)


def examples(message: str) -> list[str]:
    """The examples of a message in protocol-json.rst."""
    section = sections("protocol-json.rst")[message]
    return [block.astext() for block in section.findall(nodes.literal_block)]
