"""How gunicorn is set up for the fetch API."""

import subprocess
import sys

import pytest

from agentkit.processes import ROOT
from tests.docker.processes import DOCKER, image_environment


def gunicorn(**settings: str) -> tuple[int, dict[str, str], str]:
    """Its exit code, its settings, and what it says of wrong ones."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--print-config"),
            *("--config", str(DOCKER / "gunicorn.conf.py"), "wsgi:app"),
        ],
        cwd=ROOT,
        env=image_environment(POSTGRES_URL="postgresql://nobody@127.0.0.1:1/x", **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return done.returncode, {a.strip(): b.strip() for a, _, b in pairs}, done.stderr


def test_our_settings() -> None:
    code, config, problem = gunicorn(
        WEBSERVER_PROCESSES="2", WEBSERVER_THREADS="5", WEBSERVER_PORT="8081"
    )
    assert (code, problem) == (0, "")
    assert (config["workers"], config["threads"]) == ("2", "5")
    assert config["bind"] == "[':8081']"
    assert "FetchWorker" in config["worker_class"]


def test_what_gunicorn_knows_can_be_set_by_a_variable() -> None:
    code, config, problem = gunicorn(
        GUNICORN_TIMEOUT="77",
        GUNICORN_KEEPALIVE="3",
        GUNICORN_MAX_REQUESTS="1000",
        GUNICORN_PRELOAD_APP="false",
        GUNICORN_LOGLEVEL="error",
    )
    assert (code, problem) == (0, "")
    assert (config["timeout"], config["keepalive"], config["max_requests"]) == ("77", "3", "1000")
    assert (config["preload_app"], config["loglevel"]) == ("False", "error")


def test_what_is_ours_and_what_nobody_knows_is_ignored() -> None:
    code, config, problem = gunicorn(
        GUNICORN_WORKERS="9",
        GUNICORN_THREADS="9",
        GUNICORN_BIND=":9",
        GUNICORN_PROTOCOL="uwsgi",
        GUNICORN_CONFIG="/nowhere",
        GUNICORN_SERVICE_HOST="10.0.0.1",
        GUNICORN_PORT="tcp://10.0.0.1:80",
    )
    assert (code, problem) == (0, "")
    assert (config["workers"], config["threads"], config["bind"]) == ("1", "3", "[':8080']")


def test_a_wrong_value_is_told_in_a_line() -> None:
    code, _, problem = gunicorn(GUNICORN_TIMEOUT="soon")
    assert code == 1
    (line,) = problem.splitlines()
    assert line.startswith("swpt_accounts: GUNICORN_TIMEOUT is 'soon': ")


@pytest.mark.parametrize(
    ("level", "loglevel"), [("fatal", "critical"), ("WARN", "warning"), ("notset", "debug")]
)
def test_levels_have_one_name_in_gunicorn(level: str, loglevel: str) -> None:
    code, config, _ = gunicorn(APP_LOG_LEVEL=level)
    assert code == 0
    assert config["loglevel"] == loglevel
