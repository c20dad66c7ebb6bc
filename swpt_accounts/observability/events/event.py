"""An event: one line of the log, whose name and fields do not change."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

NAME_KEY: Final = "event"
FIELDS_KEY: Final = "event_fields"
ABOUT_KEY: Final = "event_about"

_FIELD = re.compile(r"%\((\w+)\)")

# The ids of a message. Finding them out may cost more than the line, which may not be written.
About = Callable[[], Mapping[str, object]]


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """What a line says, what that means, and what to do.

    The `text` has the fields in `%(name)s` style; `more` are fields that are not in it. One that
    `is_about_message` has the message's ids, as far as they are known, too. Of one that
    `is_limited`, lines are left out in a storm; the others are few by themselves.
    """

    name: str
    level: int
    text: str
    meaning: str
    action: str
    more: tuple[str, ...] = ()
    is_about_message: bool = False
    is_limited: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields, without the ids of a message."""
        return tuple(dict.fromkeys([*_FIELD.findall(self.text), *self.more]))

    def log(
        self,
        logger: logging.Logger,
        /,
        *,
        about: About | None = None,
        error: BaseException | None = None,
        level: int | None = None,
        **fields: Any,
    ) -> None:
        """Log it: with what it is about, and with the traceback of an `error`, if there are any.

        Only the lines of others, which are passed on, have a `level` of their own.
        """
        level = level or self.level
        if logger.isEnabledFor(level):
            extra = {NAME_KEY: self.name, FIELDS_KEY: fields, ABOUT_KEY: about}
            arguments = (fields,) if fields else ()
            logger.log(level, self.text, *arguments, exc_info=error, extra=extra, stacklevel=2)


def events_in(module: Mapping[str, object]) -> tuple[Event, ...]:
    """The events that a module has defined, in their order."""
    return tuple(value for value in module.values() if isinstance(value, Event))


def info(name: str, text: str, meaning: str, action: str = "Nothing.", **options: Any) -> Event:
    """An event of normal work."""
    return Event(name, logging.INFO, text, meaning, action, **options)


def warning(name: str, text: str, meaning: str, action: str = "Nothing.", **options: Any) -> Event:
    """A problem that mends itself, or its end; or something that could be better."""
    return Event(name, logging.WARNING, text, meaning, action, **options)


def error(name: str, text: str, meaning: str, action: str, **options: Any) -> Event:
    """A problem that does not mend itself: somebody has to look."""
    return Event(name, logging.ERROR, text, meaning, action, **options)
