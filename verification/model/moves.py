"""Moves that lead somewhere: what is drawn depends on the state which the oracle remembers.

Purely random messages mostly fail at the first check; a machine that makes these moves, too,
comes to the rarer decisions.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from hypothesis import strategies as st

from . import ledger
from .builders import DAY, MICROSECOND
from .ids import ROOT_CREDITOR_ID, format_account_id
from .money import LATEST, MAX_INT32, MAX_INT64
from .oracle import Authority
from .state import Message, PreparedTransfer
from .strategies import (
    NOTES,
    REQUEST_IDS,
    Draw,
    World,
    account_ids,
    coordinators,
    rarely,
    wrong_ids,
)

LOCKS = st.sampled_from([0, 1, 3, 10, 10, 100, 100, 10**6, MAX_INT64])
DELAYS_SECONDS = st.sampled_from([MAX_INT32, MAX_INT32, MAX_INT32, 86400, 0])
# How long accounts wait for something: see `Params`.
ACCOUNT_DELAYS = {
    "last_interest_rate_change_ts": 8 * DAY,
    "last_interest_capitalization_ts": 14 * DAY,
    "last_heartbeat_ts": 7 * DAY,
    "last_deletion_attempt_ts": 14 * DAY,
    "last_change_ts": (14 + 90 + 2) * DAY,
}


@st.composite
def preparations(draw: Draw, now: datetime, world: World) -> Message:
    """A PrepareTransfer between accounts of the world, which takes what it can get."""
    ids = draw(account_ids(world))
    everybody = [ROOT_CREDITOR_ID, *world.creditor_ids]
    others = [other for other in everybody if other != ids["creditor_id"]]
    return {
        "type": "PrepareTransfer",
        **ids,
        **draw(coordinators(ids["debtor_id"], ids["creditor_id"])),
        "min_locked_amount": 0,
        "max_locked_amount": draw(LOCKS),
        "recipient": format_account_id(draw(st.sampled_from(others))),
        "final_interest_rate_ts": draw(rarely(st.just(LATEST), st.just(now))),
        "max_commit_delay": draw(DELAYS_SECONDS),
        "ts": now,
    }


@st.composite
def finalizations(draw: Draw, authority: Authority, now: datetime) -> list[Message]:
    """A batch of FinalizeTransfer messages; some for one transfer, some with a wrong id."""
    transfers = list(authority.prepared.values())
    chosen = draw(st.lists(st.sampled_from(transfers), min_size=1, max_size=6))
    messages = []
    for transfer in chosen:
        message = _finalization(draw, authority, transfer, now)
        wrong = draw(rarely(st.just(None), wrong_ids(message)))
        messages += [message] if wrong is None else [message | wrong, message]
    return messages


def _finalization(
    draw: Draw, authority: Authority, transfer: PreparedTransfer, now: datetime
) -> Message:
    account = authority.accounts[transfer.debtor_id, transfer.creditor_id]
    lock = transfer.locked_amount
    limit = lock + ledger.expendable_amount(account, now)
    amounts = [0, 1, lock, lock, lock + 1, lock // 2, limit // 2, limit, limit + 1]
    note, note_format = draw(NOTES)
    return {
        "type": "FinalizeTransfer",
        "debtor_id": transfer.debtor_id,
        "creditor_id": transfer.creditor_id,
        "transfer_id": transfer.transfer_id,
        "coordinator_type": transfer.coordinator_type,
        "coordinator_id": transfer.coordinator_id,
        "coordinator_request_id": transfer.coordinator_request_id,
        "committed_amount": max(0, min(draw(st.sampled_from(amounts)), MAX_INT64)),
        "transfer_note": note,
        "transfer_note_format": note_format,
        "ts": now,
    }


@st.composite
def farewells(draw: Draw, now: datetime, world: World) -> tuple[Message, Message]:
    """A ConfigureAccount that schedules an account for deletion, and the chore that deletes it."""
    ids = draw(account_ids(world))
    configuration = {
        "type": "ConfigureAccount",
        **ids,
        "negligible_amount": draw(st.sampled_from([0.0, 100.0, 1e30, 1e30])),
        "config_flags": 1,
        "config_data": "",
        "ts": now,
        "seqnum": draw(REQUEST_IDS) % 1000,
    }
    return configuration, {"type": "TryToDeleteAccount", **ids}


def turning_points(authority: Authority, now: datetime) -> st.SearchStrategy[timedelta]:
    """How long it is until something comes due, or is too late; or a microsecond more or less."""
    points = sorted({p for p in _turning_points(authority) if now < p < now + 400 * DAY})
    offsets = st.sampled_from([timedelta(0), MICROSECOND, -MICROSECOND])
    return st.builds(
        lambda point, offset: max(point + offset - now, timedelta(0)),
        st.sampled_from(points or [now]),
        offsets,
    )


def _turning_points(authority: Authority) -> Iterator[datetime]:
    for account in authority.accounts.values():
        for name, delay in ACCOUNT_DELAYS.items():
            yield getattr(account, name) + delay
    for transfer in authority.prepared.values():
        yield transfer.deadline
        yield (transfer.last_reminder_ts or transfer.prepared_at) + 7 * DAY
