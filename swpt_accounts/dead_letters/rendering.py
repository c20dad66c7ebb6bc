"""What an operator sees of dead letters. Whatever they contain, it does no harm on a terminal."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from swpt_accounts.core.formatting import plural
from swpt_accounts.dead_letters.letter import Letter
from swpt_accounts.dead_letters.replay import STRANGE, is_strange, obstacle
from swpt_accounts.dead_letters.resolutions import LetterState
from swpt_accounts.settings import Settings
from swpt_accounts.smp.decoder import MalformedMessage

# How the decoder names the field that is wrong.
_FIELD = re.compile(r"at `\$\.(\w+)|: `(\w+)` |missing required field `(\w+)`")
_HEAD: Final = ("ID", "REJECTED", "TYPE", "ACCOUNT", "STATE", "REASON")
_WIDTHS: Final = (12, 19, 20, 41, 9)


def printable(text: str) -> str:
    """The text, with everything escaped that a terminal might obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def account_text(account: tuple[int, int] | None) -> str:
    return "" if account is None else f"{account[0]}/{account[1]}"


def _moment_text(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def table_head() -> str:
    return _row(_HEAD)


def table_row(letter: Letter, state: LetterState | None) -> str:
    """A line for a letter. A state of None is not known."""
    moment, account = _moment_text(letter.moment), account_text(letter.account)
    state_text = "unknown" if state is None else state.value
    type_text = printable(letter.type or "")[: _WIDTHS[2]]
    return _row((letter.id, moment, type_text, account, state_text, printable(letter.reason)))


def _row(cells: Iterable[str]) -> str:
    *first, last = cells
    padded = (cell.ljust(width) for cell, width in zip(first, _WIDTHS, strict=True))
    return "  ".join((*padded, last))


def counts_lines(counts: Counter[tuple[str, str]]) -> Iterator[str]:
    """A line for each type and kind of reason, the most frequent first."""
    for (type_name, kind), count in counts.most_common():
        yield f"{count:>12}  {type_name:<20}  {kind}"


def counts_json(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"type": type_name, "kind": kind, "count": count}
        for (type_name, kind), count in counts.most_common()
    ]


def letter_json(letter: Letter, state: LetterState | None) -> dict[str, Any]:
    return {
        "id": letter.id,
        "offset": letter.offset if letter.offset >= 0 else None,
        "digest": letter.digest.hex(),
        "put_aside_at": letter.moment and letter.moment.isoformat(),
        "type": letter.type,
        "account": account_text(letter.account) or None,
        "bytes": len(letter.body),
        "state": state and state.value,
        "kind": letter.kind,
        "reason": letter.reason,
    }


def whole_json(letter: Letter, state: LetterState | None, settings: Settings) -> dict[str, Any]:
    """What `show` writes about a letter: all of it."""
    wrong = letter.decoded
    return {
        **letter_json(letter, state),
        "content_type": letter.properties.content_type,
        "routing_key": letter.routing_key,
        "headers": letter.headers,
        "body_base64": base64.b64encode(letter.body).decode(),
        "body": letter.json,
        "wrong": str(wrong) if isinstance(wrong, MalformedMessage) else None,
        "wrong_field": wrong_field(wrong) if isinstance(wrong, MalformedMessage) else None,
        "obstacle": _obstacle(letter, settings),
    }


def wrong_field(error: MalformedMessage) -> str | None:
    """The property that is wrong or missing, if it is a certain one."""
    found = _FIELD.search(str(error))
    return next(filter(None, found.groups()), None) if found else None


def whole_lines(letter: Letter, state: LetterState | None, settings: Settings) -> Iterator[str]:
    properties = letter.properties
    yield f"letter {letter.id}"
    for name, value in (
        ("rejected", _moment_text(letter.moment) or "unknown"),
        ("reason", letter.reason),
        ("kind", letter.kind),
        ("state", "unknown" if state is None else state.value),
        ("type", letter.type),
        ("content type", properties.content_type),
        ("routing key", letter.routing_key),
        ("account", account_text(letter.account)),
        ("digest", letter.digest.hex()),
    ):
        yield f"  {name:<13} {printable(str(value or '-'))}"
    yield "  headers"
    for name, value in sorted(letter.headers.items()):
        yield f"    {printable(name)}: {printable(str(value))}"
    yield f"  body, {plural(len(letter.body), 'byte')}"
    yield from (f"    {line}" for line in _body_lines(letter))
    yield f"  advice        {printable(_advice(letter, settings))}"


def _body_lines(letter: Letter) -> Iterator[str]:
    wrong = letter.decoded if isinstance(letter.decoded, MalformedMessage) else None
    name = wrong_field(wrong) if wrong else None
    if not isinstance(letter.json, dict):
        yield printable(letter.body.decode("utf-8", "backslashreplace"))
        return
    is_marked = False
    for line in json.dumps(letter.json, indent=2, ensure_ascii=False).splitlines():
        is_wrong = name is not None and line.startswith(f'  "{name}":')
        is_marked = is_marked or is_wrong
        yield printable(line) + (f"    <--- {wrong}" if is_wrong else "")
    if wrong and not is_marked:
        yield f"<--- {wrong}"


def _obstacle(letter: Letter, settings: Settings) -> str | None:
    return obstacle(letter, settings) or (STRANGE if is_strange(letter, settings) else None)


def _advice(letter: Letter, settings: Settings) -> str:
    if (reason := _obstacle(letter, settings)) is not None:
        return reason
    option = "--offset" if letter.offset >= 0 else "--digest"
    return (
        "well-formed: once the cause is fixed, send it again with"
        f" `dead_letters replay {option} {letter.id}`"
    )
