"""The messages, limits and codes of the protocol's documents are those of the program."""

import json
import re

import msgspec
import pytest
from docutils import nodes

from swpt_accounts.core.root_config import InvalidRootConfig, parse_root_config
from swpt_accounts.smp.decoder import MESSAGE_TYPES, decode
from swpt_accounts.smp.outgoing import encode
from swpt_accounts.smp.types import CONTENT_TYPE
from tests.support.protocol import MESSAGES, OUTGOING, ROOT, examples, sections

SQL = ROOT / "swpt_accounts" / "db" / "sql"


@pytest.mark.parametrize("message", MESSAGES)
def test_examples_are_read_and_written(message: str) -> None:
    assert examples(message)
    for example in examples(message):
        document = json.loads(example)
        assert set(document) == {"type", *MESSAGES[message].__struct_fields__}
        if message in MESSAGE_TYPES:
            decode(message, CONTENT_TYPE, example.encode())
        if message in OUTGOING:
            sent = encode(msgspec.json.decode(example, type=OUTGOING[message]))
            assert msgspec.json.format(sent, indent=2).decode() == example


def codes_in_sql(*names: str) -> set[str]:
    text = "".join((SQL / f"{name}.sql").read_text(encoding="utf-8") for name in names)
    return set(re.findall(r"'([A-Z]+(?:_[A-Z]+)*)'", text)) - {"UTC", "OK"}


def test_status_codes_are_those_of_the_stored_procedures() -> None:
    text = sections("protocol.rst")["Status codes"].astext()
    documented = set(re.findall(r"^[A-Z]+(?:_[A-Z]+)*$", text, re.MULTILINE))
    assert documented - {"OK"} == codes_in_sql(*(path.stem for path in SQL.glob("*.sql")))


def root_configs(title: str) -> list[str]:
    section = sections("root-config-data.rst")[title]
    return [block.astext() for block in section.findall(nodes.literal_block)]


def test_examples_of_root_configurations() -> None:
    for example in root_configs("Valid examples"):
        assert parse_root_config(example).interest_rate == json.loads(example).get("rate", 0)
    for example in root_configs("Invalid examples"):
        with pytest.raises(InvalidRootConfig):
            parse_root_config(example)
