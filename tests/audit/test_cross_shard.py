"""The books of all shards: what is told of their sum is true, whatever is under way."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.audit.cross_shard import (
    InvalidPartition,
    NotComparable,
    Partition,
    Result,
    Verdict,
    add_up,
)
from swpt_accounts.audit.exports import (
    DebtorSums,
    Export,
    InvalidExport,
    ReceivedChange,
    SentChange,
    read_export,
    write_export,
)
from swpt_accounts.audit.report import sum_as_table
from swpt_accounts.core.realm import Realm

DEBTOR = 1
REALMS = (Realm.parse("0.#"), Realm.parse("1.#"))
CREDITORS = tuple(next(n for n in count(1) if realm.contains(DEBTOR, n)) for realm in REALMS)
START = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = 10**9


def at(tick: int) -> datetime:
    return START + timedelta(seconds=tick)


class Change(NamedTuple):
    """A change between two shards, and when it was where."""

    number: int
    sender: int
    begun: int
    """When its transaction began: its `committed_at`."""
    committed: int
    removed: int
    """From the outbox; it was published before."""
    received: int
    received_again: int

    amount: int


def export(changes: Iterable[Change], shard: int, tick: int) -> Export:
    """What a shard writes when its snapshot is taken at this moment."""
    changes = list(changes)
    principal, sent, received, complete_until = 0, [], [], tick
    for c in changes:
        here, there = CREDITORS[c.sender], CREDITORS[1 - c.sender]
        if c.sender == shard:
            if c.begun <= tick < c.committed:
                complete_until = min(complete_until, c.begun)
            if c.committed <= tick:
                principal -= c.amount
                if tick < c.removed:
                    sent.append(SentChange(DEBTOR, there, here, c.number, c.amount, at(c.begun)))
        else:
            principal += c.amount * ((c.received <= tick) + (c.received_again <= tick))
            if c.received <= tick:
                received.append(ReceivedChange(DEBTOR, here, c.number, at(c.begun)))
    return Export(
        format=1,
        realm=str(REALMS[shard]),
        taken_at=at(tick),
        complete_until=at(complete_until),
        received_since=at(-1),
        errors_count=0,
        debtors=[DebtorSums(DEBTOR, 1, str(principal), "0", 0)],
        sent=sent,
        received=received,
    )


delays = st.integers(0, 6)


@st.composite
def changes(draw: st.DrawFn, *, are_equal: bool = False) -> list[Change]:
    """Changes of equal amounts, or of such that no sum of some, with whatever signs, is 0."""
    made = []
    for number in range(draw(st.integers(0, 6))):
        begun = draw(st.integers(0, 30))
        committed = begun + draw(delays)
        published = committed + draw(delays)
        fate = draw(st.sampled_from(["arrives"] * 4 + ["is lost", "arrives twice"]))
        received = NEVER if fate == "is lost" else published + draw(delays)
        again = received + draw(delays) if fate == "arrives twice" else NEVER
        sender, removed = draw(st.integers(0, 1)), published + draw(delays)
        amount = 1 if are_equal else 1 << number
        made.append(Change(number, sender, begun, committed, removed, received, again, amount))
    return made


def is_explained(c: Change, ticks: tuple[int, int]) -> bool:
    """Whether all of a change was seen by the snapshots at these moments, and seen once."""
    sent_by, received_by = ticks[c.sender], ticks[1 - c.sender]
    if c.received_again <= received_by:
        return False
    if c.received <= received_by:
        return c.committed <= sent_by
    return c.committed > sent_by or sent_by < c.removed


ticks = st.tuples(st.integers(0, 45), st.integers(0, 45))


@given(changes(), ticks)
def test_what_adds_up_is_sound_only_if_everything_is_explained(
    made: list[Change], moments: tuple[int, int]
) -> None:
    (debtor,) = add_up([export(made, shard, moments[shard]) for shard in (0, 1)]).debtors
    if debtor.verdict == Verdict.SOUND:
        assert all(is_explained(c, moments) for c in made)
    assert debtor.verdict != Verdict.WRONG, "one round proves no error"


@given(changes(are_equal=True), ticks)
def test_nothing_is_sound_while_a_debit_may_be_missing(
    made: list[Change], moments: tuple[int, int]
) -> None:
    """It could hide that something else is missing."""
    (debtor,) = add_up([export(made, shard, moments[shard]) for shard in (0, 1)]).debtors
    for c in made:
        if c.received <= moments[1 - c.sender] and c.committed > moments[c.sender]:
            assert debtor.verdict == Verdict.UNPROVEN


@given(changes(), ticks, st.integers(1, 9))
def test_what_lasts_is_wrong_only_if_something_is_not_explained(
    made: list[Change], moments: tuple[int, int], pause: int
) -> None:
    later = moments[0] + max(moments) + pause, moments[1] + max(moments) + pause
    exports = [export(made, n, m[n]) for m in (moments, later) for n in (0, 1)]
    (debtor,) = add_up(exports).debtors
    if debtor.verdict == Verdict.WRONG:
        assert any(not is_explained(c, moments) and not is_explained(c, later) for c in made)
    if debtor.verdict == Verdict.SOUND:
        assert all(is_explained(c, later) for c in made)


@given(changes())
def test_everything_is_known_when_it_is_quiet(made: list[Change]) -> None:
    exports = [export(made, n, 100 + 10 * hour + n) for hour in (0, 1) for n in (0, 1)]
    (debtor,) = add_up(exports).debtors
    lost = sum(c.amount for c in made if c.received == NEVER)
    doubled = sum(c.amount for c in made if c.received_again < NEVER)
    assert debtor.amount == doubled - lost
    assert debtor.verdict == (Verdict.WRONG if lost or doubled else Verdict.SOUND)


def quiet(shard: int = 0, **fields: object) -> Export:
    return msgspec.structs.replace(export([], shard, 100 + shard), **fields)


def test_outbox_counts_until_its_change_is_received() -> None:
    change = Change(3, 0, 90, 91, NEVER, 100, NEVER, 8)
    for moment, received in ((95, 0), (101, 1)):
        result = add_up([export([change], 0, moment), export([change], 1, moment)])
        assert len(export([change], 1, moment).received) == received
        assert result.debtors[0].verdict == Verdict.SOUND


def test_what_lies_longer_than_the_exports_reach_back_is_not_proved() -> None:
    change = Change(3, 0, 90, 91, NEVER, NEVER, NEVER, 8)
    receiver = quiet(1, received_since=at(95), complete_until=at(101))
    (debtor,) = add_up([export([change], 0, 100), receiver]).debtors
    assert debtor.verdict == Verdict.UNPROVEN
    assert "--export-minutes" in debtor.problem


def test_debtor_of_whom_something_was_cut_off_is_not_proved() -> None:
    one = quiet(0, debtors=[DebtorSums(DEBTOR, 1, "0", "0", 1)])
    (debtor,) = add_up([one, quiet(1)]).debtors
    assert (debtor.verdict, debtor.amount) == (Verdict.UNPROVEN, 0)
    assert "truncated" in debtor.problem


def test_sums_may_be_longer_than_64_bits(tmp_path: Path) -> None:
    exports = [
        quiet(n, debtors=[DebtorSums(DEBTOR, 9, str(sign * 2**70), str(-sign), 0)])
        for n, sign in enumerate((1, -1))
    ]
    for n, made in enumerate(exports):
        write_export(tmp_path / str(n), made)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["0", "1"]
    read = [read_export(tmp_path / str(n)) for n in (0, 1)]
    assert read == exports
    assert add_up(read).debtors[0].verdict == Verdict.SOUND


@pytest.mark.parametrize(
    ("exports", "words"),
    [
        ([quiet(0), quiet(1), quiet(1)], "one export of each shard, or two of each"),
        ([quiet(0)] * 3 + [quiet(1)] * 3, "one export of each shard, or two of each"),
        ([quiet(0), quiet(1), quiet(0), quiet(1)], "export all shards, and then all shards"),
        ([quiet(0), quiet(1, received_since=at(101))], "reaches back only to 00:01:41Z"),
    ],
)
def test_exports_that_say_nothing_together(exports: list[Export], words: str) -> None:
    with pytest.raises(NotComparable, match=words):
        add_up(exports)


@pytest.mark.parametrize(
    ("realms", "words"),
    [
        (["0.#"], "shards are missing: 1.#"),
        (["0.0.#", "1.1.0.#"], r"shards are missing: 0.1.#, 1.0.#, 1.1.1.#"),
        (["#", "1.#"], "the accounts of 1.# are in two shards: # and 1.#"),
        (["0.#", "1.#", "1.0.#"], "the accounts of 1.0.# are in two shards: 1.# and 1.0.#"),
        ([], "shards are missing: #"),
    ],
)
def test_shards_that_are_not_the_whole(realms: list[str], words: str) -> None:
    with pytest.raises(InvalidPartition, match=words):
        Partition(map(Realm.parse, realms))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_owner_has_the_account(debtor_id: int, creditor_id: int) -> None:
    realms = [Realm.parse(key) for key in ("0.#", "1.0.#", "1.1.0.#", "1.1.1.#")]
    partition = Partition(reversed(realms))
    assert partition.owner(debtor_id, creditor_id).contains(debtor_id, creditor_id)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "truncated"),
        (b'{"type": "BooksReport"}', "BooksReport"),
        (msgspec.json.encode(quiet(0))[:-1], "truncated"),
        (msgspec.json.encode(quiet(0, format=2)), "its format is 2; this program reads 1"),
        (
            msgspec.json.encode(quiet(0, debtors=[DebtorSums(1, 1, "1.5", "0", 0)])),
            "invalid literal",
        ),
        (msgspec.json.encode(quiet(0, realm="2.#")), "2.#"),
    ],
)
def test_file_that_is_no_export(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "books.json"
    path.write_bytes(content)
    with pytest.raises(InvalidExport, match=rf"books\.json is not an export.*{words}"):
        read_export(path)


def test_export_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "no such folder" / "books.json"
    with pytest.raises(OSError, match="No such file"):
        write_export(path, quiet(0))
    assert list(tmp_path.iterdir()) == []


def test_table_names_the_wrong_ones_first() -> None:
    lost = Change(3, 0, 50, 51, 52, NEVER, NEVER, 8)
    doubt = [ReceivedChange(7, CREDITORS[1], 1, at(500))]
    exports = [export([lost], n, 100 + 10 * hour + n) for hour in (0, 1) for n in (0, 1)]
    exports[2] = msgspec.structs.replace(exports[2], received=doubt, errors_count=4)
    result: Result = add_up(exports)
    lines = list(sum_as_table(result, 10))
    assert [line.split()[:3] for line in lines[2:4]] == [
        ["wrong", "1", "-8"],
        ["unproven", "7", "0"],
    ]
    assert "8 units missing between 00:01:40Z and 00:01:51Z" in lines[2]
    assert "shard 1.# " not in lines[2]
    assert lines[-2:] == [
        "shard 0.#: its own check found 4 errors",
        (
            "2 debtors: 0 sound, 1 wrong, 1 unproven (between 2026-01-01 00:01:40Z and"
            " 2026-01-01 00:01:51Z)"
        ),
    ]
    assert len(list(sum_as_table(result, 1))) == len(lines) - 1
