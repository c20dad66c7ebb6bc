"""What can fail in a split: afterwards all is as before, or it goes on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases, databases_on
from agentkit.management import Management
from agentkit.messages import configure, prepare
from agentkit.own_server import OwnServer, own_server, server_folder
from agentkit.shards import Shard
from agentkit.traffic import WAIT_SECONDS_MAX
from agentkit.waiting import wait_until
from tests.support.replica import wait_replayed
from verification.kit.servers import subscribe
from verification.splits.commands import Commands, forget_replication, shard_of
from verification.splits.traffic_checks import administrate, configure_account

SERVICES = "consume_messages", "process_transfer_requests"
PREPARED = "SELECT count(*) FROM prepared_transfer"


@pytest.fixture
def parent(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[Shard]:
    yield from shard_of(databases, fresh_broker_url, tmp_path / "parent", "swpt_0", "0.#")


@pytest.fixture
def children(databases: Databases, fresh_broker_url: str, tmp_path: Path) -> Iterator[list[Shard]]:
    made = [
        shard_of(databases, fresh_broker_url, tmp_path / bit, f"swpt_0{bit}", f"0.{bit}.#")
        for bit in "01"
    ]
    yield [next(each) for each in made]
    for each in made:
        next(each, None)


@pytest.fixture
def commands(parent: Shard, children: list[Shard], tmp_path: Path) -> Commands:
    subscribe(parent)
    return Commands(parent, children, tmp_path)


def debtor_of(shard: Shard) -> int:
    """A debtor whose account belongs to a shard."""
    return next(n for n in range(2**42, 2**43) if shard.contains(n, 0))


def slot_of(parent: Shard, child: Shard) -> str:
    """The slot is called like the subscription."""
    ((name,),) = child.query(
        "SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid"
        " WHERE d.datname = current_database()"
    )
    assert parent.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", name)
    return str(name)


def drop_slot(parent: Shard, name: str) -> None:
    """What a fail-over to a standby without slots does, or somebody who needs the disk."""

    def is_dropped() -> bool:
        slot = "FROM pg_replication_slots WHERE slot_name = %s"
        parent.query(f"SELECT pg_terminate_backend(active_pid) {slot} AND active", name)
        parent.query(f"SELECT pg_drop_replication_slot(slot_name) {slot} AND NOT active", name)
        return not parent.query(f"SELECT 1 {slot}", name)

    wait_until(is_dropped, WAIT_SECONDS_MAX, "the slot is dropped")


def step_of(parent: Shard) -> str:
    ((step,),) = parent.query("SELECT step FROM swpt_accounts_split.split")
    return str(step)


@contextmanager
def locked(shard: Shard, debtor_id: int) -> Iterator[None]:
    """Somebody keeps the row of a debtor's account locked."""
    with psycopg.connect(dsn_of(shard.database_url)) as session:
        session.execute("SELECT 1 FROM account WHERE debtor_id = %s FOR UPDATE", [debtor_id])
        yield


def has_come(child: Shard, debtor_id: int) -> bool:
    """Send a message; whether one has come to the queue of a child."""
    child.send(configure(debtor_id, 0))
    return bool(child.broker.ready_count(child.queue))


def test_server_of_a_child_with_too_few_origins(
    parent: Shard, fresh_broker_url: str, tmp_path: Path
) -> None:
    """Its tables would never be copied."""
    subscribe(parent)
    with own_server(max_replication_slots="2") as server, databases_on(server.url) as databases:
        for heir in shard_of(databases, fresh_broker_url, tmp_path / "heir", parent.queue, "0.#"):
            commands = Commands(parent, [heir], tmp_path)
            for command in ("plan", "prepare"):
                commands.refuse(command, "leaves 2 replication origins free; 3 are needed")


@pytest.mark.timeout(300)
def test_slot_that_is_lost_is_noticed(
    parent: Shard, children: list[Shard], commands: Commands
) -> None:
    commands.succeed("prepare")
    name = slot_of(parent, children[0])
    drop_slot(parent, name)
    parent.query(
        "INSERT INTO handled_batch (handled_at, digests) VALUES (now(), ARRAY['x'::bytea])"
    )
    for command in ("prepare", "switch"):
        commands.refuse(command, rf"the replication slot '{name}' .* is gone.*shards undo")
    # even if it is made again by hand, and the child goes on
    parent.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", name)
    commands.refuse(
        "switch", r"the table 'handled_batch' has 0 rows in place of 1: \([0-9]+\) is missing"
    )
    assert step_of(parent) == "preparing"
    commands.succeed("undo")
    commands.succeed("prepare")
    commands.succeed("switch")
    for child in children:
        assert child.query("SELECT digests FROM handled_batch") == [([b"x"],)]
    assert "handled_batch: rows 1" in commands.succeed("status")


@pytest.mark.timeout(300)
def test_server_that_was_replaced(parent: Shard, children: list[Shard], commands: Commands) -> None:
    """Or restored: its timeline is another one, or what was confirmed is not there."""
    commands.succeed("prepare")
    beat = "swpt_accounts_split.beat", "number"
    for shard, (table, column), problem in (
        (parent, ("swpt_accounts_split.child", "parent_timeline"), "the place of the parent's"),
        (parent, ("swpt_accounts_split.child", "child_timeline"), "the place of the child's"),
        (parent, ("swpt_accounts_split.child", "heard"), "the child has lost what it had received"),
        (children[1], beat, "the parent has lost what the child has received"),
    ):
        ((before,), *_) = shard.query(f"SELECT {column} FROM {table}")
        shard.query(f"UPDATE {table} SET {column} = %s", 10**6)
        commands.refuse("switch", f"{problem}.*shards undo")
        commands.refuse("prepare", f"{problem}.*shards undo")
        shard.query(f"UPDATE {table} SET {column} = %s", before)
    assert step_of(parent) == "preparing"


@contextmanager
def parent_with_standby(
    broker_url: str, folder: Path
) -> Iterator[tuple[Shard, Callable[[], None]]]:
    """A parent on a server of its own, and what makes a standby without slots take its place."""
    with ExitStack() as stack:
        primary = stack.enter_context(own_server(wal_level="logical"))
        standby = OwnServer(stack.enter_context(server_folder("standby")) / "data")
        stack.callback(standby.stop)
        databases = stack.enter_context(databases_on(primary.url))

        def fail_over() -> None:
            wait_replayed(at(primary), at(standby))
            primary.stop()
            standby.stop()
            standby.start(wal_level="logical", port=str(primary.port))
            execute(dsn_of(at(primary)), "SELECT pg_promote()")

        for parent in shard_of(databases, broker_url, folder / "parent", "swpt_0", "0.#"):
            standby.copy(dsn_of(at(primary)), "-R")
            standby.start(wal_level="logical")
            yield parent, fail_over


def at(server: OwnServer) -> str:
    return server.url.render_as_string(hide_password=False)


@pytest.mark.timeout(300)
def test_fail_over_of_the_parent(
    children: list[Shard], fresh_broker_url: str, tmp_path: Path
) -> None:
    with parent_with_standby(fresh_broker_url, tmp_path) as (parent, fail_over):
        subscribe(parent)
        commands = Commands(parent, children, tmp_path)
        commands.succeed("prepare")
        fail_over()
        for command in ("switch", "prepare"):
            commands.refuse(command, "(?s)(the place of the parent's|slot).*shards undo")
        assert step_of(parent) == "preparing"
        commands.succeed("undo")
        commands.succeed("prepare")
        commands.succeed("undo")


@pytest.mark.timeout(300)
def test_rows_that_belong_to_no_child(
    parent: Shard, children: list[Shard], commands: Commands
) -> None:
    """Before the parent closes, and in the moment in which it does."""
    of_others = next(n for n in range(2**42, 2**43) if not parent.contains(n, 0))
    own = debtor_of(children[1])
    parent.start(*SERVICES)
    configure_account(parent, own, 0)
    parent.query("INSERT INTO account_key VALUES (%s, 0)", of_others)
    names = rf"table 'account_key' has 1 row .* for example of {of_others}/0"
    commands.refuse("plan", names)
    parent.query("DELETE FROM account_key WHERE debtor_id = %s", of_others)
    commands.succeed("prepare")
    parent.query("INSERT INTO account_key VALUES (%s, 0)", of_others)
    commands.refuse("switch", names)
    parent.query("DELETE FROM account_key WHERE debtor_id = %s", of_others)

    with locked(parent, own):
        parent.send(configure(own, 0))
        command = commands.begin("switch")
        wait_until(lambda: step_of(parent) == "switching", WAIT_SECONDS_MAX, "it has begun")
        parent.query(
            "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
            " VALUES (%s, 0, now(), now())",
            of_others,
        )
    output, _ = command.communicate(timeout=WAIT_SECONDS_MAX)
    assert command.returncode == 1, output
    assert "'account_purge_signal' has 0 rows in place of 1" in output
    assert "All is as before" in output
    # the parent works
    configure_account(parent, own, 0)
    parent.query("DELETE FROM account_purge_signal")
    commands.succeed("switch")


@pytest.mark.timeout(300)
def test_child_that_is_lost(
    databases: Databases, parent: Shard, children: list[Shard], commands: Commands
) -> None:
    first, second = children
    assert "warning: max_slot_wal_keep_size" in commands.succeed("plan")
    commands.succeed("prepare")
    # as it is called while a table is copied
    ((number,),) = first.query("SELECT system_identifier FROM pg_control_system()")
    name = f"pg_1_sync_2_{number}"
    parent.query("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", name)
    forget_replication(first)
    administrate("DROP DATABASE {} WITH (FORCE)", first.database.name)
    commands.refuse("prepare", r"child 0\.0\.#.* cannot be reached: .*does not exist")
    for is_there in (False, True):
        if is_there:
            made = make_url(databases.create()).database or ""
            administrate("CREATE DATABASE {} TEMPLATE {}", first.database.name, made)
            commands.refuse("prepare", "shards undo.*not needed")
        status = commands.succeed("status")
        assert "preparing" in status
        assert "2 of" not in status
        assert "tables copied" in status
    output = commands.succeed("undo")
    assert "not the one that `shards prepare` filled: it was left as it is" in output
    assert (
        parent.query("SELECT 1 FROM pg_replication_slots WHERE database = current_database()") == []
    )
    assert second.query("SELECT 1 FROM pg_subscription_rel") == []
    commands.succeed("prepare")
    commands.succeed("undo")


@pytest.mark.timeout(300)
def test_message_that_is_held(
    parent: Shard, children: list[Shard], commands: Commands, management: Management
) -> None:
    """The switch is given up; what has waited for the children comes to the parent."""
    debtor_id, other = debtor_of(children[0]), debtor_of(children[1])
    parent.start(*SERVICES)
    configure_account(parent, debtor_id, 0)
    commands.succeed("prepare")
    # as `configure` of a child's container does, when it is too early
    subscribe(children[1])
    vhost = parent.broker_url.rpartition("/")[2]
    with locked(parent, debtor_id):
        parent.send(configure(debtor_id, 0, negligible_amount=7.0))
        # longer than consumers need to notice a split that was prepared a moment ago
        command = commands.begin("switch", "--seconds-max", "15")
        wait_until(lambda: step_of(parent) == "switching", WAIT_SECONDS_MAX, "it has begun")
        wait_until(partial(has_come, children[1], other), WAIT_SECONDS_MAX, "a message waits")
        output, _ = command.communicate(timeout=WAIT_SECONDS_MAX)
        assert command.returncode == 1, output
        assert "after 15 s, the parent's queue still has 1 message" in output
        assert "messages wait now, for 15 s at most" in output
        assert "All is as before" in output
        # what has waited was taken in, and what comes now is
        configure_account(parent, other, 0)
    is_there = partial(
        parent.query, "SELECT 1 FROM account WHERE negligible_amount = 7 AND creditor_id = 0"
    )
    wait_until(is_there, WAIT_SECONDS_MAX, "the message that was held")
    for child in children:
        assert child.broker.ready_count(child.queue) == 0
        binding = ("accounts_in", child.queue)
        assert not [b for b in management.bindings(vhost) if b[:2] == binding]
    commands.succeed("switch")


@pytest.mark.timeout(300)
def test_undo_opens_no_child(parent: Shard, children: list[Shard], commands: Commands) -> None:
    first, _ = children
    commands.succeed("prepare")
    first.begin("consume_messages", "flush_messages")
    commands.refuse("undo", r"child 0\.0\.#.* its services have [0-9]+ session")
    first.stop()
    commands.succeed("undo")
    subscribe(first)
    first.begin("consume_messages")
    words = "being filled from that of another shard"
    wait_until(lambda: words in first.log("consume_messages"), WAIT_SECONDS_MAX, "it waits")
    assert first.broker.consumers_count(first.queue) == 0


@pytest.mark.timeout(300)
def test_message_that_came_to_both(
    parent: Shard, children: list[Shard], commands: Commands
) -> None:
    """A queue that was bound too early: the child knows what the parent has handled."""
    first = children[0]
    debtor_id = debtor_of(first)
    creditor_id = next(first.creditor_ids(debtor_id))
    parent.start(*SERVICES)
    for owner in (0, creditor_id):
        configure_account(parent, debtor_id, owner)
    request = prepare(debtor_id, 0, creditor_id, 5)
    parent.send(request)
    wait_until(lambda: parent.query(PREPARED) == [(1,)], WAIT_SECONDS_MAX, "it is prepared")
    commands.succeed("prepare")
    commands.succeed("switch")
    first.send(request)
    first.start(*SERVICES)
    configure_account(first, debtor_id, 0)
    wait_until(
        lambda: first.query("SELECT 1 FROM transfer_request") == [], WAIT_SECONDS_MAX, "all is done"
    )
    assert first.query(PREPARED) == [(1,)]
