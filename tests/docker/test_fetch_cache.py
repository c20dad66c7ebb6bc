"""The HTTP cache before the fetch API: a real nginx, with the configuration of docker/."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from agentkit.authority import Authority
from agentkit.messages import configure
from agentkit.processes import free_port
from agentkit.waiting import wait_until
from tests.docker.processes import DOCKER

CONFIGURATION = DOCKER / "fetch_cache" / "nginx.conf"


@dataclass
class Cache:
    """An nginx, and the resources behind it."""

    url: str

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", timeout=30)

    def status(self, path: str) -> int:
        return self.get(path).status_code


def adapted(folder: Path, port: int, api_port: int) -> str:
    """The configuration, on ports and in a folder of the test's own."""
    text = CONFIGURATION.read_text()
    for old, new in (
        ("apiproxy:8080", f"127.0.0.1:{api_port}"),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        (" /tmp/", f" {folder}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    # Workers of a root's nginx are somebody else, to whom the folder of the test is closed.
    user = "user root;" if os.getuid() == 0 else ""
    return f"daemon off;\n{user}\n{text}"


@pytest.fixture(scope="module")
def cache(
    nginx: str, idle_authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cache]:
    """A cache before an authority that takes in messages and answers questions."""
    idle_authority.start("webserver", "consume_messages")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    path = folder / "nginx.conf"
    path.write_text(adapted(folder, port, idle_authority.port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [nginx, "-e", "stderr", "-p", str(folder), "-c", str(path)], stdout=log, stderr=log
        )
    made = Cache(f"http://127.0.0.1:{port}")

    def is_up() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            return made.status("/accounts/healthz") == 200
        except requests.ConnectionError:
            return False

    try:
        wait_until(is_up, 60, "nginx answers")
        yield made
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def open_account(idle_authority: Authority) -> Callable[[int, int], None]:
    """Asks for an account, by a message, as an agent does."""

    def ask(debtor_id: int, creditor_id: int) -> None:
        idle_authority.send(
            configure(debtor_id, creditor_id, config_data="", negligible_amount=1.0)
        )

    return ask


@pytest.mark.parametrize(
    ("creditor_id", "path", "found"), [(11, "reachable", 204), (12, "config", 200)]
)
def test_account_that_comes_to_be_is_found_within_seconds(
    cache: Cache,
    open_account: Callable[[int, int], None],
    creditor_id: int,
    path: str,
    found: int,
) -> None:
    question = f"/accounts/666/{creditor_id}/{path}"
    assert cache.status(question) == 404
    assert cache.status(question) == 404
    open_account(666, creditor_id)
    wait_until(lambda: cache.status(question) == found, 10, f"{question} is found")


def test_negative_answers_are_kept_briefly(cache: Cache) -> None:
    """They spare the authority a burst of the same question, and no more."""
    question = "/accounts/667/1/reachable"
    assert cache.get(question).headers["X-Cache"] == "MISS"
    wait_until(lambda: cache.get(question).headers["X-Cache"] == "HIT", 60, "a hit")
    wait_until(lambda: cache.get(question).headers["X-Cache"] == "EXPIRED", 60, "an end")


def test_missing_configurations_are_never_kept(cache: Cache) -> None:
    for _ in range(3):
        assert cache.get("/accounts/667/2/config").headers["X-Cache"] == "MISS"


@pytest.mark.parametrize(("path", "status"), [("reachable", 204), ("config", 200)])
def test_positive_answers_are_kept(
    cache: Cache,
    idle_authority: Authority,
    open_account: Callable[[int, int], None],
    path: str,
    status: int,
) -> None:
    debtor_id = 700 + status
    open_account(debtor_id, 1)
    question = f"/accounts/{debtor_id}/1/{path}"
    wait_until(lambda: cache.status(question) == status, 60, "the account")
    wait_until(lambda: cache.get(question).headers["X-Cache"] == "HIT", 60, "a hit")
    for table in ("account_key", "account"):
        idle_authority.query(f"DELETE FROM {table} WHERE debtor_id = %s", debtor_id)
    answer = cache.get(question)
    assert (answer.status_code, answer.headers["X-Cache"]) == (status, "HIT")
    assert answer.headers["Cache-Control"] == "max-age=86400"


def test_errors_are_handed_on_and_not_kept(cache: Cache, idle_authority: Authority) -> None:
    """An error is not a "no"."""
    code, _ = idle_authority.terminate("webserver")
    assert code == 0
    try:
        assert cache.status("/accounts/668/0/reachable") == 502
    finally:
        idle_authority.start("webserver")
    wait_until(lambda: cache.status("/accounts/668/0/reachable") == 204, 60, "no error")


def test_health_is_never_kept(cache: Cache) -> None:
    for _ in range(2):
        answer = cache.get("/accounts/healthz")
        assert answer.status_code == 200
        assert "X-Cache" not in answer.headers


def test_only_questions_get_through(cache: Cache) -> None:
    question = f"{cache.url}/accounts/666/0/reachable"
    assert requests.post(question, timeout=30).status_code == 403
    assert requests.head(question, timeout=30).status_code == 204
    assert cache.status("/") == 404
    assert cache.status("/metrics") == 404


def test_the_map_keeps_what_it_should() -> None:
    text = CONFIGURATION.read_text()
    rules = re.findall(r"^ {8}~(\S+) 0;$", text, re.MULTILINE)
    assert len(rules) == 2

    def is_kept(answer: str) -> bool:
        return any(re.search(rule, answer) for rule in rules)

    assert is_kept("200:max-age=86400")
    assert is_kept("204:max-age=86400")
    assert is_kept("404:max-age=1")
    for answer in ("404:max-age=86400", "404:", "500:max-age=1", "502:", "2040:", "404:max-age=10"):
        assert not is_kept(answer)
