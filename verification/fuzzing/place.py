"""A shard of one's own, at a moment which stays."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import md5

from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from swpt_accounts.db.connection import connect
from swpt_accounts.settings import load_settings
from verification.fuzzing.documents import NOW
from verification.kit.rows import CHANGING_TABLES
from verification.kit.servers import Addresses, own_addresses
from verification.kit.shard import Shard


@dataclass
class Place:
    """The shard, and where its servers are."""

    shard: Shard
    addresses: Addresses

    def digest(self) -> dict[str, str]:
        """A digest of each table."""
        return {table: self._digest(table) for table in CHANGING_TABLES}

    def _digest(self, table: str) -> str:
        query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
        rows = self.shard.connection.raw.execute(query).fetchall()
        return md5(repr(rows).encode(), usedforsecurity=False).hexdigest()


@contextmanager
def own_shard() -> Iterator[Place]:
    """A shard on the servers of `./dev verify`, at the moment `NOW`."""
    with own_addresses() as addresses:
        freeze = sql.SQL("ALTER DATABASE {} SET swpt_accounts.now = {}").format(
            sql.Identifier(make_url(addresses.database_url).database or ""), NOW.isoformat()
        )
        execute(dsn_of(addresses.database_url), freeze)
        settings = load_settings({"SQLALCHEMY_DATABASE_URI": addresses.database_url})
        with closing(connect(settings, "fuzz")) as connection:
            yield Place(Shard(connection, settings), addresses)
