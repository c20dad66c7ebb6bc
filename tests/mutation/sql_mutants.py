"""The mutants of the stored procedures."""

from collections.abc import Iterator

from swpt_accounts.db.installer import SUBJECTS, read_sql
from tests.mutation.mutants import Mutant, number, shown
from tests.mutation.sql_operators import OPERATORS
from tests.mutation.sql_tokens import Function, functions

MONEY = (
    *("money", "ids", "accounts", "currencies", "configuration", "recipient_verification"),
    *("preparation", "finalization", "balance_changes", "chores", "scans"),
)
"""The subjects of which mutants are made: what is done with money, and what removes rows."""


def read_functions(subject: str) -> list[Function]:
    return list(functions(subject, read_sql(subject)))


def mutate(function: Function) -> Iterator[Mutant]:
    """All mutants of a function."""
    for operator_name, operator in OPERATORS.items():
        for start, end, new in operator(function.body):
            yield Mutant(
                kind="sql",
                place=f"{function.subject}.sql/{function.name}",
                line=function.line + function.text.count("\n", 0, start),
                operator=operator_name,
                change=shown(function.text, start, end, new),
                text=function.text[:start] + new + function.text[end:],
            )


def sql_mutants() -> list[Mutant]:
    """All of them, subject by subject."""
    assert set(MONEY) <= set(SUBJECTS)
    return number(
        mutant
        for subject in MONEY
        for function in read_functions(subject)
        for mutant in mutate(function)
    )
