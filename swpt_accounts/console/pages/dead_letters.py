"""Dead letters, and what can be done with one."""

import logging
from typing import Final

from flask import Blueprint, abort, g, render_template, request

from swpt_accounts.console.auth import check_form
from swpt_accounts.console.context import here
from swpt_accounts.console.dead_letter_queue import DeadLetterQueue, LettersPage
from swpt_accounts.dead_letters.letter import Letter
from swpt_accounts.dead_letters.rendering import letter_json, whole_json
from swpt_accounts.dead_letters.resolutions import LetterState
from swpt_accounts.observability.events.console import CONSOLE_ACTION

logger = logging.getLogger(__name__)
letters = Blueprint("letters", __name__, url_prefix="/dead-letters")
MONEY_LETTERS: Final = "money_letters"
"""The same pages, for those with money."""

_BODY_LENGTH_MAX = 20_000


def _dead_letters() -> DeadLetterQueue:
    return here().money_letters if request.blueprint == MONEY_LETTERS else here().dead_letters


def _states(some: list[Letter]) -> list[LetterState]:
    with here().database.snapshot() as snapshot:
        return _dead_letters().register(snapshot.connection).states(some)


@letters.get("")
def index() -> str:
    """The last letters, or those before an offset."""
    before = request.args.get("before", type=int)
    if before is not None and not 0 <= before < 1 << 62:
        abort(404)
    found = _dead_letters().page(before)
    return _list(found)


def _list(found: LettersPage) -> str:
    states = _states(found.letters)
    rows = [
        (letter, letter_json(letter, state), state.needs_attention)
        for letter, state in zip(found.letters, states, strict=True)
    ]
    return render_template(
        "dead_letters.html",
        rows=rows,
        first=found.first,
        name=_dead_letters().name,
        money=here().money_letters.name,
        is_money=request.blueprint == MONEY_LETTERS,
    )


@letters.get("/<int:offset>")
def letter(offset: int) -> str:
    return _show(_get(offset), None)


def _get(offset: int) -> Letter:
    found = _dead_letters().letter(offset) if offset < 1 << 62 else None
    if found is None:
        abort(404)
    return found


def _show(found: Letter, done: str | None) -> str:
    (state,) = _states([found])
    return render_template(
        "dead_letter.html",
        letter=found,
        told=whole_json(found, state, here().settings),
        body=found.body.decode("utf-8", "backslashreplace")[:_BODY_LENGTH_MAX],
        is_cut=len(found.body) > _BODY_LENGTH_MAX,
        needs_attention=state.needs_attention,
        done=done,
        queue=_dead_letters().queue,
    )


@letters.post("/<int:offset>/<any(replay, discard):action>")
def act(offset: int, action: str) -> str:
    if not here().auth.has_actions:
        abort(404)
    check_form()
    if not here().auth.may_act(request.form.get("actions_token", "")):
        here().auth.note_wrong_token()
        abort(403, "The token for actions is wrong. Nothing has changed.")
    digest = request.form.get("digest", "")
    some = _dead_letters()
    done = some.replay(offset, digest) if action == "replay" else some.discard(offset, digest)
    CONSOLE_ACTION.log(
        logger,
        visitor=g.visitor.name,
        action=action,
        offset=offset,
        queue=some.name,
        outcome=done,
    )
    return _show(_get(offset), done)
