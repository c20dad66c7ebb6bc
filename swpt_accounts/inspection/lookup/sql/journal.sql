-- What the journal has. In braces: conditions of this file.

-- name: extent
-- When the first and the last messages were noted, of each slot that has any.
SELECT
    (SELECT j.recorded_at FROM journal AS j WHERE j.slot = s.slot ORDER BY j.id LIMIT 1) AS first_at,
    (SELECT j.recorded_at FROM journal AS j WHERE j.slot = s.slot ORDER BY j.id DESC LIMIT 1)
        AS last_at
FROM generate_series(0, 31) AS s (slot)

-- name: rows
SELECT
    q.id, q.recorded_at, q.is_sent, q.message_type, q.debtor_id, q.creditor_id, q.body
FROM journal AS q
WHERE {condition}
ORDER BY q.recorded_at, q.id
LIMIT %(count_max)s

-- name: last_rows
SELECT
    q.id, q.recorded_at, q.is_sent, q.message_type, q.debtor_id, q.creditor_id, q.body
FROM journal AS q
WHERE {condition}
ORDER BY q.recorded_at DESC, q.id DESC
LIMIT %(count_max)s

-- name: by_coordinator
q.coordinator_request_id = %(coordinator_request_id)s::bigint
AND q.coordinator_id = %(coordinator_id)s::bigint
AND q.coordinator_type = %(coordinator_type)s::text

-- name: by_transfer
q.debtor_id = %(debtor_id)s::bigint AND q.creditor_id = %(creditor_id)s::bigint
AND q.transfer_id = %(transfer_id)s::bigint

-- name: by_account
q.debtor_id = %(debtor_id)s::bigint AND q.creditor_id = %(creditor_id)s::bigint

-- name: account_page
-- Messages about an account, from a moment on.
q.debtor_id = %(debtor_id)s::bigint AND q.creditor_id = %(creditor_id)s::bigint
AND q.recorded_at >= %(since)s::timestamptz AND q.recorded_at < %(until)s::timestamptz
AND (q.recorded_at, q.id) > (%(after_at)s::timestamptz, %(after_id)s::bigint)
AND (%(is_sent)s::boolean IS NULL OR q.is_sent = %(is_sent)s::boolean)
AND (%(types)s::text[] IS NULL OR q.message_type = ANY (%(types)s::text[]))

-- name: transfers_before
q.debtor_id = %(debtor_id)s::bigint AND q.creditor_id = %(creditor_id)s::bigint
AND q.recorded_at < %(before)s::timestamptz AND q.is_sent AND q.message_type = 'AccountTransfer'

-- name: after_commit
-- AccountTransfers and PendingBalanceChanges of a commit. They are sent soon after it: among the next
-- ten thousand messages about the account.
SELECT q.*
FROM (
    SELECT id, recorded_at, is_sent, message_type, debtor_id, creditor_id, body
    FROM journal
    WHERE debtor_id = %(debtor_id)s::bigint AND creditor_id = %(creditor_id)s::bigint
        AND recorded_at >= %(committed_at)s::timestamptz
    ORDER BY recorded_at
    LIMIT 10000
) AS q
WHERE q.message_type IN ('AccountTransfer', 'PendingBalanceChange')
    AND position(convert_to(%(part)s::text, 'UTF8') IN q.body) > 0
ORDER BY q.recorded_at, q.id
LIMIT %(count_max)s

-- name: slot_page
-- Messages of one slot, in the order in which they were noted.
SELECT
    q.id, q.recorded_at, q.is_sent, q.message_type, q.debtor_id, q.creditor_id, q.body
FROM journal AS q
WHERE q.slot = %(slot)s::smallint AND q.id > %(after_id)s::bigint
ORDER BY q.id
LIMIT %(count_max)s

-- name: moment_of
-- When the first message from an id on was noted.
SELECT q.id, q.recorded_at
FROM journal AS q
WHERE q.slot = %(slot)s::smallint AND q.id >= %(id)s::bigint
ORDER BY q.id
LIMIT 1

-- name: ids_of_slot
SELECT
    (SELECT id FROM journal WHERE slot = %(slot)s::smallint ORDER BY id LIMIT 1) AS first_id,
    (SELECT id FROM journal WHERE slot = %(slot)s::smallint ORDER BY id DESC LIMIT 1) AS last_id
