"""Random messages within a small world, so that they meet on the same accounts.

Every strategy takes the moment `now` at which the message arrives; ids, amounts, rates and
delays come from short lists in which the limits are as likely as the ordinary values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from .ids import ROOT_CREDITOR_ID, agent_of, format_account_id
from .money import LATEST, MAX_INT32, MAX_INT64, T0
from .state import Message

Draw = st.DrawFn
Record = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The ids in use. The root account is there without being named."""

    debtor_ids: tuple[int, ...]
    creditor_ids: tuple[int, ...]

    @property
    def accounts(self) -> list[tuple[int, int]]:
        """All (debtor_id, creditor_id) pairs, the root accounts first."""
        creditor_ids = (ROOT_CREDITOR_ID, *self.creditor_ids)
        return [(debtor, creditor) for creditor in creditor_ids for debtor in self.debtor_ids]


# In the small world everybody meets everybody; the two positive creditors have one agent.
SMALL_WORLD = World(debtor_ids=(-1,), creditor_ids=((1 << 40) + 2, (1 << 40) + 3, -2))
WIDE_WORLD = World(
    debtor_ids=(1, -MAX_INT64 - 1),
    creditor_ids=((1 << 40) + 2, (1 << 40) + 3, (2 << 40) + 1, MAX_INT64, -MAX_INT64 - 1),
)

RATES = st.sampled_from([0.0, 5.5, -50.0, 100.0, 3.123456789])
CHORE_RATES = RATES | st.sampled_from([-50.1, 1e100, 7, -0.0])
NEGLIGIBLE_AMOUNTS = st.sampled_from([0.0, 1.0, 40.9, 1000.0, 16777216.0, 16777217.0, 1e18, 1e30])
CREDITORS_NEGLIGIBLE_AMOUNTS = st.sampled_from([0.0, 0.0, 10.0, 16777216.0])
LIMITS = st.sampled_from([0, 10, 1000, 10**18, MAX_INT64])
SEQNUMS = st.sampled_from([-MAX_INT32 - 1, -1, 0, 1, MAX_INT32 - 1, MAX_INT32])
CONFIG_FLAGS = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, -MAX_INT32 - 1, MAX_INT32])
NOTES = st.sampled_from([("", ""), ("a note", "-"), ("ĵaŭdo ½ 🂡", "json.1-Z")])
REQUEST_IDS = st.sampled_from([1, 2, -MAX_INT64 - 1, MAX_INT64])
COMMIT_DELAYS_SECONDS = st.sampled_from([MAX_INT32, MAX_INT32, 30 * 86400, 3600, 1, 0])
SMALL_AMOUNTS = st.integers(0, 20)
HUGE_AMOUNTS = st.sampled_from([2**53 + 1, 10**18, MAX_INT64 // 2 + 1, MAX_INT64 - 1, MAX_INT64])
AMOUNTS = SMALL_AMOUNTS | st.integers(0, 10**6) | st.sampled_from([16777217]) | HUGE_AMOUNTS
WEALTH = st.sampled_from([10, 100, 1000, 10**6, MAX_INT64 // 2 + 1, MAX_INT64 - 1])
POSITIVE_AMOUNTS = AMOUNTS.map(lambda amount: max(1, amount))
BAD_RECIPIENTS = ["", "01", "-2", "1.0", " 1", "18446744073709551616", "9" * 20, "x" * 100, "7"]
INFOS: list[dict[str, str]] = [
    {"type": "DebtorInfo", "iri": "https://example.com/"},
    {"type": "DebtorInfo-v2", "iri": "x" * 200, "contentType": "text/plain", "sha256": "0F" * 32},
]
BAD_ROOT_CONFIGS = [
    " ",
    "null",
    "{}",
    '{"type":"RootConfigData-v0"}',
    '{"type":"RootConfigData","rate":"1"}',
    '{"type":"RootConfigData","limit":10.7}',
    '{"type":"RootConfigData","info":{"type":"DebtorInfo"}}',
]

TIME_STEPS = st.sampled_from(
    [
        *[timedelta(0)] * 3,
        timedelta(microseconds=1),
        timedelta(seconds=1),
        timedelta(seconds=59, microseconds=999999),
        timedelta(hours=2),
        timedelta(hours=2),
        timedelta(days=1),
        timedelta(days=1),
        timedelta(days=7, microseconds=1),
        timedelta(days=8),
        timedelta(days=14),
        timedelta(days=30),
        timedelta(days=106, microseconds=1),
        timedelta(days=365.25),
        timedelta(days=1100, microseconds=123457),
    ]
)
DELAYS = st.sampled_from(
    [
        *[timedelta(0)] * 6,
        timedelta(microseconds=1),
        timedelta(seconds=-30),
        timedelta(hours=3),
        timedelta(days=1, microseconds=1),
        timedelta(days=7),
        timedelta(days=7, microseconds=1),
        timedelta(days=400),
    ]
)


def moments(now: datetime) -> st.SearchStrategy[datetime]:
    """When a message that arrives now was sent: mostly lately, rarely long ago."""
    return DELAYS.map(lambda delay: now - delay)


def rarely(usual: st.SearchStrategy[T], rare: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Draw from `rare` once in eight times."""
    return st.integers(0, 7).flatmap(lambda number: rare if number == 7 else usual)


def account_ids(world: World) -> st.SearchStrategy[dict[str, int]]:
    """The `debtor_id` and `creditor_id` of some account of the world."""
    names = ("debtor_id", "creditor_id")
    return st.sampled_from(world.accounts).map(lambda key: dict(zip(names, key, strict=True)))


@st.composite
def root_configs(draw: Draw, limits: st.SearchStrategy[int] = LIMITS) -> str:
    """A valid RootConfigData document, the empty one included."""
    document = {"type": "RootConfigData"} | draw(
        st.fixed_dictionaries(
            {},
            optional={
                "rate": RATES,
                "limit": limits,
                "info": st.sampled_from(INFOS),
                "future": st.just([{}]),
            },
        )
    )
    return draw(st.sampled_from(["", json.dumps(document)]))


@st.composite
def configure_account_messages(draw: Draw, now: datetime, world: World = SMALL_WORLD) -> Message:
    """A ConfigureAccount; one out of many is not valid."""
    ids = draw(account_ids(world))
    is_root = ids["creditor_id"] == ROOT_CREDITOR_ID
    valid, bad = (root_configs(), BAD_ROOT_CONFIGS) if is_root else (st.just(""), ["{}", "x"])
    return {
        "type": "ConfigureAccount",
        **ids,
        "negligible_amount": draw(NEGLIGIBLE_AMOUNTS),
        "config_flags": draw(CONFIG_FLAGS),
        "config_data": draw(rarely(valid, st.sampled_from(bad))),
        "ts": draw(moments(now)),
        "seqnum": draw(SEQNUMS),
    }


@st.composite
def prepare_transfer_messages(draw: Draw, now: datetime, world: World = SMALL_WORLD) -> Message:
    """A PrepareTransfer; its recipient may be missing, or no account id at all."""
    ids = draw(account_ids(world))
    everybody = [ROOT_CREDITOR_ID, *world.creditor_ids]
    others = [other for other in everybody if other != ids["creditor_id"]]
    recipients = rarely(st.sampled_from(others), st.sampled_from(everybody)).map(format_account_id)
    max_locked_amount = draw(AMOUNTS)
    return {
        "type": "PrepareTransfer",
        **ids,
        **draw(coordinators(ids["debtor_id"], ids["creditor_id"])),
        "min_locked_amount": min(
            draw(rarely(st.just(0) | SMALL_AMOUNTS, AMOUNTS)), max_locked_amount
        ),
        "max_locked_amount": max_locked_amount,
        "recipient": draw(rarely(recipients, st.sampled_from(BAD_RECIPIENTS))),
        "final_interest_rate_ts": draw(st.sampled_from([LATEST, LATEST, LATEST, now, now, T0])),
        "max_commit_delay": draw(COMMIT_DELAYS_SECONDS),
        "ts": draw(moments(now)),
    }


def coordinators(debtor_id: int, creditor_id: int) -> st.SearchStrategy[dict[str, Any]]:
    """The three coordinator fields, as the rules of the coordinator types demand."""
    coordinator_ids = {"direct": creditor_id, "other": 2**31}
    if creditor_id == ROOT_CREDITOR_ID:
        coordinator_ids["issuing"] = debtor_id
    if agent_of(creditor_id) != 0:
        coordinator_ids["agent"] = creditor_id ^ 1
    return st.builds(
        lambda coordinator_type, request_id: {
            "coordinator_type": coordinator_type,
            "coordinator_id": coordinator_ids[coordinator_type],
            "coordinator_request_id": request_id,
        },
        st.sampled_from(sorted(coordinator_ids)),
        REQUEST_IDS,
    )


@st.composite
def finalize_transfer_messages(draw: Draw, now: datetime, prepared: Sequence[Record]) -> Message:
    """A FinalizeTransfer for one of the `prepared` transfers (which must not be empty).

    A record needs the six identifying fields and `locked_amount`, as a PreparedTransfer has
    them. Rarely an id is wrong. The amounts around the lock are likely.
    """
    record = draw(st.sampled_from(prepared))
    lock = record["locked_amount"]
    around_lock = st.sampled_from([lock, lock, max(0, lock - 1), min(lock + 1, MAX_INT64)])
    note, note_format = draw(NOTES)
    message = {
        "type": "FinalizeTransfer",
        "debtor_id": record["debtor_id"],
        "creditor_id": record["creditor_id"],
        "transfer_id": record["transfer_id"],
        "coordinator_type": record["coordinator_type"],
        "coordinator_id": record["coordinator_id"],
        "coordinator_request_id": record["coordinator_request_id"],
        "committed_amount": draw(st.one_of(around_lock, st.just(0), AMOUNTS)),
        "transfer_note": note,
        "transfer_note_format": note_format,
        "ts": draw(moments(now)),
    }
    return message | draw(rarely(st.just({}), wrong_ids(message)))


def wrong_ids(message: Message) -> st.SearchStrategy[Message]:
    """A field which makes the message one for another transfer (which may exist as well)."""
    changed_ids: list[Message] = [
        {"transfer_id": message["transfer_id"] + 1},
        {"coordinator_type": "wrong"},
        {"coordinator_id": 4},
        {"coordinator_request_id": 5},
    ]
    return st.sampled_from(changed_ids)


@st.composite
def pending_balance_change_messages(
    draw: Draw, now: datetime, world: World = SMALL_WORLD
) -> Message:
    """A PendingBalanceChange; there are so few change ids that many repeat an earlier one."""
    ids = draw(account_ids(world))
    everybody = [ROOT_CREDITOR_ID, *world.creditor_ids]
    others = [other for other in everybody if other != ids["creditor_id"]]
    amount = draw(POSITIVE_AMOUNTS)
    note, note_format = draw(NOTES)
    return {
        "type": "PendingBalanceChange",
        **ids,
        "other_creditor_id": draw(st.sampled_from(others)),
        "change_id": draw(st.sampled_from([1, 2, 3, 4, 5, -MAX_INT64 - 1, MAX_INT64])),
        "principal_delta": draw(st.sampled_from([amount, amount, -amount])),
        "coordinator_type": draw(st.sampled_from(["direct", "agent", "interest", "delete"])),
        "transfer_note": note,
        "transfer_note_format": note_format,
        "committed_at": draw(moments(now)),
    }


@st.composite
def opening_messages(draw: Draw, now: datetime, world: World = SMALL_WORLD) -> list[Message]:
    """A ConfigureAccount for the accounts of the world, the root accounts first; then money.

    They open the accounts, allow the debtors to issue money, and give every creditor some by
    a PendingBalanceChange, so that what follows does not fail at the first step. Rarely there
    is nothing but the money to open an account.
    """
    messages: list[Message] = []
    for debtor_id, creditor_id in world.accounts:
        is_root = creditor_id == ROOT_CREDITOR_ID
        configuration = {
            "type": "ConfigureAccount",
            "debtor_id": debtor_id,
            "creditor_id": creditor_id,
            "negligible_amount": 1e30 if is_root else draw(CREDITORS_NEGLIGIBLE_AMOUNTS),
            "config_flags": 0,
            "config_data": draw(root_configs(st.just(MAX_INT64))) if is_root else "",
            "ts": now,
            "seqnum": draw(SEQNUMS),
        }
        gift = {
            "type": "PendingBalanceChange",
            "debtor_id": debtor_id,
            "creditor_id": creditor_id,
            "other_creditor_id": ROOT_CREDITOR_ID,
            "change_id": 2**62 + len(messages),
            "principal_delta": draw(WEALTH),
            "coordinator_type": "issuing",
            "transfer_note": "",
            "transfer_note_format": "",
            "committed_at": now,
        }
        is_configured = is_root or draw(rarely(st.just(True), st.just(False)))
        messages += [configuration] * is_configured + [gift] * (not is_root)
    return messages


@st.composite
def chores(draw: Draw, now: datetime, world: World = SMALL_WORLD) -> Message:
    """A chore of any type, for any account: most of those that are not due do nothing."""
    ids = draw(account_ids(world))
    ts = draw(moments(now))
    info: dict[str, str] = draw(st.sampled_from([{}, *INFOS]))
    bodies: list[Message] = [
        {"type": "ChangeInterestRate", "interest_rate": float(draw(CHORE_RATES)), "ts": ts},
        {
            "type": "UpdateDebtorInfo",
            "debtor_info_iri": info.get("iri", ""),
            "debtor_info_content_type": info.get("contentType", ""),
            "debtor_info_sha256": bytes.fromhex(info.get("sha256", "")),
            "ts": ts,
        },
        {"type": "CapitalizeInterest"},
        {"type": "TryToDeleteAccount"},
    ]
    return {**ids, **draw(st.sampled_from(bodies))}
