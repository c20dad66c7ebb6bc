"""What each stage calls, and what wakes it up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from swpt_accounts.settings import Settings


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage takes rows from its queue table by calling its procedure.

    The procedure takes `(after_id, count_max, *parameters)`, and returns how many rows were
    taken from the queue, how many were seen, and the last id.
    """

    name: str
    topic: str
    table: str
    procedure: str
    count_max: Callable[[Settings], int]
    parameters: Callable[[Settings], tuple[Any, ...]]


def _realm(settings: Settings) -> tuple[int, int]:
    return settings.realm.bits, settings.realm.length


PREPARING = Stage(
    "process_transfer_requests",
    "TransferRequest",
    "transfer_request",
    "process_transfer_requests_v1",
    lambda s: s.app_process_transfer_requests_max_count,
    lambda s: (timedelta(days=s.app_prepared_transfer_max_delay_days),),
)
FINALIZING = Stage(
    "process_finalization_requests",
    "FinalizationRequest",
    "finalization_request",
    "process_finalization_requests_v1",
    lambda s: s.app_process_finalization_requests_max_count,
    _realm,
)
CHANGING_BALANCES = Stage(
    "process_balance_changes",
    "PendingBalanceChange",
    "pending_balance_change",
    "process_balance_changes_v1",
    lambda s: s.app_process_balance_changes_max_count,
    lambda _settings: (),
)
