"""The reference of the settings, for readers."""

import sys
from typing import Final, NamedTuple

from msgspec import inspect as kinds

from swpt_accounts.settings.description import SETTINGS, Setting

_TYPE_NAMES: Final[dict[type[kinds.Type], str]] = {
    kinds.IntType: "integer",
    kinds.FloatType: "number",
    kinds.BoolType: "switch",
    kinds.LiteralType: "word",
    kinds.StrType: "text",
    kinds.DateTimeType: "moment",
}

_HEAD = """\
# Settings

All settings are environment variables. One that is empty counts as not set, but for
`PROTOCOL_BROKER_QUEUE_ROUTING_KEY`: a shard that misses its key must not take all messages. A value
that breaks its rule stops the process at start, with one line that names the variable.

Where 0 lets the program choose, it takes the default: the value with which it is fastest
([performance](../performance.md)).

This page is made from `swpt_accounts/settings/schema.py`; a test compares them. To make it anew:

    python -m scripts.settings_reference > docs/reference/settings.md
"""
_TABLE_HEAD = """\
| variable | default | rule | meaning |
|---|---|---|---|
"""


class SettingDoc(NamedTuple):
    """What there is to say of a setting. `name` is the variable's, `default` its text."""

    name: str
    type: str
    default: str
    rule: str
    doc: str


def settings_reference() -> list[SettingDoc]:
    """Describe all settings, in the order in which they are defined."""
    return [_describe(setting) for setting in SETTINGS.values()]


def render_reference() -> str:
    """Return the reference page, in Markdown."""
    docs = settings_reference()
    internal = [doc for doc in docs if _is_internal(doc)]
    public = [doc for doc in docs if not _is_internal(doc)]
    return "\n".join(
        (
            _HEAD,
            "## For every operator\n",
            _TABLE_HEAD + "".join(map(_row, public)),
            "## Internal: seldom worth changing\n",
            _TABLE_HEAD + "".join(map(_row, internal)),
        )
    )


def _describe(setting: Setting) -> SettingDoc:
    return SettingDoc(
        name=setting.variable,
        type=_TYPE_NAMES[type(setting.kind)],
        default=setting.default_text,
        rule=setting.rule,
        doc=setting.doc,
    )


def _is_internal(doc: SettingDoc) -> bool:
    return doc.name.startswith("APP_") and not doc.name.startswith("APP_LOG_")


def _row(doc: SettingDoc) -> str:
    default = f"`{doc.default}`" if doc.default else "none"
    return f"| `{doc.name}` | {default} | {doc.rule} | {doc.doc} |\n"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
