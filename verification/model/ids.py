"""Account ids and agents (SMP, Ids)."""

import re

ROOT_CREDITOR_ID = 0


def format_account_id(creditor_id: int) -> str:
    """The creditor id as an unsigned decimal: -2 is `18446744073709551614`."""
    return str(creditor_id % 2**64)


def parse_account_id(account_id: str) -> int | None:
    """The signed creditor id; None unless the account id has the canonical form."""
    if re.fullmatch("0|[1-9][0-9]{0,19}", account_id) is None:
        return None
    unsigned = int(account_id)
    if unsigned >= 2**64:
        return None
    return unsigned if unsigned < 2**63 else unsigned - 2**64


def agent_of(creditor_id: int) -> int:
    """The highest 24 bits, which tell the creditors agent; 0 is no agent."""
    return (creditor_id % 2**64) >> 40


def have_same_agent(creditor_id: int, other_creditor_id: int) -> bool:
    """Whether one creditors agent is responsible for both creditors."""
    return agent_of(creditor_id) == agent_of(other_creditor_id) != 0
