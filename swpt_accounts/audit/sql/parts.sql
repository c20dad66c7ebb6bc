-- What the checks of the books are made of. A check is a SELECT in `money.sql`, `outboxes.sql` or
-- `values.sql`: it returns a debtor, a creditor (either may be NULL), and what is wrong there. It is
-- put between `own` and `findings`. It reads this shard's own rows: those of a sibling, which are in
-- both children of a split shard for a while, are nobody's business.

-- name: own
WITH own_account AS NOT MATERIALIZED (
    SELECT * FROM account
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_account_key AS NOT MATERIALIZED (
    SELECT * FROM account_key
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_root_config AS NOT MATERIALIZED (
    -- those of the debtors whose own accounts are here; of the others this is a copy
    SELECT * FROM root_config
    WHERE in_realm(debtor_id, 0, %(realm_bits)s::int, %(realm_length)s::int)
), own_prepared_transfer AS NOT MATERIALIZED (
    SELECT * FROM prepared_transfer
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_transfer_request AS NOT MATERIALIZED (
    SELECT * FROM transfer_request
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_unverified_transfer_request AS NOT MATERIALIZED (
    SELECT * FROM unverified_transfer_request
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_finalization_request AS NOT MATERIALIZED (
    SELECT * FROM finalization_request
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_change AS NOT MATERIALIZED (
    SELECT * FROM pending_balance_change
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_rejected_config_signal AS NOT MATERIALIZED (
    SELECT * FROM rejected_config_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_rejected_transfer_signal AS NOT MATERIALIZED (
    SELECT * FROM rejected_transfer_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_prepared_transfer_signal AS NOT MATERIALIZED (
    SELECT * FROM prepared_transfer_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_finalized_transfer_signal AS NOT MATERIALIZED (
    SELECT * FROM finalized_transfer_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_account_transfer_signal AS NOT MATERIALIZED (
    SELECT * FROM account_transfer_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_account_update_signal AS NOT MATERIALIZED (
    SELECT * FROM account_update_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_account_purge_signal AS NOT MATERIALIZED (
    SELECT * FROM account_purge_signal
    WHERE in_realm(debtor_id, creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
), own_sent_change AS NOT MATERIALIZED (
    -- on their way to other shards: they belong to the accounts from which they came
    SELECT debtor_id, creditor_id, other_creditor_id, change_id, principal_delta, committed_at
    FROM pending_balance_change_signal
    WHERE in_realm(debtor_id, other_creditor_id, %(realm_bits)s::int, %(realm_length)s::int)
    UNION ALL
    SELECT *
    FROM unnest(
        %(returned_debtor_ids)s::bigint[], %(returned_creditor_ids)s::bigint[],
        %(returned_other_creditor_ids)s::bigint[], %(returned_change_ids)s::bigint[],
        %(returned_principal_deltas)s::bigint[], %(returned_committed_at)s::timestamptz[]
    )
)

-- name: findings
-- The first of them, and how many there are.
, finding (debtor_id, creditor_id, problem) AS ({check})
SELECT debtor_id, creditor_id, problem, count(*) OVER () AS findings_count
FROM finding
ORDER BY debtor_id, creditor_id, problem
LIMIT %(count_max)s

-- name: oldest_work
-- The moment before which everything that this database has ever committed is visible to a snapshot
-- that is taken after this statement. A second is left for transactions that have begun, and do not
-- say so yet. What cannot be seen (sessions of other roles; on a replica, all of them) may be as old
-- as the longest transaction of the workers, two minutes, and one more.
SELECT CASE
    WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() - interval '3 minutes'
    ELSE least(
        clock_timestamp() - interval '1 second',
        (
            SELECT min(CASE
                WHEN query = '<insufficient privilege>'
                    THEN clock_timestamp() - interval '3 minutes'
                ELSE xact_start - interval '1 second'
            END)
            FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND application_name LIKE 'swpt\_accounts %%'
                AND application_name NOT LIKE 'swpt\_accounts verify\_%%'
        )
    )
END

-- name: snapshot
SELECT transaction_timestamp() AS taken_at, pg_is_in_recovery() AS is_replica

-- name: table_sizes
-- How much there is to read, in bytes: of each table, and one page more.
SELECT name, pg_table_size(name::regclass) + current_setting('block_size')::bigint
FROM unnest(%(tables)s::text[]) AS t (name)

-- name: returned_messages
SELECT id, signal_name, body FROM returned_message

-- name: debtor_sums
-- For each debtor: its accounts here, their principals, what waits to be added to them, and how many
-- of the accounts something was cut off from.
SELECT
    debtor_id,
    count(principal) AS accounts_count,
    coalesce(sum(principal), 0) AS principals,
    coalesce(sum(waiting), 0) AS waiting,
    count(*) FILTER (WHERE is_overflown) AS overflown_count
FROM (
    SELECT
        debtor_id, principal, NULL::bigint AS waiting, is_overflown(status_flags) AS is_overflown
    FROM own_account
    UNION ALL
    SELECT debtor_id, NULL, principal_delta, false
    FROM own_change
) AS amount
GROUP BY debtor_id
ORDER BY debtor_id

-- name: sent_changes
-- What is on its way to other shards, as far as it has not left the database.
SELECT * FROM own_sent_change

-- name: received_changes
-- What came from other shards, and was committed there after a moment.
SELECT debtor_id, other_creditor_id, change_id, committed_at
FROM registered_balance_change
WHERE committed_at >= %(since)s
