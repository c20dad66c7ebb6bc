"""Messages pass through the STOMP programs of real nodes, over TLS, both ways."""

import os
import shutil
import signal
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from agentkit.authority import Authority
from agentkit.broker import Broker
from agentkit.keys import hex_key
from agentkit.management import Management, Users
from agentkit.messages import (
    CONTENT_TYPE,
    Message,
    configure,
    configure_root,
    encode,
    finalize,
    prepare,
)
from agentkit.processes import Service, free_port
from agentkit.real_nodes import RealNode
from agentkit.stomp import SECONDS_MAX, Agent, OurPrograms, Programs, Proxy, has_ended
from agentkit.stomp_sender import StompSender, client_context, flood
from agentkit.waiting import wait_until
from tests.docker.nodes import node_sh, one_line, run_node_sh
from tests.support.real import needs_real

pytestmark = needs_real
AUTHORITY_ID = "0000abcd"
# docs/operations.md says it.
REVOKED_SECONDS_MAX = 15.0
DEBTOR = 0x0000ABCD00000001
# As the creditors agent knows its creditors, and as the authority does: it was the second agent.
INSIDE, OUTSIDE = 0x0000010000000007 | 1 << 32, 0x0000020000000007 | 1 << 32
FROM_AUTHORITY = {
    *("RejectedConfig", "RejectedTransfer", "PreparedTransfer", "FinalizedTransfer"),
    *("AccountUpdate", "AccountTransfer", "AccountPurge"),
}


@dataclass
class Network:
    """An authority of ours, and two agents of other people."""

    authority: Authority
    stomp: OurPrograms
    creditors: Agent
    debtors: Agent
    node: RealNode
    """That of the creditors agent."""
    management_url: str

    @property
    def folder(self) -> Path:
        return self.stomp.folder

    @property
    def queue(self) -> str:
        """What waits for the creditors agent."""
        return f"aa.{self.creditors.id}"

    def checked(self, *words: str) -> list[str]:
        """What is wrong, by `node.sh check`."""
        return run_node_sh("check", self.folder, *words).stdout.decode().splitlines()

    def is_told(self, text: str) -> None:
        """`check` says this, as soon as RabbitMQ's management, which lags by seconds, knows it."""
        words = ("--broker", self.management_url)
        wait_until(lambda: text in "\n".join(self.checked(*words)), SECONDS_MAX, text)

    def second_queue(self) -> str:
        """Another queue for the creditors agent, which is read, too."""
        second, count = f"{self.queue}.1", self.authority.broker.consumers_count
        node_sh("queues", self.folder, self.creditors.id, "2")
        self.stomp.configure_queue(self.creditors.id, self.queue)
        self.stomp.revive()
        wait_until(lambda: count(second) == 1, SECONDS_MAX, "the second is read")
        return second

    def is_reached(self) -> None:
        """A message from the creditors agent, and the answer to it, get through."""
        since = len(self.creditors.heard)
        message = configure(DEBTOR, INSIDE)
        self.creditors.send(message)
        seqnum = message["seqnum"]
        self.creditors.wait("AccountUpdate", since, creditor_id=INSIDE, last_config_seqnum=seqnum)


def meet(authority: Path, agent: RealNode, folder: Path) -> None:
    """Each certifies the other, and takes what the other has issued."""
    theirs, ours = folder / "theirs.zip", folder / "ours.zip"
    for path in (theirs, ours):
        path.unlink(missing_ok=True)
    ours.write_bytes(node_sh("introduce", authority))
    certificate = agent.certificate_for(ours, AUTHORITY_ID)
    issued = folder / "issued.crt"
    issued.write_bytes(node_sh("admit", authority, agent.bundle(theirs)))
    node_sh("accept", authority, certificate)
    agent.run("register-peer", issued)


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.00003"}


@pytest.fixture(scope="module")
def made(
    idle_authority: Authority,
    broker_url: str,
    broker_users: Users,
    management: Management,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Network]:
    """The network at work; nothing observes the authority but its agents."""
    folder = tmp_path_factory.mktemp("nodes")
    server, vhost = broker_url.rsplit("/", 1)
    with ExitStack() as stack:
        idle_authority.start()
        names = {"server": "server", "configure_queue": "config", "drainer": "drainer"}
        users = {name: f"stomp_{user}" for name, user in names.items()}
        urls = {name: broker_users.url_as(user, broker_url) for name, user in users.items()}
        ours = OurPrograms(folder / "authority", folder, broker_url, **urls)
        ours.settings = {"APP_MAX_CONNECTIONS_PER_PEER": "2"}
        stack.callback(ours.stop)
        address = f"127.0.0.1:{ours.port}"
        node_sh("make", ours.folder, "accounting-authority", address, AUTHORITY_ID)
        admit_somebody(ours.folder, folder / "somebody")
        agents, nodes = [], []
        for node_type in ("Creditors Agents", "Debtors Agents"):
            name = f"{vhost}_{node_type.partition(' ')[0].lower()}"
            url = f"{server}/{stack.enter_context(management.new_vhost(name))}"
            programs = Programs(folder / name, folder, url)
            stack.callback(programs.stop)
            nodes.append(RealNode.made(folder / name, node_type, f"127.0.0.1:{programs.port}"))
            meet(ours.folder, nodes[-1], folder)
            agents.append(Agent(programs, url, node_type, ours))
            stack.callback(agents[-1].close)
            programs.configure_queue(AUTHORITY_ID, "to.authority")
            (nodes[-1].peer(AUTHORITY_ID) / "ACTIVE").touch()
            programs.serve()
            ours.configure_queue(programs.id, f"aa.{programs.id}")
            node_sh("activate", ours.folder, programs.id)
        ours.serve()
        for agent in agents:
            ours.connect(agent.id, f"aa.{agent.id}")
            agent.programs.connect(AUTHORITY_ID, "to.authority")
        api = f"{os.environ['TEST_BROKER_MANAGEMENT_URL']}/{vhost}"
        network = Network(idle_authority, ours, agents[0], agents[1], nodes[0], api)
        issue(network, 1000)
        yield network


def issue(made: Network, amount: int) -> None:
    """The debtor issues an amount to the creditor."""
    debtors, creditors = made.debtors, made.creditors
    since = len(creditors.heard)
    debtors.send(configure_root(DEBTOR))
    debtors.wait("AccountUpdate", creditor_id=0)
    creditors.send(configure(DEBTOR, INSIDE))
    update = creditors.wait("AccountUpdate", creditor_id=INSIDE)
    assert update["account_id"] == str(OUTSIDE)
    issuing = prepare(DEBTOR, 0, update["account_id"], amount)
    debtors.send(issuing)
    request = {"coordinator_request_id": issuing["coordinator_request_id"]}
    debtors.send(finalize(debtors.wait("PreparedTransfer", **request), amount))
    assert debtors.wait("FinalizedTransfer", **request)["status_code"] == "OK"
    creditors.wait("AccountTransfer", since, creditor_id=INSIDE, acquired_amount=amount)


def admit_somebody(authority: Path, folder: Path) -> None:
    """So that the next creditors agent has other ids inside than outside."""
    node_sh("make", folder, "creditors-agent", "somebody.example:1234")
    bundle = folder / "bundle"
    bundle.write_bytes(node_sh("introduce", folder))
    node_sh("admit", authority, bundle)
    shutil.rmtree(authority / "peers" / one_line(folder / "db" / "nodeid"))


def test_currency_lives_over_them(made: Network) -> None:
    debtors, creditors = made.debtors, made.creditors
    # The debtor has issued 1000 to the creditor, who pays 400 back, has 5000 refused, a
    # configuration refused, and an account purged.
    paying = prepare(DEBTOR, INSIDE, 0, 400)
    creditors.send(paying)
    request = {"coordinator_request_id": paying["coordinator_request_id"]}
    prepared = creditors.wait("PreparedTransfer", **request)
    assert prepared["coordinator_id"] == INSIDE
    creditors.send(finalize(prepared, 400))
    assert creditors.wait("FinalizedTransfer", **request)["committed_amount"] == 400
    creditors.send(prepare(DEBTOR, INSIDE, 0, 5000))
    assert creditors.wait("RejectedTransfer", creditor_id=INSIDE)
    creditors.send(configure(DEBTOR, INSIDE, config_data="nonsense"))
    assert creditors.wait("RejectedConfig", creditor_id=INSIDE)["config_data"] == "nonsense"
    made.authority.query(
        "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
        " VALUES (%s, %s, '2024-01-01', now()) RETURNING 1",
        *(DEBTOR, OUTSIDE),
    )
    assert creditors.wait("AccountPurge", creditor_id=INSIDE)["creation_date"] == "2024-01-01"
    assert creditors.types_heard() == FROM_AUTHORITY
    assert debtors.types_heard() == {"AccountUpdate", "PreparedTransfer", "FinalizedTransfer"}


def test_check_tells_what_a_client_would_see(made: Network) -> None:
    made.is_reached()
    fine = ["ok: nothing keeps the peers from being reached"]
    broker = ("--broker", made.management_url)
    wait_until(lambda: made.checked(*broker) == fine, SECONDS_MAX, "the management knows it")
    server = made.creditors.programs.server
    assert server is not None
    made.creditors.programs.stop(server)
    client = made.stomp.clients[made.creditors.id]
    assert has_ended(client) == 1
    wait_until(lambda: not made.authority.broker.consumers_count(made.queue))
    made.is_told("nobody answers")
    made.is_told(f"nobody reads the queue {made.queue}")
    # What was sent meanwhile waits, and gets through.
    message = configure(DEBTOR, INSIDE)
    made.creditors.send(message)
    wait_until(lambda: made.authority.broker.ready_count(made.queue))
    made.creditors.programs.serve()
    made.creditors.wait("AccountUpdate", last_config_seqnum=message["seqnum"])
    (made.node.peer(AUTHORITY_ID) / "ACTIVE").unlink()
    made.creditors.programs.restart()
    assert "Unknown peer serial number" in "\n".join(made.checked())
    (made.node.peer(AUTHORITY_ID) / "ACTIVE").touch()
    made.is_reached()


def says(service: Service, text: str) -> None:
    wait_until(lambda: text in service.log, SECONDS_MAX, f"{service.name}: {text}")


def test_server_certificates_are_renewed(made: Network) -> None:
    """Nobody says it to our programs."""
    server = made.stomp.server
    assert server is not None
    server.process.send_signal(signal.SIGSTOP)  # the script, not the program
    node_sh("renew", made.folder, "server")
    assert "restart the STOMP servers" in "\n".join(made.checked())
    server.process.send_signal(signal.SIGCONT)
    for service in (server, *made.stomp.clients.values()):
        says(service, "has changed")
    wait_until(lambda: "node at" not in "\n".join(made.checked()), SECONDS_MAX, "it is shown")
    theirs = made.node.folder
    (theirs / "server.crt").unlink()
    made.node.run("sign-servercert", theirs / "server.csr", theirs / "server.crt")
    made.creditors.programs.restart()
    made.is_reached()


def moved(programs: Programs) -> None:
    """Another port, in the folder of the node too."""
    stomp = programs.folder / "nodeinfo" / "stomp.toml"
    before, programs.port = programs.port, free_port()
    stomp.write_text(stomp.read_text().replace(f":{before}", f":{programs.port}"))


def test_both_move(made: Network, tmp_path: Path) -> None:
    moved(made.creditors.programs)
    made.creditors.programs.restart()
    node_sh("admit", made.folder, made.node.bundle(tmp_path / "theirs.zip"))
    made.is_reached()
    moved(made.stomp)
    bundle = tmp_path / "ours.zip"
    bundle.write_bytes(node_sh("introduce", made.folder))
    # Their scripts do not see a second change on a day: they have met the authority before.
    known = made.node.peer(AUTHORITY_ID) / "nodeinfo" / "updated-at.txt"
    known.write_text("2024-01-01\n")
    made.node.run("sign-peercert", bundle)
    made.creditors.programs.restart()
    made.debtors.programs.stop()  # it has not heard of it
    made.stomp.restart()
    made.is_reached()


def test_message_that_cannot_be_delivered(made: Network) -> None:
    client = made.stomp.clients[made.creditors.id]
    broker = made.authority.broker
    broker.publish("to_creditors", hex_key(OUTSIDE), b"nonsense", content_type=CONTENT_TYPE)
    assert has_ended(client) == 1
    assert has_ended(made.stomp.connect(made.creditors.id, made.queue)) == 1
    made.is_told("nobody reads the queue")
    (taken,) = [message for message in [broker.get(made.queue)] if message]
    assert taken.body == b"nonsense"
    made.is_reached()


# -- strangers, and the same peer with bad intentions -----------------------------


def spoken(made: Network, chain: list[Path], message: Message, *, message_type: str) -> str:
    """What our server answers to somebody with the key of the creditors agent."""
    body = encode(message)
    head = "destination:/exchange/accounts_in\ncontent-type:application/json\nreceipt:1\n"
    head += f"type:{message_type}\ncontent-length:{len(body)}\n\n"
    frames = b"STOMP\naccept-version:1.2\nhost:/\n\n\0SEND\n" + head.encode() + body + b"\0"
    client = client_context(made.node.folder, chain, made.folder / "root-ca.crt")
    heard = b""
    with socket.create_connection(("127.0.0.1", made.stomp.port), SECONDS_MAX) as plain:
        try:
            with client.wrap_socket(plain) as connection:
                connection.sendall(frames)
                while b"message:" not in heard and b"receipt-id:" not in heard:
                    if not (more := connection.recv(4096)):
                        break
                    heard += more
        except (ssl.SSLError, ConnectionResetError) as error:
            return f"{type(error).__name__} {error}"
    return heard.decode()


def test_what_the_server_does_not_let_in(made: Network) -> None:
    good = [made.node.folder / "server.crt", made.node.peer(AUTHORITY_ID) / "sub-ca.crt"]
    fine = configure(DEBTOR, OUTSIDE)
    assert "receipt-id:1" in spoken(made, good, fine, message_type="ConfigureAccount")
    told = spoken(made, good, configure(DEBTOR, INSIDE), message_type="ConfigureAccount")
    assert "Invalid creditor ID" in told
    told = spoken(made, good, configure(1, OUTSIDE), message_type="ConfigureAccount")
    assert "Invalid debtor ID" in told
    assert "Invalid message type" in spoken(made, good, fine, message_type="AccountUpdate")
    foreign = [good[0], made.node.peer(AUTHORITY_ID) / "peercert.crt"]
    for chain in (good[:1], foreign):
        told = spoken(made, chain, fine, message_type="ConfigureAccount")
        assert "receipt-id" not in told
        assert "CONNECTED" not in told


def sender(made: Network, port: int) -> StompSender:
    """The creditors agent, with a program of its own in place of the STOMP client."""
    chain = [made.node.folder / "server.crt", made.node.peer(AUTHORITY_ID) / "sub-ca.crt"]
    context = client_context(made.node.folder, chain, made.folder / "root-ca.crt")
    return StompSender(port, context)


def test_peer_sends_no_more_than_the_proxy_lets_it(made: Network, tmp_path: Path) -> None:
    # It has one connection already, that of its client.
    made.is_reached()
    rate, seconds, port = 30_000, 3.0, free_port()
    limits = {"STOMP_BYTES_PER_SECOND": str(rate)}
    proxy = Proxy(tmp_path / "proxy", port, made.stomp.server_port, **limits)
    request = prepare(DEBTOR, OUTSIDE, 0, 10**12)  # more than there is: nothing stays
    try:
        proxy.serve()
        with closing(sender(made, port)) as flooding:
            began = time.monotonic()
            size = flooding.send(request)
            flood(flooding, request, time.monotonic() + seconds)
            # A busy machine only makes it less. What is in the buffers comes later.
            taken, passed = flooding.confirmed, time.monotonic() - began
            assert 0 < taken <= rate * (passed + 1) / size
            with closing(sender(made, port)) as third:
                told = "Too many connections from one peer"
                wait_until(lambda: told in third.end, SECONDS_MAX, "it is refused")
    finally:
        proxy.kill()
    # Others, and other connections of it, are not concerned.
    made.is_reached()


# -- more of a peer, and its end ---------------------------------------------------


def test_peer_gets_another_queue(made: Network) -> None:
    broker, creditors = made.authority.broker, made.creditors
    second = made.second_queue()
    # What cannot be delivered from one of them, by chance, holds up no other.
    broker.publish("", second, b"nonsense")
    client = made.stomp.clients[creditors.id]
    wait_until(lambda: "Traceback" in client.log, SECONDS_MAX, "a program has ended")
    since = len(creditors.heard)
    for _ in range(20):
        creditors.send(message := configure(DEBTOR, INSIDE))
    creditors.wait("AccountUpdate", since)
    assert client.is_alive()
    wait_until(lambda: taken(broker, second) == b"nonsense", SECONDS_MAX, "it is taken away")
    creditors.wait("AccountUpdate", since, last_config_seqnum=message["seqnum"])


def taken(broker: Broker, queue: str) -> bytes | None:
    message = broker.get(queue)
    return message.body if message else None


LOCKED = "SELECT count(*), sum(total_locked_amount) FROM account WHERE total_locked_amount > 0"
PREPARED = "SELECT count(*) FROM prepared_transfer"


def drainer_and_authority_come_to_rest(made: Network) -> None:
    """Each update is answered by a configuration, which would be answered by an update."""
    broker, told = made.authority.broker, "told"
    update = next(m.data for m in made.creditors.heard if m.type == "AccountUpdate")
    broker.declare_queue(told)
    broker.channel.queue_bind(told, "accounts_in", "#")
    answers: Counter[int] = Counter()

    def answers_about(account: int) -> int:
        while message := broker.get(told):
            if message.type == "ConfigureAccount":
                answers[message.data["creditor_id"]] += 1
        return answers[account]

    # The first of the two opens the account, the second says the same. What went on about one
    # account would be seen while the others are dealt with.
    for account in range(OUTSIDE + 1, OUTSIDE + 6):
        body = encode({**update, "creditor_id": account})
        broker.publish("", made.queue, body, type=update["type"], content_type=CONTENT_TYPE)
        wait_until(
            lambda: answers_about(account) >= 2,  # noqa: B023 (it is called at once)
            SECONDS_MAX,
            "it is answered",
        )
    assert set(answers.values()) == {2}
    broker.channel.queue_delete(told)


def test_peer_is_deactivated_drained_and_comes_back(made: Network) -> None:
    made.is_reached()
    creditors, query, broker = made.creditors, made.authority.query, made.authority.broker
    server = made.stomp.server
    assert server is not None
    queues = [made.queue, made.second_queue()]
    # Two locks: the peer has been told of the first one, the second waits in a queue.
    creditors.send(prepare(DEBTOR, INSIDE, 0, 100))
    creditors.wait("PreparedTransfer", locked_amount=100)
    made.stomp.stop(made.stomp.clients[creditors.id])
    creditors.send(prepare(DEBTOR, INSIDE, 0, 50))
    wait_until(lambda: query(LOCKED) == [(1, 150)], SECONDS_MAX, "the amounts are locked")
    assert query(PREPARED) == [(2,)]
    # The connection of the peer is open, and says nothing: it is closed all the same.
    open_one = creditors.programs.clients[AUTHORITY_ID]
    assert open_one.is_alive()
    drainer = made.stomp.start("drainer", creditors.id, made.queue)
    client = made.stomp.connect(creditors.id, made.queue)
    wait_until(lambda: broker.consumers_count(made.queue), SECONDS_MAX, "it is served")
    starts = server.log.count("Started STOMP server")
    node_sh("deactivate", made.folder, creditors.id)
    began = time.monotonic()
    assert has_ended(open_one) == 1
    assert time.monotonic() - began < REVOKED_SECONDS_MAX
    assert "has changed: swpt-server starts again" in server.log
    wait_until(
        lambda: server.log.count("Started STOMP server") > starts, SECONDS_MAX, "it listens again"
    )
    again = creditors.programs.connect(AUTHORITY_ID, "to.authority")
    assert has_ended(again) == 1
    assert "Unknown peer serial number" in again.log
    for service, what in ((client, "nothing to do for swpt-client"), (drainer, "starts again")):
        says(service, what)
    for queue in queues:
        wait_until(partial(broker.consumers_count, queue), SECONDS_MAX, "it is drained")
    # The reminder comes after days; here, at once.
    made.authority.query(
        "UPDATE prepared_transfer SET prepared_at = prepared_at - interval '10 years' RETURNING 1"
    )
    wait_until(lambda: query(PREPARED) == [(0,)], SECONDS_MAX, "nothing is prepared")
    assert query(LOCKED) == [(0, None)]
    drainer_and_authority_come_to_rest(made)
    node_sh("activate", made.folder, creditors.id)
    wait_until(lambda: drainer.log.count("nothing to do") == 2, SECONDS_MAX, "it waits again")
    creditors.programs.revive()
    made.is_reached()
