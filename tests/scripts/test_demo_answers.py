"""The demo knows what a message is about."""

from typing import Any

import pytest

from scripts.demo_agents.answers import Key, describe, key_of
from tests.agentkit.messages import NAMES, changed


def key(name: str, **values: Any) -> Key:
    return key_of(changed(name, **values).data)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_can_be_told_in_words(name: str) -> None:
    assert describe(key(name))


def test_answers_to_the_same_question_have_the_same_key() -> None:
    assert key("PreparedTransfer") == key("RejectedTransfer")
    assert key("PreparedTransfer") != key("FinalizedTransfer")
    rejected = key("RejectedConfig", config_seqnum=7, config_ts="2024-05-20T13:15:09.123456Z")
    assert key("AccountUpdate") == rejected
    assert key("AccountTransfer", transfer_note="") != key("AccountTransfer")


@pytest.mark.parametrize("values", [{"coordinator_id": []}, {"coordinator_id": {}}])
def test_a_message_without_a_key(values: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        key("PreparedTransfer", **values)
