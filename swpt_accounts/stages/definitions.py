"""The stages: what each calls, and what wakes it up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from swpt_accounts.db.procedures import (
    PROCESS_BALANCE_CHANGES,
    PROCESS_FINALIZATION_REQUESTS,
    PROCESS_TRANSFER_REQUESTS,
    Procedure,
)
from swpt_accounts.observability.metrics.definitions import (
    CREDIT_SECONDS,
    FINALIZE_SECONDS,
    PREPARE_SECONDS,
    Metric,
)
from swpt_accounts.settings import Settings


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage takes rows from its queue table by calling its procedure.

    The procedure takes `after_id`, `count_max`, `left_ids` and the `parameters`. It returns how
    many rows were `taken` from the queue, how many were `seen` after the id, the `last_id` of
    these, the `left_ids` of those whose accounts another session had locked, and the
    `waited_seconds` of the oldest row that was taken, which are its `latency`.
    """

    name: str
    topic: str
    table: str
    procedure: Procedure
    count_max: Callable[[Settings], int]
    parameters: Callable[[Settings], dict[str, Any]]
    latency: Metric


TRANSFER_REQUESTS = Stage(
    "process_transfer_requests",
    "TransferRequest",
    "transfer_request",
    PROCESS_TRANSFER_REQUESTS,
    lambda s: s.app_process_transfer_requests_max_count,
    lambda s: {"commit_period": timedelta(days=s.app_prepared_transfer_max_delay_days)},
    PREPARE_SECONDS,
)
FINALIZATION_REQUESTS = Stage(
    "process_finalization_requests",
    "FinalizationRequest",
    "finalization_request",
    PROCESS_FINALIZATION_REQUESTS,
    lambda s: s.app_process_finalization_requests_max_count,
    lambda s: s.realm.parameters,
    FINALIZE_SECONDS,
)
BALANCE_CHANGES = Stage(
    "process_balance_changes",
    "PendingBalanceChange",
    "pending_balance_change",
    PROCESS_BALANCE_CHANGES,
    lambda s: s.app_process_balance_changes_max_count,
    lambda _settings: {},
    CREDIT_SECONDS,
)
