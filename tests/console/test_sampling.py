"""Samples of an authority at work."""

import pytest
from flask.testing import FlaskClient

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.waiting import wait_until
from swpt_accounts.console import sampler as sampler_module
from swpt_accounts.console.charts import rate
from swpt_accounts.console.context import console_of
from swpt_accounts.console.sampler import Sampler


@pytest.fixture
def sampler(client: FlaskClient) -> Sampler:
    return console_of(client.application).sampler


def test_what_came_and_went_is_counted(authority: Authority, sampler: Sampler) -> None:
    sampler.take()
    currency = Currency(authority)
    currency.open_root()
    sender, recipient = currency.open_account(1000), currency.open_account()
    for _ in range(3):
        currency.transfer(sender, recipient, 10)

    def is_counted() -> bool:
        # PostgreSQL's counts come a moment later
        sampler.take()
        samples = sampler.samples()
        prepared = rate(samples, ["prepared_transfer"])
        seconds = samples[-1].at - samples[0].at
        came, gone = (prepared.came or 0) * seconds, (prepared.gone or 0) * seconds
        return round(came) == round(gone) == 4

    wait_until(is_counted, what="four transfers are prepared and finalized")


def test_what_waits_is_told(idle_authority: Authority, sampler: Sampler) -> None:
    assert sampler.take().waiting(["account_purge_signal"]) == 0
    idle_authority.query(
        "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
        " SELECT 1, n, '2026-01-01', now() - interval '1 hour' FROM generate_series(1, 7) AS n"
    )
    try:
        sample = sampler.take()
    finally:
        idle_authority.query("TRUNCATE account_purge_signal")
    assert sample.waiting(["account_purge_signal"]) == 7
    assert (sample.longest_wait(["account_purge_signal"]) or 0) >= 3600


def test_no_more_than_an_hour_is_kept(sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        sampler.take()
    assert len(sampler.samples()) == 3
    assert sampler._samples.maxlen == sampler_module.KEPT_COUNT
    assert sampler_module.KEPT_COUNT * sampler_module.PERIOD_SECONDS == 3600


def test_samples_go_on_after_the_database_was_away(
    idle_authority: Authority, sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler_module, "PERIOD_SECONDS", 0.05)
    sampler.start()
    wait_until(sampler.samples, what="a sample")
    idle_authority.database.cut()
    wait_until(lambda: sampler._database._outage._reporter.is_failing, what="the outage is noticed")
    idle_authority.database.restore()
    count = len(sampler.samples())
    wait_until(lambda: len(sampler.samples()) > count, what="samples go on")
