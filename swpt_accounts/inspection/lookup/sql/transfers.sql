-- What is known of single transfers, and of accounts, in the tables of work. In braces: names of
-- tables, and conditions of this file. The rows of a message that was put aside are found by parts
-- of its body, which this program has written.

-- name: taken_at
SELECT current_ts()

-- name: rows
SELECT * FROM {table} AS q WHERE {condition} LIMIT %(count_max)s

-- name: by_coordinator
q.coordinator_request_id = %(coordinator_request_id)s::bigint
AND q.coordinator_id = %(coordinator_id)s::bigint
AND q.coordinator_type = %(coordinator_type)s::text

-- name: by_issuer
-- The same, of the account from which an issuer may issue.
q.debtor_id = %(coordinator_id)s::bigint AND q.creditor_id = 0
AND q.coordinator_request_id = %(coordinator_request_id)s::bigint
AND q.coordinator_id = %(coordinator_id)s::bigint
AND q.coordinator_type = %(coordinator_type)s::text

-- name: by_transfer
q.debtor_id = %(debtor_id)s::bigint AND q.creditor_id = %(creditor_id)s::bigint
AND q.transfer_id = %(transfer_id)s::bigint

-- name: by_account
q.debtor_id = %(debtor_id)s::bigint AND q.creditor_id = %(creditor_id)s::bigint

-- name: to_account
-- Also from there.
q.debtor_id = %(debtor_id)s::bigint
AND (q.creditor_id = %(creditor_id)s::bigint OR q.other_creditor_id = %(creditor_id)s::bigint)

-- name: report_of_commit
-- What the parties are told of a transfer that was committed at this moment. (NULL: they are not known.)
q.debtor_id = %(debtor_id)s::bigint AND q.committed_at = %(committed_at)s::timestamptz
AND (%(parties)s::bigint[] IS NULL OR q.creditor_id = ANY (%(parties)s::bigint[]))

-- name: change_of_commit
-- What it changes.
q.debtor_id = %(debtor_id)s::bigint AND q.committed_at = %(committed_at)s::timestamptz
AND q.other_creditor_id = %(sender)s::bigint

-- name: returned
-- Messages that were put aside, and when they are tried again.
SELECT
    q.id, q.signal_name, q.body, q.reason, q.destination, q.put_aside_at,
    coalesce(l.attempts_count, q.attempts_count) AS attempts_count,
    coalesce(l.next_attempt_at, q.next_attempt_at) AS next_attempt_at
FROM returned_message AS q
LEFT JOIN returned_line AS l
    ON l.destination = q.destination AND l.signal_name = q.signal_name
WHERE (
    SELECT bool_and(position(convert_to(p.part, 'UTF8') IN q.body) > 0)
    FROM unnest(%(parts)s::text[]) AS p (part)
)
ORDER BY q.id
LIMIT %(count_max)s
