"""Events of stages, scans and chores, and of the requests to other shards."""

from typing import Final

from swpt_accounts.observability.events.event import error, events_in, info, warning

ROW_NOT_PROCESSED: Final = error(
    "row_not_processed",
    "%(worker)s cannot process row %(row_id)d of table %(table)s: %(problem)s",
    "A bug of this program, or damaged data: messages are validated before. The row stays in its"
    " table and is retried from time to time. Other rows are processed.",
    "Keep the line and the row, and report it.",
)
SCAN_PROGRESS: Final = info(
    "scan_progress",
    "%(worker)s: visited %(done_count)d of %(total_count)d pages of table %(table)s in"
    " %(seconds).0f s",
    "The progress of a pass, logged after each tenth of it.",
)
SCAN_PASS_OVER: Final = info(
    "scan_pass_over",
    "%(worker)s: completed a pass over %(total_count)d pages of table %(table)s in %(seconds).0f s",
    "The next pass starts when it is due.",
)
SCAN_PAGES_SKIPPED: Final = error(
    "scan_pages_skipped",
    "%(worker)s skipped pages %(first_page)d to %(last_page)d of table %(table)s: %(problem)s",
    "This pass sends no heartbeats, purges and updates for the rows on these pages.",
    "Check the table for damage; the line has the error of the database.",
)
SCAN_CHORES_LEFT: Final = error(
    "scan_chores_left",
    "cannot find the chores of some pages: %(problem)s; the next pass retries",
    "Interest rate changes or deletions of some accounts are late.",
    "If it repeats, report it; the line has the error of the database.",
)
CHORES_NOT_POSTED: Final = warning(
    "chores_not_posted",
    "chores not posted: %(count)d; the next scan posts them",
    "The scan was stopped, or the chores queue was not available. It does no harm.",
    "Nothing, if it does not repeat.",
)
CHORES_QUEUE_REFUSES: Final = warning(
    "chores_queue_refuses",
    "cannot post chores to queue %(queue)s: %(problem)s; keeping at most %(waiting_count_max)d, the"
    " accounts scan finds the others later",
    "The broker of chores is unreachable, or the queue is full because"
    " `consume_chore_messages` is down or slow.",
    "Check whether `consume_chore_messages` runs.",
)
CHORES_QUEUE_TAKES: Final = warning(
    "chores_queue_takes",
    "queue %(queue)s accepts chores again",
    "The end of `chores_queue_refuses`.",
)
CHORES_LEFT: Final = warning(
    "chores_left",
    "chores left to the next scan: %(count)d; too many are waiting",
    "The queue did not accept chores in time. They are late.",
    "Nothing, if it does not repeat.",
)
CHORE_MALFORMED: Final = error(
    "chore_malformed",
    "dropped a malformed chore: %(problem)s",
    "Another program writes to the chores queue. The scan posts again what is needed.",
    "Find out what writes to the queue.",
)
CHORE_TYPE_UNKNOWN: Final = error(
    "chore_type_unknown",
    "dropped a chore of an unknown type, and drops all others of it: %(problem)s",
    "A newer version of the program has posted it. Logged once for each type.",
    "Nothing, after an upgrade or a rollback.",
)
CHORE_REFUSED: Final = error(
    "chore_refused",
    "dropped a chore that the database rejected: %(chore)s: %(problem)s",
    "A later scan posts again what is needed.",
    "If it repeats, report it.",
    more=("debtor_id", "creditor_id"),
)
CHORES_DROPPED: Final = warning(
    "chores_dropped",
    "dropped chores of locked accounts: %(count)d; the accounts scan posts them again",
    "Another session has held locks on accounts for minutes.",
    "Find who holds the locks: [how to](../how-to/find-a-late-transfer.md#6-who-holds-a-lock).",
)
PEER_SILENT: Final = warning(
    "peer_silent",
    "%(problem)s%(untold)s",
    "A request to another shard failed. The first problem of each kind is logged, then one per"
    " minute.",
    "Check FETCH_API_URL, and the other shard.",
    more=("kind",),
)
FETCH_API_URL_MISSING: Final = error(
    "fetch_api_url_missing",
    "%(problem)s%(untold)s",
    "Accounts of other shards cannot be looked up, so transfers to them are rejected.",
    "Set [FETCH_API_URL](settings.md).",
    more=("kind",),
)
TRANSFERS_UNVERIFIED: Final = error(
    "transfers_unverified",
    "rejected transfers whose recipients could not be verified: %(count)d",
    "For two minutes another shard did not say whether it has these accounts.",
    "Check the other shard; `peer_silent` has the cause.",
)
ROOT_CONFIGS_REFUSED: Final = error(
    "root_configs_refused",
    "cannot store the configurations of %(count)d debtors: %(problem)s",
    "The database rejected the configurations of debtors of other shards; their previous interest"
    " rates remain in effect.",
    "Report it; the line has the error of the database.",
)
ROOT_CONFIG_INVALID: Final = error(
    "root_config_invalid",
    "debtor %(debtor_id)d has an invalid configuration: %(problem)s",
    "The previous interest rate of this debtor remains in effect in this shard.",
    "The debtor has to configure its root account again.",
)
JOURNAL_INCOMPLETE: Final = error(
    "journal_incomplete",
    "%(problem)s (%(count)d batches since the previous line)",
    "Messages were processed, but are missing in the journal. Logged once a minute at most.",
    "Do as the line says; see [the journal](../decisions/0022-the-journal-is-a-ring-of-days.md).",
)
EVENTS: Final = events_in(globals())
