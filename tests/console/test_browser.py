"""The pages in Chromium: by keyboard and on a phone, light and dark, and nothing of elsewhere."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.messages import configure
from agentkit.waiting import wait_until
from tests.console.conftest import LOOKS, served, signed_in_page
from tests.console.pictures import Look, take_picture
from tests.console.web import Web
from tests.e2e.letters import put_aside

pytestmark = pytest.mark.timeout(900)
both_looks = pytest.mark.parametrize("look", LOOKS, ids=str, indirect=True)
HOSTILE = '</script><script>document.title="gone"</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    """With a journal."""
    return {"JOURNAL_DAYS": "3"}


@pytest.fixture(scope="module")
def currency(authority: Authority) -> Currency:
    """A currency with transfers, and texts of somebody who means harm."""
    made = Currency(authority)
    made.open_root()
    first, second = made.open_account(100_000), made.open_account(2_000)
    for _ in range(20):
        made.transfer(first, second, 10, transfer_note=HOSTILE[:400])
    made.prepare(first, second, 70)
    authority.query("UPDATE account SET config_data = %s, debtor_info_iri = %s", HOSTILE, HOSTILE)
    put_aside(authority, configure(made.debtor_id, 8, seqnum="x"), f"malformed {HOSTILE}")
    put_aside(authority, {**configure(1, 2), "type": "Unheard"}, "the message type … is unknown")
    return made


@pytest.fixture
def paths(currency: Currency) -> dict[str, str]:
    """The pages, by names."""
    debtor, creditor = currency.debtor_id, 2**32 + 1
    ((transfer_id, request_id),) = currency.authority.query(
        "SELECT transfer_id, coordinator_request_id FROM prepared_transfer"
    )
    return {
        "flow": "/",
        "last-hour": "/last-hour",
        "currencies": "/currencies",
        "debtor": f"/debtor/{debtor}",
        "account": f"/account/{debtor}/{creditor}",
        "statement": f"/account/{debtor}/{creditor}/statement",
        "journal": f"/account/{debtor}/{creditor}/journal",
        "transfer": f"/transfer/{debtor}/{creditor}/{transfer_id}",
        "over": f"/request/direct/{creditor}/{request_id - 1}",
        "no-account": f"/account/{debtor}/77",
        "dead-letters": "/dead-letters",
        "dead-letter": "/dead-letters/0",
        "scans": "/scans",
        "shard": "/shard",
        "settings": "/settings",
        "document": "/docs/how-to/see-what-is-wrong.md",
        "search": f"/search?q={HOSTILE}",
        "not-found": "/nowhere",
    }


expect.set_options(timeout=120_000)


@both_looks
def test_every_page(page: Page, paths: dict[str, str], look: Look) -> None:
    """Nothing for axe to find, nothing wider than the window, and no script of anybody else."""
    for name, path in paths.items():
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        assert page.title().endswith("· Accounts")
        take_picture(page, name, str(look))
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{name} is wider than the window"


def test_by_keyboard(page: Page, currency: Currency) -> None:
    """The first key leads to the content; the search field and the pages are reached in order."""
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Settings")).to_be_focused()
    page.get_by_label("Search", exact=True).focus()
    page.keyboard.type(f"swpt:{currency.debtor_id}/{2**32 + 1}")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(f"Account {currency.debtor_id}/{2**32 + 1}")


def test_the_flow_is_loaded_again_by_itself(page: Page, currency: Currency) -> None:
    """Until somebody pauses it; who is at a place of the page stays there."""
    page.goto("/")
    moment = page.locator(".live time")
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    before = moment.text_content() or ""
    expect(moment).not_to_have_text(before)
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Resume")).to_have_attribute("aria-pressed", "true")


def wrong(page: Page) -> Locator:
    """The part of the flow that says what is wrong."""
    return page.locator("section.findings")


def assert_accessible(page: Page) -> None:
    """Nothing for axe to find, and nothing wider than the window."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_it_is_said_when_a_worker_is_away(page: Page, currency: Currency, look: Look) -> None:
    """On a page that is open already: in words, with the page that helps."""
    page.goto("/")
    expect(wrong(page)).to_contain_text("unhandled dead letters")
    expect(wrong(page)).not_to_contain_text("is down")
    authority = currency.authority
    authority.terminate("consume_messages")
    try:
        item = wrong(page).get_by_role("listitem").filter(has_text="consume_messages is down")
        expect(item).to_contain_text("error")
        expect(item).to_contain_text("See docs/how-to/see-what-is-wrong.md")
        expect(wrong(page)).to_contain_text("Queue swpt_accounts has no consumers")
        expect(wrong(page).get_by_role("heading")).to_have_text("3 problems")
        take_picture(page, "wrong", str(look))
        assert_accessible(page)
    finally:
        authority.start("consume_messages")
    expect(wrong(page)).not_to_contain_text("is down")


@pytest.fixture(scope="module")
def web_without_broker(
    console_environment: dict[str, str], idle_authority: Authority
) -> Iterator[Web]:
    """A console whose broker is away."""
    away = dict.fromkeys(("PROTOCOL_BROKER_URL", "CHORES_BROKER_URL"), "amqp://127.0.0.1:1")
    with served(idle_authority, {**console_environment, **away}) as made:
        yield made


def test_it_is_said_when_the_broker_is_away(
    browser: Browser, web_without_broker: Web, complaints: list[str], look: Look
) -> None:
    """The database has its numbers on the page all the same."""
    with signed_in_page(browser, web_without_broker, complaints, look) as page:
        expect(wrong(page)).to_contain_text("Cannot connect to RabbitMQ")
        expect(wrong(page)).to_contain_text("A server did not answer, so there may be more.")
        expect(page.get_by_role("row", name="requests to prepare")).to_be_visible()
        take_picture(page, "broker-away", str(look))
        assert_accessible(page)
    assert complaints == []


def test_it_is_said_when_the_database_is_away(page: Page, currency: Currency, look: Look) -> None:
    """On a page that is loaded, and on one that is open."""

    def is_back() -> bool:
        answer = page.goto("/")
        return answer is not None and answer.ok

    page.goto("/last-hour")
    database = currency.authority.database
    database.cut()
    try:
        trouble = page.get_by_role("status")
        expect(trouble).to_contain_text("The database is unreachable")
        page.goto("/scans")
        expect(page.locator("h1")).to_have_text("The database is unreachable")
        take_picture(page, "away", str(look))
    finally:
        database.restore()
        wait_until(is_back, 60, "the console has its database again")


def test_signing_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    assert Axe().run(page).violations_count == 0
    page.goto("/settings")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_no_script_of_a_stranger_would_run(page: Page, complaints: list[str]) -> None:
    """If one got into a page, the policy of the browser would keep it from running."""
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            const tell = (e) => resolve(e.effectiveDirective);
            document.addEventListener("securitypolicyviolation", tell);
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        })"""
    )
    assert refused.startswith("script-src")
    assert page.evaluate("window.ran") is None
    complaints.clear()
