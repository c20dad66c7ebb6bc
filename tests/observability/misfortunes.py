"""What goes wrong in a watched authority."""

import os
import shutil
import signal
import sys
from functools import partial
from threading import Thread

import psycopg

from agentkit.authority import CHORES_QUEUE
from agentkit.messages import balance_change, configure, finalize
from agentkit.processes import ROOT, Service
from agentkit.waiting import wait_until
from tests.observability.watched import AWAY_JOB, EXPORTER, JOB, Watched

NOBODY = "127.0.0.1:9"
MAX_INT64 = (1 << 63) - 1
# A pass in no time, page after page.
HASTE = {
    "APP_ACCOUNTS_SCAN_HOURS": "0.000001",
    "APP_ACCOUNTS_SCAN_BLOCKS_PER_QUERY": "1",
}
_PASS_SECONDS = 90.0
_CUT_SECONDS, _HEALED_SECONDS = 1.5, 0.2


def peers_leave(watched: Watched) -> None:
    """Nobody reads any more, while a payment goes to another shard, and one to a neighbour.

    The stage that would put it on the neighbour's account has ended.
    """
    authority, currency = watched.authority, watched.currency
    abroad = currency.prepare(watched.payer, next(watched.abroad), 5)
    here = currency.prepare(watched.payer, watched.payee, 5)
    authority.terminate("process_balance_changes")
    assert authority.observer is not None
    authority.observer.close()
    authority.observer = None
    for prepared in (abroad, here):
        authority.send(finalize(prepared, 5))


def too_much_money_comes(watched: Watched) -> None:
    """More comes in for an account than fits into 64 bits, after the scan has counted none."""
    none = 'swpt_accounts_accounts{state="overflown"} == 0'
    wait_until(lambda: watched.prometheus.query(none), _PASS_SECONDS, "the scan has counted none")
    debtor_id = watched.currency.debtor_id
    watched.authority.query("INSERT INTO older_senders VALUES ('move', '9999-01-01')")
    for change_id in (1, 2):
        change = balance_change(debtor_id, watched.rich, 7, MAX_INT64, change_id=change_id)
        watched.authority.send(change)
    read = "SELECT principal FROM account WHERE debtor_id = %s AND creditor_id = %s"
    wait_until(lambda: watched.authority.query(read, debtor_id, watched.rich) == [(MAX_INT64,)])
    told = 'accounts{state="overflown"} 1.0'
    wait_until(partial(watched.is_on_page, told), _PASS_SECONDS, "the scan has counted it")


def somebody_issues_too_much(watched: Watched) -> None:
    """What a debtor may issue is what it has issued."""
    watched.authority.query(
        "UPDATE account SET minimal_balance = principal WHERE creditor_id = 0 AND debtor_id = %s",
        watched.currency.debtor_id,
    )
    told = "debtors_near_limit 1.0"
    wait_until(partial(watched.is_on_page, told), _PASS_SECONDS, "the scan has counted it")


def nonsense_comes(watched: Watched) -> None:
    """Messages and a chore that make no sense."""
    for _ in range(150):
        watched.authority.send_raw(b"nonsense")
    watched.authority.broker.publish("", CHORES_QUEUE, b"nonsense", type="Nonsense")


def chores_die(watched: Watched) -> None:
    """The worker of the chores is killed, again and again, and stays away at last."""
    service = watched.authority.services["consume_chore_messages"]
    for starts_count in range(2, 7):
        service.kill()
        service.start(watched.authority.environment)
        told = f'process_starts_total{{command="{service.name}"}} {starts_count}.0'
        wait_until(partial(watched.is_on_page, told), what=told)
    watched.authority.terminate("consume_chore_messages")
    channel = watched.authority.broker.connection.channel()
    for _ in range(10_500):
        channel.basic_publish("", CHORES_QUEUE, b"nonsense")
    channel.close()


def somebody_locks(watched: Watched) -> None:
    """A check of the books has locked an account, and a whole table, and does not end."""
    name = "swpt_accounts verify_books"
    session = psycopg.connect(watched.authority.database.dsn, application_name=name)
    watched.sessions.append(session)
    debtor_id = watched.currency.debtor_id
    session.execute("LOCK TABLE registered_balance_change IN ACCESS EXCLUSIVE MODE")
    session.execute(
        "SELECT FROM account WHERE debtor_id = %s AND creditor_id = %s FOR UPDATE",
        [debtor_id, watched.payee],
    )
    watched.authority.send(configure(debtor_id, watched.payee))


def a_child_stops_receiving(watched: Watched) -> None:
    """A slot stays, and nobody uses it."""
    watched.authority.query("SELECT pg_create_logical_replication_slot('left_over', 'pgoutput')")


def somebody_changes_a_table(watched: Watched) -> None:
    """A constraint keeps the update that a debtor is due from being written.

    The scan is in haste, too.
    """
    watched.authority.query(
        "ALTER TABLE account_update_signal ADD CONSTRAINT wrong"
        f" CHECK (debtor_id <> {watched.quiet.debtor_id}) NOT VALID"
    )
    watched.authority.query(
        "UPDATE account SET last_heartbeat_ts = last_heartbeat_ts - interval '30 days'"
        " WHERE debtor_id = %s",
        watched.quiet.debtor_id,
    )
    watched.authority.terminate("scan_accounts")
    scan = watched.authority.services["scan_accounts"]
    scan.start({**watched.authority.environment, **HASTE})


def web_stutters(watched: Watched) -> None:
    """The link of the web server is cut all the time, and healed again."""
    watched.ask_web(watched.payer)
    for work in (_stutter, _ask_again_and_again):
        watched.threads.append(Thread(target=work, args=(watched,)))
        watched.threads[-1].start()


def _stutter(watched: Watched) -> None:
    while not watched.is_over.wait(_HEALED_SECONDS):
        watched.web_link.cut()
        watched.is_over.wait(_CUT_SECONDS)
        watched.web_link.heal()


def _ask_again_and_again(watched: Watched) -> None:
    while not watched.is_over.is_set():
        watched.ask_web(watched.payer)


def begin_another_version(watched: Watched) -> None:
    """A container with other stored procedures, in the same shard."""
    copy = watched.folder / "other"
    shutil.copytree(ROOT / "swpt_accounts", copy / "swpt_accounts")
    with (copy / "swpt_accounts" / "db" / "sql" / "time.sql").open("a") as procedures:
        procedures.write("CREATE FUNCTION newer() RETURNS int RETURN 1;\n")
    command = [sys.executable, "-m", "swpt_accounts", EXPORTER]
    watched.other = Service("other", command, watched.folder / "other.log")
    watched.begin(
        watched.other,
        PYTHONPATH=str(copy),
        PYTHONSAFEPATH="1",
        METRICS_PORT=str(watched.other_port),
        STATE_DIR=str(copy / "state"),
    )


def begin_without_servers(watched: Watched) -> None:
    """Another shard, whose database and broker are away."""
    broker = f"amqp://{NOBODY}"
    for name in (EXPORTER, "process_balance_changes"):
        watched.begin(
            watched.service(f"away_{name}", name),
            SQLALCHEMY_DATABASE_URI=f"postgresql+psycopg://{NOBODY}/x",
            PROTOCOL_BROKER_URL=broker,
            CHORES_BROKER_URL=broker,
            METRICS_PORT=str(watched.away_port),
            STATE_DIR=str(watched.folder / "away"),
        )
    targets = {JOB: [watched.port, watched.other_port], AWAY_JOB: [watched.away_port]}
    watched.prometheus.scrape(targets)


def freeze_the_flusher(watched: Watched) -> None:
    """It is halted, and does not know it."""
    process = watched.authority.services["flush_messages"].process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)


def certificates_age(watched: Watched) -> None:
    """One is to end in weeks, another one in days."""
    watched.issue("peers/aa/sub-ca.crt", days=29)
    watched.issue("server.crt", days=6)
