"""A console before an authority's database, and a browser before the console."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from agentkit.authority import Authority
from agentkit.databases import Databases
from agentkit.management import Users
from agentkit.processes import Service, free_port, program_command
from agentkit.waiting import wait_until
from swpt_accounts.console.application import make_console
from swpt_accounts.console.context import console_of
from swpt_accounts.settings import load_settings
from tests.console.pictures import SIZES, Look
from tests.console.web import ACTIONS_TOKEN, TOKEN, Web

# On a machine that does many other things.
PATIENCE_SECONDS = 120
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def console_environment(
    databases: Databases, idle_authority: Authority, broker_users: Users
) -> dict[str, str]:
    """Settings of a console that can only read, and whose actions have roles of their own."""
    url, broker_url = idle_authority.database_url, idle_authority.broker_url
    operator_url = broker_users.url_as("swpt_accounts_operator", broker_url)
    return {
        "POSTGRES_URL": databases.as_reader(url),
        "PROTOCOL_BROKER_URL": operator_url,
        "CHORES_BROKER_URL": operator_url,
        "CONSOLE_TOKEN": TOKEN,
        "CONSOLE_ACTIONS_TOKEN": ACTIONS_TOKEN,
        "CONSOLE_ACTIONS_POSTGRES_URL": databases.as_runner(url),
    }


@pytest.fixture
def client(console_environment: dict[str, str]) -> Iterator[FlaskClient]:
    """A browser without pictures, which has signed in. Errors of the program are errors here."""
    with signed_in(console_environment) as made:
        yield made


@contextmanager
def signed_in(environment: dict[str, str]) -> Iterator[FlaskClient]:
    """A client of a console with these settings, in this process."""
    app = make_console(load_settings(environment))
    made = app.test_client()
    assert made.post("/sign-in", data={"token": TOKEN}).status_code == 303
    yield made
    console_of(app).status_poller.stop()
    console_of(app).sampler.stop()
    console_of(app).database.close()


@pytest.fixture(scope="module")
def web(console_environment: dict[str, str], idle_authority: Authority) -> Iterator[Web]:
    """A console as it runs in a container."""
    with served(idle_authority, console_environment) as made:
        yield made


@contextmanager
def served(idle_authority: Authority, console_environment: dict[str, str]) -> Iterator[Web]:
    """A console with these settings, as it runs in a container."""
    port = free_port()
    environment = {
        **{k: v for k, v in idle_authority.environment.items() if not k.startswith("SQLALCHEMY")},
        **console_environment,
        "CONSOLE_PORT": str(port),
    }
    service = Service("console", program_command("console"), idle_authority.folder / "console.log")
    service.start(environment)
    made = Web(port, service)
    try:
        wait_until(made.answers, what="the console to answer")
        yield made
    finally:
        service.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. While it runs, this thread has an event loop: others want none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


def is_complaint(message: ConsoleMessage) -> bool:
    """Whether the browser complains, of more than that a page says what is wrong."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complains of."""
    return []


LOOKS = [Look("desktop", "light"), Look("phone", "dark")]


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Look:
    """How somebody looks at it: at a desk, unless a test is about both."""
    chosen: Look = getattr(request, "param", LOOKS[0])
    return chosen


@pytest.fixture
def page(browser: Browser, web: Web, complaints: list[str], look: Look) -> Iterator[Page]:
    """A page of somebody who has signed in, and nothing that the browser complains of."""
    with signed_in_page(browser, web, complaints, look) as made:
        yield made
    assert complaints == []


@contextmanager
def signed_in_page(browser: Browser, web: Web, complaints: list[str], look: Look) -> Iterator[Page]:
    """A page of somebody who has signed in to a console."""
    context = browser.new_context(
        viewport=SIZES[look.device],
        color_scheme=look.scheme,
        base_url=web.url,
        reduced_motion="reduce",
    )
    made = context.new_page()
    made.set_default_timeout(PATIENCE_SECONDS * 1000)
    made.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.goto("/")
    made.get_by_label("Token").fill(TOKEN)
    made.get_by_role("button", name="Sign in").click()
    made.get_by_role("heading", name="Flow", exact=True).wait_for()
    yield made
    context.close()
