"""Reconciles the books of all shards, from their exports: see docs/decisions/0017."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from swpt_accounts.audit.exports import Export
from swpt_accounts.core.formatting import plural
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


ROUNDS_MAX: Final = 2
Key = tuple[int, int, int]


class NotComparable(ValueError):
    """The exports say nothing together. The message says why, and what to do."""


class Verdict(StrEnum):
    """What is known of the money of a debtor.

    `SOUND`: it adds up to 0. `WRONG`: the same amount is missing, or too much, in two rounds, and
    no change under way in the databases explains it. `UNPROVEN`: none of the two.
    """

    SOUND = "sound"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class DebtorResult:
    """What is known of a debtor. `amount` is what all adds up to; it should be 0."""

    debtor_id: int
    verdict: Verdict
    amount: int
    problem: str = ""


@dataclass
class Round:
    """One export of each shard, added up. `doubts` says why the sum of a debtor proves nothing."""

    first_at: datetime
    last_at: datetime
    sums: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    doubts: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What is known of all debtors, the last round being the one that counts."""

    rounds: list[Round]
    debtors: list[DebtorResult]
    errors_counts: dict[str, int]

    def count(self, verdict: Verdict) -> int:
        return sum(debtor.verdict == verdict for debtor in self.debtors)


def add_up(exports: Sequence[Export]) -> Result:
    """Add up the exports: one of each shard, or two.

    Raises `NotComparable`, and `InvalidPartition` if they are not of all shards once.
    """
    by_realm: defaultdict[Realm, list[Export]] = defaultdict(list)
    for export in sorted(exports, key=lambda export: export.taken_at):
        by_realm[Realm.parse(export.realm)].append(export)
    partition = Partition(by_realm)
    counts = {len(of_realm) for of_realm in by_realm.values()}
    if len(counts) > 1 or max(counts) > ROUNDS_MAX:
        raise NotComparable("pass one export of each shard, or two of each")
    rounds = [
        _Sum(partition, {realm: of_realm[n] for realm, of_realm in by_realm.items()}).round
        for n in range(counts.pop())
    ]
    if len(rounds) == ROUNDS_MAX and rounds[0].last_at >= rounds[1].first_at:
        raise NotComparable(
            "the second export of a shard was made before the first one of another: export all"
            " shards, and then all shards again"
        )
    debtor_ids = sorted(rounds[-1].sums)
    return Result(
        rounds,
        [_verdict_on(debtor_id, rounds) for debtor_id in debtor_ids],
        {e.realm: e.errors_count for e in exports if e.errors_count > 0},
    )


def _verdict_on(debtor_id: int, rounds: list[Round]) -> DebtorResult:
    last = rounds[-1]
    amount = last.sums[debtor_id]
    if doubt := last.doubts.get(debtor_id):
        return DebtorResult(debtor_id, Verdict.UNPROVEN, amount, doubt)
    if amount == 0:
        return DebtorResult(debtor_id, Verdict.SOUND, 0)
    first = rounds[0]
    is_lasting = (
        first is not last and debtor_id not in first.doubts and first.sums[debtor_id] == amount
    )
    where = "not applied" if amount < 0 else "applied twice, or reverted"
    return DebtorResult(
        debtor_id,
        Verdict.WRONG if is_lasting else Verdict.UNPROVEN,
        amount,
        f"{plural(abs(amount), 'unit')} {'missing' if amount < 0 else 'in excess'}"
        f" between {first.first_at:%H:%M:%S}Z and {last.last_at:%H:%M:%S}Z: {where},"
        " or in a queue of messages or dead letters",
    )


class _Sum:
    """Adds up one round."""

    def __init__(self, partition: Partition, exports: dict[Realm, Export]) -> None:
        self._partition = partition
        self._exports = exports
        self._sent: dict[Realm, set[Key]] = {
            realm: {(c.debtor_id, c.other_creditor_id, c.change_id) for c in export.sent}
            for realm, export in exports.items()
        }
        self._received: dict[Realm, set[Key]] = {
            realm: {(c.debtor_id, c.other_creditor_id, c.change_id) for c in export.received}
            for realm, export in exports.items()
        }
        moments = [export.taken_at for export in exports.values()]
        self.round = Round(min(moments), max(moments))
        _check_reach(exports.values())
        for realm, export in exports.items():
            self._add_sums(export)
            self._add_sent(export)
            self._doubt_received(realm, export)

    def _add_sums(self, export: Export) -> None:
        for sums in export.debtors:
            self.round.sums[sums.debtor_id] += int(sums.principals) + int(sums.waiting)
            if sums.overflown_count > 0:
                self._doubt(sums.debtor_id, "the principal of an account was truncated")

    def _add_sent(self, export: Export) -> None:
        """What has not been received yet is still on its way."""
        for change in export.sent:
            receiver = self._partition.owner(change.debtor_id, change.creditor_id)
            key = change.debtor_id, change.other_creditor_id, change.change_id
            if key in self._received[receiver]:
                continue
            if change.committed_at < self._exports[receiver].received_since:
                self._doubt(
                    change.debtor_id,
                    f"change {change.change_id} has been in the outbox of {export.realm} since"
                    f" {change.committed_at:%Y-%m-%d %H:%M}Z: export with more --export-minutes",
                )
            self.round.sums[change.debtor_id] += change.principal_delta

    def _doubt_received(self, realm: Realm, export: Export) -> None:
        """Was it taken from its sender when the sender's snapshot was taken?"""
        for change in export.received:
            sender = self._partition.owner(change.debtor_id, change.other_creditor_id)
            key = change.debtor_id, change.other_creditor_id, change.change_id
            complete_until = self._exports[sender].complete_until
            if change.committed_at >= complete_until and key not in self._sent[sender]:
                self._doubt(
                    change.debtor_id,
                    f"shard {realm} has received a change that {sender} may have sent after its"
                    " export",
                )

    def _doubt(self, debtor_id: int, doubt: str) -> None:
        self.round.doubts.setdefault(debtor_id, doubt)
        self.round.sums[debtor_id] += 0


def _check_reach(exports: Iterable[Export]) -> None:
    """What one shard names as received must reach back to where the sums of others are complete."""
    exports = list(exports)
    receiver = max(exports, key=lambda export: export.received_since)
    sender = min(exports, key=lambda export: export.complete_until)
    if len(exports) > 1 and receiver.received_since > sender.complete_until:
        raise NotComparable(
            f"the export of {sender.realm} is complete until {sender.complete_until:%H:%M:%S}Z,"
            f" but that of {receiver.realm} reaches back only to"
            f" {receiver.received_since:%H:%M:%S}Z: export all shards at about the same time, or"
            " with more --export-minutes"
        )
