-- Books of many accounts: :accounts of them in :debtors currencies, a transfer prepared on every
-- tenth, an archive as long as the table of accounts, and messages in the outboxes.
BEGIN;
SELECT current_date - 30 AS created \gset

INSERT INTO account_key
SELECT d, c FROM generate_series(1, :debtors) AS d, generate_series(0, :accounts / :debtors - 1) AS c;

INSERT INTO root_config (debtor_id, interest_rate)
SELECT d, 0 FROM generate_series(1, :debtors) AS d;

-- each creditor has 1000, and each debtor owes them that
INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_ts, principal, negligible_amount,
    last_interest_capitalization_ts, last_transfer_id, last_transfer_number,
    last_transfer_committed_at, last_heartbeat_ts, total_locked_amount, pending_transfers_count
)
SELECT
    debtor_id, creditor_id, :'created', now() - interval '1 day',
    CASE creditor_id WHEN 0 THEN -1000 * (:accounts / :debtors - 1) ELSE 1000 END,
    1e30, now(), first_id + has_transfer, (creditor_id <> 0)::integer,
    CASE creditor_id WHEN 0 THEN '1970-01-01 00:00:00+00' ELSE now() - interval '1 day' END, now(),
    10 * has_transfer, has_transfer
FROM account_key,
    LATERAL (
        SELECT
            (date :'created' - date '1970-01-01')::bigint << 40 AS first_id,
            (creditor_id % 10 = 1)::integer AS has_transfer
    ) AS f;

INSERT INTO prepared_transfer (
    debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, locked_amount, recipient_creditor_id, prepared_at,
    demurrage_rate, deadline, final_interest_rate_ts
)
SELECT
    debtor_id, creditor_id, last_transfer_id, 'direct', creditor_id, 1, 10, 0, now(),
    -50, now() + interval '30 days', '9999-12-31 00:00:00+00'
FROM account WHERE pending_transfers_count > 0;

INSERT INTO prepared_transfer_signal (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    transfer_id, locked_amount, recipient, prepared_at, demurrage_rate, deadline,
    final_interest_rate_ts, ts
)
SELECT
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id, transfer_id,
    locked_amount, '0', prepared_at, demurrage_rate, deadline, final_interest_rate_ts, now()
FROM prepared_transfer;

INSERT INTO account_transfer_signal (
    debtor_id, creditor_id, creation_date, transfer_number, coordinator_type, sender, recipient,
    acquired_amount, transfer_note, transfer_note_format, committed_at, principal,
    previous_transfer_number, ts
)
SELECT
    debtor_id, creditor_id, creation_date, 1, 'issuing', '0', creditor_id::text, 1000, '', '',
    now(), 1000, 0, now()
FROM account WHERE creditor_id % 10 = 2;

INSERT INTO registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT d, c, c, now() - interval '1 day', true
FROM generate_series(1, :debtors) AS d, generate_series(1, :accounts / :debtors) AS c;
COMMIT;
VACUUM ANALYZE;
