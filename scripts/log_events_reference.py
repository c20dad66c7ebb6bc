"""The reference of the events in the log, for readers."""

import logging
import sys
from typing import Final

from swpt_accounts.observability.events.catalogue import GROUPS, MESSAGE_IDS
from swpt_accounts.observability.events.event import Event
from swpt_accounts.observability.events.fields import FIELDS
from swpt_accounts.observability.log.rate_limit import BURST_COUNT, LINES_PER_SECOND, TELL_SECONDS

_HEAD = f"""\
# Events in the log

Each line of the log is an event. With `APP_LOG_FORMAT=json` its name is the field `event`, beside
those that [all lines have](commands.md#logs); with `text` it is in brackets before the message. A
name does not change, and neither do the names of fields; the words of a message may. Numbers are
numbers, ids too: they have up to 64 bits.

| level | when |
|---|---|
| `CRITICAL` | supervisord cannot go on |
| `ERROR` | Something does not mend itself: a message or a row is refused. Somebody has to look. |
| `WARNING` | Something is waited out, or is over again; or could be better. |
| `INFO` | What was asked for is done, or goes on. |
| `DEBUG` | No matter for operators. |

The end of something has the level of its beginning: who sees one sees the other.

`APP_LOG_LEVEL` is the least level that is written: by default `warning`. The events of long work
for which somebody waits are written with `warning`, too, when the standard error is no terminal; a
terminal gets a bar instead.

**In a storm** lines are left out. Of each event (and logger), a process writes {BURST_COUNT}
lines at once, and then {LINES_PER_SECOND:.0f} in a second. The number of the others is told by
`lines_left_out`, after {TELL_SECONDS:.0f} seconds, and when the process stops. Nothing is left
out of the events that are marked with *always*, nor what is `CRITICAL`; the first lines of an event
never are.

A line **about a message** has the ids of the message, as far as it has them:
{", ".join(f"`{name}`" for name in MESSAGE_IDS)}.

This page is made from `swpt_accounts/observability/events`; a test compares them. To make it anew:

    python -m scripts.log_events_reference > docs/reference/log-events.md
"""
_GROUP_HEAD = """\
| event | level | meaning | fields | what to do |
|---|---|---|---|---|
"""
_FIELDS_HEAD = """
## Fields

| field | |
|---|---|
"""
_NO_LEVEL: Final = ("supervisor", "other", "lines_left_out")


def _row(event: Event) -> str:
    level = "its own" if event.name in _NO_LEVEL else logging.getLevelName(event.level)
    always = "" if event.is_limited else ", *always*"
    fields = [f"`{name}`" for name in event.fields]
    if event.is_about_message:
        fields.append("the ids of the message")
    cells = (f"`{event.name}`", f"{level}{always}", event.meaning, ", ".join(fields), event.action)
    return f"| {' | '.join(cells)} |\n"


def render_reference() -> str:
    """Return the reference page, in Markdown."""
    groups = (
        f"\n## {title}\n\n{_GROUP_HEAD}{''.join(map(_row, events))}" for title, events in GROUPS
    )
    fields = (f"| `{name}` | {meaning} |\n" for name, meaning in FIELDS.items())
    return "".join((_HEAD, *groups, _FIELDS_HEAD, *fields))


if __name__ == "__main__":
    sys.stdout.write(render_reference())
