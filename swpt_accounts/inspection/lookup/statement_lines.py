"""The lines of a statement: transfers, and what lies between them. Nothing is read here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from swpt_accounts.core.ids import MAX_INT64
from swpt_accounts.inspection.lookup.models import StatementLine

SMALL = (
    "changes of which no AccountTransfer tells: amounts that are small for the account"
    " (negligible_amount), or of a debtor's own account"
)


@dataclass(frozen=True, slots=True, order=True)
class Number:
    """The place of a transfer in the life of an account, which may be opened again later."""

    creation_date: str
    number: int


@dataclass(frozen=True, slots=True)
class Known:
    """The principal after the transfer with this number (0: before the first one)."""

    number: Number
    principal: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
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

    opening: Known | None
    lines: list[StatementLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    @property
    def closing(self) -> int | None:
        """The principal after the last line."""
        if self.lines:
            return self.lines[-1].principal
        return self.opening.principal if self.opening else None


def make_lines(before: Known | None, transfers: Sequence[Told], now: Known | None) -> Lines:
    """The lines that lead from what was known before to what is known now, in their order.

    The transfers are in their order, each once.
    """
    made = Lines(before)
    if before is None and transfers:
        made.opening = _before(transfers[0], made)
    current = made.opening
    for told in transfers:
        assert current is not None
        _bridge(made, current, told.number, told.previous, told.principal - told.amount, told.at)
        made.lines.append(_line(told))
        current = Known(told.number, told.principal, told.at)
    if now is not None and current is not None:
        _bridge(made, current, now.number, now.number.number, now.principal, now.at)
    if made.opening is not None and made.closing is not None:
        total = made.opening.principal + sum(line.amount for line in made.lines)
        if total != made.closing:
            made.problems.append(
                f"the lines do not add up: {total} is expected, and {made.closing} was found"
            )
    return made


def _before(first: Told, made: Lines) -> Known:
    if first.previous == 0:
        return Known(Number(first.number.creation_date, 0), 0, first.at)
    made.gaps.append(
        f"What was before transfer number {first.number.number} is not in the journal: the opening"
        " principal is the one before it."
    )
    number = Number(first.number.creation_date, first.previous)
    return Known(number, first.principal - first.amount, first.at)


def _line(told: Told) -> StatementLine:
    return StatementLine(
        told.at,
        told.number.number,
        told.amount,
        told.principal,
        told.coordinator_type,
        told.sender,
        told.recipient,
        told.transfer_note,
    )


def _bridge(
    made: Lines, current: Known, number: Number, previous: int, principal: int, at: datetime
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


def _why(made: Lines, current: Known, difference: int, missing: int, *, is_new: bool) -> str:
    number = current.number.number
    if is_new:
        return "the account was purged, and opened again"
    if missing > 0:
        text = f"{missing} AccountTransfers after number {number} are missing in the journal"
        made.gaps.append(f"{text}.")
        return text
    if missing < 0:
        text = f"the numbers go back after number {number}"
    elif difference >= 0:
        return SMALL
    elif abs(current.principal) >= MAX_INT64 + difference:
        text = f"after number {number}: the principal has left ±(2^63-1), and was contained"
    else:
        text = f"after number {number}: nothing tells where {-difference} has gone"
    made.problems.append(text)
    return text
