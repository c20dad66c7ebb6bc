"""What the scans do page by page, or batch by batch."""

from collections.abc import Callable

from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import open_books
from verification.model.builders import ALICE, BOB, DAY, DEBTOR, NOW, SECOND


def test_prompt_updates_come_in_batches_the_oldest_first(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 100})
    shard.update_account(DEBTOR, BOB, last_heartbeat_ts=NOW - SECOND)
    shard.set_now(NOW + DAY)
    for creditor_id in (BOB, None):
        assert shard.send_prompt_account_updates(count_max=1) == 1
        updates = shard.take_messages()
        assert creditor_id in (None, updates[0]["creditor_id"])


def test_only_the_given_pages_are_looked_at(shard: Shard) -> None:
    shard.receive(
        *[builders.configure_account(creditor_id) for creditor_id in range(2**40, 2**40 + 400)]
    )
    shard.take_messages()
    shard.set_now(NOW + 8 * DAY)
    pages_count = shard.pages_count("account")
    assert pages_count > 3
    sent_by_page = []
    for page in range(pages_count):
        rows = shard.connection.raw.execute(
            "SELECT creditor_id FROM account WHERE ctid >= %s::tid AND ctid < %s::tid"
            " AND last_heartbeat_ts < current_ts()",
            [f"({page},0)", f"({page + 1},0)"],
        ).fetchall()
        shard.send_due_account_updates(page, page + 1, 7 * DAY)
        updates = shard.take_messages()
        assert {m["creditor_id"] for m in updates} == {creditor_id for (creditor_id,) in rows}
        sent_by_page.append(len(updates))
    assert sum(sent_by_page) == 400


def test_empty_table_has_no_pages(shard: Shard, as_owner: Callable[[str], None]) -> None:
    as_owner("TRUNCATE prepared_transfer")
    assert shard.pages_count("prepared_transfer") == 0
    shard.scan_prepared_transfers()
