"""Which program each command of the container becomes, and with which environment."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentkit.processes import ROOT
from swpt_accounts.smp.outgoing import SIGNALS
from tests.docker.processes import ENTRYPOINT

STUB = """\
#!/bin/sh
call=${0##*/}
for word; do call="$call $word"; done
printf '%s\n' "$call" >>"$CALLS/calls"
echo "$$" >"$CALLS/pid"
env >"$CALLS/environment"
if [ "${0##*/} $*" = "${FAILS:-}" ]; then exit 3; fi
"""
PROGRAMS = ("flask", "gunicorn", "python", "pytest")
SAME_NAME = (
    *("consume_messages", "consume_chore_messages", "process_transfer_requests"),
    *("process_finalization_requests", "process_balance_changes", "scan_accounts"),
    *("scan_prepared_transfers", "scan_registered_balance_changes", "subscribe"),
    *("unsubscribe", "delete_queue", "dead_letters", "returned_messages", "status"),
    *("trace", "statement", "resend", "mend_gap"),
    *(
        "serve_metrics",
        "healthcheck",
        "verify_shard_content",
        "verify_books",
        "add_up_books",
        "move_in",
        "move_out",
        "shards",
        "console",
        "upgrade",
    ),
)
FLUSH = {f"flush_{re.sub('(?<!^)(?=[A-Z])', '_', n[:-6]).lower()}s": n for n in SIGNALS}
COMMANDS = {
    *("all", "configure", "await_migrations", "webserver", "flush_all", "psql", "test"),
    *("develop-run-flask", *FLUSH, *SAME_NAME),
}
TEST_SERVERS = {
    "TEST_POSTGRES_URL": "postgresql://there",
    "TEST_BROKER_URL": "amqp://there",
    "TEST_BROKER_MANAGEMENT_URL": "http://there",
}


@dataclass
class Call:
    """What came of a command. `calls` are the programs that were run, with their arguments."""

    status: int
    calls: list[str]
    environment: dict[str, str]
    output: str
    is_same_process: bool


class Container:
    """A folder like that of the image, in which all programs are stubs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.docker = folder / "docker"
        self.docker.mkdir()
        shutil.copy(ENTRYPOINT, self.docker)
        shutil.copy(ROOT / "development.env", folder)
        for name in PROGRAMS:
            self.add_stub(folder / "bin" / name)
        self.add_stub(self.docker / "supervise.sh")
        self.set_host_address("10.1.2.3")

    def add_stub(self, path: Path, text: str = STUB) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def set_host_address(self, address: str | None) -> None:
        text = f"#!/bin/sh\necho {address}\n" if address else "#!/bin/sh\nexit 1\n"
        self.add_stub(self.docker / "host_address.sh", text)

    def run(
        self, *words: str, settings: Mapping[str, str] | None = None, program: Path | None = None
    ) -> Call:
        for name in ("calls", "environment", "pid"):
            (self.folder / name).unlink(missing_ok=True)
        process = subprocess.Popen(
            [str(program or self.docker / "entrypoint.sh"), *words],
            env={
                "PATH": f"{self.folder}/bin:/usr/bin:/bin",
                "CALLS": str(self.folder),
                "TMPDIR": str(self.folder),
                **(settings or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _ = process.communicate(timeout=30)
        calls = self._read("calls").replace(f"{self.docker}/", "").splitlines()
        lines = (line.partition("=") for line in self._read("environment").splitlines())
        return Call(
            status=process.returncode,
            calls=calls,
            environment={name: value for name, _, value in lines},
            output=output,
            is_same_process=self._read("pid").strip() == str(process.pid),
        )

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


# -- which program ------------------------------------------------------------

WORK = "python -m swpt_accounts --with-metrics"
PROGRAM_OF = {
    "webserver": "gunicorn --config gunicorn.conf.py wsgi:app",
    "await_migrations": "python await_servers.py migrations",
    "psql": "python psql.py",
    "develop-run-flask": "flask run --host 0.0.0.0 --port 8080",
    "flush_all": f"{WORK} flush_messages",
    **{name: f"{WORK} flush_messages {signal}" for name, signal in FLUSH.items()},
    **{name: f"python -m swpt_accounts {name}" for name in SAME_NAME},
    "scan_accounts": f"{WORK} scan_accounts",
}


# What has the name of a command, becomes it: one stands for all.
@pytest.mark.parametrize(
    "name",
    [
        "mend_gap",
        "scan_accounts",
        "flush_account_purges",
        *sorted({*PROGRAM_OF} - {*SAME_NAME, *FLUSH}),
    ],
)
def test_command_becomes_a_program(container: Container, name: str) -> None:
    result = container.run(name)
    assert result.status == 0, result.output
    assert result.calls == [PROGRAM_OF[name]]
    # Signals reach the program itself.
    assert result.is_same_process


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (
            ("consume_messages", "--draining-mode", "-p", "2"),
            f"{WORK} consume_messages --draining-mode -p 2",
        ),
        (("flush_all", "-w", "0.5"), f"{WORK} flush_messages -w 0.5"),
        (
            ("flush_account_purges", "-p", "3"),
            f"{WORK} flush_messages AccountPurgeSignal -p 3",
        ),
        (("subscribe", "-k", "0.#"), "python -m swpt_accounts subscribe -k 0.#"),
        (("flask", "db", "current"), "flask db current"),
        (
            ("flask", "swpt_accounts", "scan_accounts", "-h", "2"),
            "python -m swpt_accounts scan_accounts -h 2",
        ),
    ],
)
def test_options_are_handed_on(container: Container, words: tuple[str, ...], program: str) -> None:
    assert container.run(*words).calls == [program]


def test_metrics_are_shown_beside_the_web_server(container: Container) -> None:
    """A worker shows its own."""
    result = container.run("webserver", settings={"METRICS_PORT": "9090"})
    (beside,) = [call for call in result.calls if "serve_metrics" in call]
    assert re.fullmatch(r"python -m swpt_accounts serve_metrics --beside \d+", beside)
    assert len(result.calls) == 2


@pytest.mark.parametrize("port", ["", "0"])
def test_without_a_port_nothing_is_beside(container: Container, port: str) -> None:
    result = container.run("webserver", settings={"METRICS_PORT": port})
    assert result.calls == [PROGRAM_OF["webserver"]]


def test_the_entrypoint_may_be_a_link(container: Container) -> None:
    """The image has one where another program's image has its entrypoint."""
    assert "ln -s docker/entrypoint.sh entrypoint.sh" in (ROOT / "Dockerfile").read_text()
    link = container.folder / "entrypoint.sh"
    link.symlink_to("docker/entrypoint.sh")
    result = container.run("await_migrations", program=link)
    assert result.calls == [PROGRAM_OF["await_migrations"]]


@pytest.mark.parametrize("words", [(), ("all",)])
def test_all_is_the_default(container: Container, words: tuple[str, ...]) -> None:
    result = container.run(*words)
    assert result.status == 0, result.output
    assert result.calls == ["python check_settings.py", "supervise.sh"]
    assert result.is_same_process
    folder = Path(result.environment["SUPERVISOR_DIR"])
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_wrong_setting_ends_all_at_once(container: Container) -> None:
    result = container.run(
        "all", settings={"FAILS": f"python {container.docker}/check_settings.py"}
    )
    assert result.status == 3
    assert result.calls == ["python check_settings.py"]


CONFIGURE = [
    "python await_servers.py database chores_broker",
    "flask db upgrade",
    "python -m swpt_accounts create_chores_queue",
]
CONFIGURE_WITH_BINDINGS = [
    f"{CONFIGURE[0]} protocol_broker",
    *CONFIGURE[1:],
    "python -m swpt_accounts subscribe",
]


@pytest.mark.parametrize(
    ("value", "calls"),
    [
        ("", CONFIGURE),
        ("no", CONFIGURE),
        ("nonsense", CONFIGURE),
        ("false", CONFIGURE),
        ("yes", CONFIGURE_WITH_BINDINGS),
        ("TRUE", CONFIGURE_WITH_BINDINGS),
        ("1", CONFIGURE_WITH_BINDINGS),
    ],
)
def test_configure(container: Container, value: str, calls: list[str]) -> None:
    result = container.run("configure", settings={"SETUP_RABBITMQ_BINDINGS": value})
    assert result.status == 0, result.output
    assert result.calls == calls


@pytest.mark.parametrize("step", range(4))
def test_configure_stops_at_the_step_that_fails(container: Container, step: int) -> None:
    failing = re.sub(
        r"python (?=\w+\.py)", f"python {container.docker}/", CONFIGURE_WITH_BINDINGS[step]
    )
    settings = {"SETUP_RABBITMQ_BINDINGS": "yes", "FAILS": failing}
    result = container.run("configure", settings=settings)
    assert result.status == 3
    assert result.calls == CONFIGURE_WITH_BINDINGS[: step + 1]


def test_tests_see_no_settings(container: Container) -> None:
    settings = {
        **TEST_SERVERS,
        "POSTGRES_URL": "postgresql://production",
        "APP_LOG_LEVEL": "info",
    }
    result = container.run("test", "-k", "x", settings=settings)
    assert result.status == 0, result.output
    assert result.calls == [f"pytest -o cache_dir={container.folder}/pytest_cache -k x"]
    assert not {"POSTGRES_URL", "SQLALCHEMY_DATABASE_URI", "APP_LOG_LEVEL"} & {*result.environment}


def test_tests_need_servers(container: Container) -> None:
    settings = {k: v for k, v in TEST_SERVERS.items() if k != "TEST_BROKER_URL"}
    result = container.run("test", settings=settings)
    assert result.status == 1
    assert "TEST_BROKER_URL" in result.output
    assert not result.calls


def test_an_image_without_tests_says_so(container: Container) -> None:
    (container.folder / "bin" / "pytest").unlink()
    result = container.run("test", settings=TEST_SERVERS)
    assert result.status == 1
    assert "--target tests" in result.output


# -- wrong commands -----------------------------------------------------------


def listed_commands(text: str) -> set[str]:
    return set(re.findall(r"^  (\S+)", text, re.MULTILINE)) - {"help"}


def test_help_lists_every_command(container: Container) -> None:
    result = container.run("help")
    assert result.status == 0
    assert listed_commands(result.output) == COMMANDS


def test_wrong_command_says_what_exists(container: Container) -> None:
    result = container.run("consume_mesages")
    assert result.status == 127
    assert "no command consume_mesages" in result.output
    assert listed_commands(result.output) == COMMANDS


def test_anything_else_is_run(container: Container) -> None:
    result = container.run("sh", "-c", "echo $PPID; exit 5")
    assert result.status == 5


@pytest.mark.parametrize("name", ["all", "configure"])
def test_options_that_do_not_exist(container: Container, name: str) -> None:
    result = container.run(name, "--verbose")
    assert result.status == 1
    assert name in result.output
    assert not result.calls


# -- the environment ----------------------------------------------------------


def test_postgres_url_becomes_the_database_uri(container: Container) -> None:
    url = "postgresql+psycopg://a:b@host:5433/test"
    result = container.run("flush_all", settings={"POSTGRES_URL": url})
    assert result.environment["SQLALCHEMY_DATABASE_URI"] == url


@pytest.mark.parametrize("postgres_url", ["postgresql://one", ""])
def test_postgres_url_counts_in_a_container(container: Container, postgres_url: str) -> None:
    settings = {"POSTGRES_URL": postgres_url, "SQLALCHEMY_DATABASE_URI": "postgresql://two"}
    result = container.run("flush_all", settings=settings)
    found = result.environment["SQLALCHEMY_DATABASE_URI"]
    assert found == (postgres_url or "postgresql://two")


SECRETS = (
    "POSTGRES_URL",
    "SQLALCHEMY_DATABASE_URI",
    "PROTOCOL_BROKER_URL",
    "CHORES_BROKER_URL",
    "CONSOLE_TOKEN",
    "CONSOLE_ACTIONS_TOKEN",
    "CONSOLE_ACTIONS_POSTGRES_URL",
    "CONSOLE_ACTIONS_BROKER_URL",
    "PROTOCOL_BROKER_MANAGEMENT_URL",
)


@pytest.mark.parametrize("name", SECRETS)
def test_secret_comes_from_a_file(container: Container, tmp_path: Path, name: str) -> None:
    url = "amqp://user:p$a's \"s`w*rd@host"
    (tmp_path / "secret").write_text(f"{url}\n")
    result = container.run("flush_all", settings={f"{name}_FILE": str(tmp_path / "secret")})
    assert result.environment[name] == url
    assert f"{name}_FILE" not in result.environment


def test_postgres_url_from_a_file_becomes_the_database_uri(
    container: Container, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("postgresql://localhost/x")
    settings = {
        "POSTGRES_URL_FILE": str(tmp_path / "secret"),
        "SUBSTITUTE_LOCALHOST_IN_VARS": "POSTGRES_URL",
    }
    result = container.run("flush_all", settings=settings)
    assert result.environment["SQLALCHEMY_DATABASE_URI"] == "postgresql://10.1.2.3/x"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"POSTGRES_URL_FILE": "/nowhere"}, "POSTGRES_URL_FILE is /nowhere"),
        ({"POSTGRES_URL_FILE": "/dev/null"}, "POSTGRES_URL_FILE is /dev/null, which is empty"),
        (
            {"CHORES_BROKER_URL_FILE": "/etc/hosts", "CHORES_BROKER_URL": "amqp://x"},
            "CHORES_BROKER_URL and CHORES_BROKER_URL_FILE",
        ),
    ],
)
def test_wrong_secret_files(container: Container, settings: dict[str, str], text: str) -> None:
    result = container.run("flush_all", settings=settings)
    assert result.status == 1
    assert text in result.output
    assert not result.calls


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("amqp://guest:guest@localhost:5672", "amqp://guest:guest@10.1.2.3:5672"),
        ("amqp://guest:localhost@localhost:5672/x", "amqp://guest:localhost@10.1.2.3:5672/x"),
        ("postgresql+psycopg://localhost/localhost", "postgresql+psycopg://10.1.2.3/localhost"),
        ("http://localhost", "http://10.1.2.3"),
        ("http://localhost?x", "http://10.1.2.3?x"),
        ("http://localhost.example:80/", "http://localhost.example:80/"),
        ("http://mylocalhost:80/", "http://mylocalhost:80/"),
        ("http://127.0.0.1:80/", "http://127.0.0.1:80/"),
        ("amqp://a:b&c\\1,d@localhost", "amqp://a:b&c\\1,d@10.1.2.3"),
        ("", ""),
    ],
)
def test_localhost_is_substituted(container: Container, before: str, after: str) -> None:
    settings = {
        "SUBSTITUTE_LOCALHOST_IN_VARS": "CHORES_BROKER_URL PROTOCOL_BROKER_URL",
        "PROTOCOL_BROKER_URL": before,
        "FETCH_API_URL": before,
    }
    result = container.run("flush_all", settings=settings)
    assert result.environment["PROTOCOL_BROKER_URL"] == after
    assert result.environment["FETCH_API_URL"] == before
    assert "CHORES_BROKER_URL" not in result.environment


def test_without_a_docker_host_localhost_stays(container: Container) -> None:
    container.set_host_address(None)
    settings = {
        "SUBSTITUTE_LOCALHOST_IN_VARS": "PROTOCOL_BROKER_URL",
        "PROTOCOL_BROKER_URL": "amqp://localhost",
    }
    result = container.run("flush_all", settings=settings)
    assert result.status == 0
    assert result.environment["PROTOCOL_BROKER_URL"] == "amqp://localhost"


@pytest.mark.parametrize("names", ["A;B", "$(touch x)", "1A", "*"])
def test_names_that_are_no_names(container: Container, names: str) -> None:
    result = container.run("flush_all", settings={"SUBSTITUTE_LOCALHOST_IN_VARS": names})
    assert result.status == 1
    assert "SUBSTITUTE_LOCALHOST_IN_VARS" in result.output
    assert not result.calls


# -- the address of the docker host -------------------------------------------

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t0000580A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00000000\tFE0111AC\t0003\t0\t0\t100\t00000000\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("routes", "address"),
    [(ROUTES, "172.17.1.254\n"), ("\n".join(ROUTES.splitlines()[:2]), ""), ("", "")],
)
def test_host_address(tmp_path: Path, routes: str, address: str) -> None:
    (tmp_path / "route").write_text(routes)
    result = subprocess.run(
        [ROOT / "docker" / "host_address.sh", tmp_path / "route"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == address
    assert (result.returncode == 0) == bool(address)
