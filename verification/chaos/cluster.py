"""Servers that are many: a RabbitMQ cluster, PostgreSQL under Patroni, HAProxy before both."""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests
from sqlalchemy.engine import make_url

from agentkit.processes import ROOT, command_of
from agentkit.waiting import wait_until
from verification.chaos.servers import Servers, ServersError

NODES = (1, 2, 3)
MEMBERS = (1, 2)
_ASK_SECONDS_MAX = 2.0
_WHOLE_SECONDS_MAX = 90.0
# A copy begins with a checkpoint, which may take nine tenths of `checkpoint_timeout`.
_COPIED_SECONDS_MAX = _WHOLE_SECONDS_MAX + 300


class Cluster(Servers):
    """The cluster, from `start` to `close`. Nodes and members are counted from 1."""

    script = ROOT / "scripts" / "chaos_cluster.sh"
    no_cut = ""
    """Why no node of RabbitMQ can be cut off, where that is so."""

    def __init__(self, *, is_synchronous: bool = True, is_direct: bool = False) -> None:
        """Direct: the workers find the leader by themselves, by a URL with two hosts."""
        super().__init__()
        self._is_synchronous = is_synchronous
        self._is_direct = is_direct

    def start(self) -> None:
        """Start all servers, wait for the standby, and learn the addresses."""
        self.run("start", str(self._is_synchronous).lower())
        addresses = self.learn_addresses()
        self._patroni_ports = addresses["PATRONI_PORTS"].split()
        if self._is_direct:
            ports = ",".join(addresses["POSTGRES_PORTS"].split())
            hosts = {"host": ",".join("127.0.0.1" for _ in MEMBERS), "port": ports}
            url = make_url(self.postgres_url).set(host=None, port=None).update_query_dict(hosts)
            self.direct_url = url.render_as_string(hide_password=False)
        try:
            self.run("node-cut", str(NODES[0]))
            self.run("node-heal", str(NODES[0]))
        except ServersError as error:
            self.no_cut = str(error).strip().splitlines()[-1]
        self.wait_whole()

    # -- PostgreSQL ---------------------------------------------------------------

    def _ask(self, member: int, path: str) -> requests.Response | None:
        """The answer of the REST API of a Patroni; None if there is none."""
        url = f"http://127.0.0.1:{self._patroni_ports[member - 1]}/{path}"
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(url, timeout=_ASK_SECONDS_MAX)
        except requests.RequestException:
            return None

    def _answers(self, member: int, path: str) -> bool:
        """Whether the REST API of a Patroni says yes."""
        response = self._ask(member, path)
        return response is not None and response.status_code == 200

    def _streams(self, leader: int) -> bool:
        """Whether somebody receives what a leader writes."""
        response = self._ask(leader, "patroni")
        standbys = [] if response is None else response.json().get("replication", [])
        return any(standby["state"] == "streaming" for standby in standbys)

    def leader(self) -> int | None:
        """The member that is the leader; None while there is none."""
        return next((member for member in MEMBERS if self._answers(member, "primary")), None)

    def is_whole(self) -> bool:
        """Whether there is a leader, and the standby that one wants.

        What has been agreed upon does not say that the standby receives anything by now.
        """
        leader = self.leader()
        wanted = "synchronous" if self._is_synchronous else "replica"
        return (
            leader is not None
            and self._answers(self.other(leader), wanted)
            and self._streams(leader)
        )

    def wait_whole(self) -> int:
        """Wait for a leader with its standby. Returns the leader."""
        wait_until(self.is_whole, _WHOLE_SECONDS_MAX, "PostgreSQL has its standby")
        leader = self.leader()
        return self.wait_whole() if leader is None else leader

    @staticmethod
    def other(member: int) -> int:
        return MEMBERS[0] + MEMBERS[1] - member

    def switch_over(self, leader: int) -> None:
        """Ask Patroni for it. Raises `requests.RequestException`."""
        body = {"leader": f"n{leader}", "candidate": f"n{self.other(leader)}"}
        self._post(leader, "switchover", body)

    def _post(self, member: int, path: str, body: Mapping[str, object]) -> None:
        url = f"http://127.0.0.1:{self._patroni_ports[member - 1]}/{path}"
        with requests.Session() as session:
            session.trust_env = False
            session.post(url, json=body, timeout=60).raise_for_status()

    def mend(self) -> None:
        """Copy the leader anew to a standby that cannot follow it: no commit would ever end.

        Raises `requests.RequestException` or `NotInTimeError`.
        """
        wait_until(self.leader, _WHOLE_SECONDS_MAX, "PostgreSQL has a leader")
        leader = self.leader()
        if leader is not None and not self.is_whole():
            self._post(self.other(leader), "reinitialize", {"force": True})
        wait_until(self.is_whole, _COPIED_SECONDS_MAX, "PostgreSQL has its standby again")

    def patroni_pid(self, member: int) -> int:
        return int((self.folder / f"patroni{member}.pid").read_text())

    def postgres_pids(self, member: int) -> list[int]:
        """The processes of a server, the postmaster first; none where it does not run."""
        path = self.folder / "patroni" / f"data{member}" / "postmaster.pid"
        try:
            return list(descendants(int(path.read_text().split("\n", 1)[0])))
        except (FileNotFoundError, ValueError):
            return []

    def receiver_pids(self, member: int) -> list[int]:
        """The process of a standby that receives what the leader writes, if there is one."""
        return [pid for pid in self.postgres_pids(member) if "walreceiver" in command_of(pid)]

    # -- RabbitMQ -----------------------------------------------------------------

    def node_pid(self, node: int) -> int:
        return int((self.folder / f"rabbitmq{node}" / "pid").read_text())

    def keep_logs(self, folder: Path) -> None:
        """Copy the logs of the servers."""
        for path in (self.folder / "patroni").glob("*.log"):
            shutil.copy(path, folder)
        for node in NODES:
            log = self.folder / f"rabbitmq{node}" / "log"
            shutil.copytree(log, folder / f"rabbitmq{node}", dirs_exist_ok=True)


def descendants(pid: int) -> Iterator[int]:
    """A process, and those that it has started; none that is gone."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    yield pid
    for child in children:
        yield from descendants(int(child))


def send(number: signal.Signals, pids: list[int]) -> None:
    """Send a signal to all of them that are still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
