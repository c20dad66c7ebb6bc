"""A whole authority over TLS, with certificates on both sides, as the how-to says to set it up."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.database import dsn_of, execute
from agentkit.databases import migrate
from agentkit.management import Management, permissions_of
from agentkit.processes import ROOT
from swpt_accounts.broker import topology
from tests.docker.processes import DOCKER, image_environment

SCRIPT = ROOT / "tests" / "docker" / "tls.sh"
OWNER, WORKER = "swpt_accounts", "swpt_accounts_worker"
PASSWORD = "secret"


@dataclass(frozen=True)
class Servers:
    """Servers with TLS. The files of `tls` are certificates and keys, named for their owners."""

    tls: Path
    postgres_port: int
    amqps_port: int
    management_port: int

    def postgres_url(self, role: str, certificate: str | None = None, ca: str = "ca") -> str:
        """An address without a password: the certificate says who comes."""
        certificate = certificate or role
        return (
            f"postgresql+psycopg://{role}@127.0.0.1:{self.postgres_port}/swpt_accounts"
            f"?sslmode=verify-full&sslrootcert={self.tls}/{ca}.crt"
            f"&sslcert={self.tls}/{certificate}.crt&sslkey={self.tls}/{certificate}.key"
        )

    def broker_url(self, user: str, certificate: str | None = WORKER, ca: str = "ca") -> str:
        options = {"ca_certs": f"{self.tls}/{ca}.crt"}
        if certificate is not None:
            options["certfile"] = f"{self.tls}/{certificate}.crt"
            options["keyfile"] = f"{self.tls}/{certificate}.key"
        text = quote(repr(options).replace(" ", ""), safe="/")
        return f"amqps://{user}:{PASSWORD}@127.0.0.1:{self.amqps_port}/%2F?ssl_options={text}"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers of their own: those of the tests have no TLS."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("the programs of the servers are not here: the tests run in their image")
    # Users of the servers cannot walk into pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="swpt_accounts_tls_", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        started = subprocess.run(
            [str(SCRIPT), str(folder), "start"], capture_output=True, text=True, check=False
        )
        assert started.returncode == 0, started.stderr
        ports = dict(line.split("=") for line in started.stdout.split())
        yield Servers(
            folder / "tls",
            int(ports["POSTGRES_PORT"]),
            int(ports["AMQPS_PORT"]),
            int(ports["MANAGEMENT_PORT"]),
        )
    finally:
        subprocess.run([str(SCRIPT), str(folder), "stop"], capture_output=True, check=False)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def authority(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority whose users have the rights that the how-to gives them."""
    owner = servers.postgres_url(OWNER)
    execute(dsn_of(owner).replace("/swpt_accounts?", "/postgres?"), "CREATE DATABASE swpt_accounts")
    execute(dsn_of(owner), f"CREATE ROLE {WORKER} LOGIN")
    management = Management(f"http://guest:guest@127.0.0.1:{servers.management_port}")
    for user in (OWNER, WORKER):
        management.create_user(user, PASSWORD)
        management.permit("/", user, **permissions_of(user))
    management.close()
    migrate(owner, "upgrade", POSTGRES_RUNNING_ROLE=WORKER)
    broker_url = servers.broker_url(OWNER)
    topology.subscribe(broker_url, "swpt_accounts", "#")
    topology.create_chores_queue(broker_url, "swpt_accounts_chores")
    settings = {
        "SQLALCHEMY_DATABASE_URI": servers.postgres_url(WORKER),
        "PROTOCOL_BROKER_URL": servers.broker_url(WORKER),
        "CHORES_BROKER_URL": servers.broker_url(WORKER),
        "APP_LOG_LEVEL": "debug",
    }
    made = Authority(owner, broker_url, tmp_path_factory.mktemp("authority"), settings)
    try:
        made.observe()
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.servers
def test_a_transfer(authority: Authority) -> None:
    currency = Currency(authority)
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    currency.transfer(sender, recipient, 100)
    (received,) = currency.transfers(recipient, 1)
    assert received["acquired_amount"] == 100
    sessions = authority.query(
        "SELECT DISTINCT usename, ssl, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        " WHERE application_name LIKE 'swpt_accounts %'"
    )
    assert sessions == [(WORKER, True, f"/CN={WORKER}")]
    for name in authority.services:
        log = authority.log(name)
        assert "Traceback" not in log
        assert PASSWORD not in log


def await_server(thing: str, **settings: str) -> str:
    """What is said about a server that does not let somebody in."""
    done = subprocess.run(
        [sys.executable, str(DOCKER / "await_servers.py"), "--seconds", "0", thing],
        env=image_environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert PASSWORD not in done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.servers
@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"ca": "stranger"}, "certificate verify failed"),
        ({"certificate": "other"}, "certificate authentication failed"),
        ({"certificate": "nobody"}, "certificate"),
    ],
)
def test_database_refuses_or_is_refused(
    servers: Servers, choices: dict[str, str], expected: str
) -> None:
    url = servers.postgres_url(WORKER, **choices)
    assert expected in await_server("database", POSTGRES_URL=url)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"ca": "stranger"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"certificate": None}, ""),
        ({"certificate": "nobody"}, "No such file"),
    ],
)
def test_broker_refuses_or_is_refused(
    servers: Servers, choices: dict[str, str], expected: str
) -> None:
    said = await_server(
        "protocol_broker",
        POSTGRES_URL=servers.postgres_url(WORKER),
        PROTOCOL_BROKER_URL=servers.broker_url(WORKER, **choices),
    )
    assert expected in said
