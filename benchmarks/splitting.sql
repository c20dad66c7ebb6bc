-- A shard as large as one likes, for the measurement of a split. Each debtor has a thousand accounts.
-- What its creditors have, its root account owes.

-- name: accounts
INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_seqnum, last_change_ts, principal,
    interest, interest_rate, last_config_ts, last_config_seqnum, negligible_amount,
    total_locked_amount, pending_transfers_count, last_transfer_id, last_transfer_number,
    last_heartbeat_ts, last_interest_capitalization_ts
)
SELECT
    1 + n / 1000, n %% 1000, date '2024-05-01', n %% 77, now() - interval '3 days',
    CASE WHEN n %% 1000 = 0 THEN -999 * 5000 ELSE 5000 END,
    CASE WHEN n %% 1000 = 0 THEN 0 ELSE 12.34567890123456789 END, 0,
    now() - interval '90 days', 1, CASE WHEN n %% 1000 = 0 THEN 1e30 ELSE 2 END,
    0, 0, 19844::bigint << 40, 3,
    now(), now() - interval '3 days'
FROM generate_series(0, %(accounts)s - 1) AS n

-- name: keys
INSERT INTO account_key (debtor_id, creditor_id) SELECT debtor_id, creditor_id FROM account

-- name: archive
INSERT INTO registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT 1 + n / 1000, n %% 1000, n, now() - interval '3 days', true
FROM generate_series(0, %(archive)s - 1) AS n

-- name: statistics
ANALYZE
