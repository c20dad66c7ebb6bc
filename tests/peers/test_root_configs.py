"""What is remembered of the debtors' configurations, apart from their accounts."""

from typing import Any

import pytest

from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import configure_root, delete_account
from verification.model.builders import ALICE, DAY, DEBTOR, MICROSECOND, NOW, ROOT, SECOND


@pytest.mark.parametrize(
    ("config", "row"),
    [
        ({}, {"interest_rate": 0.0, "info_iri": None, "info_sha256": None}),
        ({"rate": -50}, {"interest_rate": -50.0}),
        (
            {"info": builders.ROOT_INFO},
            {
                "info_iri": "https://example.com/",
                "info_content_type": "text/plain",
                "info_sha256": b"\x0f" * 32,
            },
        ),
    ],
)
def test_root_configuration_is_remembered(
    shard: Shard, config: dict[str, Any], row: dict[str, Any]
) -> None:
    configure_root(shard, NOW - SECOND, rate=7, info={"type": "DebtorInfo", "iri": "x"})
    configure_root(shard, NOW, **config)
    configure_root(shard, NOW - MICROSECOND, rate=8)
    (found,) = shard.rows("root_config")
    assert found.items() >= {"debtor_id": DEBTOR, "fetched_at": None, **row}.items()


@pytest.mark.parametrize(
    ("creditor_id", "config_data"),
    [(ALICE, " "), (ALICE, '{"type":"RootConfigData"}'), (ROOT, "null"), (ROOT, "ĵ" * 1000)],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_invalid_configuration_is_not_remembered(
    shard: Shard, creditor_id: int, config_data: str, is_open: bool
) -> None:
    if is_open:
        shard.receive(builders.configure_account(creditor_id, NOW - SECOND))
    before = shard.rows("root_config")
    assert len(before) == (is_open and creditor_id == ROOT)
    shard.receive(builders.configure_account(creditor_id, config_data=config_data))
    assert shard.rows("root_config") == before


def test_purged_root_account_takes_its_configuration_with_it(shard: Shard) -> None:
    configure_root(shard, rate=5.5)
    delete_account(shard, ROOT, NOW + SECOND)
    shard.set_now(NOW + 400 * DAY)
    shard.scan_accounts()
    assert shard.rows("account") == shard.rows("root_config") == []
