"""`./dev chaos --servers many`: its options, its plans, and how the leader is found."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise

import pytest

from agentkit.waiting import wait_until
from tests.faults.chaos.cluster import Cluster, command_of, descendants
from tests.faults.chaos.failover import FAULTS as FAILOVERS
from tests.faults.chaos.faults import KINDS, MANY, ONE, SLOW, skipped
from tests.faults.chaos.nodes import FAULTS as NODE_FAULTS
from tests.faults.chaos.options import parse
from tests.faults.chaos.plan import make_plan

MANY_KINDS = [kind for kind in MANY if kind.name not in SLOW]


def test_which_faults_come_depends_on_the_servers() -> None:
    assert parse([]).kinds == [kind for kind in ONE if kind.name not in SLOW]
    assert parse(["--servers", "many"]).kinds == MANY_KINDS
    one = parse(["--servers", "many", "--only", "pg-failover"])
    assert one.kinds == [KINDS["pg-failover"]]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("--only pg-failover kill", "not with --servers one: pg-failover"),
        ("--servers many --only pg-crash", "not with --servers many: pg-crash"),
        ("--direct", "for --servers many"),
        ("--asynchronous", "for --servers many"),
    ],
)
def test_options_that_do_not_fit(text: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(text.split())
    assert error in capsys.readouterr().err


def test_both_clusters_suffer_at_once_but_each_from_one_fault() -> None:
    has_both = False
    for seed in range(200):
        steps = make_plan(seed, MANY_KINDS).steps
        for kinds in (FAILOVERS, NODE_FAULTS):
            own = [step for step in steps if KINDS[step.fault] in kinds]
            assert all(a.end < b.at for a, b in pairwise(own))
        fails = [step for step in steps if KINDS[step.fault] in FAILOVERS]
        nodes = [step for step in steps if KINDS[step.fault] in NODE_FAULTS]
        has_both |= any(a.at < b.end and b.at < a.end for a in fails for b in nodes)
    assert has_both


@contextmanager
def patroni(*paths: str) -> Iterator[str]:
    """The port of one that says yes to these paths; with `/patroni`, a standby receives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in paths else 503)
            self.end_headers()
            if self.path == "/patroni":
                state = "streaming" if "/patroni" in paths else "start"
                self.wfile.write(json.dumps({"replication": [{"state": state}]}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def cluster(*ports: str, is_synchronous: bool = True) -> Cluster:
    """One whose servers do not run."""
    made = object.__new__(Cluster)
    made._patroni_ports = list(ports)
    made._is_synchronous = is_synchronous
    return made


def test_leader_is_who_says_so() -> None:
    with patroni() as standby, patroni("/primary") as leader:
        assert cluster(standby, leader).leader() == 2
        assert cluster(leader, standby).leader() == 1
        assert cluster(standby, standby).leader() is None
        assert cluster(standby, "1").leader() is None
    assert (Cluster.other(1), Cluster.other(2)) == (2, 1)


def test_cluster_is_whole_with_its_standby_only() -> None:
    with (
        patroni("/primary", "/patroni") as leader,
        patroni("/primary") as lonely,
        patroni("/replica") as late,
        patroni("/replica", "/synchronous") as synchronous,
    ):
        assert cluster(leader, synchronous).is_whole()
        assert not cluster(leader, late).is_whole()
        assert not cluster(lonely, synchronous).is_whole()
        assert not cluster(leader, "1").is_whole()
        assert not cluster(late, synchronous).is_whole()
        assert cluster(leader, late, is_synchronous=False).is_whole()


def test_what_cannot_be_done_is_left_out() -> None:
    made = cluster()
    assert skipped(made) == {}
    made.no_cut = "not permitted"
    assert skipped(made) == {"mq-node-cut": "there is no firewall: not permitted"}
    made.direct_url = "postgresql://"
    assert {"mq-node-cut", "net-pg-cut"} < skipped(made).keys() <= {k.name for k in MANY}


def test_descendants_are_all_that_a_process_has_started() -> None:
    with subprocess.Popen(["sh", "-c", "sh -c 'sleep 600 & wait' & wait"]) as parent:
        try:
            wait_until(lambda: len(list(descendants(parent.pid))) == 3)
            first, _, last = descendants(parent.pid)
            assert first == parent.pid
            wait_until(lambda: command_of(last).startswith("sleep"))
        finally:
            for pid in reversed(list(descendants(parent.pid))):
                subprocess.run(["kill", "-9", str(pid)], check=False)
    assert list(descendants(parent.pid)) == []
    assert command_of(parent.pid) == ""
