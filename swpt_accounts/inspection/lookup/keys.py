"""What is asked about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CoordinatorRequest:
    """What a coordinator calls its transfer."""

    coordinator_type: str
    coordinator_id: int
    coordinator_request_id: int

    def __str__(self) -> str:
        return (
            f"request {self.coordinator_request_id} of the coordinator"
            f" {self.coordinator_type} {self.coordinator_id}"
        )


@dataclass(frozen=True, slots=True)
class TransferKey:
    """What the authority calls a prepared transfer. The account is the sender's."""

    debtor_id: int
    creditor_id: int
    transfer_id: int

    def __str__(self) -> str:
        return f"transfer {self.transfer_id} from account {self.debtor_id}/{self.creditor_id}"


@dataclass(frozen=True, slots=True)
class AccountKey:
    """An account."""

    debtor_id: int
    creditor_id: int

    def __str__(self) -> str:
        return f"account {self.debtor_id}/{self.creditor_id}"


Subject = CoordinatorRequest | TransferKey | AccountKey
