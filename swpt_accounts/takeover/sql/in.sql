-- How the reference's rows become ours (docs/decisions/0020). In braces: the schema of the reference's
-- tables; all other names are found by the search path.

-- name: make_root_readings
-- What the root accounts' configurations say by the reference's rules.
CREATE TEMPORARY TABLE root_reading (
    debtor_id bigint PRIMARY KEY,
    interest_rate double precision NOT NULL,
    minimal_balance bigint NOT NULL,
    info_iri text,
    info_content_type text,
    info_sha256 bytea
) ON COMMIT DROP

-- name: roots
-- (also where our procedures are not installed)
SELECT debtor_id, config_data, negligible_amount::text::double precision
FROM {reference}.account
WHERE creditor_id = 0

-- name: keep_root_readings
COPY root_reading FROM STDIN (FORMAT BINARY)

-- name: accounts
WITH moved AS (
    SELECT * FROM {reference}.account
    WHERE ctid >= page_start(%(first_page)s) AND ctid < page_start(%(end_page)s)
), opened AS (
    INSERT INTO account_key (debtor_id, creditor_id)
    SELECT debtor_id, creditor_id FROM moved
)
INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_ts, last_change_seqnum, principal,
    interest, interest_rate, previous_interest_rate, last_interest_rate_change_ts,
    last_interest_capitalization_ts, last_config_ts, last_config_seqnum, negligible_amount,
    config_flags, status_flags, minimal_balance, total_locked_amount, pending_transfers_count,
    last_transfer_id, last_transfer_number, last_transfer_committed_at, pending_account_update,
    last_heartbeat_ts, last_deletion_attempt_ts, config_data, debtor_info_iri,
    debtor_info_content_type, debtor_info_sha256
)
SELECT
    m.debtor_id, creditor_id, creation_date, contain_moment(last_change_ts), last_change_seqnum,
    -- all its digits: until it changes, the account says the same double
    principal, CASE WHEN abs(interest) < 1e-20 THEN 0 ELSE interest::text::numeric END,
    told_number(m.interest_rate),
    told_number(previous_interest_rate), contain_moment(last_interest_rate_change_ts),
    contain_moment(last_interest_capitalization_ts), contain_moment(last_config_ts),
    last_config_seqnum, told_number(negligible_amount), config_flags, status_flags,
    CASE WHEN creditor_id = 0 THEN r.minimal_balance ELSE 0 END,
    total_locked_amount, pending_transfers_count, last_transfer_id, last_transfer_number,
    contain_moment(last_transfer_committed_at), pending_account_update,
    contain_moment(last_heartbeat_ts), contain_moment(last_deletion_attempt_ts), config_data,
    coalesce(debtor_info_iri, ''), coalesce(debtor_info_content_type, ''),
    coalesce(debtor_info_sha256, '')
FROM moved AS m
LEFT JOIN root_reading AS r ON m.creditor_id = 0 AND r.debtor_id = m.debtor_id

-- name: root_configs
INSERT INTO root_config (
    debtor_id, interest_rate, info_iri, info_content_type, info_sha256, fetched_at
)
SELECT debtor_id, interest_rate, info_iri, info_content_type, info_sha256, NULL
FROM root_reading

-- name: prepared_transfers
INSERT INTO prepared_transfer (
    debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id, coordinator_request_id,
    locked_amount, recipient_creditor_id, prepared_at, demurrage_rate, deadline,
    final_interest_rate_ts, last_reminder_ts
)
SELECT
    debtor_id, sender_creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, locked_amount, recipient_creditor_id, contain_moment(prepared_at),
    demurrage_rate, contain_moment(deadline), contain_moment(final_interest_rate_ts),
    contain_moment(last_reminder_ts)
FROM {reference}.prepared_transfer
WHERE ctid >= page_start(%(first_page)s) AND ctid < page_start(%(end_page)s)

-- name: unapplied_changes
-- The rest of the archive is copied beside the work.
INSERT INTO registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT r.debtor_id, r.other_creditor_id, r.change_id, contain_moment(r.committed_at), false
FROM {reference}.pending_balance_change AS c
JOIN {reference}.registered_balance_change AS r USING (debtor_id, other_creditor_id, change_id)

-- name: transfer_requests
INSERT INTO transfer_request (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    min_locked_amount, max_locked_amount, recipient_creditor_id, final_interest_rate_ts, deadline
)
SELECT
    debtor_id, sender_creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    min_locked_amount, max_locked_amount, recipient_creditor_id,
    contain_moment(final_interest_rate_ts), contain_moment(deadline)
FROM {reference}.transfer_request
ORDER BY transfer_request_id

-- name: finalization_requests
INSERT INTO finalization_request (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id, transfer_id,
    committed_amount, transfer_note, transfer_note_format
)
SELECT
    debtor_id, sender_creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    transfer_id, committed_amount, transfer_note, transfer_note_format
FROM {reference}.finalization_request
ORDER BY ts, debtor_id, sender_creditor_id, transfer_id

-- name: balance_changes
INSERT INTO pending_balance_change (
    debtor_id, creditor_id, other_creditor_id, change_id, principal_delta, coordinator_type,
    transfer_note, transfer_note_format, committed_at, is_registered
)
SELECT
    debtor_id, creditor_id, other_creditor_id, change_id, principal_delta, coordinator_type,
    transfer_note, transfer_note_format, contain_moment(committed_at), true
FROM {reference}.pending_balance_change
ORDER BY committed_at, change_id

-- name: rejected_configs
INSERT INTO rejected_config_signal (
    debtor_id, creditor_id, config_ts, config_seqnum, config_flags, config_data,
    negligible_amount, rejection_code, ts
)
SELECT
    debtor_id, creditor_id, contain_moment(config_ts), config_seqnum, config_flags, config_data,
    told_number(negligible_amount), rejection_code, contain_moment(inserted_at)
FROM {reference}.rejected_config_signal
ORDER BY signal_id

-- name: rejected_transfers
INSERT INTO rejected_transfer_signal (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id, status_code,
    total_locked_amount, ts
)
SELECT
    debtor_id, sender_creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    status_code, total_locked_amount, contain_moment(inserted_at)
FROM {reference}.rejected_transfer_signal
ORDER BY signal_id

-- name: prepared_transfer_signals
INSERT INTO prepared_transfer_signal (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id, transfer_id,
    locked_amount, recipient, prepared_at, demurrage_rate, deadline, final_interest_rate_ts, ts
)
SELECT
    debtor_id, sender_creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    transfer_id, locked_amount, account_id(recipient_creditor_id), contain_moment(prepared_at),
    demurrage_rate, contain_moment(deadline), contain_moment(final_interest_rate_ts),
    contain_moment(inserted_at)
FROM {reference}.prepared_transfer_signal
ORDER BY signal_id

-- name: finalized_transfers
INSERT INTO finalized_transfer_signal (
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id, transfer_id,
    committed_amount, status_code, total_locked_amount, prepared_at, ts
)
SELECT
    debtor_id, sender_creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    transfer_id, committed_amount, status_code, total_locked_amount, contain_moment(prepared_at),
    contain_moment(finalized_at)
FROM {reference}.finalized_transfer_signal
ORDER BY inserted_at, debtor_id, sender_creditor_id, transfer_id

-- name: account_transfers
INSERT INTO account_transfer_signal (
    debtor_id, creditor_id, creation_date, transfer_number, coordinator_type, sender, recipient,
    acquired_amount, transfer_note, transfer_note_format, committed_at, principal,
    previous_transfer_number, ts
)
SELECT
    debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
    account_id(CASE WHEN acquired_amount >= 0 THEN other_creditor_id ELSE creditor_id END),
    account_id(CASE WHEN acquired_amount >= 0 THEN creditor_id ELSE other_creditor_id END),
    acquired_amount, transfer_note, transfer_note_format, contain_moment(committed_at), principal,
    previous_transfer_number, contain_moment(inserted_at)
FROM {reference}.account_transfer_signal
ORDER BY inserted_at, debtor_id, creditor_id, transfer_number

-- name: account_updates
INSERT INTO account_update_signal (
    debtor_id, creditor_id, creation_date, last_change_ts, last_change_seqnum, principal, interest,
    interest_rate, last_interest_rate_change_ts, last_config_ts, last_config_seqnum,
    negligible_amount, config_flags, config_data, account_id, debtor_info_iri,
    debtor_info_content_type, debtor_info_sha256, last_transfer_number,
    last_transfer_committed_at, ts
)
SELECT
    debtor_id, creditor_id, creation_date, contain_moment(last_change_ts), last_change_seqnum,
    principal, interest, told_number(interest_rate), contain_moment(last_interest_rate_change_ts),
    contain_moment(last_config_ts), last_config_seqnum, told_number(negligible_amount),
    config_flags, config_data, account_id(creditor_id), coalesce(debtor_info_iri, ''),
    coalesce(debtor_info_content_type, ''), coalesce(debtor_info_sha256, ''),
    last_transfer_number, contain_moment(last_transfer_committed_at), contain_moment(inserted_at)
FROM {reference}.account_update_signal
ORDER BY signal_id

-- name: account_purges
INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)
SELECT debtor_id, creditor_id, creation_date, contain_moment(inserted_at)
FROM {reference}.account_purge_signal
ORDER BY inserted_at, debtor_id, creditor_id

-- name: sent_balance_changes
-- Some may have been sent, and taken in, already: they are sent again, and the archive knows them.
INSERT INTO pending_balance_change_signal (
    debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type, transfer_note_format,
    transfer_note, committed_at, principal_delta, ts
)
SELECT
    debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type, transfer_note_format,
    transfer_note, contain_moment(committed_at), principal_delta, contain_moment(inserted_at)
FROM {reference}.pending_balance_change_signal
ORDER BY inserted_at, change_id

-- name: show_older_archive
-- Of the archive that is not copied yet. It takes one look for each statement.
CREATE OR REPLACE VIEW older_balance_change AS
SELECT ctid AS tid, debtor_id, other_creditor_id, change_id, committed_at, is_applied
FROM {reference}.registered_balance_change
WHERE (SELECT NOT is_copied FROM move ORDER BY id DESC LIMIT 1)

-- name: hide_older_archive
CREATE OR REPLACE VIEW older_balance_change AS
SELECT ctid AS tid, debtor_id, other_creditor_id, change_id, committed_at, is_applied
FROM registered_balance_change
WHERE false

-- name: is_archive_copied
SELECT true WHERE (SELECT is_copied FROM {books}.move ORDER BY id DESC LIMIT 1)

-- name: begin_move
INSERT INTO move (direction, moved_at, reference_schema, pages_count, is_copied)
VALUES (%(direction)s, clock_timestamp(), %(reference_schema)s, %(pages_count)s, %(is_copied)s)
RETURNING id

-- name: take_older_senders
-- What the reference's shards have sent, or send until they are moved, too.
INSERT INTO older_senders (cause, taken_until)
VALUES ('move', clock_timestamp() + interval '30 days')
ON CONFLICT (cause) DO UPDATE SET taken_until = excluded.taken_until

-- name: refuse_older_senders
-- The move is over.
DELETE FROM older_senders WHERE cause = 'move'

-- name: keep_change_ids
-- The part of our change ids that does not depend on a clock goes on where it was.
SELECT setval('change_id_seq', last_value, is_called) FROM {left}.change_id_seq

-- name: keep_dealt_with
-- What was known of dead letters when the database was ours before.
INSERT INTO dead_letter_dealt_with (queue, stream_offset, digest, state, changed_at)
SELECT queue, stream_offset, digest, state, changed_at FROM {left}.dead_letter_dealt_with
ON CONFLICT DO NOTHING

