"""A dead letter: a rejected message, its reason and its account; and a filter of letters."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

import pika

from swpt_accounts.broker.dead_letters import MOMENT_HEADER, REASON_HEADER, ROUTING_KEY_HEADER
from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.realm import Realm
from swpt_accounts.smp.decoder import MESSAGE_TYPES, MalformedMessage, decode
from swpt_accounts.smp.incoming import IncomingMessage

OFFSET_HEADER: Final = "x-stream-offset"
NO_OFFSET: Final = -1
OTHER_TYPE: Final = "other"

NOT_FROM_SHARD: Final = "not from a shard"
# The kinds of reasons: what to do depends on them. The rest is "malformed".
_KINDS = (
    ("content type", re.compile(r"the content type is ")),
    ("unknown type", re.compile(r"the message type .* is unknown")),
    ("foreign account", re.compile(r"account \(.* does not belong to this shard")),
    (NOT_FROM_SHARD, re.compile(r"no other shard has sent this ")),
    ("refused by the database", re.compile(r"the database refuses it: ")),
)
MALFORMED: Final = "malformed"
UNKNOWN: Final = "unknown"
_BROKER_REASONS = ("delivery_limit", "rejected", "expired", "maxlen")


@dataclass(frozen=True)
class Letter:
    """A message of the dead-letter queue. `offset` is its place in the stream, or -1."""

    offset: int
    properties: pika.BasicProperties
    body: bytes

    @cached_property
    def headers(self) -> dict[str, Any]:
        return dict(self.properties.headers or {})

    @property
    def type(self) -> str | None:
        found: str | None = self.properties.type
        return found

    @property
    def type_name(self) -> str:
        """Its type, or a common name for all types that the protocol does not know."""
        return self.type if self.type and self.type in MESSAGE_TYPES else OTHER_TYPE

    @cached_property
    def _death(self) -> dict[str, Any]:
        """What the broker has noted when it put the message aside itself."""
        match self.headers.get("x-death"):
            case [dict() as death, *_]:
                return death
        return {}

    @property
    def reason(self) -> str:
        """Why it was rejected, in one line."""
        if isinstance(reason := self.headers.get(REASON_HEADER), str):
            return reason
        if isinstance(reason := self._death.get("reason"), str):
            return f"dead-lettered by RabbitMQ: {reason}"
        return "unknown reason"

    @property
    def kind(self) -> str:
        """The kind of the reason, one of a few."""
        if not self.is_rejected:
            reason = self._death.get("reason")
            return f"broker: {reason}" if reason in _BROKER_REASONS else UNKNOWN
        return next((kind for kind, rule in _KINDS if rule.match(self.reason)), MALFORMED)

    @property
    def is_rejected(self) -> bool:
        """Whether a consumer has rejected it. Otherwise the broker has put it aside."""
        return REASON_HEADER in self.headers

    @cached_property
    def moment(self) -> datetime | None:
        """When it was rejected; None if that was not noted."""
        match self.headers.get(MOMENT_HEADER), self._death.get("time"):
            case str() as text, _:
                try:
                    moment = datetime.fromisoformat(text)
                except ValueError:
                    return None
                return moment.astimezone(UTC) if moment.tzinfo else None
            case _, datetime() as time:
                return time if time.tzinfo else time.replace(tzinfo=UTC)
        return None

    @property
    def routing_key(self) -> str | None:
        """The routing key with which the message came first, where that was noted."""
        if isinstance(key := self.headers.get(ROUTING_KEY_HEADER), str):
            return key
        match self._death.get("routing-keys"):
            case [str() as key, *_]:
                return key
        return None

    @cached_property
    def decoded(self) -> IncomingMessage | MalformedMessage:
        """The message as this program reads it today, or what is wrong with it."""
        try:
            return decode(self.type, self.properties.content_type, self.body)
        except MalformedMessage as error:
            return error

    @cached_property
    def json(self) -> Any:
        """The body, if it is JSON; else None."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def account(self) -> tuple[int, int] | None:
        """The debtor id and the creditor id, if the body has them."""
        match self.json:
            case {"debtor_id": int() as debtor_id, "creditor_id": int() as creditor_id}:
                ids = debtor_id, creditor_id
                return ids if all(MIN_INT64 <= n <= MAX_INT64 for n in ids) else None
        return None

    @cached_property
    def digest(self) -> bytes:
        """Distinguishes it from what may have had the same offset before: 32 bytes."""
        moment = self.moment.isoformat() if self.moment else ""
        parts = (self.type or "", self.properties.content_type or "", self.reason, moment)
        result = sha256()
        for part in (*(part.encode("utf-8", "replace") for part in parts), self.body):
            result.update(len(part).to_bytes(8, "big"))
            result.update(part)
        return result.digest()

    @property
    def id(self) -> str:
        """What an operator calls it: its offset, or the beginning of its digest."""
        return str(self.offset) if self.offset != NO_OFFSET else self.digest.hex()[:12]


def receive(properties: pika.BasicProperties, body: bytes) -> Letter:
    """The letter that was delivered so."""
    offset = (properties.headers or {}).get(OFFSET_HEADER)
    return Letter(int(offset) if isinstance(offset, int) else NO_OFFSET, properties, body)


@dataclass(frozen=True, kw_only=True)
class LetterFilter:
    """The conditions for letters. What is empty or None is no condition.

    A letter of a `realm` is about an account there, or about none. `offsets` and `digests` name
    letters: ranges of offsets, both ends included, and beginnings of digests in hexadecimal. A
    letter whose moment is unknown is outside any span.
    """

    types: frozenset[str] = frozenset()
    reason: str | None = None
    account: tuple[int, int] | None = None
    realm: Realm | None = None
    since: datetime | None = None
    until: datetime | None = None
    offsets: tuple[range, ...] = ()
    digests: tuple[str, ...] = ()

    @property
    def is_by_name(self) -> bool:
        """Whether it names the letters one by one."""
        return bool(self.offsets or self.digests)

    @property
    def first(self) -> int:
        """No letter with a lower offset matches."""
        return min((one.start for one in self.offsets), default=0)

    def matches(self, letter: Letter) -> bool:
        return (
            self._has_name(letter)
            and (not self.types or letter.type in self.types or letter.type_name in self.types)
            and self._has_reason(letter)
            and self._has_moment(letter)
            and (self.account is None or letter.account == self.account)
            and self._has_realm(letter)
        )

    def _has_realm(self, letter: Letter) -> bool:
        return self.realm is None or letter.account is None or self.realm.contains(*letter.account)

    def _has_name(self, letter: Letter) -> bool:
        if not self.is_by_name:
            return True
        return any(letter.offset in one for one in self.offsets) or any(
            letter.digest.hex().startswith(digest) for digest in self.digests
        )

    def _has_reason(self, letter: Letter) -> bool:
        if self.reason is None:
            return True
        wanted = self.reason.lower()
        return wanted == letter.kind or wanted in letter.reason.lower()

    def _has_moment(self, letter: Letter) -> bool:
        if self.since is None and self.until is None:
            return True
        moment = letter.moment
        return (
            moment is not None
            and (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
        )
