-- What has to be the same before a move and after it. The columns that are read have the same names in
-- the reference's tables and in ours. In braces: a schema.

-- name: amounts
SELECT 'accounts' AS subject, debtor_id, count(*)::numeric AS amount
FROM {schema}.account GROUP BY debtor_id
UNION ALL
SELECT 'principals', debtor_id, sum(principal) FROM {schema}.account GROUP BY debtor_id
UNION ALL
SELECT 'locked on accounts', debtor_id, sum(total_locked_amount)
FROM {schema}.account GROUP BY debtor_id
UNION ALL
SELECT 'locked by prepared transfers', debtor_id, sum(locked_amount)
FROM {schema}.prepared_transfer GROUP BY debtor_id
UNION ALL
SELECT 'pending balance changes', debtor_id, sum(principal_delta)
FROM {schema}.pending_balance_change GROUP BY debtor_id
UNION ALL
SELECT 'balance changes to be sent', debtor_id, sum(principal_delta)
FROM {schema}.pending_balance_change_signal GROUP BY debtor_id
UNION ALL
SELECT 'rows of prepared_transfer', NULL, count(*) FROM {schema}.prepared_transfer
UNION ALL
SELECT 'rows of transfer_request', NULL, count(*) FROM {schema}.transfer_request
UNION ALL
SELECT 'rows of finalization_request', NULL, count(*) FROM {schema}.finalization_request
UNION ALL
SELECT 'rows of pending_balance_change', NULL, count(*) FROM {schema}.pending_balance_change
UNION ALL
SELECT 'rows of rejected_config_signal', NULL, count(*) FROM {schema}.rejected_config_signal
UNION ALL
SELECT 'rows of rejected_transfer_signal', NULL, count(*) FROM {schema}.rejected_transfer_signal
UNION ALL
SELECT 'rows of prepared_transfer_signal', NULL, count(*) FROM {schema}.prepared_transfer_signal
UNION ALL
SELECT 'rows of finalized_transfer_signal', NULL, count(*) FROM {schema}.finalized_transfer_signal
UNION ALL
SELECT 'rows of account_transfer_signal', NULL, count(*) FROM {schema}.account_transfer_signal
UNION ALL
SELECT 'rows of account_update_signal', NULL, count(*) FROM {schema}.account_update_signal
UNION ALL
SELECT 'rows of account_purge_signal', NULL, count(*) FROM {schema}.account_purge_signal
UNION ALL
SELECT 'rows of pending_balance_change_signal', NULL, count(*)
FROM {schema}.pending_balance_change_signal

-- name: amounts_besides
-- On the way out: what becomes more rows of the reference's, or fewer, and must be found there. Names are
-- found by the search path.
SELECT
    'rows of ' || lower(regexp_replace(signal_name, '(?<!^)([A-Z])', '_\1', 'g')) AS subject,
    NULL::bigint AS debtor_id, count(*)::numeric AS amount
FROM returned_message GROUP BY signal_name
UNION ALL
SELECT
    'balance changes to be sent', message_number(body, 'debtor_id'),
    sum(message_number(body, 'principal_delta'))
FROM returned_message
WHERE signal_name = 'PendingBalanceChangeSignal'
GROUP BY message_number(body, 'debtor_id')
UNION ALL
SELECT 'rows of rejected_transfer_signal', NULL, count(*) FROM unverified_transfer_request
UNION ALL
SELECT 'rows of finalization_request', NULL, -count(*) FROM ({later_requests}) AS l
UNION ALL
SELECT 'returned messages, in the outboxes again', NULL, count(*) FROM returned_message
UNION ALL
SELECT 'unverified requests, rejected', NULL, count(*) FROM unverified_transfer_request
UNION ALL
SELECT 'later finalization requests, dropped', NULL, count(*) FROM ({later_requests}) AS l
UNION ALL
SELECT 'archived changes, not applied', NULL, (
    SELECT count(*) FROM newer_change WHERE NOT is_applied
) + (
    SELECT count(*) FROM pending_balance_change WHERE NOT is_registered
)
UNION ALL
SELECT 'archived changes, missing', NULL, 0

-- name: found_besides
-- The same, by what is found in the reference's tables.
SELECT 'returned messages, in the outboxes again' AS subject, NULL::bigint AS debtor_id, (
    {outboxes_difference} - (SELECT count(*) FROM unverified_transfer_request)
)::numeric AS amount
UNION ALL
SELECT 'unverified requests, rejected', NULL, count(*)
FROM {reference}.rejected_transfer_signal
WHERE status_code = 'RECIPIENT_IS_UNREACHABLE' AND inserted_at = now()
UNION ALL
SELECT 'later finalization requests, dropped', NULL, (
    SELECT count(*) FROM finalization_request
) - (
    SELECT count(*) FROM {reference}.finalization_request
)
UNION ALL
SELECT 'archived changes, not applied', NULL, count(*)
FROM {reference}.registered_balance_change WHERE NOT is_applied
UNION ALL
-- (the others have been compared before)
SELECT 'archived changes, missing', NULL, count(*)
FROM newer_change AS b
WHERE NOT EXISTS (
    SELECT FROM {reference}.registered_balance_change AS r
    WHERE r.debtor_id = b.debtor_id
        AND r.other_creditor_id = b.other_creditor_id
        AND r.change_id = b.change_id
)

-- name: more_rows
-- How many more rows the reference has in a table.
(SELECT count(*) FROM {reference}.{table}) - (SELECT count(*) FROM {table})

-- name: keep
INSERT INTO move_proof (move_id, subject, debtor_id, before_amount, after_amount)
SELECT
    %(move_id)s, subject, debtor_id,
    sum(amount) FILTER (WHERE is_before), sum(amount) FILTER (WHERE NOT is_before)
FROM (
    SELECT true AS is_before, b.* FROM ({before}) AS b
    UNION ALL
    SELECT false, a.* FROM ({after}) AS a
) AS both_sides
GROUP BY subject, debtor_id
ORDER BY debtor_id NULLS FIRST, subject

-- name: read
SELECT subject, debtor_id, before_amount, after_amount
FROM {books}.move_proof
WHERE move_id = (SELECT max(move_id) FROM {books}.move_proof)
ORDER BY debtor_id NULLS FIRST, id
LIMIT %(count_max)s

-- name: unequal
SELECT subject, debtor_id, before_amount, after_amount
FROM {books}.move_proof
WHERE move_id = %(move_id)s AND before_amount IS DISTINCT FROM after_amount
ORDER BY debtor_id NULLS FIRST, id
LIMIT 20

-- name: missing_in_archive
-- Changes of the reference's archive that ours does not have, though they have not been forgotten.
SELECT count(*)
FROM {reference}.registered_balance_change AS r
WHERE committed_at >= %(threshold_ts)s AND NOT EXISTS (
    SELECT FROM registered_balance_change AS b
    WHERE b.debtor_id = r.debtor_id
        AND b.other_creditor_id = r.other_creditor_id
        AND b.change_id = r.change_id
)
