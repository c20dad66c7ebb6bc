"""What the sum of the books of all shards looks like: a table for people, JSON for programs."""

import json
from collections.abc import Iterator

from swpt_accounts.audit.reconciliation import DebtorResult, Result, Verdict
from swpt_accounts.audit.report import FORMAT, table


def is_sound(result: Result) -> bool:
    """Whether everything was proved."""
    return result.count(Verdict.SOUND) == len(result.debtors) and not result.errors_counts


def sum_as_json(result: Result, count_max: int) -> str:
    """The result as a JSON document (docs/reference/book-checks.md)."""
    return json.dumps(
        {
            "type": "BooksSum",
            "format": FORMAT,
            "is_sound": is_sound(result),
            "rounds": [
                {"first_at": r.first_at.isoformat(), "last_at": r.last_at.isoformat()}
                for r in result.rounds
            ],
            "counts": {verdict: result.count(verdict) for verdict in Verdict},
            "shards_with_errors": result.errors_counts,
            "debtors": [
                {
                    "debtor_id": debtor.debtor_id,
                    "verdict": debtor.verdict,
                    "amount": str(debtor.amount),
                    "problem": debtor.problem,
                }
                for debtor in _told(result, count_max)
            ],
        },
        indent=2,
    )


def sum_as_table(result: Result, count_max: int) -> Iterator[str]:
    """The result in lines: a row for each debtor that is not sound, and how many there are."""
    told = _told(result, count_max)
    if told:
        yield from table(
            ("verdict", "debtor", "adds up to", "problem"),
            [(d.verdict, str(d.debtor_id), str(d.amount), d.problem) for d in told],
        )
        yield ""
    for realm, count in result.errors_counts.items():
        yield f"shard {realm}: its own check has found {count} errors"
    counts = ", ".join(f"{result.count(verdict)} {verdict}" for verdict in Verdict)
    first, last = result.rounds[0].first_at, result.rounds[-1].last_at
    yield (
        f"{len(result.debtors)} debtors: {counts}"
        f" (between {first:%Y-%m-%d %H:%M:%S}Z and {last:%Y-%m-%d %H:%M:%S}Z)"
    )


def _told(result: Result, count_max: int) -> list[DebtorResult]:
    """Those that are not sound, the wrong ones first."""
    unsound = [d for d in result.debtors if d.verdict != Verdict.SOUND]
    unsound.sort(key=lambda d: (d.verdict != Verdict.WRONG, d.debtor_id))
    return unsound[:count_max]
