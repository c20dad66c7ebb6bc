"""The protocol's value types, with their limits (SMP, Serialization)."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from swpt_accounts.core.ids import MAX_INT32, MAX_INT64, MIN_INT32, MIN_INT64

MAX_CONFIG_DATA_BYTES: Final = 2000
MAX_TRANSFER_NOTE_BYTES: Final = 500
CONTENT_TYPE: Final = "application/json"

Int32 = Annotated[int, Meta(ge=MIN_INT32, le=MAX_INT32)]
Int64 = Annotated[int, Meta(ge=MIN_INT64, le=MAX_INT64)]
NonNegativeInt32 = Annotated[int, Meta(ge=0, le=MAX_INT32)]
NonNegativeInt64 = Annotated[int, Meta(ge=0, le=MAX_INT64)]
PositiveInt64 = Annotated[int, Meta(ge=1, le=MAX_INT64)]
NonNegativeFloat = Annotated[float, Meta(ge=0.0)]
PrincipalDelta = Annotated[
    int, Meta(ge=-MAX_INT64, le=MAX_INT64, extra_json_schema={"not": {"const": 0}})
]

_ASCII = {"pattern": "^[\\x00-\\x7f]*$"}
CoordinatorType = Annotated[str, Meta(min_length=1, max_length=30, extra_json_schema=_ASCII)]
StatusCode = Annotated[str, Meta(max_length=30, extra_json_schema=_ASCII)]
AccountId = Annotated[str, Meta(max_length=100, extra_json_schema=_ASCII)]
ContentType = Annotated[str, Meta(max_length=100, extra_json_schema=_ASCII)]
Iri = Annotated[str, Meta(max_length=200)]
ConfigData = Annotated[str, Meta(max_length=MAX_CONFIG_DATA_BYTES)]
TransferNote = Annotated[str, Meta(max_length=MAX_TRANSFER_NOTE_BYTES)]
TransferNoteFormat = Annotated[
    str,
    # A final "$" would let a newline through.
    Meta(pattern=r"\A[0-9A-Za-z.-]{0,8}\Z"),
]
# Other programs with which a shard was run before have let that newline through, and debited the
# sender: refused now, the money would be lost.
ChangeNoteFormat = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z.-]{0,8}\n?\Z")]

Moment = Annotated[datetime, Meta(tz=True)]
WireTimestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
WireDate = Annotated[str, Meta(extra_json_schema={"format": "date"})]
WireSha256 = Annotated[str, Meta(extra_json_schema={"pattern": "^([0-9A-F]{64})?$"})]
