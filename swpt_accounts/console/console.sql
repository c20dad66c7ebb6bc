-- What the console asks. Each statement finds its rows by a key, or has a bound; the session has
-- a time limit.

-- name: account
SELECT
    a.debtor_id, a.creditor_id, a.creation_date, a.last_change_ts, a.last_change_seqnum,
    a.principal, a.interest, a.interest_rate, a.previous_interest_rate,
    a.last_interest_rate_change_ts, a.last_interest_capitalization_ts,
    a.last_config_ts, a.last_config_seqnum, a.negligible_amount, a.config_flags, a.status_flags,
    a.minimal_balance, a.total_locked_amount, a.pending_transfers_count,
    a.last_transfer_id, a.last_transfer_number, a.last_transfer_committed_at,
    a.pending_account_update, a.last_heartbeat_ts, a.last_deletion_attempt_ts,
    left(a.config_data, 4000) AS config_data, length(a.config_data) AS config_data_length,
    a.debtor_info_iri, a.debtor_info_content_type, encode(a.debtor_info_sha256, 'hex') AS debtor_info_sha256,
    is_deleted(a.status_flags) AS is_deleted, is_overflown(a.status_flags) AS is_overflown,
    is_scheduled_for_deletion(a.config_flags) AS is_scheduled_for_deletion,
    b.balance,
    expendable_amount(b.balance, a.total_locked_amount, a.minimal_balance) AS expendable_amount
FROM account AS a
CROSS JOIN LATERAL (
    SELECT balance_at(current_ts(), a.principal, a.interest, a.interest_rate, a.last_change_ts)
        AS balance
) AS b
WHERE a.debtor_id = %(debtor_id)s AND a.creditor_id = %(creditor_id)s

-- name: prepared_transfers
-- One more than is shown.
SELECT *
FROM prepared_transfer
WHERE debtor_id = %(debtor_id)s AND creditor_id = %(creditor_id)s
ORDER BY transfer_id DESC
LIMIT 51

-- name: root_config
SELECT interest_rate, info_iri, info_content_type, encode(info_sha256, 'hex') AS info_sha256, fetched_at
FROM root_config
WHERE debtor_id = %(debtor_id)s

-- name: count_accounts
-- Up to 100001: more are too many to be counted for a page.
SELECT count(*) AS count
FROM (
    SELECT FROM account_key WHERE debtor_id = %(debtor_id)s LIMIT 100001
) AS k

-- name: sum_accounts
-- Reads all accounts of a currency, or as many as a limit allows.
SELECT
    count(*) AS count,
    count(*) FILTER (WHERE principal > 0) AS positive_count,
    count(*) FILTER (WHERE principal < 0) AS negative_count,
    count(*) FILTER (WHERE is_deleted(status_flags)) AS deleted_count,
    count(*) FILTER (WHERE is_overflown(status_flags)) AS overflown_count,
    sum(principal) AS principal,
    sum(principal) FILTER (WHERE principal > 0) AS positive_principal,
    sum(interest) AS interest,
    sum(total_locked_amount) AS locked_amount,
    sum(pending_transfers_count) AS prepared_count
FROM (
    SELECT principal, interest, status_flags, total_locked_amount, pending_transfers_count
    FROM account
    WHERE debtor_id = %(debtor_id)s AND creditor_id <> 0
    LIMIT %(count_max)s
) AS a

-- name: biggest_accounts
SELECT creditor_id, principal, total_locked_amount, pending_transfers_count
FROM (
    SELECT creditor_id, principal, total_locked_amount, pending_transfers_count
    FROM account
    WHERE debtor_id = %(debtor_id)s AND creditor_id <> 0 AND principal <> 0
    LIMIT %(count_max)s
) AS a
ORDER BY abs(principal) DESC, creditor_id
LIMIT 20

-- name: some_accounts
-- Some of the first.
SELECT creditor_id
FROM account_key
WHERE debtor_id = %(debtor_id)s AND creditor_id <> 0
ORDER BY creditor_id
LIMIT 20

-- name: some_debtors
-- Debtors that have accounts, found by jumping from one to the next in the index.
WITH RECURSIVE debtor AS (
    (SELECT debtor_id FROM account_key ORDER BY debtor_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT k.debtor_id FROM account_key AS k
        WHERE k.debtor_id > d.debtor_id ORDER BY k.debtor_id LIMIT 1
    )
    FROM debtor AS d
    WHERE d.debtor_id IS NOT NULL
)
SELECT
    d.debtor_id,
    (SELECT a.principal FROM account AS a WHERE a.debtor_id = d.debtor_id AND a.creditor_id = 0 LIMIT 1)
        AS root_principal
FROM debtor AS d
WHERE d.debtor_id IS NOT NULL
LIMIT 30

-- name: has_debtor
SELECT EXISTS (SELECT FROM account_key WHERE debtor_id = %(debtor_id)s) AS found

-- name: table_counters
-- How many rows came and went since the statistics were last reset: PostgreSQL counts them anyway.
SELECT s.relname AS name, s.n_tup_ins AS ins, s.n_tup_del AS dels, s.n_tup_upd AS upd
FROM pg_stat_user_tables AS s
WHERE s.relid IN (
    SELECT to_regclass(t.name) FROM unnest(%(names)s::text[]) AS t (name)
)

-- name: moment
SELECT current_ts() AS moment

-- name: server
SELECT
    current_setting('server_version') AS version,
    current_user AS role,
    pg_is_in_recovery() AS is_replica,
    pg_database_size(current_database()) AS bytes,
    now() AS now,
    pg_has_role('pg_read_all_stats', 'USAGE') AS may_see_sessions,
    pg_postmaster_start_time() AS started_at,
    has_table_privilege('account', 'INSERT, UPDATE, DELETE') AS may_write

-- name: tables
-- Estimates of the statistics: nothing is counted.
SELECT
    c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows_estimate,
    pg_total_relation_size(c.oid) AS bytes,
    s.n_dead_tup AS dead, greatest(s.last_autovacuum, s.last_vacuum) AS vacuumed_at
FROM pg_class AS c
JOIN pg_stat_user_tables AS s ON s.relid = c.oid
WHERE c.oid IN (SELECT to_regclass(t.name) FROM unnest(%(names)s::text[]) AS t (name))
ORDER BY bytes DESC
LIMIT 60

-- name: versions
SELECT version, revision, installed_at FROM procedures_version ORDER BY installed_at DESC LIMIT 5

-- name: moves
SELECT direction, moved_at, pages_count, pages_copied, is_copied FROM move ORDER BY id DESC LIMIT 3

-- name: returned_lines
SELECT
    l.signal_name, l.destination, l.attempts_count, l.pause_seconds, l.next_attempt_at,
    (
        SELECT reason FROM returned_message AS m
        WHERE m.destination = l.destination AND m.signal_name = l.signal_name
        ORDER BY m.id LIMIT 1
    ) AS reason,
    (
        SELECT count(*) FROM (
            SELECT FROM returned_message AS m
            WHERE m.destination = l.destination AND m.signal_name = l.signal_name
            LIMIT 1001
        ) AS first_ones
    ) AS count
FROM returned_line AS l
ORDER BY l.id
LIMIT 30

-- name: debtors_of_creditor
-- Where a creditor has accounts, among the first debtors: an index finds each, and there is none over
-- creditors alone.
WITH RECURSIVE debtor AS (
    (SELECT debtor_id, 1 AS n FROM account_key ORDER BY debtor_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT k.debtor_id FROM account_key AS k
        WHERE k.debtor_id > d.debtor_id ORDER BY k.debtor_id LIMIT 1
    ), d.n + 1
    FROM debtor AS d
    WHERE d.debtor_id IS NOT NULL AND d.n < 2000
)
SELECT d.debtor_id
FROM debtor AS d
WHERE EXISTS (
    SELECT FROM account_key AS k
    WHERE k.debtor_id = d.debtor_id AND k.creditor_id = %(creditor_id)s
)
LIMIT 20

-- name: scan_passes
-- How far the last pass of each scan is, by the scan's name.
SELECT
    scan AS name,
    done_count,
    pages_count,
    began_at,
    began_at + pass_seconds * interval '1 second' AS due_at,
    late_seconds,
    completed_at
FROM scan_pass
ORDER BY scan
LIMIT 10

-- name: late_updates
-- The accounts whose AccountUpdate is to be sent: how many (1001 at most), and since when the first waits.
SELECT count(*) AS count, min(last_heartbeat_ts) AS since
FROM (
    SELECT last_heartbeat_ts FROM account WHERE pending_account_update
    ORDER BY last_heartbeat_ts LIMIT 1001
) AS a
