-- How our rows become the reference's again. In braces: the schema of the reference's tables; all other
-- names are found by the search path. What the reference numbers, its own sequences number anew.

-- name: empty
-- All but the archive, which only grows.
TRUNCATE
    {reference}.account, {reference}.prepared_transfer, {reference}.transfer_request,
    {reference}.finalization_request, {reference}.pending_balance_change,
    {reference}.rejected_config_signal, {reference}.rejected_transfer_signal,
    {reference}.prepared_transfer_signal, {reference}.finalized_transfer_signal,
    {reference}.account_transfer_signal, {reference}.account_update_signal,
    {reference}.account_purge_signal, {reference}.pending_balance_change_signal

-- name: accounts
INSERT INTO {reference}.account (
    debtor_id, creditor_id, creation_date, last_change_seqnum, last_change_ts, principal,
    interest_rate, interest, last_interest_rate_change_ts, last_config_ts, last_config_seqnum,
    last_transfer_number, last_transfer_committed_at, negligible_amount, config_flags, config_data,
    debtor_info_iri, debtor_info_content_type, debtor_info_sha256, status_flags,
    total_locked_amount, pending_transfers_count, last_transfer_id, previous_interest_rate,
    last_heartbeat_ts, last_interest_capitalization_ts, last_deletion_attempt_ts,
    pending_account_update
)
SELECT
    debtor_id, creditor_id, creation_date, last_change_seqnum, last_change_ts, principal,
    contain_real(interest_rate), contain_interest(interest), last_interest_rate_change_ts,
    last_config_ts, last_config_seqnum, last_transfer_number, last_transfer_committed_at,
    contain_real(negligible_amount), config_flags, config_data, nullif(debtor_info_iri, ''),
    nullif(debtor_info_content_type, ''), nullif(debtor_info_sha256, ''), status_flags,
    total_locked_amount, pending_transfers_count, last_transfer_id,
    contain_real(previous_interest_rate), last_heartbeat_ts, last_interest_capitalization_ts,
    last_deletion_attempt_ts, pending_account_update
FROM account
WHERE ctid >= page_start(%(first_page)s) AND ctid < page_start(%(end_page)s)

-- name: prepared_transfers
INSERT INTO {reference}.prepared_transfer (
    debtor_id, sender_creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, recipient_creditor_id, prepared_at, demurrage_rate, deadline,
    locked_amount, last_reminder_ts, final_interest_rate_ts
)
SELECT
    debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id, coordinator_request_id,
    recipient_creditor_id, prepared_at, demurrage_rate, deadline, locked_amount, last_reminder_ts,
    final_interest_rate_ts
FROM prepared_transfer
WHERE ctid >= page_start(%(first_page)s) AND ctid < page_start(%(end_page)s)

-- name: transfer_requests
INSERT INTO {reference}.transfer_request (
    debtor_id, sender_creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    min_locked_amount, max_locked_amount, deadline, recipient_creditor_id, final_interest_rate_ts
)
SELECT
    debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    min_locked_amount, max_locked_amount, deadline, recipient_creditor_id, final_interest_rate_ts
FROM transfer_request
ORDER BY id

-- name: kept_requests
-- The finalization requests that the reference can hold: one for each transfer, the first whose
-- coordinator is the right one.
SELECT DISTINCT ON (q.debtor_id, q.creditor_id, q.transfer_id) q.*
FROM finalization_request AS q
LEFT JOIN prepared_transfer AS p
    ON p.debtor_id = q.debtor_id
    AND p.creditor_id = q.creditor_id
    AND p.transfer_id = q.transfer_id
    AND p.coordinator_type = q.coordinator_type
    AND p.coordinator_id = q.coordinator_id
    AND p.coordinator_request_id = q.coordinator_request_id
ORDER BY q.debtor_id, q.creditor_id, q.transfer_id, p.transfer_id IS NULL, q.id

-- name: finalization_requests
-- (`ts` is their order, and nothing else)
INSERT INTO {reference}.finalization_request (
    debtor_id, sender_creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, committed_amount, transfer_note_format, transfer_note, ts
)
SELECT
    debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id, coordinator_request_id,
    committed_amount, transfer_note_format, transfer_note,
    now() + (row_number() OVER (ORDER BY id) - count(*) OVER ()) * interval '1 microsecond'
FROM ({kept_requests}) AS q

-- name: newer_changes
-- What is not applied in our archive, or has been written since the others were compared, beside the work.
CREATE TEMPORARY TABLE newer_change ON COMMIT DROP AS
SELECT debtor_id, other_creditor_id, change_id, committed_at, is_applied
FROM registered_balance_change
WHERE NOT is_applied OR age(xmin) <= age({since}::xid)

-- name: newer_archive
INSERT INTO {reference}.registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT debtor_id, other_creditor_id, change_id, committed_at, is_applied
FROM newer_change
ON CONFLICT DO NOTHING

-- name: note_applied
-- Changes that were pending when the database was taken over, and no longer are.
UPDATE {reference}.registered_balance_change AS r SET is_applied = true
WHERE NOT r.is_applied AND NOT EXISTS (
    SELECT FROM registered_balance_change AS b
    WHERE b.debtor_id = r.debtor_id
        AND b.other_creditor_id = r.other_creditor_id
        AND b.change_id = r.change_id
        AND NOT b.is_applied
)

-- name: register_local_changes
-- Ours are not in the archive; there, each one is.
INSERT INTO {reference}.registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT debtor_id, other_creditor_id, change_id, committed_at, false
FROM pending_balance_change
WHERE NOT is_registered

-- name: balance_changes
INSERT INTO {reference}.pending_balance_change (
    debtor_id, other_creditor_id, change_id, creditor_id, coordinator_type, transfer_note_format,
    transfer_note, committed_at, principal_delta
)
SELECT
    debtor_id, other_creditor_id, change_id, creditor_id, coordinator_type, transfer_note_format,
    transfer_note, committed_at, principal_delta
FROM pending_balance_change
ORDER BY id

-- name: outgoing
-- What is to be sent, of an outbox: what the broker did not take before comes first. Its body is the
-- message, whose fields are the columns.
SELECT true AS is_returned, m.id AS place, r.*
FROM returned_message AS m
CROSS JOIN LATERAL json_populate_record(NULL::{table}, convert_from(m.body, 'UTF8')::json) AS r
WHERE m.signal_name = {signal_name}
UNION ALL
SELECT false, s.id, s.* FROM {table} AS s

-- name: rejected_configs
INSERT INTO {reference}.rejected_config_signal (
    inserted_at, debtor_id, creditor_id, config_ts, config_seqnum, config_flags, config_data,
    negligible_amount, rejection_code
)
SELECT
    ts, debtor_id, creditor_id, config_ts, config_seqnum, config_flags, config_data,
    contain_real(negligible_amount), rejection_code
FROM ({rejected_config_signal}) AS s
ORDER BY is_returned DESC, place

-- name: rejected_transfers
INSERT INTO {reference}.rejected_transfer_signal (
    inserted_at, debtor_id, sender_creditor_id, coordinator_type, coordinator_id,
    coordinator_request_id, status_code, total_locked_amount
)
SELECT
    ts, debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    status_code, total_locked_amount
FROM ({rejected_transfer_signal}) AS s
ORDER BY is_returned DESC, place

-- name: unverified_requests
-- The reference asks nobody whether the recipients of requests in its queue can be reached.
INSERT INTO {reference}.rejected_transfer_signal (
    inserted_at, debtor_id, sender_creditor_id, coordinator_type, coordinator_id,
    coordinator_request_id, status_code, total_locked_amount
)
SELECT
    now(), debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
    'RECIPIENT_IS_UNREACHABLE', 0
FROM unverified_transfer_request
ORDER BY id

-- name: prepared_transfer_signals
INSERT INTO {reference}.prepared_transfer_signal (
    inserted_at, debtor_id, sender_creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, locked_amount, recipient_creditor_id, prepared_at, demurrage_rate,
    deadline, final_interest_rate_ts
)
SELECT
    ts, debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, locked_amount, creditor_of(recipient), prepared_at, demurrage_rate,
    deadline, final_interest_rate_ts
FROM ({prepared_transfer_signal}) AS s
ORDER BY is_returned DESC, place

-- name: finalized_transfers
INSERT INTO {reference}.finalized_transfer_signal (
    inserted_at, debtor_id, sender_creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, prepared_at, finalized_at, committed_amount, total_locked_amount,
    status_code
)
SELECT
    ts, debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, prepared_at, ts, committed_amount, total_locked_amount, status_code
FROM ({finalized_transfer_signal}) AS s

-- name: account_transfers
INSERT INTO {reference}.account_transfer_signal (
    inserted_at, debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
    committed_at, acquired_amount, other_creditor_id, transfer_note_format, transfer_note,
    principal, previous_transfer_number
)
SELECT
    ts, debtor_id, creditor_id, creation_date, transfer_number, coordinator_type, committed_at,
    acquired_amount, creditor_of(CASE WHEN acquired_amount >= 0 THEN sender ELSE recipient END),
    transfer_note_format, transfer_note, principal, previous_transfer_number
FROM ({account_transfer_signal}) AS s

-- name: account_updates
-- (The hexadecimal digits of a message are read as bytes of text.)
INSERT INTO {reference}.account_update_signal (
    inserted_at, debtor_id, creditor_id, last_change_ts, last_change_seqnum, principal, interest,
    interest_rate, last_interest_rate_change_ts, last_transfer_number, last_transfer_committed_at,
    last_config_ts, last_config_seqnum, creation_date, negligible_amount, config_data,
    config_flags, debtor_info_iri, debtor_info_content_type, debtor_info_sha256
)
SELECT
    ts, debtor_id, creditor_id, last_change_ts, last_change_seqnum, principal, interest,
    contain_real(interest_rate), last_interest_rate_change_ts, last_transfer_number,
    last_transfer_committed_at, last_config_ts, last_config_seqnum, creation_date,
    contain_real(negligible_amount), config_data, config_flags, nullif(debtor_info_iri, ''),
    nullif(debtor_info_content_type, ''),
    CASE
        WHEN is_returned THEN nullif(decode(convert_from(debtor_info_sha256, 'UTF8'), 'hex'), '')
        ELSE nullif(debtor_info_sha256, '')
    END
FROM ({account_update_signal}) AS s
ORDER BY is_returned DESC, place

-- name: account_purges
INSERT INTO {reference}.account_purge_signal (inserted_at, debtor_id, creditor_id, creation_date)
SELECT ts, debtor_id, creditor_id, creation_date
FROM ({account_purge_signal}) AS s

-- name: sent_balance_changes
INSERT INTO {reference}.pending_balance_change_signal (
    inserted_at, debtor_id, other_creditor_id, change_id, creditor_id, coordinator_type,
    transfer_note_format, transfer_note, committed_at, principal_delta
)
SELECT
    ts, debtor_id, other_creditor_id, change_id, creditor_id, coordinator_type,
    transfer_note_format, transfer_note, committed_at, principal_delta
FROM ({pending_balance_change_signal}) AS s

-- name: set_change_id
-- Above all change ids that either program has given: ours grow with the time.
SELECT setval(
    '{reference}.pending_balance_change_signal_change_id_seq',
    greatest(next_change_id(), last_value + 1), false
)
FROM {reference}.pending_balance_change_signal_change_id_seq

-- name: oldest_transaction
-- The oldest one that may still write what the next statements do not see.
SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text

-- name: find_missing
-- What our archive has, and the reference's has not. (All of them are compared: what is not applied yet, or
-- written meanwhile, comes later.)
DROP TABLE IF EXISTS pg_temp.missing_change;
CREATE TEMPORARY TABLE missing_change AS
SELECT debtor_id, other_creditor_id, change_id, committed_at
FROM registered_balance_change AS b
WHERE is_applied AND age(xmin) > age({since}::xid) AND NOT EXISTS (
    SELECT FROM {reference}.registered_balance_change AS r
    WHERE r.debtor_id = b.debtor_id
        AND r.other_creditor_id = b.other_creditor_id
        AND r.change_id = b.change_id
)

-- name: archive_pages
SELECT table_pages({table})

-- name: copy_missing
INSERT INTO {reference}.registered_balance_change (
    debtor_id, other_creditor_id, change_id, committed_at, is_applied
)
SELECT debtor_id, other_creditor_id, change_id, committed_at, true
FROM missing_change
WHERE ctid >= page_start(%(first_page)s) AND ctid < page_start(%(end_page)s)
ON CONFLICT DO NOTHING

-- name: end_waiting
-- Ends the sessions that wait for our tables: they must not find others of the same names.
SELECT pg_terminate_backend(l.pid)
FROM (
    SELECT DISTINCT pid
    FROM pg_locks JOIN pg_class AS c ON c.oid = relation
    WHERE NOT granted AND relnamespace = {quoted_schema}::regnamespace
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS l
JOIN pg_stat_activity AS a USING (pid)
WHERE l.pid <> pg_backend_pid() AND a.backend_type = 'client backend' AND (
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    OR pg_has_role(a.usesysid, 'USAGE')
    AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = a.usesysid)
)

-- name: leave
-- Our tables leave the search path; nothing of them depends on the reference's.
CREATE OR REPLACE VIEW {books}.older_balance_change AS
SELECT ctid AS tid, debtor_id, other_creditor_id, change_id, committed_at, is_applied
FROM {books}.registered_balance_change
WHERE false;
DROP SCHEMA IF EXISTS {left} CASCADE;
ALTER SCHEMA {books} RENAME TO {left}

-- name: drop_guard
DROP TABLE {schema}.alembic_version

-- name: drop_kept
-- (unless somebody has put something of his own there)
DO $$
BEGIN
    DROP SCHEMA {kept};
EXCEPTION WHEN dependent_objects_still_exist THEN
    NULL;
END
$$

-- name: exists
SELECT to_regclass({quoted_table}) IS NOT NULL

-- name: has_schema
SELECT to_regnamespace({schema}) IS NOT NULL

-- name: revision
SELECT string_agg(version_num, ', ' ORDER BY version_num) FROM {schema}.alembic_version

-- name: is_filled
SELECT {table_name} WHERE EXISTS (SELECT FROM {schema}.{table})

-- name: views
-- The views of our procedures, of all versions.
SELECT c.relnamespace::regnamespace::text AS schema, c.relname::text AS name
FROM pg_class AS c
JOIN procedures_version AS v
    ON c.relnamespace = to_regnamespace('swpt_accounts_' || v.version)
WHERE c.relkind = 'v'
ORDER BY 1, 2

-- name: own_sessions
-- The sessions of this program. (Web servers only read.)
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND application_name LIKE 'swpt_accounts %%'
    AND application_name <> 'swpt_accounts webserver'

-- name: make_books
CREATE SCHEMA IF NOT EXISTS {books}

-- name: changes_of_books
-- The statements that move our tables to their own schema, and let the same roles find them there.
SELECT format('GRANT USAGE ON SCHEMA %%I TO %%s', {quoted_books}::text, grantee)
FROM (
    SELECT DISTINCT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END
    FROM pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS g
    WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname = ANY (%(tables)s)
) AS r (grantee)
UNION ALL
SELECT format(
    'ALTER %%s %%I.%%I SET SCHEMA %%I',
    CASE WHEN relkind IN ('r', 'p') THEN 'TABLE' WHEN relkind = 'v' THEN 'VIEW' ELSE 'SEQUENCE' END,
    %(schema)s::text, relname, {quoted_books}::text
)
FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND (
    relkind IN ('r', 'p') AND relname = ANY (%(tables)s)
    OR relkind = 'v' AND relname = 'older_balance_change'
    OR relkind = 'S' AND relname = 'change_id_seq'
)
