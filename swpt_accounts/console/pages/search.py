"""Where an id leads to."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from swpt_accounts.console.context import here
from swpt_accounts.core.id_notation import TEXT_LENGTH_MAX, PastedIds, parse
from swpt_accounts.core.ids import ROOT_CREDITOR_ID

search = Blueprint("search", __name__)


@search.get("/search")
def find() -> Response | tuple[str, int]:
    """Lead to the page that is meant, or say what can be searched for."""
    text = request.args.get("q", "")
    meant = parse(text)
    if meant is None:
        shown = text[:TEXT_LENGTH_MAX]
        return render_template("search.html", text=shown, number=None), 200 if not text else 404
    if meant.kind == "number":
        return _number(text, meant.ids[0])
    return redirect(_place(meant), 303)


def _place(meant: PastedIds) -> str:
    a, b, c = (*meant.ids, 0, 0)[:3]
    match meant.kind:
        case "debtor":
            return url_for("accounts.debtor", debtor_id=a)
        case "account":
            return url_for("accounts.account", debtor_id=a, creditor_id=b)
        case "transfer":
            return url_for("traces.transfer", debtor_id=a, creditor_id=b, transfer_id=c)
    assert meant.kind == "request"
    type_ = meant.coordinator_type
    return url_for("traces.by_request", type_=type_, coordinator_id=a, request_id=b)


def _number(text: str, n: int) -> Response | tuple[str, int]:
    """A number may be a debtor; if it is none, it may be the other half of something."""
    with here().database.snapshot() as snapshot:
        if snapshot.row("has_debtor", debtor_id=n).found:
            return redirect(_place(PastedIds("debtor", (n,))), 303)
        debtors = (
            snapshot.rows("debtors_of_creditor", creditor_id=n) if n != ROOT_CREDITOR_ID else []
        )
    page = render_template("search.html", text=text[:TEXT_LENGTH_MAX], number=n, debtors=debtors)
    return page, 200 if debtors else 404
