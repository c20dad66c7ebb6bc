"""The ids that are found in bodies which nothing else can be said of."""

import json

from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.smp.decoder import BYTES_MAX, ids_in


def test_ids_of_a_message_that_breaks_a_rule() -> None:
    body = {
        "debtor_id": -(2**63),
        "creditor_id": 2**63 - 1,
        "coordinator_type": "direct",
        "coordinator_id": 5,
        "coordinator_request_id": 6,
        "transfer_id": 7,
        "transfer_note": 8,
    }
    wanted = {name: value for name, value in body.items() if name != "transfer_note"}
    assert ids_in(json.dumps(body).encode()) == wanted


def test_what_is_no_id_is_left_out() -> None:
    body = {
        "debtor_id": True,
        "creditor_id": "a\nline",
        "coordinator_type": "x" * 31,
        "coordinator_id": 10**30,
        "coordinator_request_id": None,
        "transfer_id": [1],
    }
    assert ids_in(json.dumps(body).encode()) == {}
    assert ids_in(b'{"debtor_id": 1}' + b" " * BYTES_MAX) == {}
    assert ids_in(b"[" * 50_000) == {}


@given(st.binary())
def test_any_body_will_do(body: bytes) -> None:
    assert isinstance(ids_in(body), dict)
