"""The fields of the incoming messages, as the protocol tells of them (protocol.rst)."""

from dataclasses import dataclass

MIN_INT32, MAX_INT32 = -(2**31), 2**31 - 1
MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1


ASCII = r"[\x00-\x7f]*"
NOTE_FORMAT = r"[0-9A-Za-z.-]*"
# Of a change that is on its way, more is let through: its sender has been debited.
CHANGE_NOTE_FORMAT = r"[0-9A-Za-z.-]{0,8}\n?"


@dataclass(frozen=True)
class Integer:
    low: int = MIN_INT64
    high: int = MAX_INT64


@dataclass(frozen=True)
class Float:
    """Not negative."""


@dataclass(frozen=True)
class Text:
    """Lengths are in characters, and in bytes of UTF-8. The pattern is of a whole value."""

    length_min: int = 0
    length_max: int = 100
    bytes_max: int = 10_000
    pattern: str = ASCII


@dataclass(frozen=True)
class Moment:
    """One that `is_open` is taken as the nearest within the years 1 to 9999."""

    is_open: bool = False


Kind = Integer | Float | Text | Moment

_ID, _INT32, _AMOUNT, _ANY = Integer(), Integer(MIN_INT32, MAX_INT32), Integer(0), r"(?s:.*)"
_COORDINATOR_TYPE = Text(1, 30)
_NOTE = Text(0, 500, 500, _ANY)
_NOTE_FORMAT = Text(0, 8, pattern=NOTE_FORMAT)
_COORDINATOR: dict[str, Kind] = {
    "coordinator_type": _COORDINATOR_TYPE,
    "coordinator_id": _ID,
    "coordinator_request_id": _ID,
}

FIELDS: dict[str, dict[str, Kind]] = {
    "ConfigureAccount": {
        "debtor_id": _ID,
        "creditor_id": _ID,
        "negligible_amount": Float(),
        "config_flags": _INT32,
        "config_data": Text(0, 2000, 2000, _ANY),
        "ts": Moment(),
        "seqnum": _INT32,
    },
    "PrepareTransfer": {
        "debtor_id": _ID,
        "creditor_id": _ID,
        **_COORDINATOR,
        "min_locked_amount": _AMOUNT,
        "max_locked_amount": _AMOUNT,
        "recipient": Text(0, 100),
        "final_interest_rate_ts": Moment(is_open=True),
        "max_commit_delay": Integer(0, MAX_INT32),
        "ts": Moment(),
    },
    "FinalizeTransfer": {
        "debtor_id": _ID,
        "creditor_id": _ID,
        "transfer_id": _ID,
        **_COORDINATOR,
        "committed_amount": _AMOUNT,
        "transfer_note": _NOTE,
        "transfer_note_format": _NOTE_FORMAT,
        "ts": Moment(),
    },
    "PendingBalanceChange": {
        "debtor_id": _ID,
        "creditor_id": _ID,
        "other_creditor_id": _ID,
        "change_id": _ID,
        "coordinator_type": _COORDINATOR_TYPE,
        "transfer_note_format": Text(0, 9, pattern=CHANGE_NOTE_FORMAT),
        "transfer_note": _NOTE,
        "committed_at": Moment(),
        "principal_delta": Integer(-MAX_INT64),
    },
}
