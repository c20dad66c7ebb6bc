"""What the overlays start is started: the job, then each service after its init container, and
money goes from one account to another.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import requests

from agentkit.authority import Authority
from agentkit.broker import Broker
from agentkit.currency import Currency
from agentkit.databases import Databases
from agentkit.management import Users
from agentkit.messages import finalize
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from scripts.first_transfer import main as first_transfer
from scripts.manifests.resources import Container as Described
from tests.docker.containers import MIB, Container
from tests.kubernetes.overlays import world
from tests.kubernetes.running import Machine, bytes_max, can_have_mounts, probes

# A pod has a /tmp of its own, over which nothing of ours may be.
pytestmark = pytest.mark.skipif(ROOT.is_relative_to("/tmp"), reason="the checkout is below /tmp")

MakeMachine = Callable[[str], Machine]
TRANSFERS = 100


@pytest.fixture
def database_address(databases: Databases) -> str:
    """An empty database: the address of its owner."""
    return databases.create_empty()


@pytest.fixture
def make_machine(
    databases: Databases, database_address: str, broker_url: str, broker_users: Users
) -> Iterator[MakeMachine]:
    """Machines with servers on which roles and users are what an operator makes of an overlay."""
    addresses = {
        "accounts-configure": (database_address, "swpt_accounts_config"),
        "accounts-worker": (databases.as_runner(database_address), "swpt_accounts_worker"),
    }
    secrets = {}
    for name, (database, user) in addresses.items():
        url = broker_users.url_as(user, broker_url)
        secrets[name] = {
            "postgres-url": database,
            "protocol-broker-url": url,
            "chores-broker-url": url,
        }
    overrides = {"POSTGRES_RUNNING_ROLE": databases.running_role}
    # pytest's own folders are not for other users
    with tempfile.TemporaryDirectory(prefix="swpt", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield lambda overlay: Machine(world(overlay), folder, secrets, overrides)


def of_kind(machine: Machine, kind: str, is_init: bool = False) -> list[Described]:
    """The containers of this program in one kind of workloads."""
    found = [c for c in machine.world.ours() if c.pod.owner.kind == kind and c.is_init == is_init]
    return [c for c in found if c.pod.owner.labels["app.kubernetes.io/name"] == "swpt-accounts"]


def run(machine: Machine, described: Described) -> None:
    """Run a container to its end, which has to be good."""
    with machine.start(described) as container:
        code = container.wait_exit(120)
        assert code == 0, container.lines
    check_memory(described, container)


def check_memory(described: Described, container: Container) -> None:
    """(`-s` shows what the requests and limits were chosen by.)"""
    print(f"{container.peak_bytes / MIB:4.0f} MiB  {described}")
    assert 0 < container.peak_bytes < bytes_max(described), (
        f"{described}: {container.peak_bytes / MIB:.0f} MiB"
    )


def is_well(machine: Machine, described: Described) -> bool:
    """Whether all probes succeed."""
    try:
        return all(
            requests.get(
                f"http://127.0.0.1:{machine.port(described, port)}{path}", timeout=10
            ).status_code
            == 200
            for port, path in probes(described)
        )
    except requests.ConnectionError:
        return False


def check_restrictions(container: Container) -> None:
    status = container.status()
    assert status["NoNewPrivs"] == "1"
    assert status["CapEff"].strip("0") == ""
    if can_have_mounts():
        mounts = Path(f"/proc/{container.process.pid}/mounts").read_text().splitlines()
        options = {words[1]: words[3].split(",") for words in map(str.split, mounts)}
        assert "ro" in options["/"]
        assert "ro" in options["/run"]
        assert "rw" in options["/tmp"]


@pytest.mark.timeout(600)  # a dozen containers start, on few cores
@pytest.mark.parametrize("overlay", ["production", "small"])
def test_a_first_transfer(
    overlay: str,
    make_machine: MakeMachine,
    database_address: str,
    broker_url: str,
    broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine = make_machine(overlay)
    services = of_kind(machine, "Deployment")
    (waiting,) = of_kind(machine, "Deployment", is_init=True)[:1]
    (configure,) = of_kind(machine, "Job")
    (check,) = of_kind(machine, "Job", is_init=True)
    run(machine, check)
    # Pods are started before the job has ended, and wait for it.
    with machine.start(waiting) as container:
        container.wait_line("waiting for migration")
        run(machine, configure)
        assert container.wait_exit() == 0, container.lines
    check_memory(waiting, container)
    run(machine, configure)

    authority = Authority(database_address, broker_url, tmp_path)
    with ExitStack() as stack:
        stack.callback(authority.close)
        at_work = [(d, stack.enter_context(machine.start(d))) for d in services]
        for queue in ("swpt_accounts", "swpt_accounts_chores"):
            wait_until(partial(broker.consumers_count, queue), what=f"a consumer of {queue}")
        for described, container in at_work:
            wait_until(partial(is_well, machine, described), 60, f"{described} is well")
            check_restrictions(container)
        monkeypatch.setattr(sys, "argv", ["first_transfer"])
        monkeypatch.setenv("PROTOCOL_BROKER_URL", broker_url)
        for _ in range(2):
            assert first_transfer() == 0, capsys.readouterr()
        authority.observe()
        transfer_money(Currency(authority))
        for described, container in at_work:
            assert container.process.poll() is None, (str(described), container.lines)
        ends = [(described, container, container.end()) for described, container in at_work]
    for described, container, (code, seconds) in ends:
        assert code == 0, (str(described), container.lines)
        assert seconds < described.pod.spec["terminationGracePeriodSeconds"]
        check_memory(described, container)
        assert not [x for x in container.logged() if x["levelname"] in ("ERROR", "CRITICAL")]


def transfer_money(currency: Currency) -> None:
    """One transfer, all of whose answers are waited for, and then many at once."""
    currency.open_root()
    creditor_id = currency.open_account(1000)
    recipient_id = currency.open_account()
    currency.transfer(creditor_id, recipient_id, 300)
    assert currency.principal(creditor_id) == 700
    requests = [currency.ask(0, recipient_id, 1) for _ in range(TRANSFERS)]
    for request in requests:
        currency.send(finalize(currency.answer("PreparedTransfer", request), 1))
    wait_until(lambda: currency.principal(recipient_id) == 300 + TRANSFERS, what="all of the money")


def test_nothing_but_tmp_can_be_written_to(make_machine: MakeMachine) -> None:
    """The fence that the other tests are within is one."""
    if not can_have_mounts():
        pytest.skip("this needs the right to mount file systems")
    machine = make_machine("small")
    (described,) = of_kind(machine, "Deployment")
    script = "touch /tmp/x && for f in /x /run/x /run/secrets/accounts/x wsgi.py; do touch $f; done"
    body = {**described.body, "args": ["sh", "-c", script]}
    with machine.start(Described(described.pod, body, False)) as container:
        assert container.wait_exit() == 1
        refused = [line for line in container.lines if "cannot touch" in line]
        assert len(refused) == 4, container.lines
        assert container.process.poll() is not None
