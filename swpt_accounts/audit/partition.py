"""Which shard has which account, and whether together they have each of them once."""

from collections.abc import Iterable, Iterator

from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, Realm, account_bits


class InvalidPartition(ValueError):
    """Some accounts are in none of the realms, or in several. The message says which."""


class Partition:
    """Realms that have each account once. Raises `InvalidPartition` if they do not."""

    def __init__(self, realms: Iterable[Realm]) -> None:
        self._realms: set[Realm] = set()
        for realm in sorted(realms, key=lambda realm: realm.length):
            if twice := [other for other in self._realms if _is_within(realm, other)]:
                raise InvalidPartition(
                    f"the accounts of {realm} are in two shards: {twice[0]} and {realm}"
                )
            self._realms.add(realm)
        if missing := list(self._missing(Realm(0, 0))):
            raise InvalidPartition(f"shards are missing: {', '.join(map(str, missing))}")

    def _missing(self, realm: Realm) -> Iterator[Realm]:
        if realm in self._realms:
            return
        if not any(_is_within(other, realm) for other in self._realms):
            yield realm
            return
        for bit in (0, 1):
            yield from self._missing(Realm(realm.bits << 1 | bit, realm.length + 1))

    def owner(self, debtor_id: int, creditor_id: int) -> Realm:
        """The realm to which an account belongs."""
        bits = account_bits(debtor_id, creditor_id)
        for length in range(ACCOUNT_BITS_LENGTH + 1):
            realm = Realm(bits >> (ACCOUNT_BITS_LENGTH - length), length)
            if realm in self._realms:
                return realm
        raise AssertionError("a partition has every account")


def _is_within(realm: Realm, other: Realm) -> bool:
    return (
        realm.length >= other.length and realm.bits >> (realm.length - other.length) == other.bits
    )
