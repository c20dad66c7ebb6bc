"""The ids in a message that may be malformed, for logs and searches."""

from typing import Any, Final

import msgspec

BYTES_MAX: Final = 100_000
_TEXT_LENGTH_MAX: Final = 30


class _Ids(msgspec.Struct, gc=False):
    """What a message may have, of whatever type. Other properties are ignored."""

    debtor_id: Any = None
    creditor_id: Any = None
    coordinator_type: Any = None
    coordinator_id: Any = None
    coordinator_request_id: Any = None
    transfer_id: Any = None


_decoder = msgspec.json.Decoder(_Ids)


def ids_in(body: bytes) -> dict[str, int | str]:
    """The ids of a message that look like ids. Whatever the body is, nothing is raised."""
    if len(body) > BYTES_MAX:
        return {}
    try:
        found = msgspec.structs.asdict(_decoder.decode(body))
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _TEXT_LENGTH_MAX and value.isascii() and value.isprintable()
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
