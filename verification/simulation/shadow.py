"""The model follows what the workers commit: the same calls, in their order, at their moments."""

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from swpt_accounts.db import procedures as p
from swpt_accounts.db.procedures import Procedure
from verification.model import scans
from verification.model.comparing import compare_rows
from verification.model.ids import format_account_id
from verification.model.oracle_node import OracleNode
from verification.model.state import Message, Params
from verification.simulation.database import Call

_QUEUES = {
    p.PROCESS_TRANSFER_REQUESTS: ("transfer_request", "transfer_requests"),
    p.PROCESS_FINALIZATION_REQUESTS: ("finalization_request", "finalization_requests"),
    p.PROCESS_BALANCE_CHANGES: ("pending_balance_change", "pending_changes"),
}
_CHORES = {
    p.CHANGE_INTEREST_RATE: "ChangeInterestRate",
    p.UPDATE_DEBTOR_INFO: "UpdateDebtorInfo",
    p.CAPITALIZE_INTEREST: "CapitalizeInterest",
    p.TRY_TO_DELETE_ACCOUNT: "TryToDeleteAccount",
}
_INFO_FIELDS = {
    "iri": "debtor_info_iri",
    "content_type": "debtor_info_content_type",
    "sha256": "debtor_info_sha256",
}
Key = tuple[int, ...]


class ModelShadow:
    """An oracle that is told what happens. `connection` sees what is committed."""

    def __init__(self, connection: psycopg.Connection[Any], params: Params, now: datetime) -> None:
        self.node = OracleNode(now, params)
        self._connection = connection

    # -- what the database will find -------------------------------------------

    def look(self, procedure: Procedure, parameters: dict[str, Any]) -> Any:
        """The rows of which a scan takes hold: those on its pages which nobody has locked."""
        if procedure in (p.PURGE_ACCOUNTS, p.SEND_DUE_ACCOUNT_UPDATES):
            return self._visible("account", "debtor_id, creditor_id", parameters)
        if procedure is p.SEND_PROMPT_ACCOUNT_UPDATES:
            return self._visible("account", "debtor_id, creditor_id", None)
        if procedure is p.REMIND_OF_PREPARED_TRANSFERS:
            names = "debtor_id, creditor_id, transfer_id"
            return self._visible("prepared_transfer", names, parameters)
        return None

    def _visible(self, table: str, names: str, pages: dict[str, Any] | None) -> set[Key]:
        first, end = (pages["first_page"], pages["end_page"]) if pages else (0, 2**31)
        with self._connection.transaction(force_rollback=True):
            rows = self._connection.execute(
                f"SELECT {names} FROM {table}"
                " WHERE ctid >= format('(%%s,0)', %s)::tid AND ctid < format('(%%s,0)', %s)::tid"
                " FOR UPDATE SKIP LOCKED",
                [first, end],
            ).fetchall()
        return set(rows)

    # -- what is committed --------------------------------------------------------

    def commit(self, calls: list[tuple[Call, Any]], moment: datetime) -> None:
        """Let the model do what a transaction has done."""
        self.node.set_now(moment)
        messages: list[Message] = []
        for (procedure, parameters, row), looked in calls:
            messages += _messages(procedure, parameters)
            if procedure in _QUEUES:
                self._process(procedure)
            elif procedure in _CHORES:
                self._do_chore(procedure, parameters, row)
            elif looked is not None:
                self._scan(procedure, looked)
        if messages:
            self.node.receive(*messages)
        self._compare_accounts()

    def _compare_accounts(self) -> None:
        """Whatever differs stops the run where it came to be."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute("SELECT * FROM account").fetchall()
        # (vars: `asdict` would copy every value, which takes longer than all the rest)
        expected = [vars(account) for account in self.node.authority.accounts.values()]
        compare_rows(expected, rows, "account")

    def _process(self, procedure: Procedure) -> None:
        """Process a queue, but for what the database has left in it because of locks."""
        table, attribute = _QUEUES[procedure]
        authority = self.node.authority
        queue = getattr(authority, attribute)
        if not queue:
            return
        rows = set(self._connection.execute(f"SELECT debtor_id, creditor_id FROM {table}"))
        left = [item for item in queue if _key(item) in rows]
        queue[:] = [item for item in queue if _key(item) not in rows]
        getattr(self.node, procedure.name)()
        queue[:] = left + queue

    def _do_chore(self, procedure: Procedure, parameters: dict[str, Any], row: Any) -> None:
        assert row is not None
        if row[0]:
            fields = {_INFO_FIELDS.get(name, name): value for name, value in parameters.items()}
            self.node.perform_chore({"type": _CHORES[procedure], **fields})

    def _scan(self, procedure: Procedure, visible: set[Key]) -> None:
        authority, now = self.node.authority, self.node.now
        view = copy.copy(authority)
        if procedure is p.REMIND_OF_PREPARED_TRANSFERS:
            view.prepared = {k: t for k, t in authority.prepared.items() if k in visible}
            scans.scan_prepared_transfers(view, now)
            return
        accounts = {k: a for k, a in authority.accounts.items() if k in visible}
        if procedure is p.SEND_PROMPT_ACCOUNT_UPDATES:
            view.accounts = {k: a for k, a in accounts.items() if not a.is_deleted}
            scans.send_prompt_updates(view, now)
            return
        is_purge = procedure is p.PURGE_ACCOUNTS
        view.accounts = {k: a for k, a in accounts.items() if a.is_deleted == is_purge}
        before = set(view.accounts)
        scans.scan_accounts(view, now)
        for key in before - view.accounts.keys():
            del authority.accounts[key]


def _key(item: Any) -> Key:
    if isinstance(item, dict):
        return item["debtor_id"], item["creditor_id"]
    return item.debtor_id, item.creditor_id


def _rows(parameters: dict[str, Any]) -> list[Message]:
    arrays = {name: value for name, value in parameters.items() if isinstance(value, list)}
    return [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]


def _preparation(row: Message) -> Message:
    recipient = row["recipient"]
    return {**row, "recipient": "" if recipient is None else format_account_id(recipient)}


_MESSAGES: dict[Procedure, tuple[str, Callable[[Message], Message]]] = {
    p.CONFIGURE_ACCOUNTS: ("ConfigureAccount", lambda row: row),
    p.RECEIVE_FINALIZATION_REQUESTS: ("FinalizeTransfer", lambda row: {**row, "ts": None}),
    p.RECEIVE_TRANSFER_REQUESTS: ("PrepareTransfer", _preparation),
}


def _messages(procedure: Procedure, parameters: dict[str, Any]) -> list[Message]:
    """The incoming messages in a call."""
    if procedure not in _MESSAGES:
        return []
    message_type, complete = _MESSAGES[procedure]
    return [{"type": message_type, **complete(row)} for row in _rows(parameters)]
