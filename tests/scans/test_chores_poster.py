"""Chores wait to be posted while the chores broker, or its queue, takes none."""

import socket
from collections.abc import Iterator, Sized
from contextlib import closing
from functools import partial

import pytest

from agentkit.broker import Broker
from agentkit.waiting import wait_until
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.broker.topology import create_chores_queue
from swpt_accounts.scans import chores_poster as poster_module
from swpt_accounts.scans.chores import CapitalizeInterest, Chore, TryToDeleteAccount, decode_chore
from swpt_accounts.scans.chores_poster import ChoresPoster
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent


def settings_of(url: str, queue: str = "chores") -> Settings:
    return load_settings({"CHORES_BROKER_URL": url, "CHORES_BROKER_QUEUE": queue})


def has_length(items: Sized, length: int) -> bool:
    return len(items) == length


def chores(count: int) -> list[Chore]:
    return [CapitalizeInterest(debtor_id=1, creditor_id=n) for n in range(1, count + 1)]


@pytest.fixture
def chores_queue(request: pytest.FixtureRequest) -> str:
    """The name of a queue of this test's own."""
    return str(request.node.name).replace("[", "_").replace("]", "")


@pytest.fixture
def poster(broker_url: str, chores_queue: str) -> Iterator[ChoresPoster]:
    with closing(ChoresPoster(settings_of(broker_url, chores_queue))) as made:
        yield made


def take(broker: Broker, queue: str) -> Chore | None:
    """The next chore of a queue, if there is one."""
    _, properties, body = broker.channel.basic_get(queue, auto_ack=True)
    if properties is None:
        return None
    assert properties.content_type == "application/json"
    assert properties.delivery_mode == 2
    return decode_chore(properties.type, body)


def take_all(broker: Broker, queue: str, count: int) -> list[Chore]:
    """So many chores, and no more."""
    taken: list[Chore] = []

    def has_enough() -> bool:
        while (chore := take(broker, queue)) is not None:
            taken.append(chore)
        return len(taken) >= count

    wait_until(has_enough)
    return taken


def lines(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [r.message for r in caplog.records if text in r.message]


def test_chores_are_posted(
    poster: ChoresPoster, broker: Broker, broker_url: str, chores_queue: str
) -> None:
    create_chores_queue(broker_url, chores_queue)
    expected = [*chores(5), TryToDeleteAccount(debtor_id=1, creditor_id=1)]
    poster.post([])
    poster.post(expected)
    poster.finish(ShutdownEvent(), 15)
    assert take_all(broker, chores_queue, 6) == expected


def test_chores_are_posted_after_a_long_rest(
    poster: ChoresPoster,
    broker: Broker,
    broker_url: str,
    chores_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[Publisher] = []

    class Recorded(Publisher):
        def close(self) -> None:
            super().close()
            closed.append(self)

    monkeypatch.setattr(poster_module, "Publisher", Recorded)
    monkeypatch.setattr(poster_module, "IDLE_SECONDS", 0.01)
    create_chores_queue(broker_url, chores_queue)
    for connections_count in range(1, 4):
        poster.post(chores(1))
        assert take_all(broker, chores_queue, 1) == chores(1)
        wait_until(partial(has_length, closed, connections_count))


def test_chores_wait_for_a_queue_that_is_missing(
    poster: ChoresPoster,
    broker: Broker,
    broker_url: str,
    chores_queue: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    poster.post(chores(3))
    wait_until(lambda: lines(caplog, "cannot post chores"))
    # the next pass finds the same ones again, and one more
    for _ in range(3):
        poster.post(chores(4))
    create_chores_queue(broker_url, chores_queue)
    assert take_all(broker, chores_queue, 4) == chores(4)
    wait_until(lambda: lines(caplog, "accepts chores again"))
    (line,) = lines(caplog, "cannot post chores")
    assert "NOT_FOUND" in line
    assert take(broker, chores_queue) is None


def test_no_more_chores_wait_than_there_is_room_for(
    poster: ChoresPoster,
    broker: Broker,
    broker_url: str,
    chores_queue: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poster_module, "WAITING_COUNT_MAX", 10)
    poster.post(chores(10))
    wait_until(lambda: lines(caplog, "cannot post chores"))
    poster.post(chores(25))
    create_chores_queue(broker_url, chores_queue)
    assert take_all(broker, chores_queue, 10) == chores(10)
    wait_until(lambda: lines(caplog, "chores left to the next scan: 15"))


def test_scan_waits_for_room_while_chores_are_taken(
    poster: ChoresPoster,
    broker: Broker,
    broker_url: str,
    chores_queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poster_module, "WAITING_COUNT_MAX", 10)
    monkeypatch.setattr(poster_module, "BATCH_COUNT_MAX", 10)
    monkeypatch.setattr(poster_module, "ROOM_SECONDS_MAX", 15.0)
    create_chores_queue(broker_url, chores_queue)
    poster.post(chores(200))
    assert take_all(broker, chores_queue, 200) == chores(200)


def test_long_queue_gets_nothing_more(
    poster: ChoresPoster,
    broker: Broker,
    broker_url: str,
    chores_queue: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poster_module, "QUEUE_COUNT_MAX", 10)
    monkeypatch.setattr(poster_module, "LOOK_SECONDS", 0.05)
    create_chores_queue(broker_url, chores_queue)
    poster.post(chores(25))
    refusal = f"cannot post chores to queue {chores_queue}: it has 10 messages"
    wait_until(lambda: lines(caplog, refusal))
    assert broker.ready_count(chores_queue) == 10
    # nobody floods it again before half of them are done
    first = [take(broker, chores_queue) for _ in range(3)]
    for _ in range(5):
        poster.post(chores(25)[10:])
        assert broker.ready_count(chores_queue) == 7
    rest = take_all(broker, chores_queue, 22)
    assert [*first, *rest] == chores(25)
    wait_until(lambda: lines(caplog, "accepts chores again"))


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "silent"])
def test_broker_that_is_away_holds_up_nobody(
    is_silent: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster_module, "ROOM_SECONDS_MAX", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not is_silent:
            server.close()
        shutdown = ShutdownEvent()
        poster = ChoresPoster(settings_of(f"amqp://guest:guest@127.0.0.1:{port}"))
        with closing(poster):
            for _ in range(10):
                poster.post(chores(1000))
            if not is_silent:
                wait_until(lambda: lines(caplog, "cannot post chores"))
            shutdown.request()
            poster.finish(shutdown, 60)
        assert lines(caplog, "chores not posted: 1000")
