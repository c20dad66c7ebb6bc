"""Events of stages, scans, chores, and of what other shards are asked."""

from typing import Final

from swpt_accounts.observability.events.event import error, info, warning

ROW_NOT_PROCESSED: Final = error(
    "row_not_processed",
    "%(worker)s cannot process row %(row_id)d of %(table)r: %(problem)s",
    "That should not happen, for messages are checked before. The row stays in its table, and is"
    " tried again from time to time; the rows after it go on.",
    "Keep the line and the row, and report it. It is an error of this program, or of the data.",
)
SCAN_PROGRESS: Final = info(
    "scan_progress",
    "%(worker)s has visited %(done_count)d of %(total_count)d pages of %(table)r, in"
    " %(seconds).0f s.",
    "How far a pass is: a line for each tenth of it.",
)
SCAN_PASS_OVER: Final = info(
    "scan_pass_over",
    "%(worker)s has visited all %(total_count)d pages of %(table)r, in %(seconds).0f s.",
    "A pass is over; the next one begins when its time has come.",
)
SCAN_PAGES_SKIPPED: Final = error(
    "scan_pages_skipped",
    "%(worker)s cannot process the pages from %(first_page)d to %(last_page)d of %(table)r, and"
    " goes on after them: %(problem)s",
    "What is on these pages is not kept up in this pass: no heartbeats, purges, updates.",
    "The line says what the database says of them. Is the table damaged?",
)
SCAN_CHORES_LEFT: Final = error(
    "scan_chores_left",
    "The chores of some pages are left to the next pass: %(problem)s",
    "Interest rates, or deletions, of some accounts are late.",
    "The line says what the database says. If it repeats, report it.",
)
CHORES_NOT_POSTED: Final = warning(
    "chores_not_posted",
    "%(count)d chores were not posted: they are left to the next scan.",
    "The scan was stopped, or its queue took nothing, before all was posted. No harm.",
    "Nothing, if it does not repeat.",
)
CHORES_QUEUE_REFUSES: Final = warning(
    "chores_queue_refuses",
    "The queue %(queue)r takes no chores: %(problem)s. They wait, at most %(waiting_count_max)d;"
    " the accounts scan finds the others again later.",
    "The broker of chores is away, or the queue is long: `consume_chore_messages` is down or slow.",
    "Look whether `consume_chore_messages` runs.",
)
CHORES_QUEUE_TAKES: Final = warning(
    "chores_queue_takes",
    "The queue %(queue)r takes chores again.",
    "The end of `chores_queue_refuses`.",
    "Nothing.",
)
CHORES_LEFT: Final = warning(
    "chores_left",
    "%(count)d chores are left to the next scan: too many waited.",
    "What the queue did not take in time. They come later.",
    "Nothing, if it does not repeat.",
)
CHORE_MALFORMED: Final = error(
    "chore_malformed",
    "A malformed chore is dropped: %(problem)s",
    "Somebody else writes to the queue of chores. What has to be done is posted by the scan.",
    "Find out who writes to it.",
)
CHORE_TYPE_UNKNOWN: Final = error(
    "chore_type_unknown",
    "A malformed chore is dropped, and so are others like it: %(problem)s",
    "A newer version of the program has posted it; told once for each type.",
    "After an upgrade or its undoing, nothing.",
)
CHORE_REFUSED: Final = error(
    "chore_refused",
    "A chore is dropped: %(chore)s: %(problem)s",
    "The database refuses it. A later scan posts again what is needed.",
    "If it repeats, report it.",
    more=("debtor_id", "creditor_id"),
)
CHORES_DROPPED: Final = warning(
    "chores_dropped",
    "%(count)d chores are dropped, whose accounts somebody else has locked."
    " The accounts scan posts them again.",
    "Another session has locked accounts for minutes.",
    "Find who holds the locks: [how to](../how-to/find-a-late-transfer.md#6-who-holds-a-lock).",
)
PEER_SILENT: Final = warning(
    "peer_silent",
    "%(problem)s%(untold)s",
    "A question to another shard has no answer. The first of each kind is told, and one in a"
    " minute.",
    "Look at FETCH_API_URL, and at the shard that is asked.",
    more=("kind",),
)
FETCH_API_URL_MISSING: Final = error(
    "fetch_api_url_missing",
    "%(problem)s%(untold)s",
    "Without it accounts of other shards are not found, and transfers to them are rejected.",
    "Set [FETCH_API_URL](settings.md).",
    more=("kind",),
)
TRANSFERS_UNVERIFIED: Final = error(
    "transfers_unverified",
    "%(count)d transfers are rejected: it stays unknown whether their recipients exist.",
    "For two minutes another shard did not say whether it has these accounts.",
    "Look at the shard: `peer_silent` tells why.",
)
ROOT_CONFIGS_REFUSED: Final = error(
    "root_configs_refused",
    "What %(count)d debtors say cannot be remembered: %(problem)s",
    "The database refuses what debtors in other shards have configured; their old rates stay.",
    "The line says why. Report it.",
)
ROOT_CONFIG_INVALID: Final = error(
    "root_config_invalid",
    "The configuration of debtor %(debtor_id)d makes no sense: %(problem)s",
    "The interest rate of this debtor stays as it is in this shard.",
    "The debtor has to configure its root account anew.",
)
JOURNAL_INCOMPLETE: Final = error(
    "journal_incomplete",
    "%(problem)s (And %(count)d batches before.)",
    "Messages had their effects, and are missing in the journal. Told once a minute at most.",
    "Do as the line says; [the journal](../decisions/0022-the-journal-is-a-ring-of-days.md).",
)
EVENTS: Final = (
    *(ROW_NOT_PROCESSED, SCAN_PROGRESS, SCAN_PASS_OVER, SCAN_PAGES_SKIPPED, SCAN_CHORES_LEFT),
    *(CHORES_NOT_POSTED, CHORES_QUEUE_REFUSES, CHORES_QUEUE_TAKES, CHORES_LEFT),
    *(CHORE_MALFORMED, CHORE_TYPE_UNKNOWN, CHORE_REFUSED, CHORES_DROPPED),
    *(PEER_SILENT, FETCH_API_URL_MISSING, TRANSFERS_UNVERIFIED),
    *(ROOT_CONFIGS_REFUSED, ROOT_CONFIG_INVALID, JOURNAL_INCOMPLETE),
)
