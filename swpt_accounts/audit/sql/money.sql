-- Checks of accounts, locks and balance changes. The name of a check is its code; see parts.sql, and
-- docs/reference/book-checks.md.

-- name: debtor_sum
-- Only where all accounts are in this database. A debtor with an account of which something was cut
-- off (`contain_principal`) has no sum: see `overflown`.
SELECT
    debtor_id, NULL::bigint,
    concat('the principals, and the changes on their way, add up to ', sum(amount))
FROM (
    SELECT debtor_id, principal AS amount, is_overflown(status_flags) AS is_overflown
    FROM own_account
    UNION ALL
    SELECT debtor_id, principal_delta, false FROM own_change
    UNION ALL
    SELECT debtor_id, principal_delta, false FROM own_sent_change
) AS amount
GROUP BY debtor_id
HAVING sum(amount) <> 0 AND NOT bool_or(is_overflown)

-- name: overflown
SELECT
    debtor_id, creditor_id,
    'something was cut off its principal, so the sum of its debtor proves nothing'
FROM own_account
WHERE is_overflown(status_flags)

-- name: locks
SELECT
    debtor_id, creditor_id,
    concat(
        'it has ', coalesce(a.total_locked_amount::text, 'no account, so nothing'), ' locked in ',
        coalesce(a.pending_transfers_count, 0), ' transfers, its prepared transfers lock ',
        coalesce(l.amount, 0), ' in ', coalesce(l.transfers_count, 0)
    )
FROM (
    SELECT debtor_id, creditor_id, total_locked_amount, pending_transfers_count FROM own_account
) AS a
FULL JOIN (
    SELECT debtor_id, creditor_id, sum(locked_amount) AS amount, count(*) AS transfers_count
    FROM own_prepared_transfer
    GROUP BY debtor_id, creditor_id
) AS l USING (debtor_id, creditor_id)
WHERE a.total_locked_amount IS DISTINCT FROM coalesce(l.amount, 0)
    OR a.pending_transfers_count IS DISTINCT FROM coalesce(l.transfers_count, 0)

-- name: deleted_account
SELECT
    debtor_id, creditor_id,
    concat_ws(
        '; ',
        CASE WHEN principal <> 0 OR interest <> 0
            THEN concat('it is deleted, and has ', principal, ' with ', interest, ' interest') END,
        CASE WHEN pending_transfers_count <> 0 THEN 'it is deleted, and has prepared transfers' END,
        CASE WHEN NOT is_scheduled_for_deletion(config_flags)
            THEN 'it is deleted, and was not scheduled for deletion' END,
        CASE WHEN pending_account_update THEN 'it is deleted, and has an update to send' END
    )
FROM own_account
WHERE is_deleted(status_flags) AND (
    principal <> 0 OR interest <> 0 OR pending_transfers_count <> 0
    OR NOT is_scheduled_for_deletion(config_flags) OR pending_account_update
)

-- name: account_key
SELECT debtor_id, creditor_id, 'it has no key'
FROM own_account a
WHERE NOT EXISTS (
    SELECT FROM account_key k
    WHERE k.debtor_id = a.debtor_id AND k.creditor_id = a.creditor_id
)
UNION ALL
SELECT debtor_id, creditor_id, 'it has a key, but does not exist'
FROM own_account_key k
WHERE NOT EXISTS (
    SELECT FROM account a
    WHERE a.debtor_id = k.debtor_id AND a.creditor_id = k.creditor_id
)
UNION ALL
SELECT debtor_id, creditor_id, concat('it is there ', count(*), ' times')
FROM own_account
GROUP BY debtor_id, creditor_id
HAVING count(*) > 1

-- name: received_change
-- Both children of a split shard keep the archive, each of them half of what waits: so what is in
-- the archive, and does not wait, is looked for only where all accounts are in this database.
SELECT
    debtor_id, c.creditor_id,
    CASE
        WHEN u.change_id IS NULL
            THEN concat('change ', change_id, ' waits, and the archive does not say so')
        ELSE concat('change ', change_id, ' was received, and is lost')
    END
FROM (
    SELECT debtor_id, creditor_id, other_creditor_id, change_id FROM own_change WHERE is_registered
) AS c
FULL JOIN (
    SELECT * FROM registered_balance_change WHERE NOT is_applied
) AS u USING (debtor_id, other_creditor_id, change_id)
WHERE u.committed_at IS NULL OR (c.creditor_id IS NULL AND %(realm_length)s = 0)

-- name: doubled_change
SELECT
    debtor_id, min(creditor_id),
    concat(
        'change ', change_id, ' from creditor ', other_creditor_id,
        ' waits ', sum(waits), ' times, and is to be sent ', sum(is_sent), ' times'
    )
FROM (
    SELECT
        debtor_id, creditor_id, other_creditor_id, change_id,
        1 AS waits, (NOT is_registered)::integer AS is_local, 0 AS is_sent
    FROM own_change
    UNION ALL
    SELECT debtor_id, creditor_id, other_creditor_id, change_id, 0, 0, 1
    FROM own_sent_change
) AS change
GROUP BY debtor_id, other_creditor_id, change_id
HAVING sum(waits) > 1 OR sum(is_sent) > 1 OR (sum(is_local) > 0 AND sum(is_sent) > 0)
UNION ALL
SELECT
    debtor_id, creditor_id,
    concat(
        'change ', change_id, ' from creditor ', other_creditor_id,
        ' was made here, and came from another shard too'
    )
FROM own_change
JOIN registered_balance_change USING (debtor_id, other_creditor_id, change_id)
WHERE NOT is_registered

-- name: transfer_id
SELECT
    debtor_id, creditor_id,
    concat(
        'transfer ', p.transfer_id, ' is prepared, and the last one was ', a.last_transfer_id,
        ' (they begin at ', a.first_transfer_id, ')'
    )
FROM own_prepared_transfer p
JOIN (
    SELECT
        debtor_id, creditor_id, last_transfer_id,
        (((creation_date - date '1970-01-01')::bigint << 40) + 1) AS first_transfer_id
    FROM own_account
) AS a USING (debtor_id, creditor_id)
WHERE p.transfer_id NOT BETWEEN a.first_transfer_id AND a.last_transfer_id

-- name: root_account
SELECT
    debtor_id, 0::bigint,
    concat_ws(
        '; ',
        CASE WHEN a.debtor_id IS NULL THEN 'it is not there, and its configuration is' END,
        CASE WHEN c.debtor_id IS NULL THEN 'its configuration is not there' END,
        CASE WHEN a.interest <> 0 OR a.interest_rate <> 0 OR a.previous_interest_rate <> 0
            THEN 'it bears interest' END,
        CASE WHEN a.last_transfer_number <> 0 THEN 'it has numbered transfers' END,
        CASE WHEN -a.minimal_balance::numeric > a.negligible_amount
            THEN concat('its minimal balance is ', a.minimal_balance) END
    )
FROM (SELECT * FROM own_account WHERE creditor_id = 0) AS a
FULL JOIN own_root_config c USING (debtor_id)
WHERE a.debtor_id IS NULL OR c.debtor_id IS NULL
    OR a.interest <> 0 OR a.interest_rate <> 0 OR a.previous_interest_rate <> 0
    OR a.last_transfer_number <> 0 OR -a.minimal_balance::numeric > a.negligible_amount
