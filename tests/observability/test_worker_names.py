"""The list of the workers, and what has to agree with it but is no Python."""

import re
from configparser import RawConfigParser

from agentkit.authority import SERVICES
from agentkit.processes import ROOT
from swpt_accounts.cli.group import MODULES
from swpt_accounts.db.backlog import OUTBOXES, QUEUES
from swpt_accounts.observability.worker_names import EXPORTER, LOOPS, VERIFIER, WORKERS, worker_of
from tests.support.prometheus import read_alerts


def test_each_is_a_command() -> None:
    assert MODULES.keys() >= {*WORKERS, EXPORTER}


def test_the_supervisor_runs_all_of_them() -> None:
    parser = RawConfigParser(inline_comment_prefixes=(";",), strict=True)
    parser.read(ROOT / "docker" / "supervisord.conf")
    programs = [name.strip() for name in parser["group:swpt"]["programs"].split(",")]
    assert programs == [s.removeprefix("program:") for s in parser if s.startswith("program:")]
    assert sorted(programs) == sorted(["webserver", *WORKERS, EXPORTER])


def test_there_is_an_alert_when_one_is_missing() -> None:
    (rule,) = [a for a in read_alerts() if a["alert"] == "AccountsWorkerMissing"]
    expr = rule["expr"]
    assert sorted(re.findall(r'"loop", "([a-z_]+)"', expr)) == sorted(LOOPS)


def test_a_running_authority_has_all_of_them() -> None:
    assert {*SERVICES} == {*WORKERS}


def test_each_table_has_a_worker() -> None:
    assert {worker_of(table) for table in [*QUEUES, *OUTBOXES]} <= {*WORKERS, VERIFIER}
    assert worker_of("unverified_transfer_request") == VERIFIER
