-- A database of the reference, as large as one likes: its tables are those of a dump, in `public`. Each
-- debtor has a thousand accounts. What its creditors have, its root account owes.

-- name: clear
TRUNCATE account, prepared_transfer, registered_balance_change, transfer_request,
    finalization_request, pending_balance_change, rejected_config_signal, rejected_transfer_signal,
    prepared_transfer_signal, finalized_transfer_signal, account_transfer_signal,
    account_update_signal, account_purge_signal, pending_balance_change_signal

-- name: accounts
INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_seqnum, last_change_ts, principal,
    interest_rate, interest, last_interest_rate_change_ts, last_config_ts, last_config_seqnum,
    last_transfer_number, last_transfer_committed_at, negligible_amount, config_flags, config_data,
    status_flags, total_locked_amount, pending_transfers_count, last_transfer_id,
    previous_interest_rate, last_heartbeat_ts, last_interest_capitalization_ts,
    last_deletion_attempt_ts, pending_account_update
)
SELECT
    1 + n / 1000, n %% 1000, date '2024-05-01', n %% 77, now() - interval '3 days',
    CASE WHEN n %% 1000 = 0 THEN -999 * 5000 ELSE 5000 END,
    CASE WHEN n %% 1000 = 0 THEN 0 ELSE 5.5 END, CASE WHEN n %% 1000 = 0 THEN 0 ELSE 12.3456789012345 END, '1970-01-01+00',
    now() - interval '90 days', 1, 0, '1970-01-01+00', 2, 0,
    CASE WHEN n %% 1000 = 0 THEN '{"type": "RootConfigData", "rate": 5.5}' ELSE '' END,
    0, CASE WHEN n %% 50 = 1 THEN 7 ELSE 0 END, CASE WHEN n %% 50 = 1 THEN 1 ELSE 0 END,
    (19844::bigint << 40) + CASE WHEN n %% 50 = 1 THEN 1 ELSE 0 END,
    0, now() - interval '3 days', '1970-01-01+00', '1970-01-01+00', false
FROM generate_series(0, %(accounts)s - 1) AS n

-- name: prepared_transfers
INSERT INTO prepared_transfer (
    debtor_id, sender_creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, recipient_creditor_id, prepared_at, demurrage_rate, deadline,
    locked_amount, final_interest_rate_ts
)
SELECT
    debtor_id, creditor_id, last_transfer_id, 'direct', creditor_id, 1, 2, now(), -50,
    now() + interval '10 days', 7, '9999-12-31 23:59:59+00'
FROM account
WHERE pending_transfers_count = 1

-- name: archive
-- In the order in which they came, which is not that of their key.
ALTER TABLE pending_balance_change
    DROP CONSTRAINT pending_balance_change_debtor_id_other_creditor_id_change__fkey;
ALTER TABLE registered_balance_change DROP CONSTRAINT registered_balance_change_pkey

-- name: archive_rows
INSERT INTO registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT
    1 + hashint8(n) %% 1000, hashint8(n + 1) %% 1000, n,
    timestamptz '2024-05-01 00:00:00+00' + n * interval '1 second', true
FROM generate_series(1, %(archive)s) AS n

-- name: archive_key
ALTER TABLE registered_balance_change
    ADD CONSTRAINT registered_balance_change_pkey
    PRIMARY KEY (debtor_id, other_creditor_id, change_id);
ALTER TABLE pending_balance_change
    ADD CONSTRAINT pending_balance_change_debtor_id_other_creditor_id_change__fkey
    FOREIGN KEY (debtor_id, other_creditor_id, change_id) REFERENCES registered_balance_change

-- name: analyze
ANALYZE
