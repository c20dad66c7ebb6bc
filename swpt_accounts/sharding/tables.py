"""How each table gets from the parent to its children."""

from typing import Final

from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, Realm

FILTERED: Final = ("account", "account_key", "prepared_transfer")
"""Replicated while the parent works, each child the rows of its realm."""

WHOLE: Final = ("registered_balance_change", "root_config", "handled_batch", "journal")
"""Replicated while the parent works, to both: of their rows nobody knows whose they are."""

OWNED: Final = (
    *("transfer_request", "unverified_transfer_request", "finalization_request"),
    *("pending_balance_change", "returned_message"),
    *("rejected_config_signal", "rejected_transfer_signal", "prepared_transfer_signal"),
    *("finalized_transfer_signal", "account_transfer_signal", "account_update_signal"),
    *("account_purge_signal", "pending_balance_change_signal"),
)
"""Queues and outboxes: rows stay for moments, and are copied in the switch."""

SHARED: Final = ("returned_line", "dead_letter_dealt_with")
"""The same, but both children get all rows."""

LEFT: Final = ("procedures_version", "move", "move_proof", "scan_pass")
"""Each database has its own."""

TABLES: Final = (*OWNED, *FILTERED, *WHOLE, *SHARED)
"""In the order in which the stages lock them."""


def row_filter(realm: Realm) -> str:
    """The condition for the rows of a realm, of functions that decoding may call.

    It says the same as `in_realm`. Nothing for the realm of all accounts.
    """
    if realm.length == 0:
        return ""
    shift = ACCOUNT_BITS_LENGTH - realm.length
    first = realm.bits << shift
    last = first + (1 << shift) - 1
    bits = "decode(left(md5(int8send(debtor_id) || int8send(creditor_id)), 6), 'hex')"
    return f" WHERE ({bits} BETWEEN '\\x{first:06x}' AND '\\x{last:06x}')"


def published(realm: Realm) -> str:
    """What is published for the child of a realm."""
    condition = row_filter(realm)
    return ", ".join((*(f"{t}{condition}" for t in FILTERED), *WHOLE, "swpt_accounts_split.beat"))
