"""The flusher over a slow link: small flushes, a share for each outbox, nothing twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.authority import Authority
from agentkit.databases import Databases
from agentkit.fault_proxy import FaultProxy
from agentkit.observer import Observer
from agentkit.waiting import wait_until
from verification.kit.servers import subscribe

BYTES_PER_SECOND = 16 * 1024
BUFFER_BYTES = 4096
SECONDS_MAX = 60.0
NOTE_BYTES = 500

INSERT_TRANSFERS = f"""
INSERT INTO account_transfer_signal (
    debtor_id, creditor_id, creation_date, transfer_number, coordinator_type, sender, recipient,
    acquired_amount, transfer_note, transfer_note_format, committed_at, principal,
    previous_transfer_number, ts
)
SELECT
    1, 4294967297, current_date, n, 'direct', '1', '4294967297', 1, repeat('x', {NOTE_BYTES}), '',
    now(), n, n - 1, now()
FROM generate_series(1, %s::bigint) AS n
"""
INSERT_FINALIZED = """
INSERT INTO finalized_transfer_signal (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    transfer_id, committed_amount, status_code, total_locked_amount, prepared_at, ts
)
VALUES (1, 4294967297, 'direct', 4294967297, 1, 1, 1, 'OK', 0, now(), now())
"""
NOTE_FLUSHES = """
CREATE TABLE flush (size integer);
CREATE FUNCTION note_flush() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public AS $$
BEGIN
    INSERT INTO flush SELECT count(*) FROM gone HAVING count(*) > 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_flush AFTER DELETE ON account_transfer_signal
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_flush();
"""
WAKE = "SELECT pg_notify('FinalizedTransferSignal', '')"


@pytest.fixture
def link(broker_url: str) -> Iterator[FaultProxy]:
    made = FaultProxy(broker_url, buffer_bytes=BUFFER_BYTES)
    made.bytes_per_second = BYTES_PER_SECOND
    yield made
    made.close()


@pytest.fixture
def far(
    databases: Databases, broker_url: str, link: FaultProxy, tmp_path: Path
) -> Iterator[Authority]:
    """An authority whose flusher has a slow link to the broker."""
    settings = {"FLUSH_PERIOD": "1"}
    made = Authority(databases.create(), broker_url, tmp_path, settings)
    subscribe(made)
    made.environment["PROTOCOL_BROKER_URL"] = link.url
    yield made
    link.bytes_per_second = None
    made.close()


@pytest.fixture
def agent(broker_url: str) -> Iterator[Observer]:
    observer = Observer(broker_url, [("to_creditors", "#")])
    yield observer
    observer.close()


def transfers_count(agent: Observer) -> int:
    agent.receive()
    return len(agent.find("AccountTransfer"))


def left_count(authority: Authority) -> int:
    return int(authority.query("SELECT count(*) FROM account_transfer_signal")[0][0])


def test_flushes_are_small(far: Authority, agent: Observer) -> None:
    """The rows go in many small steps, in the pace of the link, and each of them once."""
    count = 250
    far.query(INSERT_TRANSFERS, count)
    far.query(NOTE_FLUSHES)
    far.start("flush_messages")
    wait_until(lambda: transfers_count(agent) >= count, SECONDS_MAX, "all messages")
    wait_until(lambda: left_count(far) == 0)
    sizes = [size for (size,) in far.query("SELECT size FROM flush")]
    assert sum(sizes) == count
    assert len(sizes) > 3, sizes
    assert max(sizes) < count / 2, sizes
    assert [m.data["transfer_number"] for m in agent.messages] == list(range(1, count + 1))
    assert "Retrying" not in far.log("flush_messages")


@pytest.mark.parametrize("statements", [(INSERT_FINALIZED, WAKE), (INSERT_FINALIZED,)])
def test_busy_outbox_leaves_a_share_to_the_others(
    far: Authority, agent: Observer, statements: tuple[str, ...]
) -> None:
    """Also when nobody says that there is something to send."""
    far.query(INSERT_TRANSFERS, 1000)
    far.start("flush_messages")
    wait_until(lambda: transfers_count(agent) >= 50, SECONDS_MAX)
    # so that it has looked at the empty outbox
    wait_until(lambda: left_count(far) < 1000, SECONDS_MAX)
    for statement in statements:
        far.query(statement)
    before = transfers_count(agent)
    wait_until(lambda: transfers_count(agent) and agent.find("FinalizedTransfer"), SECONDS_MAX)
    (position,) = (i for i, m in enumerate(agent.messages) if m.type == "FinalizedTransfer")
    assert position - before < 200


def test_stop_in_the_middle(far: Authority, link: FaultProxy, agent: Observer) -> None:
    """A flusher that cannot finish gives back what it holds, in time."""
    far.query(INSERT_TRANSFERS, 300)
    far.start("flush_messages")
    wait_until(lambda: transfers_count(agent) >= 10, SECONDS_MAX)
    link.hold()
    code, _ = far.terminate("flush_messages")
    assert code == 0
    link.bytes_per_second = None
    link.let_go()
    far.start("flush_messages")
    wait_until(lambda: left_count(far) == 0, SECONDS_MAX)
    transfers_count(agent)
    assert {m.data["transfer_number"] for m in agent.messages} == set(range(1, 301))
