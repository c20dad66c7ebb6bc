"""The authority of a module of tests."""

import os
from collections.abc import Generator, Iterator

import pytest

from agentkit.authority import Authority, running
from agentkit.management import Users
from swpt_accounts.settings.description import SETTINGS
from verification.kit.servers import subscribe

_LOG_LENGTH_SHOWN = 3000


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    """The settings of the module's authority, beside its addresses. Modules override it."""
    return {}


@pytest.fixture(scope="module")
def idle_authority(
    database_url: str,
    worker_url: str,
    broker_url: str,
    worker_broker_url: str,
    broker_users: Users,
    authority_settings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Authority]:
    """An authority whose queues are declared, and none of whose services run.

    They have the rights of workers, and no others.
    """
    folder = tmp_path_factory.mktemp("authority")
    rights = {
        "SQLALCHEMY_DATABASE_URI": worker_url,
        "PROTOCOL_BROKER_URL": worker_broker_url,
        "CHORES_BROKER_URL": worker_broker_url,
    }
    settings = {**rights, **authority_settings}
    made = Authority(database_url, broker_url, folder, settings)
    operator_url = broker_users.url_as("swpt_accounts_operator", broker_url)
    made.operator_settings = {"PROTOCOL_BROKER_URL": operator_url}
    try:
        subscribe(made)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def authority(idle_authority: Authority) -> Authority:
    """An authority at work, all of whose outgoing messages are observed."""
    idle_authority.observe()
    idle_authority.start()
    return idle_authority


def pytest_configure() -> None:
    """Take the settings of an authority out of the environment of the tests, and of all they start.

    A developer's .env is none of a test's business; Flask would remark on it, too.
    """
    for setting in SETTINGS.values():
        os.environ.pop(setting.variable, None)
    os.environ["FLASK_SKIP_DOTENV"] = "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of the authorities that run when a test fails."""
    report = yield
    if report.failed:
        for made in running:
            for service in made.services.values():
                if log := service.log[-_LOG_LENGTH_SHOWN:]:
                    report.sections.append((f"log of {service.name}", log))
    return report
