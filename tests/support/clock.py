"""Lets days pass for an authority at work: the clock that its stored procedures read."""

import json
from datetime import datetime, timedelta

from psycopg import sql

from agentkit.authority import CHORES_QUEUE, SERVICES, Authority
from agentkit.messages import CONTENT_TYPE, configure
from agentkit.waiting import wait_until

# These notice at once that they have lost their connection; the consumers, with the next message.
_WATCHFUL = [name for name in SERVICES if not name.startswith("consume_")]
# Nobody else has an account with these ids, and its debtor says nothing of interest.
PROBE = (2**50, 2**50)


class Clock:
    """The time of an authority: it stands still until a test moves it forward."""

    def __init__(self, authority: Authority, now: datetime) -> None:
        self.authority = authority
        self.now = now
        self._probes_count = 0
        self._set()

    @property
    def text(self) -> str:
        """This moment, as it is written in messages."""
        return self.now.isoformat()

    def advance(self, duration: timedelta) -> datetime:
        """Move the time forward, and wait until all services know. Returns the new time."""
        assert duration > timedelta(0)
        self.now += duration
        self._set()
        return self.now

    def _set(self) -> None:
        """A setting of a database holds for new connections, so the old ones are ended."""
        statement = sql.SQL("ALTER DATABASE {} SET swpt_accounts.now = {}")
        name = sql.Identifier(self.authority.database.name)
        self.authority.database.query(statement.format(name, sql.Literal(self.text)))
        ((since,),) = self.authority.query("SELECT clock_timestamp()")
        while self._end_connections(since):
            wait_until(lambda: not self._end_connections(since))
            self.authority.wait_ready(_WATCHFUL)

    def _end_connections(self, since: datetime) -> int:
        """End the connections that were made before a moment. Returns how many there are."""
        rows = self.authority.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' AND backend_start <= %s",
            since,
        )
        return len(rows)

    # -- what has to happen by now ------------------------------------------

    def open_probe(self) -> None:
        """Open the account by which `wait_for_upkeep` sees how far the services are."""
        self.authority.send(configure(*PROBE, ts=self.text))
        wait_until(lambda: self._probe("true"))

    def wait_for_upkeep(self) -> None:
        """Wait until the accounts scan has seen every account, and its chores are done.

        Between three visits to one account lies a whole pass.
        """
        for _ in range(3):
            self._change_probe(f"pending_account_update = true, last_heartbeat_ts = '{self.text}'")
            wait_until(lambda: self._probe("NOT pending_account_update"), what="a visit")
        self._probes_count += 1
        iri = f"https://example.com/{self._probes_count}"
        chore = {
            "type": "UpdateDebtorInfo",
            "debtor_id": PROBE[0],
            "creditor_id": PROBE[1],
            "debtor_info_iri": iri,
            "debtor_info_content_type": "",
            "debtor_info_sha256": "",
            "ts": self.text,
        }
        self.post_chore(json.dumps(chore).encode(), chore["type"])
        wait_until(lambda: self._probe(f"debtor_info_iri = '{iri}'"), what="the chores are done")

    def post_chore(self, body: bytes, chore_type: object) -> None:
        """Post a chore, or anything that poses as one."""
        self.authority.broker.publish(
            "", CHORES_QUEUE, body, type=chore_type, content_type=CONTENT_TYPE
        )

    def _probe(self, condition: str) -> bool:
        statement = (
            f"SELECT 1 FROM account WHERE (debtor_id, creditor_id) = (%s, %s) AND {condition}"
        )
        return bool(self.authority.query(statement, *PROBE))

    def _change_probe(self, changes: str) -> None:
        statement = f"UPDATE account SET {changes} WHERE (debtor_id, creditor_id) = (%s, %s)"
        self.authority.query(statement, *PROBE)
