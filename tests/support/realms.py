"""Accounts of this shard, and of another one."""

from itertools import count, islice

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings, load_settings
from verification.kit.shard import Shard
from verification.model.builders import DEBTOR

FIRST_CREDITOR_ID = 1 << 40


def find_creditors(routing_key: str, how_many: int, debtor_id: int = DEBTOR) -> list[int]:
    """Ids of creditors whose accounts belong to the realm; all are of one agent."""
    realm = Realm.parse(routing_key)
    return list(
        islice((c for c in count(FIRST_CREDITOR_ID) if realm.contains(debtor_id, c)), how_many)
    )


def find_debtor(root_routing_key: str) -> int:
    """The id of a debtor whose own account belongs to the realm."""
    realm = Realm.parse(root_routing_key)
    return next(debtor_id for debtor_id in count(1) if realm.contains(debtor_id, 0))


def make_shard(
    connection: DatabaseConnection, settings: Settings, routing_key: str, **variables: str
) -> Shard:
    """A shard whose realm is a part of the world."""
    uri = settings.database_url
    return Shard(
        connection,
        load_settings(
            {
                "SQLALCHEMY_DATABASE_URI": uri,
                "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": routing_key,
                "FETCH_API_URL": "http://localhost",
                **variables,
            }
        ),
    )
