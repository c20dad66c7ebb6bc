"""`./dev verify chaos --servers many`: its options, its plans, and how the leader is found."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise

import pytest

from verification.__main__ import parse_options
from verification.chaos.cluster import Cluster
from verification.chaos.engine import kinds_of
from verification.chaos.failover import FAULTS as FAILOVERS
from verification.chaos.faults import KINDS, MANY, ONE, SLOW, skipped
from verification.chaos.nodes import FAULTS as NODE_FAULTS
from verification.chaos.plan import Kind, make_plan

MANY_KINDS = [kind for kind in MANY if kind.name not in SLOW]


def kinds(text: str) -> list[Kind]:
    return kinds_of(parse_options("chaos", text.split()))


def test_which_faults_come_depends_on_the_servers() -> None:
    assert kinds("") == [kind for kind in ONE if kind.name not in SLOW]
    assert kinds("--servers many") == MANY_KINDS
    assert kinds("--servers many --only pg-failover") == [KINDS["pg-failover"]]
    for text in ("--only pg-failover", "--servers many --only pg-crash", "--direct"):
        with pytest.raises(SystemExit, match="servers"):
            kinds(text)


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
