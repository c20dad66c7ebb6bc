"""By docs/how-to/join-the-network.md, from nothing to the first message of somebody else."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agentkit.authority import Authority
from agentkit.management import Management, Users
from agentkit.messages import configure
from agentkit.processes import ROOT, free_port
from agentkit.stomp import SECONDS_MAX, Agent, Programs
from agentkit.waiting import wait_until
from scripts.demo_network import page
from scripts.demo_network.network import CREDITORS, AgentNode, scripts_work
from tests.docker.nodes import run_node_sh
from tests.support.real import needs_real

DEBTOR = int(page.AUTHORITY_ID, 16) << 32 | 1
MESSAGES = 20


class Twice(page.Shell):
    """Whoever works at it gives each command again."""

    def run(self, command: str) -> str:
        super().run(command)
        return super().run(command)


class World:
    """Our node, and one of other people's scripts, which know each other by the page."""

    def __init__(self, node: AgentNode, ours: Programs, agent: Agent, api: str) -> None:
        self.node = node
        self.ours = ours
        self.agent = agent
        self._api = api

    def checked(self) -> list[str]:
        words = ("check", self.ours.folder, "--broker", self._api)
        return run_node_sh(*words).stdout.decode().splitlines()

    def is_told(self, text: str) -> None:
        """RabbitMQ's management lags by seconds."""
        wait_until(lambda: text in "\n".join(self.checked()), SECONDS_MAX, text)

    def is_reached(self, first: int, count: int = 1) -> None:
        """So many messages of the agent are answered."""
        creditors = [(1 << 40) + number for number in range(first, first + count)]
        for creditor_id in creditors:
            self.agent.send(configure(DEBTOR, creditor_id))
        for creditor_id in creditors:
            self.agent.wait("AccountUpdate", creditor_id=creditor_id)

    def serve_again(self, queue: str) -> None:
        """Start a client until it has found a server, as an orchestrator does."""

        def has_begun() -> bool:
            client = self.ours.start("client", self.node.programs.id, queue)
            text = "Started consuming"
            wait_until(lambda: text in client.log or not client.is_alive(), SECONDS_MAX)
            return client.is_alive()

        wait_until(has_begun, SECONDS_MAX, "a client finds the server that is up")


@pytest.fixture
def world(
    idle_authority: Authority,
    broker_url: str,
    broker_users: Users,
    management: Management,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    monkeypatch.setattr(page, "Shell", Twice)
    monkeypatch.setenv("NODE_KEY_BITS", "2048")
    server, vhost = broker_url.rsplit("/", 1)
    name = f"{vhost}_agent"
    users = {"server": "stomp_server", "configure_queue": "stomp_config"}
    urls = {program: broker_users.url_as(user, broker_url) for program, user in users.items()}
    ours = Programs(tmp_path / "authority", tmp_path, broker_url, **urls)
    folder = tmp_path / "theirs"
    folder.mkdir()
    with management.new_vhost(name):
        url = f"{server}/{name}"
        node = AgentNode("creditors agent", CREDITORS, folder, url, ours)
        agent = None
        try:
            idle_authority.start()
            node.meet(by_scripts=scripts_work())
            ours.serve()
            node.connect()
            agent = Agent(node.programs, url, CREDITORS, ours)
            api = f"{os.environ['TEST_BROKER_MANAGEMENT_URL']}/{vhost}"
            yield World(node, ours, agent, api)
        finally:
            node.programs.stop()
            ours.stop()
            if agent:
                agent.close()


@needs_real
def test_nodes_that_meet_by_the_page(world: World) -> None:
    world.is_reached(1)
    fine = "ok: nothing keeps the peers from being reached"
    world.is_told(fine)
    # More queues, one of which nobody has made yet;
    for command in page.commands("More load: several queues, several servers", "Renew and move"):
        world.node.run(command)
    world.is_told("1 queues are bound")
    peer_id = world.node.programs.id
    world.ours.configure_queue(peer_id, f"aa.{peer_id}.1")
    world.is_told(f"nobody reads the queue aa.{peer_id}.1")
    second = world.ours.start("client", peer_id, f"aa.{peer_id}.1")
    world.is_reached(100, MESSAGES)
    assert second.is_alive()
    # and a second server, which goes on when the first one is down, with certificates renewed.
    programs = world.node.programs
    first, before = programs.server, programs.port
    assert first is not None
    programs.port = free_port()
    programs.serve()
    stomp = world.ours.folder / "peers" / peer_id / "nodeinfo" / "stomp.toml"
    servers = f'"127.0.0.1:{before}", "127.0.0.1:{programs.port}"'
    stomp.write_text(re.sub(r"\[.*\]", f"[{servers}]", stomp.read_text()))
    programs.stop(first)
    world.is_told("nobody answers")
    world.serve_again(f"aa.{peer_id}.1")
    world.is_reached(2000, MESSAGES)


def test_compose_takes_the_services_of_the_page() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page.PAGE.read_text(), re.M | re.S)
    text = (ROOT / "docker-compose-all.yml").read_text()
    services = yaml.safe_load(text.replace("\nvolumes:\n", f"\n{block}\nvolumes:\n"))["services"]
    made = services["stomp-client-PEER-config"], services["stomp-client-PEER"]
    known = services["stomp-client-creditors-config"], services["stomp-client-creditors"]
    for one, other in zip(made, known, strict=True):
        assert one.keys() == other.keys()
        words = other["command"].split()
        assert one["command"].split() == [*words[:-2], "PEER", "aa.PEER"]


def test_page_tells_what_to_do_about_each_answer() -> None:
    section = page.PAGE.read_text().partition("## When the peer does not answer\n")[2]
    told = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.M)
    words = [word for cell in told for word in re.findall("`([^`]*)`", cell)]
    assert len(words) >= 9
    said = (ROOT / "docker" / "node" / "network.py").read_text()
    for word in words:
        assert word.split(":")[0].strip("… ") in said, word
