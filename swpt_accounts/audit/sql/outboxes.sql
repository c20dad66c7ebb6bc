-- Checks of what is in the outboxes, against the accounts and the prepared transfers. Several
-- flushers take rows out of an outbox, and may end in any order: so a message may be missing between
-- two others, but what is there must fit together.

-- name: transfer_chain
SELECT
    debtor_id, creditor_id,
    concat(
        'AccountTransfer ', s.transfer_number, ': ',
        concat_ws(
            ', ',
            CASE WHEN s.previous_transfer_number <> s.transfer_number - 1
                THEN concat('the one before has the number ', s.previous_transfer_number) END,
            CASE WHEN s.transfer_number = s.number_before THEN 'it exists twice' END,
            CASE WHEN s.transfer_number <> s.number_before AND s.id < s.id_before
                THEN 'it is sent before an earlier one' END,
            CASE WHEN s.transfer_number = s.number_before + 1
                AND s.principal - s.principal_before::numeric < s.acquired_amount
                THEN concat(
                    'the principal went from ', s.principal_before, ' to ', s.principal,
                    ' by ', s.acquired_amount
                ) END,
            CASE WHEN s.transfer_number = a.last_transfer_number AND a.principal < s.principal
                THEN concat('the principal was ', s.principal, ', and is ', a.principal) END
        )
    )
FROM (
    SELECT
        *,
        lag(id) OVER w AS id_before,
        lag(transfer_number) OVER w AS number_before,
        lag(principal) OVER w AS principal_before
    FROM own_account_transfer_signal
    WINDOW w AS (PARTITION BY debtor_id, creditor_id, creation_date ORDER BY transfer_number, id)
) AS s
LEFT JOIN own_account a USING (debtor_id, creditor_id, creation_date)
WHERE s.previous_transfer_number <> s.transfer_number - 1
    OR s.transfer_number = s.number_before
    OR s.id < s.id_before
    -- A credit that is negligible is not reported: the principal may have grown by more. Where
    -- something was cut off, nothing can be told.
    OR NOT coalesce(is_overflown(a.status_flags), true) AND (
        s.transfer_number = s.number_before + 1
            AND s.principal - s.principal_before::numeric < s.acquired_amount
        OR s.transfer_number = a.last_transfer_number AND a.principal < s.principal
    )

-- name: ahead_of_account
-- An account never goes back: no message tells more than it knows.
SELECT debtor_id, creditor_id, concat('it knows less than a message: ', s.problem)
FROM (
    SELECT
        debtor_id, creditor_id,
        concat('AccountTransfer ', s.transfer_number, ', after ', a.last_transfer_number) AS problem
    FROM own_account_transfer_signal s
    JOIN own_account a USING (debtor_id, creditor_id)
    WHERE s.creation_date > a.creation_date
        OR s.creation_date = a.creation_date AND s.transfer_number > a.last_transfer_number
    UNION ALL
    SELECT
        debtor_id, creditor_id,
        concat('AccountUpdate ', s.last_change_ts, ', after ', a.last_change_ts)
    FROM own_account_update_signal s
    JOIN own_account a USING (debtor_id, creditor_id)
    WHERE s.creation_date > a.creation_date
        OR s.creation_date = a.creation_date AND (
            s.last_transfer_number > a.last_transfer_number
            OR s.last_config_ts > a.last_config_ts
            OR s.last_change_ts > a.last_change_ts
            OR s.last_change_ts = a.last_change_ts
                AND is_later_seqnum(s.last_change_seqnum, a.last_change_seqnum)
        )
    UNION ALL
    SELECT
        debtor_id, creditor_id,
        concat('PreparedTransfer ', s.transfer_id, ', after ', a.last_transfer_id)
    FROM own_prepared_transfer_signal s
    JOIN own_account a USING (debtor_id, creditor_id)
    WHERE s.transfer_id > a.last_transfer_id
    UNION ALL
    SELECT
        debtor_id, creditor_id,
        concat('FinalizedTransfer ', s.transfer_id, ', after ', a.last_transfer_id)
    FROM own_finalized_transfer_signal s
    JOIN own_account a USING (debtor_id, creditor_id)
    WHERE s.transfer_id > a.last_transfer_id
) AS s

-- name: finalized_transfer
SELECT debtor_id, creditor_id, concat('transfer ', transfer_id, ' is finalized, and still prepared')
FROM own_finalized_transfer_signal
JOIN own_prepared_transfer USING (debtor_id, creditor_id, transfer_id)
UNION ALL
SELECT debtor_id, creditor_id, concat('transfer ', transfer_id, ' is finalized twice')
FROM own_finalized_transfer_signal
GROUP BY debtor_id, creditor_id, transfer_id
HAVING count(*) > 1
UNION ALL
SELECT
    debtor_id, creditor_id,
    concat('transfer ', transfer_id, ' is prepared, and reported as something else')
FROM own_prepared_transfer_signal s
JOIN own_prepared_transfer p USING (debtor_id, creditor_id, transfer_id)
WHERE (
    s.coordinator_type, s.coordinator_id, s.coordinator_request_id, s.locked_amount, s.recipient,
    s.prepared_at, s.demurrage_rate, s.deadline, s.final_interest_rate_ts
) IS DISTINCT FROM (
    p.coordinator_type, p.coordinator_id, p.coordinator_request_id, p.locked_amount,
    account_id(p.recipient_creditor_id),
    p.prepared_at, p.demurrage_rate, p.deadline, p.final_interest_rate_ts
)

-- name: signal_account
-- A deleted account stays for days: what is reported of it today is reported of an account. (What
-- waits for longer may have outlived its account.)
SELECT debtor_id, creditor_id, concat('it is not there, and ', s.name, ' was sent for it today')
FROM (
    SELECT 'an AccountTransfer' AS name, debtor_id, creditor_id, ts FROM own_account_transfer_signal
    UNION ALL
    SELECT 'an AccountUpdate', debtor_id, creditor_id, ts FROM own_account_update_signal
    UNION ALL
    SELECT 'a PreparedTransfer', debtor_id, creditor_id, ts FROM own_prepared_transfer_signal
    UNION ALL
    SELECT 'a FinalizedTransfer', debtor_id, creditor_id, ts FROM own_finalized_transfer_signal
) AS s
WHERE s.ts > current_ts() - interval '1 day' AND NOT EXISTS (
    SELECT FROM own_account a
    WHERE a.debtor_id = s.debtor_id AND a.creditor_id = s.creditor_id
)
UNION ALL
SELECT debtor_id, creditor_id, 'it exists, but an AccountPurge says that it was purged'
FROM own_account_purge_signal s
JOIN own_account a USING (debtor_id, creditor_id)
WHERE a.creation_date <= s.creation_date
