"""A question about several accounts at once, and its answer, as text (see the fetch API)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from swpt_accounts.core.ids import account_id, parse_account_id

Account = tuple[int, int]
"""A debtor id and a creditor id."""

ACCOUNTS_COUNT_MAX: Final = 80
"""In one question: gunicorn, and the proxies between, refuse lines of over 4094 bytes."""

_ACCOUNT: Final = re.compile(r"([0-9]{1,20})/([0-9]{1,20})")
_LINE: Final = re.compile(r"([0-9]{1,20}/[0-9]{1,20}) ([1-5][0-9]{2})")


def account_path(account: Account) -> str:
    """An account as text: "1/2"."""
    return f"{account_id(account[0])}/{account_id(account[1])}"


def account_list(accounts: Iterable[Account]) -> str:
    """Accounts as text: "1/2,1/3"."""
    return ",".join(map(account_path, accounts))


def parse_account_list(text: str) -> list[Account] | None:
    """The accounts of a list; None if it is none, or too long for one question."""
    items = text.split(",", ACCOUNTS_COUNT_MAX)
    if len(items) > ACCOUNTS_COUNT_MAX:
        return None
    accounts = [account for item in items if (account := _parse(item)) is not None]
    return accounts if len(accounts) == len(items) else None


def _parse(text: str) -> Account | None:
    found = _ACCOUNT.fullmatch(text)
    if found is None:
        return None
    debtor_id, creditor_id = parse_account_id(found[1]), parse_account_id(found[2])
    return None if debtor_id is None or creditor_id is None else (debtor_id, creditor_id)


def status_lines(statuses: Mapping[Account, str]) -> str:
    """An answer: for each account its name, and the status that a question about it alone gets."""
    return "".join(f"{account_path(account)} {status}\n" for account, status in statuses.items())


def parse_status_lines(text: str, asked: Iterable[Account]) -> dict[Account, int] | None:
    """The statuses of the accounts that were asked about; there may be none for some.

    None if it is no answer to that: it is something else, or tells of other accounts, or of one
    twice.
    """
    names = {account_path(account): account for account in asked}
    found: dict[Account, int] = {}
    for line in text.splitlines():
        parts = _LINE.fullmatch(line)
        account = names.pop(parts[1], None) if parts else None
        if parts is None or account is None:
            return None
        found[account] = int(parts[2])
    return found
