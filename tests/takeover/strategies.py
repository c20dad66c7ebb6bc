"""Any database that the reference can have made: its rows, at the limits of their types."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from hypothesis import strategies as st

from tests.takeover.rows import DEFAULTS

MAX64: Final = 2**63 - 1
_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True)
class Moment:
    """As PostgreSQL reads it, and what of it a message can carry."""

    text: str
    value: datetime


Row = dict[str, Any]
Rows = dict[str, list[Row]]

_BEYOND: Final = [
    Moment("0001-12-31 23:59:59.5+00 BC", _FIRST),
    Moment("4000-01-01 00:00:00+00 BC", _FIRST),
    Moment("10000-01-01 00:00:00+00", _LAST),
    Moment("290000-01-01 00:00:00+00", _LAST),
    Moment("1970-01-01 00:00:00+00", datetime(1970, 1, 1, tzinfo=UTC)),
    Moment("9999-12-31 23:59:59+00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
]
moments = st.sampled_from(_BEYOND) | st.datetimes(timezones=st.just(UTC)).map(
    lambda d: Moment(d.isoformat(), d)
)
int64s = st.integers(-(2**63), MAX64) | st.sampled_from([-(2**63), -1, 0, 1, MAX64])
amounts = st.integers(0, MAX64) | st.sampled_from([0, 1, MAX64])
reals = st.floats(0, 3.4028234663852886e38, width=32, allow_subnormal=True) | st.sampled_from(
    [-0.0, 1.401298464324817e-45, 16777216.0, 839333632.0, 3.4028234663852886e38]
)
_characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_ODD: Final = ["", "\t'\"\\N\r\n\\.", "{} %s %(x)s $1", "😀" * 125, "NULL", "\ufeff "]
_CONFIGS: Final = [
    "",
    "{}",
    '{"rate": "2.5", "limit": "750000"}',
    '{"limit": 10.7}',
    "{",
    '{"rate": 3.123456789}',
    '{"info": {"iri": "\\u0000"}}',
    '{"info": {"iri": "\\ud800", "contentType": "x"}}',
    '{"type": "RootConfigData", "rate": 7, "info": {"type": "DebtorInfo", "iri": "https://x"}}',
]

_BY_NAME: Final[dict[str, st.SearchStrategy[Any]]] = {
    "creation_date": st.dates(date(1970, 1, 1), date(9999, 12, 31)),
    "principal": st.integers(-MAX64, MAX64),
    "principal_delta": int64s.filter(bool),
    "interest": st.floats(-4.9e23, 4.9e23) | st.sampled_from([0.0, -0.2, 1.0000000050247593e-08]),
    "interest_rate": st.floats(-50, 100, width=32),
    "previous_interest_rate": st.floats(-50, 100, width=32),
    "negligible_amount": reals,
    "demurrage_rate": st.just(-50.0),
    "config_data": st.sampled_from(_CONFIGS) | st.text(_characters, max_size=100),
    "coordinator_type": st.text(_characters, min_size=1, max_size=30),
    "status_code": st.text(_characters, max_size=30),
    "rejection_code": st.text(_characters, max_size=30),
    "transfer_note": st.sampled_from(_ODD) | st.text(_characters, max_size=125),
    "transfer_note_format": st.from_regex(r"\A[0-9A-Za-z.-]{0,8}\n?\Z"),
    "debtor_info_iri": st.none() | st.text(_characters, max_size=200),
    "debtor_info_content_type": st.none()
    | st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=100),
    "debtor_info_sha256": st.none() | st.binary(min_size=32, max_size=32),
    "last_transfer_number": amounts,
    "last_transfer_id": st.just(MAX64),
    "transfer_id": st.integers(1, MAX64),
    "transfer_number": st.just(0),
    "status_flags": st.sampled_from([0, 2]),
    "last_reminder_ts": st.none() | moments,
    "pending_account_update": st.booleans(),
    "is_applied": st.just(True),
    **dict.fromkeys(
        ("locked_amount", "committed_amount", "total_locked_amount", "previous_transfer_number"),
        amounts,
    ),
    **{
        name: st.integers(-(2**31), 2**31 - 1)
        for name in ("last_change_seqnum", "last_config_seqnum", "config_seqnum", "config_flags")
    },
}
_MOMENTS: Final = {"deadline", "inserted_at", "ts", "committed_at", "prepared_at", "finalized_at"}


def _column(name: str) -> st.SearchStrategy[Any]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    return moments if name in _MOMENTS or name.endswith(("_ts", "_at")) else int64s


def _rows(table: str, max_size: int, *key: str, **fixed: Any) -> st.SearchStrategy[list[Row]]:
    columns = {name: _column(name) for name in DEFAULTS[table]} | {
        name: st.just(value) for name, value in fixed.items()
    }
    return st.lists(
        st.fixed_dictionaries(columns),
        max_size=max_size,
        unique_by=(lambda row: tuple(row[k] for k in key)) if key else None,
    )


@st.composite
def references(draw: st.DrawFn) -> Rows:
    """Rows of all tables, which agree with each other as the reference keeps them."""
    rows: Rows = {}
    accounts = draw(
        _rows(
            "account",
            4,
            "debtor_id",
            "creditor_id",
            total_locked_amount=0,
            pending_transfers_count=0,
        )
    )
    for account in accounts:
        if draw(st.integers(0, 2)) == 0 and all(
            a["debtor_id"] != account["debtor_id"] for a in accounts if a is not account
        ):
            account["creditor_id"] = 0
        if account["creditor_id"] == 0:  # it bears no interest
            account |= {"interest": 0.0, "interest_rate": 0.0, "previous_interest_rate": 0.0}
        if draw(st.integers(0, 4)) == 0:
            account |= {"status_flags": 1, "principal": 0, "interest": 0.0}
            account["config_flags"] |= 1
    rows["account"] = accounts
    alive = [a for a in accounts if not a["status_flags"] & 1]
    rows["prepared_transfer"] = draw(_rows("prepared_transfer", 3, "transfer_id")) if alive else []
    for transfer in rows["prepared_transfer"]:
        owner = draw(st.sampled_from(alive))
        transfer |= {"debtor_id": owner["debtor_id"], "sender_creditor_id": owner["creditor_id"]}
        owner["total_locked_amount"] = min(
            MAX64, owner["total_locked_amount"] + transfer["locked_amount"]
        )
        owner["pending_transfers_count"] += 1
    rows["transfer_request"] = draw(_rows("transfer_request", 3))
    for request in rows["transfer_request"]:
        low, high = sorted(draw(st.tuples(amounts, amounts)))
        request |= {"min_locked_amount": low, "max_locked_amount": high}
    rows["finalization_request"] = draw(
        _rows("finalization_request", 3, "debtor_id", "sender_creditor_id", "transfer_id")
    )
    key = ("debtor_id", "other_creditor_id", "change_id")
    rows["pending_balance_change"] = draw(_rows("pending_balance_change", 3, *key))
    archive = draw(_rows("registered_balance_change", 5, *key))
    pending = {tuple(r[k] for k in key) for r in rows["pending_balance_change"]}
    rows["registered_balance_change"] = [
        *(r for r in archive if tuple(r[k] for k in key) not in pending),
        *(
            {**{k: r[k] for k in (*key, "committed_at")}, "is_applied": False}
            for r in rows["pending_balance_change"]
        ),
    ]
    for table, keys in _OUTBOXES.items():
        rows[table] = draw(_rows(table, 2, *keys))
    return rows


_OUTBOXES: Final = {
    "rejected_config_signal": (),
    "rejected_transfer_signal": (),
    "prepared_transfer_signal": (),
    "finalized_transfer_signal": ("debtor_id", "sender_creditor_id", "transfer_id"),
    "account_transfer_signal": ("debtor_id", "creditor_id", "creation_date", "transfer_number"),
    "account_update_signal": (),
    "account_purge_signal": ("debtor_id", "creditor_id", "creation_date"),
    "pending_balance_change_signal": ("debtor_id", "other_creditor_id", "change_id"),
}
