"""The journal while services are killed: each effect is noted once, in its own transaction."""

from collections import Counter
from typing import Any

import pytest

from agentkit.authority import Authority
from agentkit.keys import ACCOUNTS_IN
from agentkit.load import Load
from agentkit.messages import Message, encode
from agentkit.waiting import wait_until

KILLED = ("consume_messages", "flush_messages", "process_finalization_requests")


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"PROTOCOL_BROKER_PREFETCH_COUNT": "20", "JOURNAL_DAYS": "1"}


def noted(authority: Authority, debtor_id: int, *, is_sent: bool) -> Counter[bytes]:
    rows = authority.query(
        "SELECT body FROM journal WHERE debtor_id = %s AND is_sent = %s", debtor_id, is_sent
    )
    return Counter(bytes(body) for (body,) in rows)


def test_each_effect_is_noted_once(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a message comes twice, or goes out twice, because of a kill."""
    load = Load(authority)
    sent: list[Message] = []
    send: Any = load._send

    def keep(message: Message) -> None:
        sent.append(message)
        send(message)

    before = noted(authority, load.debtor_id, is_sent=False)
    monkeypatch.setattr(load, "_send", keep)
    monkeypatch.setattr(load.coordinator, "_send", keep)
    for name in KILLED * 2:
        load.run_for(load.random.randrange(5, 25))
        authority.kill(name)
        load.pump()
        authority.revive()
    load.finish()
    load.check()

    def heard() -> set[bytes]:
        load.observer.receive_all()
        return {m.body for m in load.messages if m.exchange != ACCOUNTS_IN}

    # what a killed flusher has sent, its successor sends again, and notes
    wait_until(lambda: noted(authority, load.debtor_id, is_sent=True).keys() >= heard())
    found = noted(authority, load.debtor_id, is_sent=True)
    assert found.keys() == heard()
    assert set(found.values()) == {1}
    assert noted(authority, load.debtor_id, is_sent=False) - before == Counter(map(encode, sent))
