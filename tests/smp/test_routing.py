"""Where outgoing messages go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.realm import Realm
from swpt_accounts.smp.outgoing import (
    AccountPurge,
    AccountTransfer,
    AccountUpdate,
    FinalizedTransfer,
    OutgoingMessage,
    PendingBalanceChange,
    PreparedTransfer,
    RejectedConfig,
    RejectedTransfer,
)
from swpt_accounts.smp.routing import (
    Route,
    bits_routing_key,
    headers,
    hex_routing_key,
    route,
)

TS = "2024-05-20T13:15:09.123456+00:00"
DAY = "2024-05-20"
KEY_OF_2 = "00.00.00.00.00.00.00.02"
KEY_OF_MINUS_2 = "ff.ff.ff.ff.ff.ff.ff.fe"
KEY_OF_77 = "00.00.00.00.00.00.00.4d"


def update(creditor_id: int, config_flags: int) -> AccountUpdate:
    return AccountUpdate(
        -2, creditor_id, DAY, TS, 1, 0, 0.0, 0.0, TS, TS, 0, 0.0, config_flags, "", "2", "", "",
        "", 0, TS, TS, 1, 1,
    )  # fmt: skip


def config(creditor_id: int) -> RejectedConfig:
    return RejectedConfig(-2, creditor_id, TS, 0, 1, "", 0.0, "X", TS)


def transfer() -> AccountTransfer:
    return AccountTransfer(-2, 2, DAY, 3, "direct", "2", "0", -5, "", "", TS, 0, 0, TS)


def purge(creditor_id: int) -> AccountPurge:
    return AccountPurge(-2, creditor_id, DAY, TS)


REJECTED = RejectedTransfer(-2, 2, "agent", 77, 5, "TIMEOUT", 0, TS)
PREPARED = PreparedTransfer(-2, 0, 3, "issuing", -2, 5, 0, "2", TS, -50.0, TS, TS, TS)
FINALIZED = FinalizedTransfer(-2, 2, 3, "direct", 2, 5, 0, "OK", 0, TS, TS)
CHANGE = PendingBalanceChange(123, 456, 0, 1, "direct", "", "", TS, 5, TS)


@pytest.mark.parametrize(
    ("n", "key"),
    [
        (0, "00.00.00.00.00.00.00.00"),
        (2, KEY_OF_2),
        (-2, KEY_OF_MINUS_2),
        (MAX_INT64, "7f.ff.ff.ff.ff.ff.ff.ff"),
        (MIN_INT64, "80.00.00.00.00.00.00.00"),
        (0x1234ABCD00000000, "12.34.ab.cd.00.00.00.00"),
    ],
)
def test_hex_routing_key(n: int, key: str) -> None:
    assert hex_routing_key(n) == key


def test_bits_routing_key() -> None:
    assert bits_routing_key(123, 456) == "0.0.0.0.1.0.0.0.0.1.0.0.0.1.0.0.0.0.1.1.0.1.0.0"


@given(st.integers(MIN_INT64, MAX_INT64), st.integers(MIN_INT64, MAX_INT64), st.integers(0, 20))
def test_a_shard_gets_the_messages_of_its_realm(
    debtor_id: int, creditor_id: int, length: int
) -> None:
    key = bits_routing_key(debtor_id, creditor_id)
    assert len(key) == 47
    realm = Realm.parse(key[: 2 * length] + "#")
    assert realm.contains(debtor_id, creditor_id)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (config(2), Route("to_creditors", KEY_OF_2)),
        (config(-2), Route("to_creditors", KEY_OF_MINUS_2)),
        (config(0), Route("to_debtors", KEY_OF_MINUS_2)),
        (purge(2), Route("to_creditors", KEY_OF_2)),
        (purge(0), Route("to_debtors", KEY_OF_MINUS_2)),
        (transfer(), Route("to_creditors", KEY_OF_2)),
        (update(2, 0), Route("to_creditors", KEY_OF_2)),
        (update(2, 1), Route("to_creditors", KEY_OF_2)),
        (update(0, 0), Route("to_debtors", KEY_OF_MINUS_2)),
        (update(0, 2), Route("to_debtors", KEY_OF_MINUS_2)),
        (update(0, -2), Route("to_debtors", KEY_OF_MINUS_2)),
        (update(0, 1), Route("to_debtors", KEY_OF_MINUS_2, mandatory=False)),
        (update(0, 3), Route("to_debtors", KEY_OF_MINUS_2, mandatory=False)),
        (update(0, -1), Route("to_debtors", KEY_OF_MINUS_2, mandatory=False)),
        (REJECTED, Route("to_coordinators", KEY_OF_77)),
        (PREPARED, Route("to_coordinators", KEY_OF_MINUS_2)),
        (FINALIZED, Route("to_coordinators", KEY_OF_2)),
        (CHANGE, Route("accounts_in", bits_routing_key(123, 456))),
    ],
)
def test_route(message: OutgoingMessage, expected: Route) -> None:
    assert route(message) == expected


def test_messages_are_mandatory_by_default() -> None:
    assert Route("x", "y").mandatory is True


def coordinator(kind: str, coordinator_id: int | None = None) -> dict[str, int | str]:
    id_header = {} if coordinator_id is None else {"coordinator-id": coordinator_id}
    return {"coordinator-type": kind, **id_header}


@pytest.mark.parametrize(
    ("message", "debtor_id", "creditor_id", "more"),
    [
        (config(2), -2, 2, {}),
        (purge(0), -2, 0, {}),
        (update(2, 0), -2, 2, {}),
        (transfer(), -2, 2, coordinator("direct")),
        (REJECTED, -2, 2, coordinator("agent", 77)),
        (PREPARED, -2, 0, coordinator("issuing", -2)),
        (FINALIZED, -2, 2, coordinator("direct", 2)),
        (CHANGE, 123, 456, coordinator("direct")),
    ],
)
def test_headers(
    message: OutgoingMessage, debtor_id: int, creditor_id: int, more: dict[str, int | str]
) -> None:
    assert headers(message) == {
        "message-type": type(message).__name__,
        "debtor-id": debtor_id,
        "creditor-id": creditor_id,
        **more,
    }
