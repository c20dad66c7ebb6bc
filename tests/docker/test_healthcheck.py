"""How the container's health check finds out what the container does."""

import importlib.util
from types import ModuleType

import pytest

from tests.docker.processes import DOCKER

ENTRYPOINT = ("tini", "-g", "--", "/usr/src/app/docker/entrypoint.sh")


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", DOCKER / "healthcheck.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((*ENTRYPOINT, "all"), "all"),
        (ENTRYPOINT, "all"),
        ((*ENTRYPOINT, "webserver"), "webserver"),
        ((*ENTRYPOINT, "consume_messages", "--draining-mode"), "consume_messages"),
        (("docker-init", "--", *ENTRYPOINT, "flush_all"), "flush_all"),
        (("/bin/sh", ENTRYPOINT[-1], "configure"), "configure"),
        (("python", "-m", "swpt_accounts.supervisor", "--nodaemon"), "all"),
        (("python -m swpt_accounts.supervisor",), "all"),
        (("sleep", "60"), ""),
    ],
)
def test_command_is_found(healthcheck: ModuleType, words: tuple[str, ...], command: str) -> None:
    assert healthcheck.find_command(list(words)) == command
