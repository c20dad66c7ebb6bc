"""The kit's own idea of the wire is the authority's."""

import json

from hypothesis import given
from hypothesis import strategies as st

from agentkit import keys
from agentkit.messages import Message, balance_change, configure, encode, finalize, prepare
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64, account_id
from swpt_accounts.smp import incoming, routing
from swpt_accounts.smp.decoder import decode

int64 = st.integers(MIN_INT64, MAX_INT64)
CREDITOR_ID = 0x000002 << 40 | 5
PREPARED = {
    "type": "PreparedTransfer",
    "debtor_id": -1,
    "creditor_id": CREDITOR_ID,
    "transfer_id": 3,
    "coordinator_type": "direct",
    "coordinator_id": CREDITOR_ID,
    "coordinator_request_id": 7,
    "locked_amount": 0,
}


@given(int64, int64)
def test_routing_keys_and_ids(debtor_id: int, creditor_id: int) -> None:
    assert keys.hex_key(debtor_id) == routing.hex_routing_key(debtor_id)
    assert keys.bits_key(debtor_id, creditor_id) == routing.bits_routing_key(debtor_id, creditor_id)
    assert keys.unsigned(creditor_id) == account_id(creditor_id)
    assert keys.signed(keys.unsigned(creditor_id)) == creditor_id


def decoded(message: Message) -> incoming.IncomingMessage:
    return decode(message["type"], "application/json", encode(message))


def test_configure_account_is_well_formed() -> None:
    message = configure(
        -1, 0, seqnum=2, negligible_amount=1e30, config_data='{"type": "RootConfigData"}'
    )

    found = decoded(message)

    assert isinstance(found, incoming.ConfigureAccount)
    assert found.config_data == message["config_data"]
    assert json.loads(encode(message)) == message


def test_prepare_transfer_is_well_formed() -> None:
    found = decoded(prepare(-1, CREDITOR_ID, "0", 2, min_locked_amount=1))

    assert isinstance(found, incoming.PrepareTransfer)
    assert (found.debtor_id, found.creditor_id) == (-1, CREDITOR_ID)
    assert (found.coordinator_type, found.coordinator_id) == ("direct", CREDITOR_ID)
    assert (found.min_locked_amount, found.max_locked_amount) == (1, 2)


def test_balance_change_is_well_formed() -> None:
    found = decoded(balance_change(-1, CREDITOR_ID, 0, -5))

    assert isinstance(found, incoming.PendingBalanceChange)
    assert (found.debtor_id, found.creditor_id) == (-1, CREDITOR_ID)
    assert (found.other_creditor_id, found.principal_delta) == (0, -5)


def test_finalize_transfer_repeats_the_six_ids() -> None:
    found = decoded(finalize(PREPARED, 10, transfer_note="für Äpfel"))

    assert isinstance(found, incoming.FinalizeTransfer)
    ids = [name for name in PREPARED if name not in ("type", "locked_amount")]
    assert {name: getattr(found, name) for name in ids} == {name: PREPARED[name] for name in ids}
    assert (found.committed_amount, found.transfer_note) == (10, "für Äpfel")
