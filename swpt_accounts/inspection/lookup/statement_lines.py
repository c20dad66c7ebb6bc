"""The lines of a statement: transfers, and what lies between them. Nothing is read here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from swpt_accounts.core.formatting import plural
from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.inspection.lookup.models import StatementLine

SMALL = (
    "changes without an AccountTransfer: amounts below the account's negligible_amount, or of a"
    " debtor's own account"
)


@dataclass(frozen=True, slots=True, order=True)
class Number:
    """The place of a transfer in the life of an account, which may be opened again later."""

    creation_date: str
    number: int


@dataclass(frozen=True, slots=True)
class KnownPrincipal:
    """The principal after the transfer with this number (0: before the first one)."""

    number: Number
    principal: int
    at: datetime


@dataclass(frozen=True, slots=True)
class StatedTransfer:
    """An AccountTransfer. `previous` is the number before it."""

    number: Number
    previous: int
    amount: int
    principal: int
    at: datetime
    coordinator_type: str
    sender: str
    recipient: str
    transfer_note: str


@dataclass(slots=True)
class Lines:
    """A statement that is being written. `opening` is None where it cannot be known."""

    opening: KnownPrincipal | None
    lines: list[StatementLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def closing(self) -> int | None:
        if self.lines:
            return self.lines[-1].principal
        return self.opening.principal if self.opening else None


def make_lines(
    before: KnownPrincipal | None, transfers: Sequence[StatedTransfer], now: KnownPrincipal | None
) -> Lines:
    """The lines that lead from what was known before to what is known now, in their order.

    The transfers are in their order, each once.
    """
    made = Lines(before)
    if before is None and transfers:
        made.opening = _before(transfers[0], made)
    current = made.opening
    for transfer in transfers:
        assert current is not None
        _bridge(
            made,
            current,
            transfer.number,
            transfer.previous,
            transfer.principal - transfer.amount,
            transfer.at,
        )
        made.lines.append(_line(transfer))
        current = KnownPrincipal(transfer.number, transfer.principal, transfer.at)
    if now is not None and current is not None:
        _bridge(made, current, now.number, now.number.number, now.principal, now.at)
    if made.opening is not None and made.closing is not None:
        total = made.opening.principal + sum(line.amount for line in made.lines)
        if total != made.closing:
            made.problems.append(f"the lines do not add up: expected {total}, found {made.closing}")
    return made


def _before(first: StatedTransfer, made: Lines) -> KnownPrincipal:
    if first.previous == 0:
        return KnownPrincipal(Number(first.number.creation_date, 0), 0, first.at)
    made.gaps.append(
        f"The journal has no entries before transfer number {first.number.number}: the opening"
        " principal is the one before it."
    )
    number = Number(first.number.creation_date, first.previous)
    return KnownPrincipal(number, first.principal - first.amount, first.at)


def _line(transfer: StatedTransfer) -> StatementLine:
    return StatementLine(
        transfer.at,
        transfer.number.number,
        transfer.amount,
        transfer.principal,
        transfer.coordinator_type,
        transfer.sender,
        transfer.recipient,
        transfer.transfer_note,
    )


def _bridge(
    made: Lines,
    current: KnownPrincipal,
    number: Number,
    previous: int,
    principal: int,
    at: datetime,
) -> None:
    """A line for what has changed the principal since then, if anything has.

    The next principal that is known is that of `number`; `previous` is the number before it.
    """
    difference = principal - current.principal
    is_new = number.creation_date != current.number.creation_date
    missing = 0 if is_new else previous - current.number.number
    text = _why(made, current, difference, missing, is_new=is_new)
    if difference or missing:
        made.lines.append(StatementLine(at, None, difference, principal, text=text))


def _why(
    made: Lines, current: KnownPrincipal, difference: int, missing: int, *, is_new: bool
) -> str:
    number = current.number.number
    if is_new:
        return "the account was purged, and created again"
    if missing > 0:
        text = f"the journal lacks {plural(missing, 'AccountTransfer')} after number {number}"
        made.gaps.append(f"{text[0].upper()}{text[1:]}.")
        return text
    if missing < 0:
        text = f"transfer numbers decrease after number {number}"
    elif difference >= 0:
        return SMALL
    elif abs(current.principal) >= MAX_INT64 + difference:
        text = f"after number {number}, the principal exceeded ±(2^63-1) and was truncated"
    else:
        text = f"after number {number}, {-difference} is missing without an AccountTransfer"
    made.problems.append(text)
    return text
