"""How the results of the checks are written: a table for people, JSON for programs."""

import json
from collections.abc import Iterator
from typing import Any, Final

from swpt_accounts.audit.books import BookFinding, BooksReport, CheckResult
from swpt_accounts.audit.checks import CheckSeverity
from swpt_accounts.audit.cross_shard import DebtorResult, Result, Verdict
from swpt_accounts.core.formatting import plural

FORMAT: Final = 1
"""The version of the JSON documents: it changes when a property changes its meaning, or goes."""


def as_json(report: BooksReport) -> str:
    """The report as a JSON document (docs/reference/book-checks.md)."""
    return json.dumps(
        {
            "type": "BooksReport",
            "format": FORMAT,
            "realm": report.realm,
            "taken_at": report.taken_at.isoformat(),
            "is_replica": report.is_replica,
            "seconds": round(report.seconds, 3),
            "is_sound": report.count(CheckSeverity.ERROR) == 0,
            "errors_count": report.count(CheckSeverity.ERROR),
            "warnings_count": report.count(CheckSeverity.WARNING),
            "checks": [_check(check) for check in report.checks],
            "findings": [_finding(finding) for finding in report.findings],
        },
        indent=2,
    )


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "code": check.code,
        "severity": check.severity,
        "is_made": check.is_made,
        "findings_count": check.findings_count,
        "seconds": round(check.seconds, 3),
    }


def _finding(finding: BookFinding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "debtor_id": finding.debtor_id,
        "creditor_id": finding.creditor_id,
        "problem": finding.problem,
    }


def as_table(report: BooksReport) -> Iterator[str]:
    """The report in lines: a row for each reported finding, and a summary."""
    findings = report.findings
    if findings:
        yield from table(
            ("check", "debtor", "creditor", "problem"),
            [(f.code, _text(f.debtor_id), _text(f.creditor_id), f.problem) for f in findings],
        )
        yield ""
    for check in report.checks:
        if check.findings_count > len(check.findings):
            yield (
                f"{check.code}: {plural(check.findings_count, 'finding')}, {len(check.findings)}"
                " shown"
            )
    yield summary(report)


def summary(report: BooksReport) -> str:
    errors, warnings = report.count(CheckSeverity.ERROR), report.count(CheckSeverity.WARNING)
    parts = [plural(errors, "error") if errors else "the books are correct"]
    if warnings:
        parts.append(plural(warnings, "warning"))
    replica = ", a replica" if report.is_replica else ""
    text = (
        f"realm {report.realm}, snapshot of {report.taken_at:%Y-%m-%d %H:%M:%S}Z{replica},"
        f" held for {report.seconds:.1f} s"
    )
    left_out = [check.code for check in report.checks if not check.is_made]
    if left_out:
        text += f"; cannot be checked in one of several shards: {', '.join(left_out)}"
    return f"{', '.join(parts)} ({text})"


def table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Lines with columns. The last one may be as long as it is."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    widths[-1] = 0
    for row in (titles, tuple("-" * len(title) for title in titles), *rows):
        yield "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip()


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


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
                for debtor in _reported(result, count_max)
            ],
        },
        indent=2,
    )


def sum_as_table(result: Result, count_max: int) -> Iterator[str]:
    """The result in lines: a row for each debtor that is not sound, and how many there are."""
    reported = _reported(result, count_max)
    if reported:
        yield from table(
            ("verdict", "debtor", "adds up to", "problem"),
            [(d.verdict, str(d.debtor_id), str(d.amount), d.problem) for d in reported],
        )
        yield ""
    for realm, count in result.errors_counts.items():
        yield f"shard {realm}: its own check found {plural(count, 'error')}"
    counts = ", ".join(f"{result.count(verdict)} {verdict}" for verdict in Verdict)
    first, last = result.rounds[0].first_at, result.rounds[-1].last_at
    yield (
        f"{plural(len(result.debtors), 'debtor')}: {counts}"
        f" (between {first:%Y-%m-%d %H:%M:%S}Z and {last:%Y-%m-%d %H:%M:%S}Z)"
    )


def _reported(result: Result, count_max: int) -> list[DebtorResult]:
    """Those that are not sound, the wrong ones first."""
    unsound = [d for d in result.debtors if d.verdict != Verdict.SOUND]
    unsound.sort(key=lambda d: (d.verdict != Verdict.WRONG, d.debtor_id))
    return unsound[:count_max]
