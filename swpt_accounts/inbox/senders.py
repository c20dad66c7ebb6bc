"""Takes balance changes from shards only: whoever sends one credits an account."""

from typing import Final

from swpt_accounts.broker.consumer import NOT_FROM_SHARD, Delivery, Refusal
from swpt_accounts.broker.senders import are_verified, is_shard
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import query
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import PendingBalanceChange

NO_SHARD: Final = "no other shard has sent this PendingBalanceChange"


def refuse_strangers(batch: list[Delivery], settings: Settings) -> list[Refusal]:
    """The balance changes that were not sent by a shard. That of the only one may have been in its
    outbox since it was the reference's.
    """
    if not are_verified(settings):
        return []
    is_alone = settings.realm.length == 0
    return [
        Refusal(delivery, _reason(delivery, is_alone=is_alone), NOT_FROM_SHARD)
        for delivery in batch
        if delivery.properties.type == PendingBalanceChange.__name__
        and not delivery.is_replayed
        and not is_shard(delivery.sender, settings)
    ]


def _reason(delivery: Delivery, *, is_alone: bool) -> str:
    if is_alone:
        return f"{NO_SHARD}: there is only one"
    sender = "nobody" if delivery.sender is None else f"the user {delivery.sender!r}"
    return f"{NO_SHARD}: {sender} of RabbitMQ answers for it"


def are_strangers_taken(connection: DatabaseConnection, realm: Realm) -> bool:
    """Whether senders are still at work for which nobody answers: those of the reference in a move,
    and other shards in an upgrade. Raises `psycopg.Error`.
    """
    row = connection.raw.execute(
        query("are_strangers_taken").encode(), {"is_alone": realm.length == 0}
    ).fetchone()
    return bool(row and row[0])
