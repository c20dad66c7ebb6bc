"""The protocol's documents agree with the program, and their examples are what they say."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts.settings_reference import settings_reference
from scripts.specification.documents import (
    Field,
    json_blocks,
    message_examples,
    message_fields,
    sections,
    tables,
)
from swpt_accounts.broker import topology
from swpt_accounts.core import root_config
from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.core.root_config import InvalidRootConfig, minimal_balance, parse_root_config
from swpt_accounts.settings import load_settings
from swpt_accounts.smp import outgoing, routing
from swpt_accounts.smp.decoder import MESSAGE_TYPES, MalformedMessage, decode
from swpt_accounts.smp.encoder import encode
from swpt_accounts.smp.types import CONTENT_TYPE, MAX_TRANSFER_NOTE_BYTES

ROOT = Path(__file__).parents[2]
SQL = ROOT / "swpt_accounts" / "db" / "sql"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PROTOCOL = read("protocol.rst")
PROTOCOL_JSON = read("protocol-json.rst")
ROOT_CONFIG_DATA = read("root-config-data.rst")
DOCUMENTS = {
    "protocol.rst": PROTOCOL,
    "protocol-json.rst": PROTOCOL_JSON,
    "root-config-data.rst": ROOT_CONFIG_DATA,
}

OUTGOING = {cls.__name__: cls for cls in outgoing.SIGNALS.values()}
# What is sent has all that is read: PendingBalanceChange is both.
MESSAGES = {**MESSAGE_TYPES, **OUTGOING}
FIELDS = message_fields(PROTOCOL)
EXAMPLES = message_examples(PROTOCOL_JSON)


def literals(text: str) -> list[str]:
    return re.findall(r"``(.+?)``", text)


def table(text: str, *head: str) -> list[list[str]]:
    """The rows of the table with this head."""
    (found,) = (t[1:] for t in tables(text) if t[0] == list(head))
    return found


# -- messages: tables ---------------------------------------------------------


def schema_of(message: str, field: str) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([MESSAGES[message]])
    found: dict[str, Any] = components[message]["properties"][field]
    return found


def integer_as_told(schema: dict[str, Any]) -> tuple[str, str]:
    name = "int32" if schema["maximum"] < 1 << 32 else "int64"
    if schema.get("not") == {"const": 0}:
        return name, f"≠ 0, ≥ {schema['minimum']}"
    return name, {0: "≥ 0", 1: "> 0"}.get(schema["minimum"], "any")


def string_as_told(schema: dict[str, Any]) -> tuple[str, str]:
    pattern = schema.get("pattern", "")
    if "format" in schema:
        return schema["format"], "any"
    if "A-F" in pattern:
        return "bytes", "0 or 32 bytes"
    if "A-Z" in pattern:
        inner = re.sub(r"^(\^|\\A)|(\$|\\Z)$", "", pattern)
        return "string", f"``{inner}``"
    longest = schema["maxLength"]
    if not pattern:
        unit = "symbols" if longest == 200 else "bytes in UTF-8"
        return "string", f"at most {longest} {unit}"
    return "string", f"{'1 to' if schema.get('minLength') else 'at most'} {longest} ASCII symbols"


def as_told(schema: dict[str, Any]) -> tuple[str, str]:
    """The type and the constraint which the table should tell."""
    match schema["type"]:
        case "integer":
            return integer_as_told(schema)
        case "number":
            return "float", "≥ 0, finite" if "minimum" in schema else "finite"
        case _:
            return string_as_told(schema)


def test_every_message_has_a_table() -> None:
    assert set(FIELDS) == set(MESSAGES)


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_every_field_is_told_once_and_no_other(message: str) -> None:
    documented = [field.name for field in FIELDS[message]]
    assert sorted(documented) == sorted(MESSAGES[message].__struct_fields__)
    if message in MESSAGE_TYPES:
        assert set(MESSAGE_TYPES[message].__struct_fields__) <= set(documented)


@pytest.mark.parametrize(
    ("message", "field"),
    [pytest.param(m, f, id=f"{m}.{f.name}") for m, fields in FIELDS.items() for f in fields],
)
def test_field_has_its_type_and_its_limits(message: str, field: Field) -> None:
    type_name, constraint = as_told(schema_of(message, field.name))
    assert field.type == type_name
    # A rule that involves another field may follow.
    assert field.constraints.split(", ≥ ``")[0] == constraint
    assert field.meaning.endswith(".")


def test_rules_that_involve_another_field() -> None:
    documented = {
        (message, field.name): field.constraints.split(", ≥ ``")[1].strip("`")
        for message, fields in FIELDS.items()
        for field in fields
        if ", ≥ ``" in field.constraints
    }
    assert documented == {("PrepareTransfer", "max_locked_amount"): "min_locked_amount"}


# -- messages: examples -------------------------------------------------------


def compact(example: str) -> bytes:
    return json.dumps(json.loads(example), ensure_ascii=False, separators=(",", ":")).encode()


def test_every_message_has_an_example() -> None:
    assert set(EXAMPLES) == set(MESSAGES)


@pytest.mark.parametrize(
    ("message", "example"),
    [
        pytest.param(message, example, id=f"{message}-{number}")
        for message, examples in EXAMPLES.items()
        for number, example in enumerate(examples, start=1)
    ],
)
def test_example(message: str, example: str) -> None:
    if message in MESSAGE_TYPES:
        decoded = decode(message, CONTENT_TYPE, example.encode())
        assert decoded == decode(message, CONTENT_TYPE, compact(example))
        assert set(json.loads(example)) == {"type", *MESSAGES[message].__struct_fields__}
    if message in OUTGOING:
        sent = msgspec.json.decode(example, type=OUTGOING[message])
        assert encode(sent) == compact(example)
        assert msgspec.json.format(encode(sent), indent=2).decode() == example


def test_examples_of_root_configurations_are_valid() -> None:
    configurations = [json.loads(e) for e in EXAMPLES["ConfigureAccount"]]
    root = [c for c in configurations if c["creditor_id"] == 0]
    assert root
    for c in root:
        parsed = parse_root_config(c["config_data"])
        assert minimal_balance(parsed, c["negligible_amount"]) < 0
    assert all(c["config_data"] == "" for c in configurations if c not in root)


READ_FIELDS = {"int64": "debtor_id", "float": "negligible_amount", "date-time": "ts"}


def is_read(field: str, value: str) -> bool:
    document = json.loads(EXAMPLES["ConfigureAccount"][0])
    document[field] = "<value>"
    body = json.dumps(document).replace('"<value>"', value)
    try:
        decode("ConfigureAccount", CONTENT_TYPE, body.encode())
    except MalformedMessage:
        return False
    return True


@pytest.mark.parametrize(
    ("value", "documented"),
    [
        pytest.param(row[0].strip("`"), row[1:], id=row[0])
        for row in table(PROTOCOL_JSON, "JSON", *READ_FIELDS)
    ],
)
def test_values_are_read_as_told(value: str, documented: list[str]) -> None:
    found = ["yes" if is_read(field, value) else "no" for field in READ_FIELDS.values()]
    assert found == documented


# -- status codes -------------------------------------------------------------


def codes_in_sql(*names: str) -> set[str]:
    text = "".join((SQL / f"{name}.sql").read_text(encoding="utf-8") for name in names)
    return set(re.findall(r"'([A-Z]+(?:_[A-Z]+)*)'", text)) - {"UTC"}


def codes_told() -> dict[str, set[str]]:
    parts = re.split(r"^In `(\w+)`_:$", sections(PROTOCOL)["Status codes"], flags=re.MULTILINE)
    return {
        message: {row[0].strip("`") for row in table(text, "Code", "Meaning")}
        for message, text in zip(parts[1::2], parts[2::2], strict=True)
    }


CODES = {
    "RejectedTransfer": codes_in_sql("preparation", "recipient_verification") - {"OK"},
    "FinalizedTransfer": codes_in_sql("finalization"),
    "RejectedConfig": codes_in_sql("configuration"),
}


def test_status_codes_are_those_of_the_stored_procedures() -> None:
    assert codes_told() == CODES


def test_no_other_procedure_has_a_status_code() -> None:
    others = {path.stem for path in SQL.glob("*.sql")}
    others -= {"preparation", "recipient_verification", "finalization", "configuration"}
    assert codes_in_sql(*others) == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_other_code_is_mentioned(name: str) -> None:
    known = set().union(*CODES.values()) | {doc.name for doc in settings_reference()}
    words = {word for word in literals(DOCUMENTS[name]) if re.fullmatch(r"[A-Z]+_[A-Z_]+", word)}
    assert words <= known


@pytest.mark.parametrize("message", ["PrepareTransfer", "FinalizeTransfer"])
def test_conditions_name_codes_of_the_answer(message: str) -> None:
    answer = {"PrepareTransfer": "RejectedTransfer", "FinalizeTransfer": "FinalizedTransfer"}
    conditions = next(t for t in tables(sections(PROTOCOL)[message]) if t[0][0] == "Condition")
    named = {code for row in conditions[1:] for code in literals(row[1])}
    assert named == CODES[answer[message]]


# -- constants ----------------------------------------------------------------


def test_periods_are_the_defaults() -> None:
    defaults = {doc.name: doc.default for doc in settings_reference()}
    rows = table(PROTOCOL, "Period", "Value", "Setting")
    assert len(rows) == 7
    for _, value, setting in rows:
        assert value == f"{defaults[setting.strip('`')]} days"


def test_derived_periods() -> None:
    settings = load_settings({})
    text = " ".join(sections(PROTOCOL)["Periods"].split())
    assert f"and a day: {settings.rate_change_interval.days} days" in text
    assert f"pass takes up to {settings.app_accounts_scan_hours:g} hours" in text
    linked = set(re.findall(r"`(\d+ days) <Periods_>`__", PROTOCOL))
    assert linked <= set(re.findall(r"\d+ days", text))


def test_constants() -> None:
    update = {field.name: field.meaning for field in FIELDS["AccountUpdate"]}
    assert f"{outgoing.DEMURRAGE_RATE}" in update["demurrage_rate"]
    assert f"{MAX_TRANSFER_NOTE_BYTES}" in update["transfer_note_max_bytes"]
    limits = f"from {root_config.MIN_INTEREST_RATE} to {root_config.MAX_INTEREST_RATE}"
    assert limits in update["interest_rate"]


# -- transport ----------------------------------------------------------------

TRANSPORT = sections(PROTOCOL)


def test_exchanges_are_those_that_are_declared() -> None:
    rows = table(TRANSPORT["Exchanges"], "Exchange", "Type", "Messages", "Routing key")
    assert [(row[0].strip("`"), row[1]) for row in rows] == list(topology._EXCHANGES)
    bindings = table(TRANSPORT["Exchanges"], "``coordinator-type``", "Goes on to")
    documented = {(row[0].strip("`"), row[1].strip("`")) for row in bindings}
    assert documented == set(topology._COORDINATORS)


@pytest.mark.parametrize("message", sorted(OUTGOING))
def test_exchange_of_a_message(message: str) -> None:
    rows = table(TRANSPORT["Exchanges"], "Exchange", "Type", "Messages", "Routing key")
    for example in EXAMPLES[message]:
        route = routing.route(msgspec.json.decode(example, type=OUTGOING[message]))
        documented = {row[0].strip("`") for row in rows if message in row[2]}
        assert route.exchange in (documented or {routing.ACCOUNTS_IN_EXCHANGE})


def test_routing_keys() -> None:
    text = TRANSPORT["Routing keys"]
    for n in (2, -2):
        assert f"{n} gives ``{routing.hex_routing_key(n)}``" in " ".join(text.split())
    assert f"``{routing.bits_routing_key(123, 456)}``" in text


@pytest.mark.parametrize("message", sorted(OUTGOING))
def test_headers(message: str) -> None:
    sent = msgspec.json.decode(EXAMPLES[message][0], type=OUTGOING[message])
    between_shards = isinstance(sent, outgoing.PendingBalanceChange)
    place = "between shards" if between_shards else message
    documented = {
        row[0].strip("`"): row[1]
        for row in table(TRANSPORT["Properties of messages"], "Header", "Value", "In")
        if row[2] == "every message" or place in row[2]
    }
    kinds = {int: "integer", str: "string"}
    assert documented == {name: kinds[type(v)] for name, v in routing.headers(sent).items()}


# -- RootConfigData -----------------------------------------------------------


def root_config_examples(section: str) -> list[str]:
    return json_blocks(sections(ROOT_CONFIG_DATA)[section])


def test_there_are_examples_of_both_kinds() -> None:
    assert len(root_config_examples("Valid examples")) >= 3
    assert len(root_config_examples("Invalid examples")) >= 5


@pytest.mark.parametrize("example", root_config_examples("Valid examples"))
def test_valid_root_config(example: str) -> None:
    parsed = parse_root_config(example)
    document = json.loads(example)
    assert parsed.interest_rate == document.get("rate", 0)
    assert parsed.issuing_limit == document.get("limit", MAX_INT64)
    assert parsed.info_iri == document.get("info", {}).get("iri")
    assert len(example.encode()) <= 2000


@pytest.mark.parametrize("example", root_config_examples("Invalid examples"))
def test_invalid_root_config(example: str) -> None:
    json.loads(example)
    with pytest.raises(InvalidRootConfig):
        parse_root_config(example)


@pytest.mark.parametrize(
    ("number", "schema"),
    [(0, root_config._RootConfigDataSchema()), (1, root_config._DebtorInfoSchema())],
)
def test_properties_are_those_of_the_schema(number: int, schema: Any) -> None:
    rows = tables(sections(ROOT_CONFIG_DATA)["The document"])[number][1:]
    documented = {row[0].strip("`"): row[2].startswith("required") for row in rows}
    fields = schema.fields.items()
    assert documented == {field.data_key or name: field.required for name, field in fields}


def test_limits_of_root_config() -> None:
    rows = tables(sections(ROOT_CONFIG_DATA)["The document"])[0][1:]
    documented = {row[0].strip("`"): row[2] for row in rows}
    low, high = root_config.MIN_INTEREST_RATE, root_config.MAX_INTEREST_RATE
    assert documented["rate"] == f"{low:g} to {high:g}"
    assert documented["limit"] == f"0 to {MAX_INT64}"
    assert f"nested {root_config.MAX_NESTING} levels deep" in ROOT_CONFIG_DATA


# -- form ---------------------------------------------------------------------

DIRECTIVE = re.compile(r"^\.\. ([a-z-]+)::", re.MULTILINE)
NAMED_LINK = re.compile(r"(?<![`\w])`([^`<>]+)`_(?!_)")
INNER_LINK = re.compile(r"<([^<>]+)_>`__")
FILE_LINK = re.compile(r"<([^<>\s]+[^_])>`__")


def prose(text: str) -> str:
    """The text without its blocks of code and its diagrams."""
    text = re.sub(r"^\.\. code-block::.*\n(?:(?: +.*)?\n)+", "", text, flags=re.MULTILINE)
    return re.sub(r"(::\n)\n(?:(?: +.*)?\n)+", r"\1", text)


def headings(text: str) -> list[str]:
    lines = text.splitlines()
    return [
        title
        for title, line in pairwise(lines)
        if title and title[0] not in " =-" and re.fullmatch(r"=+|-+", line)
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines(name: str) -> None:
    for line in DOCUMENTS[name].splitlines():
        assert len(line) <= 100, line
        assert line == line.rstrip()
        assert "\t" not in line
    assert DOCUMENTS[name].endswith("\n")
    assert not DOCUMENTS[name].endswith("\n\n")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_headings(name: str) -> None:
    lines = DOCUMENTS[name].splitlines()
    assert lines[0] == lines[2] == "=" * len(lines[1])
    found = headings(DOCUMENTS[name])
    assert len({title.lower() for title in found}) == len(found)
    for number, line in enumerate(lines[3:], start=3):
        if re.fullmatch(r"=+|-+", line):
            assert len(line) == len(lines[number - 1])
            assert lines[number - 2] == lines[number + 1] == ""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_directives(name: str) -> None:
    assert set(DIRECTIVE.findall(DOCUMENTS[name])) <= {"contents", "list-table", "code-block"}
    for line in DOCUMENTS[name].splitlines():
        assert not line.startswith("..") or DIRECTIVE.match(line), line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables(name: str) -> None:
    found = tables(DOCUMENTS[name])
    assert len(found) == DOCUMENTS[name].count(".. list-table::")
    widths = re.findall(r"^   :widths: ([\d ]+)$", DOCUMENTS[name], re.MULTILINE)
    for rows, shares in zip(found, widths, strict=True):
        assert {len(row) for row in rows} == {len(shares.split())}
        assert sum(map(int, shares.split())) == 100
        assert all(cell for row in rows for cell in row)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_inline_marks_are_closed(name: str) -> None:
    for paragraph in prose(DOCUMENTS[name]).split("\n\n"):
        rest = re.sub(r"``.+?``", "", " ".join(paragraph.split()))
        assert "``" not in rest, paragraph
        assert rest.count("`") % 2 == 0, paragraph


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    text = prose(DOCUMENTS[name])
    known = {*headings(text)}
    for target in (*NAMED_LINK.findall(text), *INNER_LINK.findall(text)):
        assert " ".join(target.split()) in known, target
    for target in FILE_LINK.findall(text):
        assert (ROOT / target).exists(), target
