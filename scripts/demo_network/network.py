"""The nodes: made, introduced to each other, brought up, one more, one less."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from agentkit.authority import Authority
from agentkit.databases import Databases, migrate
from agentkit.management import Management
from agentkit.processes import ROOT
from agentkit.real_nodes import RealNode
from agentkit.stomp import Programs
from agentkit.waiting import KitError, wait_until
from scripts.demo_network import page
from scripts.demo_network.ending import Ending
from scripts.demo_network.post import Post, Speaker

CREDITORS, DEBTORS = "Creditors Agents", "Debtors Agents"
_QUEUE = "to.authority"
_KNOCK_SECONDS = 0.25
_FIRST, _NEXT, _LAST = "1. Choose an ID and an address", "3. Publish yourself", "6. Check"
# The servers notice within seconds what has become of a peer.
_SERVER_SETTINGS = {"APP_PEERS_CACHE_SECONDS": "0.5", "APP_PEERS_CHECK_SECONDS": "0.5"}
# The authority remembers its messages for `trace`, and for the console.
_AUTHORITY_SETTINGS = {"JOURNAL_DAYS": "2"}


def say(text: str) -> None:
    sys.stderr.write(f"==> {text}\n")
    sys.stderr.flush()


@contextmanager
def timed(text: str) -> Iterator[None]:
    """Says what was done, and how long it took."""
    began = time.monotonic()
    yield
    say(f"{text}  ({time.monotonic() - began:.1f} s)")


def scripts_work() -> bool:
    """Whether other people's scripts understand how this OpenSSL prints names."""
    example = str(ROOT / "docker" / "nodedata" / "root-ca.crt")
    command = ["openssl", "x509", "-in", example, "-noout", "-subject"]
    return b"O = " in subprocess.run(command, capture_output=True, check=True).stdout


class AgentNode:
    """A node of an agent, in a folder beside which it sees that of the authority."""

    def __init__(self, name: str, node_type: str, folder: Path, url: str, ours: Programs) -> None:
        self.name = name
        self.type = node_type
        self.programs = Programs(folder / page.AGENT, folder, url)
        self.queue = ""
        """What waits for it at the authority."""
        self.speaker: Speaker | None = None
        self._folder = folder
        self._url = url
        self._ours = ours
        self._scripts: RealNode | None = None
        (folder / page.AUTHORITY).symlink_to(ours.folder)
        addresses = {
            page.AUTHORITY: f"127.0.0.1:{ours.port}",
            page.AGENT: f"127.0.0.1:{self.programs.port}",
        }
        self._shell = page.Shell(folder, addresses)

    def meet(self, *, by_scripts: bool) -> None:
        """Both nodes follow the page, or this one uses the scripts of other people instead."""
        first = _NEXT if self._ours.folder.exists() else _FIRST
        for command in page.commands(first, _LAST):
            if command.startswith("docker/node.sh activate authority"):
                self._configure_queues()
            if by_scripts and page.is_of(command, page.AGENT):
                self._run_script(command)
            else:
                self.run(command)

    def run(self, command: str) -> None:
        """A command of the page, where both folders are."""
        command = command.replace("creditors-agent", self.type.lower().replace(" a", "-a")[:-1])
        with timed(f"  $ {command}"):
            self._shell.run(command)

    def _run_script(self, command: str) -> None:
        """What the scripts have for a command of the page."""
        name = re.findall(r"docker/node\.sh ([a-z]+)", command)[0]
        with timed(f"  the {self.name}, with the scripts of its node, in place of {name}"):
            getattr(self, f"_script_{name}")()

    def _script_make(self) -> None:
        folder, address = self.programs.folder, f"127.0.0.1:{self.programs.port}"
        self._scripts = RealNode.made(folder, self.type, address)

    @property
    def _node(self) -> RealNode:
        assert self._scripts is not None
        return self._scripts

    def _script_introduce(self) -> None:
        self._node.bundle(self._folder / "agent.zip")

    def _script_admit(self) -> None:
        bundle = self._folder / "authority.zip"
        certificate = self._node.certificate_for(bundle, page.AUTHORITY_ID)
        shutil.copy(certificate, self._folder / "authority-by-agent.crt")

    def _script_accept(self) -> None:
        self._node.run("register-peer", self._folder / "agent-by-authority.crt")

    def _script_activate(self) -> None:
        (self._node.peer(page.AUTHORITY_ID) / "ACTIVE").touch()

    def _configure_queues(self) -> None:
        self.queue = f"aa.{self.programs.id}"
        with timed(f"  configure-queue, for the messages to the {self.name} and from it"):
            self._ours.configure_queue(self.programs.id, self.queue)
            self.programs.configure_queue(page.AUTHORITY_ID, _QUEUE)

    def connect(self) -> None:
        """Both directions; the server of the authority is up."""
        with timed(f"  the STOMP server of the {self.name}, and a client each way"):
            self.programs.serve()
            self._ours.connect(self.programs.id, self.queue)
            self.programs.connect(page.AUTHORITY_ID, _QUEUE)

    def speak(self) -> Speaker:
        """What is behind the programs."""
        subnets = None
        if self.type == CREDITORS:
            peer = self.programs.folder / "peers" / page.AUTHORITY_ID
            own = (self.programs.folder / "creditors-subnet.txt").read_text().strip()
            subnets = own, (peer / "masq-subnet.txt").read_text().strip()
        self.speaker = Speaker(self._url, subnets)
        return self.speaker


class Network:
    """An authority, and the nodes of agents that are its peers."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending
        self._management = Management(os.environ["TEST_BROKER_MANAGEMENT_URL"])
        ending.callback(self._management.close)
        with ending.held():
            self.folder = Path(tempfile.mkdtemp(prefix="swpt_network_"))
            ending.callback(shutil.rmtree, self.folder)
        self._agents: list[AgentNode] = []
        self.authority = self._make_authority()
        self.ours = Programs(self.folder / page.AUTHORITY, self.folder, self.authority.broker_url)
        self.ours.settings = _SERVER_SETTINGS
        ending.callback(self.ours.stop)
        self.post = Post(self.authority.broker_url)
        ending.callback(self.post.close)

    def _url(self, name: str) -> str:
        """Of a virtual host of its own."""
        vhost = f"network_{os.getpid()}_{name}"
        self._ending.make(
            lambda: self._management.create_vhost(vhost),
            lambda: self._management.delete_vhost(vhost),
        )
        return f"{os.environ['TEST_BROKER_URL'].rstrip('/')}/{vhost}"

    def _make_authority(self) -> Authority:
        with timed("the authority: a database and a virtual host of its own, all its services"):
            databases = Databases(make_url(os.environ["TEST_POSTGRES_URL"]))
            self._ending.callback(databases.drop_all)
            with self._ending.held():
                database_url = databases.create_empty()
            migrate(database_url, "upgrade")
            logs = self.folder / "services"
            logs.mkdir()
            url = self._url("authority")
            authority = Authority(database_url, url, logs, _AUTHORITY_SETTINGS)
            self._ending.callback(authority.close)
            for command in ("subscribe", "create_chores_queue"):
                done = authority.run(command)
                if done.returncode:
                    raise KitError(f"{command} has failed:\n{done.stdout}")
            authority.start()
            return authority

    def begin(self) -> None:
        """Two agents: they meet the authority, and everybody's STOMP programs start."""
        for name, node_type in (("creditors agent", CREDITORS), ("debtors agent", DEBTORS)):
            self._meet(name, node_type, by_scripts=scripts_work())
        self.ours.serve()
        for agent in self._agents:
            self._connect(agent)

    def _meet(self, name: str, node_type: str, *, by_scripts: bool) -> AgentNode:
        folder = self.folder / name.replace(" ", "_")
        folder.mkdir()
        agent = AgentNode(name, node_type, folder, self._url(folder.name), self.ours)
        self._ending.callback(agent.programs.stop)
        with timed(f"the authority and the {name} know each other"):
            agent.meet(by_scripts=by_scripts)
        self._agents.append(agent)
        return agent

    def _connect(self, agent: AgentNode) -> None:
        agent.connect()
        speaker = agent.speak()
        self._ending.callback(speaker.close)
        self.post.join(speaker.subnets[1] if speaker.subnets else "", speaker)

    def join(self) -> AgentNode:
        """One more creditors agent; the others work on."""
        agent = self._meet("fourth node", CREDITORS, by_scripts=False)
        self._connect(agent)
        return agent

    def stop_client_of(self, agent: AgentNode) -> None:
        """What is for it waits in its queue."""
        self.ours.stop(self.ours.clients[agent.programs.id])

    def deactivate(self, agent: AgentNode) -> None:
        agent.run(f"docker/node.sh deactivate authority {agent.programs.id}")

    def wait_refused(self, agent: AgentNode, knock: Callable[[], object]) -> None:
        """Wait until the server has refused a message of it, which `knock` sends."""
        client = agent.programs.clients[page.AUTHORITY_ID]

        def is_refused() -> bool:
            knock()
            return not client.is_alive()

        wait_until(is_refused, what="it is not let in any more", poll_seconds=_KNOCK_SECONDS)

    def drain(self, agent: AgentNode) -> None:
        """Answer for it, until nothing of it is locked."""
        drainer = self.ours.start("drainer", agent.programs.id, agent.queue)
        locked = "SELECT count(*) FROM prepared_transfer"
        wait_until(lambda: self.authority.query(locked) == [(0,)], what="nothing is locked")
        self.ours.stop(drainer)

    def logs(self) -> str:
        return "\n".join([self.ours.logs(), *(agent.programs.logs() for agent in self._agents)])
