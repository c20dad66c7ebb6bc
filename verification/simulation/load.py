"""The load of the chaos rounds, by the steps of a plan: it knows what must become of a request."""

import json
from datetime import datetime, timedelta
from typing import Any, cast

from agentkit.authority import Authority
from agentkit.coordinator import Transfer
from agentkit.keys import ROOT_CREDITOR_ID
from agentkit.messages import Message, configure, configure_root
from agentkit.outcomes import assert_sound, check_repetitions
from verification.chaos.agents import ChaosLoad
from verification.simulation.agents import SimAuthority
from verification.simulation.plan import GUESTS_COUNT, Plan, Step

# Which seeds have their books verified.
_BOOKS_EVERY = 4


class SimLoad(ChaosLoad):
    """Does the steps of a plan."""

    # Virtual ones. The longest pauses of the workers are of ten seconds.
    seconds_max = 90.0

    def __init__(self, authority: SimAuthority, plan: Plan) -> None:
        self.world = authority.world
        self.plan = plan
        self.locks: list[tuple[int, float]] = []
        """Which accounts are to be locked by somebody else, for how long."""
        self.fates: dict[int, str] = {}
        # It has what a load uses of one.
        super().__init__(cast(Authority, authority), plan.seed)

    def _open(self) -> None:
        if self.plan.shape.rate:
            data = json.dumps({"type": "RootConfigData", "rate": self.plan.shape.rate})
            self._send(configure_root(self.debtor_id, config_data=data))
        super()._open()

    def _publish(self, message: Message) -> None:
        self.authority.send(message)

    def _send(self, message: Message) -> None:
        is_root = message["creditor_id"] == ROOT_CREDITOR_ID
        if self.plan.shape.rate and is_root and message["type"] == "ConfigureAccount":
            data = json.dumps({"type": "RootConfigData", "rate": self.plan.shape.rate})
            message["config_data"] = data
        super()._send(message)

    # -- the steps --------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Do a step, and let some time pass."""
        getattr(self, step.name)(*step.arguments)
        end = self.world.clock.monotonic + step.pause
        self.pump(is_over=True)
        while self.world.clock.monotonic < end:
            self.pump(is_over=True)

    def transfer(self, sender: int, recipient: int, amount: int, fate: str) -> None:
        changes: dict[str, Any] = {"max_commit_delay": 1} if fate == "late" else {}
        if amount % 2:
            changes["min_locked_amount"] = 0
        ids = self.creditor_ids
        request_id = len(self.coordinator.transfers) + 1
        transfer = self.coordinator.ask(
            ids[sender], ids[recipient], amount, coordinator_request_id=request_id, **changes
        )
        self.fates[request_id] = fate
        if fate == "late":
            self.late[transfer.request_id] = None
        if fate == "dismiss":
            self.dismissed.add(transfer.request_id)

    def configure(self, creditor: int) -> None:
        self._configure(self.creditor_ids[creditor])

    def lock(self, creditor: int, seconds: float) -> None:
        self.locks.append((self.creditor_ids[creditor], seconds))

    def pass_days(self, days: float) -> None:
        """Let days pass. Nobody decides so late about a transfer that is not held on purpose."""
        if days > 1:
            self._pump_until(lambda: not any(map(self._is_awaited, self.transfers)))
        for transfer in self.transfers:
            if days > 1 and transfer.is_held and transfer.request_id not in self.late:
                self.coordinator.finalize(transfer, self._amount(transfer))
        if days > 1:
            self._pump_until(lambda: not self._in_flight_count())
        self.world.clock.jump(timedelta(days=days))

    def _is_awaited(self, transfer: Transfer) -> bool:
        return not transfer.outcomes and not transfer.is_held

    def _guest(self, guest: int) -> int:
        return 2**33 + 1 + guest

    def open_guest(self, guest: int) -> None:
        self._send(configure(self.debtor_id, self._guest(guest)))

    def close_guest(self, guest: int) -> None:
        self._send(
            configure(self.debtor_id, self._guest(guest), config_flags=1, negligible_amount=1e30)
        )

    # -- what the coordinator decides ---------------------------------------------

    def _decide(self, transfer: Transfer) -> int | None:
        if self.fates.get(transfer.request_id) == "hold" and not transfer.finalization:
            return None
        return super()._decide(transfer)

    def _now(self) -> datetime:
        return self.world.clock.now

    def _ask(self, sender: int, recipient: int, amount: int) -> Transfer:
        request_id = len(self.coordinator.transfers) + 1
        return self.coordinator.ask(sender, recipient, amount, coordinator_request_id=request_id)

    def release(self) -> None:
        """Finalize what is held back, as soon as it is prepared."""
        self.fates.clear()
        for transfer in self.transfers:
            if transfer.is_held and transfer.request_id not in self.late:
                self.coordinator.finalize(transfer, self._amount(transfer))

    # -- what must be true in the end -----------------------------------------------

    def _check_books(self) -> None:
        # the model is the stricter judge, and the faster one
        if self.plan.seed % _BOOKS_EVERY == 0:
            super()._check_books()

    def _check_messages(self) -> None:
        guests = {self._guest(guest) for guest in range(GUESTS_COUNT)}
        assert_sound(
            [m for m in self.messages if m.data["creditor_id"] not in guests],
            are_all_reported=True,
            now=self.world.clock.now,
        )
        check_repetitions(self.messages)
