"""What is refused from the settings of parent and children alone, and how tables are shared."""

from pathlib import Path

import pytest

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.db.tables import Base
from swpt_accounts.settings import load_settings
from swpt_accounts.sharding.children import Family, read_family
from swpt_accounts.sharding.tables import FILTERED, LEFT, OWNED, SHARED, TABLES, WHOLE, row_filter

PARENT = {
    "POSTGRES_URL": "postgresql+psycopg://owner@parent/accounts",
    "PROTOCOL_BROKER_URL": "amqp://guest:guest@broker:5672/node",
    "PROTOCOL_BROKER_QUEUE": "accounts",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#",
    "CHORES_BROKER_QUEUE": "chores",
}
FIRST = {
    "POSTGRES_URL": "postgresql+psycopg://owner@first/accounts",
    "PROTOCOL_BROKER_QUEUE": "accounts_0",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.0.#",
    "CHORES_BROKER_QUEUE": "chores_0",
}
SECOND = {
    "POSTGRES_URL": "postgresql+psycopg://owner@second/accounts",
    "PROTOCOL_BROKER_QUEUE": "accounts_1",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.1.#",
    "CHORES_BROKER_QUEUE": "chores_1",
}


def family_of(folder: Path, *children: dict[str, str], **parent: str) -> Family:
    files = []
    for number, settings in enumerate(children):
        files.append(folder / f"child_{number}.env")
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        files[-1].write_text("# a comment\n\n" + "".join(lines))
    environ = {**PARENT, **parent}
    return read_family(environ, load_settings(environ), files)


def test_children_are_in_the_order_of_their_realms(tmp_path: Path) -> None:
    family = family_of(tmp_path, SECOND, FIRST)
    assert [str(child.realm) for child in family.children] == ["1.0.#", "1.1.#"]
    assert family.is_split
    # what is not in the file is the parent's
    assert family.children[0].settings.protocol_broker_url == PARENT["PROTOCOL_BROKER_URL"]


def test_one_child_takes_over_all(tmp_path: Path) -> None:
    family = family_of(tmp_path, {"POSTGRES_URL": FIRST["POSTGRES_URL"]})
    assert not family.is_split
    assert family.children[0].queue == "accounts"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.1.#"}, "would be in both, or in neither"),
        ({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "0.0.#"}, "must be 1.0.# and 1.1.#"),
        ({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.0.0.#"}, "must be 1.0.# and 1.1.#"),
        ({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "1.#"}, "must be 1.0.# and 1.1.#"),
        (
            {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "2.#"},
            "child_0.env: PROTOCOL_BROKER_QUEUE_ROUTING",
        ),
        ({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": ""}, "must be set for a child"),
        ({"POSTGRES_URL": ""}, "child_0.env: POSTGRES_URL must be set"),
        ({"POSTGRES_URL": SECOND["POSTGRES_URL"]}, "have the same POSTGRES_URL"),
        ({"POSTGRES_URL": PARENT["POSTGRES_URL"]}, "have the same POSTGRES_URL"),
        ({"PROTOCOL_BROKER_QUEUE": "accounts"}, "have the same name 'accounts'"),
        ({"PROTOCOL_BROKER_QUEUE": "accounts_1"}, "have the same name 'accounts_1'"),
        ({"CHORES_BROKER_QUEUE": "chores"}, "have the same name 'chores'"),
        ({"CHORES_BROKER_QUEUE": "accounts_1.XQ"}, "have the same name 'accounts_1.XQ'"),
        (
            {"PROTOCOL_BROKER_URL": "amqp://guest:guest@broker:5672/other"},
            "is not the broker of the parent",
        ),
    ],
)
def test_children_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(PreconditionFailed, match=reason.replace(".", r"\.")):
        family_of(tmp_path, {**FIRST, **changes}, SECOND)


def test_too_many_bits_are_refused(tmp_path: Path) -> None:
    realm = "1." * 20
    with pytest.raises(PreconditionFailed, match="already has 20 bits"):
        family_of(tmp_path, FIRST, SECOND, PROTOCOL_BROKER_QUEUE_ROUTING_KEY=f"{realm}#")


def test_one_child_has_the_realm_and_the_queue_of_its_parent(tmp_path: Path) -> None:
    with pytest.raises(PreconditionFailed, match="takes over all accounts"):
        family_of(tmp_path, FIRST)
    realm = PARENT["PROTOCOL_BROKER_QUEUE_ROUTING_KEY"]
    with pytest.raises(PreconditionFailed, match="use the queue of the parent, 'accounts'"):
        family_of(tmp_path, {**FIRST, "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": realm})


def test_three_children_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PreconditionFailed, match="give --child twice"):
        family_of(tmp_path, FIRST, SECOND, SECOND)


def test_a_file_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "child.env"
    file.write_text("POSTGRES_URL=postgresql://a@b/c\nwhat is this\n")
    with pytest.raises(PreconditionFailed, match=r"child\.env, line 2: expected NAME=value"):
        read_family(PARENT, load_settings(PARENT), [file])
    with pytest.raises(PreconditionFailed, match=r"could not read .*nothing\.env: No such file"):
        read_family(PARENT, load_settings(PARENT), [tmp_path / "nothing.env"])


def test_every_table_gets_to_the_children_in_one_way() -> None:
    assert sorted((*TABLES, *LEFT)) == sorted(Base.metadata.tables)
    assert len(TABLES) == len({*FILTERED, *WHOLE, *OWNED, *SHARED})


@pytest.mark.parametrize(
    ("realm", "bounds"),
    [
        ("0.#", r"BETWEEN '\x000000' AND '\x7fffff'"),
        ("1.0.#", r"BETWEEN '\x800000' AND '\xbfffff'"),
        ("1." * 20 + "#", r"BETWEEN '\xfffff0' AND '\xffffff'"),
    ],
)
def test_a_realm_is_a_range(realm: str, bounds: str) -> None:
    assert bounds in row_filter(Realm.parse(realm))


def test_the_realm_of_all_accounts_needs_no_filter() -> None:
    assert row_filter(Realm.parse("#")) == ""
