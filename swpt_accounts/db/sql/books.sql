-- Proves the books: what must hold between the tables, whatever was done to them. One statement
-- sees one snapshot, so the workers need not stop.

-- What is wrong with this shard's own rows, at most `p_count_max` findings; nothing, if the books are
-- right. The sums of whole currencies are checked only where all accounts are in this database,
-- and leave out those of which something was cut off (`contain_principal`).
CREATE OR REPLACE FUNCTION find_book_errors(
    p_realm_bits integer, p_realm_length integer, p_count_max integer
) RETURNS TABLE (debtor_id bigint, creditor_id bigint, error text)
LANGUAGE sql STABLE
SET enable_seqscan = on
SET enable_hashjoin = on
AS $$
    WITH own_account AS (
        SELECT * FROM account
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), own_key AS (
        SELECT * FROM account_key
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), own_change AS (
        SELECT * FROM pending_balance_change
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), own_lock AS (
        SELECT debtor_id, creditor_id, sum(locked_amount) AS amount, count(*) AS transfers_count
        FROM prepared_transfer
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        GROUP BY debtor_id, creditor_id
    ), amount AS (
        SELECT debtor_id, principal::numeric AS amount, is_overflown(status_flags) AS is_overflown
        FROM own_account
        WHERE p_realm_length = 0
        UNION ALL
        SELECT debtor_id, principal_delta, false
        FROM own_change
        WHERE p_realm_length = 0
    ), unapplied AS (
        SELECT * FROM registered_balance_change WHERE NOT is_applied
    )
    SELECT * FROM (
        SELECT
            debtor_id, NULL::bigint AS creditor_id,
            format('the principals, and the changes on their way, add up to %s', sum(amount))
        FROM amount
        GROUP BY debtor_id
        HAVING sum(amount) <> 0 AND NOT bool_or(is_overflown)
        UNION ALL
        SELECT
            debtor_id, creditor_id,
            format(
                'it has %s locked in %s transfers, its prepared transfers lock %s in %s',
                coalesce(a.total_locked_amount::text, 'no account, so nothing'),
                coalesce(a.pending_transfers_count, 0),
                coalesce(l.amount, 0), coalesce(l.transfers_count, 0)
            )
        FROM own_account a FULL JOIN own_lock l USING (debtor_id, creditor_id)
        WHERE a.total_locked_amount IS DISTINCT FROM coalesce(l.amount, 0)
            OR a.pending_transfers_count IS DISTINCT FROM coalesce(l.transfers_count, 0)
        UNION ALL
        SELECT
            debtor_id, creditor_id,
            format('it is deleted, and has %s with %s interest', principal, interest)
        FROM own_account
        WHERE is_deleted(status_flags) AND (principal <> 0 OR interest <> 0)
        UNION ALL
        SELECT
            debtor_id, creditor_id,
            CASE WHEN k IS NULL THEN 'it has no key' ELSE 'it has a key, and is not there' END
        FROM own_account a FULL JOIN own_key k USING (debtor_id, creditor_id)
        WHERE a IS NULL OR k IS NULL
        UNION ALL
        SELECT
            debtor_id, c.creditor_id,
            CASE
                WHEN u IS NULL
                    THEN format('change %s waits, and the archive does not say so', change_id)
                ELSE format('change %s was received, and is lost', change_id)
            END
        FROM (SELECT * FROM own_change WHERE is_registered) AS c
        FULL JOIN unapplied u USING (debtor_id, other_creditor_id, change_id)
        -- both children of a split shard keep the archive, each of them half of what waits
        WHERE u IS NULL OR (c IS NULL AND p_realm_length = 0)
    ) AS e
    LIMIT p_count_max
$$;
