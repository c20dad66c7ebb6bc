"""Messages that come late, more than once, or in another order, make no difference.

That holds for all incoming messages but PrepareTransfer, whose sender is answered each time.
`DATABASE_MODEL_EXAMPLES` sets the number of examples (60 by default).
"""

import os
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agentkit.messages import finalize
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.builders import ALICE, BOB, CAROL, DAY, DEBTOR, NOW, ROOT
from verification.model.money import LATEST
from verification.model.state import Message

EXAMPLES_COUNT = int(os.environ.get("DATABASE_MODEL_EXAMPLES", "60"))
CREDITORS = (ALICE, BOB, CAROL)
NEWCOMER = (3 << 40) + 1
LATER = NOW + 3 * DAY
AMOUNT = 1000
# The interest of several changes is rounded together, or one by one.
INTEREST_DIFFERENCE_MAX = Decimal("1e-15")
# What depends on how many changes there were, or when, rather than on what they say.
COUNTERS = (
    "last_change_seqnum",
    "last_transfer_number",
    "last_transfer_committed_at",
    "pending_account_update",
)
Outcome = dict[str, Any]


@pytest.fixture
def shard(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard whose realm is the whole world."""
    return Shard(connection, settings)


def open_books(shard: Shard, locks: Sequence[int]) -> list[Message]:
    """Open accounts with money, and prepare transfers. Returns the prepared transfers."""
    shard.clear()
    shard.set_now(NOW)
    shard.receive(
        builders.configure_account(
            ROOT, config_data='{"type": "RootConfigData", "rate": 5.5}', negligible_amount=1e30
        )
    )
    shard.receive(*map(builders.configure_account, CREDITORS))
    for creditor_id in CREDITORS:
        shard.update_account(DEBTOR, creditor_id, principal=AMOUNT)
    shard.update_account(DEBTOR, ROOT, principal=-AMOUNT * len(CREDITORS))
    shard.receive(
        *[
            builders.prepare_transfer(
                CREDITORS[i % 3],
                ROOT if i == 4 else CREDITORS[(i + 1) % 3],
                lock,
                coordinator_request_id=i,
            )
            for i, lock in enumerate(locks)
        ]
    )
    shard.process_transfer_requests()
    prepared = [m for m in shard.take_messages() if m["type"] == "PreparedTransfer"]
    shard.set_now(LATER)
    return prepared


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[int], list[dict[str, Any]]]:
    """The amounts to lock; and what is said about them, and about the accounts."""
    locks = draw(st.lists(st.integers(0, 100), max_size=6))
    finalizations = [
        {"position": i, "committed_amount": draw(st.integers(0, lock))}
        for i, lock in enumerate(locks)
        if draw(st.booleans())
    ]
    changes = [
        builders.pending_balance_change(
            draw(st.sampled_from([*CREDITORS, NEWCOMER, ROOT])),
            draw(st.sampled_from([1, -1, 50, -50, 10**6])),
            draw(st.sampled_from([NOW - DAY, NOW, NOW + DAY, LATER])),
            other_creditor_id=7,
            change_id=change_id,
        )
        for change_id in range(draw(st.integers(0, 5)))
    ]
    moments = draw(st.lists(st.integers(-20, 10), unique=True, max_size=6))
    configurations = [configuration(draw, days) for days in moments]
    return locks, [*finalizations, *changes, *configurations]


def configuration(draw: st.DrawFn, days: int) -> Message:
    """A configuration that is so many days younger than the accounts."""
    creditor_id = draw(st.sampled_from([*CREDITORS, NEWCOMER]))
    if creditor_id == NEWCOMER and days < -4:
        # what is too old to open an account is applied if something else has opened it before
        days += 40
    return builders.configure_account(
        creditor_id,
        NOW + timedelta(days=days),
        seqnum=draw(st.sampled_from([0, 1, -(2**31), 2**31 - 1])),
        config_flags=draw(st.sampled_from([0, 1, 2])),
        config_data=draw(st.sampled_from(["", "", "", "x"])),
    )


@st.composite
def deliveries(draw: st.DrawFn, count: int) -> list[tuple[int, str]]:
    """Positions of messages in the order of arrival, each one to five times; and what follows."""
    positions = [i for i in range(count) for _ in range(draw(st.integers(1, 5)))]
    stages = ["", "", "process_finalization_requests", "process_balance_changes"]
    return [(i, draw(st.sampled_from(stages))) for i in draw(st.permutations(positions))]


def finish(shard: Shard) -> Outcome:
    """Do all that is left to do, and tell what has come out of it."""
    shard.process_finalization_requests()
    shard.process_balance_changes()
    sent = shard.take_messages()
    accounts = [
        {name: value for name, value in row.items() if name not in COUNTERS}
        for row in shard.rows("account")
    ]
    return {
        "interests": [row.pop("interest") for row in accounts],
        "accounts": accounts,
        "prepared": shard.rows("prepared_transfer"),
        "archive": shard.rows("registered_balance_change"),
        "finalized": sorted(
            [m["creditor_id"], m["transfer_id"], m["status_code"], m["committed_amount"]]
            for m in sent
            if m["type"] == "FinalizedTransfer"
        ),
        "transfers": sorted(
            [m["creditor_id"], m["acquired_amount"], m["sender"], m["recipient"]]
            for m in sent
            if m["type"] == "AccountTransfer"
        ),
    }


def resolve(message: dict[str, Any], prepared: list[Message]) -> Message:
    """The message itself: a finalization is of the prepared transfer at a position."""
    if "position" not in message:
        return message
    (transfer,) = (m for m in prepared if m["coordinator_request_id"] == message["position"])
    return finalize(transfer, message["committed_amount"], ts=LATEST)


@pytest.mark.timeout(300 + 10 * EXAMPLES_COUNT)
@hypothesis_settings(
    max_examples=EXAMPLES_COUNT,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), said=messages())
def test_order_and_number_of_deliveries_make_no_difference(
    shard: Shard,
    data: st.DataObject,
    said: tuple[list[int], list[dict[str, Any]]],
) -> None:
    locks, contents = said
    prepared = open_books(shard, locks)
    for message in contents:
        shard.receive(resolve(message, prepared))
    expected = finish(shard)

    prepared = open_books(shard, locks)
    for position, stage in data.draw(deliveries(len(contents))):
        shard.receive(resolve(contents[position], prepared))
        if stage:
            getattr(shard, stage)()
    found = finish(shard)
    interests = pytest.approx(expected.pop("interests"), abs=INTEREST_DIFFERENCE_MAX)
    assert found.pop("interests") == interests
    assert found == expected
