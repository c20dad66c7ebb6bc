"""Which dead letters are meant."""

from dataclasses import dataclass
from datetime import datetime

from swpt_accounts.dead_letters.letter import Letter


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a letter must be like. What is empty or None makes no difference.

    `offsets` and `digests` name letters: ranges of offsets, both ends included, and beginnings of
    digests in hexadecimal. A letter whose moment is not known is of no time.
    """

    types: frozenset[str] = frozenset()
    reason: str | None = None
    account: tuple[int, int] | None = None
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
        """No letter with a lower offset is chosen."""
        return min((one.start for one in self.offsets), default=0)

    def has(self, letter: Letter) -> bool:
        """Whether the letter is chosen."""
        return (
            self._has_name(letter)
            and (not self.types or letter.type in self.types or letter.type_name in self.types)
            and self._has_reason(letter)
            and self._has_moment(letter)
            and (self.account is None or letter.account == self.account)
        )

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
