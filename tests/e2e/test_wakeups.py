"""Work is noticed at once: the waits only bound the time should a notice get lost."""

import pytest

from agentkit.currency import SECONDS_MAX, Currency

WAIT_SECONDS = 60
LISTENERS = (
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
)


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    assert SECONDS_MAX < WAIT_SECONDS / 2
    return {
        "FLUSH_PERIOD": str(WAIT_SECONDS),
        "APP_PROCESS_BALANCE_CHANGES_WAIT": str(WAIT_SECONDS),
        "APP_PROCESS_TRANSFER_REQUESTS_WAIT": str(WAIT_SECONDS),
        "APP_PROCESS_FINALIZATION_REQUESTS_WAIT": str(WAIT_SECONDS),
    }


def test_each_step_follows_at_once(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    for _ in range(3):
        currency.transfer(sender, recipient, 5)
    assert currency.reject(sender, recipient, 5000)
    assert len(currency.transfers(recipient, 3)) == 3


def test_notices_are_heard_on_new_connections(currency: Currency) -> None:
    authority = currency.authority
    authority.database.drop_connections()
    authority.wait_ready(LISTENERS)
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    currency.transfer(sender, recipient, 5)
    assert len(currency.transfers(recipient, 1)) == 1


def test_notices_come_from_wherever_work_is_made(currency: Currency) -> None:
    """A scan records messages, too."""
    currency.open_root()
    creditor_id = currency.open_account(7)
    result = currency.authority.run("scan_accounts", "--hours", "0.00001", "--quit-early")
    assert result.returncode == 0, result.stdout
    currency.wait("AccountUpdate", creditor_id=creditor_id, principal=7)
