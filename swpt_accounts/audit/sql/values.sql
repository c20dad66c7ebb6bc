-- Checks of single rows: what no message and no procedure can have written.

-- name: account_values
SELECT debtor_id, creditor_id, problem
FROM (
    SELECT
        debtor_id, creditor_id,
        concat_ws(
            '; ',
            CASE WHEN principal = -9223372036854775808 THEN 'its principal is -2^63' END,
            -- (that of the reference is a double, until it changes)
            CASE WHEN abs(interest) <= 1e36 AND (
                    scale(interest) <= 20
                    OR abs(interest) >= 1e-20
                        AND interest = interest::double precision::text::numeric
                ) THEN NULL
                ELSE concat('its interest is ', interest) END,
            CASE WHEN interest_rate BETWEEN -50 AND 100 AND previous_interest_rate BETWEEN -50 AND 100
                THEN NULL
                ELSE concat('its interest rates are ', interest_rate, ', ', previous_interest_rate)
            END,
            CASE WHEN negligible_amount >= 0 AND negligible_amount < 'infinity' THEN NULL
                ELSE concat('its negligible amount is ', negligible_amount) END,
            CASE WHEN minimal_balance > 0 OR creditor_id <> 0 AND minimal_balance <> 0
                THEN concat('its minimal balance is ', minimal_balance) END,
            CASE WHEN status_flags NOT BETWEEN 0 AND 3
                THEN concat('its status flags are ', status_flags) END,
            CASE WHEN last_transfer_number < 0
                    OR last_transfer_number = 0 AND last_transfer_committed_at <> t0()
                THEN concat(
                    'its last transfer is ', last_transfer_number, ' of ',
                    last_transfer_committed_at
                ) END,
            CASE WHEN last_transfer_id < (creation_date - date '1970-01-01')::bigint << 40
                THEN concat('its last prepared transfer is ', last_transfer_id) END,
            -- (the reference took some dates in the zone of its server)
            CASE WHEN (last_change_ts AT TIME ZONE 'UTC')::date < creation_date - 1
                THEN concat('it changed at ', last_change_ts, ', before ', creation_date) END,
            CASE WHEN octet_length(debtor_info_sha256) NOT IN (0, 32)
                    OR creditor_id = 0 AND debtor_info_iri <> ''
                THEN 'its debtor info is invalid' END
        ) AS problem
    FROM own_account
) AS a
WHERE problem <> ''

-- name: transfer_values
SELECT debtor_id, creditor_id, concat('prepared transfer ', transfer_id, ': ', problem)
FROM (
    SELECT
        *,
        concat_ws(
            ', ',
            CASE WHEN locked_amount < 0 THEN concat('locks ', locked_amount) END,
            CASE WHEN recipient_creditor_id = creditor_id THEN 'pays to itself' END,
            CASE WHEN demurrage_rate <> demurrage_rate()
                THEN concat('has the demurrage rate ', demurrage_rate) END,
            CASE WHEN last_reminder_ts < prepared_at THEN 'was reminded of before it was there' END,
            CASE WHEN coordinator_type = '' OR length(coordinator_type) > 30
                THEN 'has no coordinator' END
        ) AS problem
    FROM own_prepared_transfer
) AS p
WHERE problem <> ''
UNION ALL
SELECT debtor_id, creditor_id, concat('request ', id, ': ', problem)
FROM (
    SELECT
        id, debtor_id, creditor_id,
        CASE WHEN min_locked_amount < 0 OR max_locked_amount < min_locked_amount
            THEN concat('wants ', min_locked_amount, ' to ', max_locked_amount) END AS problem
    FROM own_transfer_request
    UNION ALL
    SELECT
        id, debtor_id, creditor_id,
        concat_ws(
            ', ',
            CASE WHEN min_locked_amount < 0 OR max_locked_amount < min_locked_amount
                THEN concat('wants ', min_locked_amount, ' to ', max_locked_amount) END,
            CASE WHEN attempts_count < 0 THEN concat('was asked ', attempts_count, ' times') END
        )
    FROM own_unverified_transfer_request
    UNION ALL
    SELECT
        id, debtor_id, creditor_id,
        concat_ws(
            ', ',
            CASE WHEN committed_amount < 0 THEN concat('commits ', committed_amount) END,
            CASE WHEN octet_length(transfer_note) > 500 THEN 'has too long a note' END,
            CASE WHEN transfer_note_format !~ '^[0-9A-Za-z.-]{0,8}\n?$'
                THEN concat('has the note format ', quote_literal(transfer_note_format)) END
        )
    FROM own_finalization_request
) AS r
WHERE problem <> ''

-- name: change_values
SELECT debtor_id, creditor_id, concat('change ', change_id, ': ', problem)
FROM (
    SELECT
        *,
        concat_ws(
            ', ',
            CASE WHEN principal_delta IN (0, -9223372036854775808)
                THEN concat('adds ', principal_delta) END,
            CASE WHEN octet_length(transfer_note) > 500 THEN 'has too long a note' END,
            CASE WHEN transfer_note_format !~ '^[0-9A-Za-z.-]{0,8}\n?$'
                THEN concat('has the note format ', quote_literal(transfer_note_format)) END
        ) AS problem
    FROM (
        SELECT
            debtor_id, creditor_id, change_id, principal_delta, transfer_note, transfer_note_format
        FROM own_change
        UNION ALL
        SELECT debtor_id, creditor_id, change_id, principal_delta, '', ''
        FROM own_sent_change
    ) AS u
) AS c
WHERE problem <> ''

-- name: signal_values
SELECT debtor_id, creditor_id, concat(name, ' ', id, ': ', problem)
FROM (
    SELECT
        'AccountTransfer' AS name, id, debtor_id, creditor_id,
        concat_ws(
            ', ',
            CASE WHEN transfer_number < 1 THEN concat('has the number ', transfer_number) END,
            CASE WHEN acquired_amount IN (0, -9223372036854775808)
                THEN concat('acquires ', acquired_amount) END,
            CASE WHEN principal = -9223372036854775808 THEN 'has the principal -2^63' END,
            CASE WHEN creditor_id = 0 THEN 'is for the debtor''s own account' END,
            CASE
                WHEN account_id(creditor_id)
                    <> CASE WHEN acquired_amount > 0 THEN recipient ELSE sender END
                    OR sender = recipient
                THEN concat('goes from ', sender, ' to ', recipient)
            END
        ) AS problem
    FROM own_account_transfer_signal
    UNION ALL
    SELECT
        'AccountUpdate', id, debtor_id, creditor_id,
        concat_ws(
            ', ',
            CASE WHEN account_id <> account_id(creditor_id)
                THEN concat('is of ', account_id) END,
            CASE WHEN principal = -9223372036854775808 THEN 'has the principal -2^63' END,
            CASE WHEN interest_rate BETWEEN -50 AND 100 THEN NULL
                ELSE concat('has the interest rate ', interest_rate) END,
            CASE WHEN last_transfer_number < 0
                THEN concat('has the number ', last_transfer_number) END,
            CASE WHEN ts < last_change_ts THEN 'is older than what it says' END
        )
    FROM own_account_update_signal
    UNION ALL
    SELECT
        'PreparedTransfer', id, debtor_id, creditor_id,
        CASE WHEN locked_amount < 0 THEN concat('locks ', locked_amount) END
    FROM own_prepared_transfer_signal
    UNION ALL
    SELECT
        'FinalizedTransfer', id, debtor_id, creditor_id,
        concat_ws(
            ', ',
            CASE WHEN committed_amount < 0 OR committed_amount > 0 AND status_code <> 'OK'
                THEN concat('commits ', committed_amount, ' (', status_code, ')') END,
            CASE WHEN total_locked_amount < 0 THEN concat('leaves ', total_locked_amount) END,
            CASE WHEN ts < prepared_at THEN 'is older than its transfer' END
        )
    FROM own_finalized_transfer_signal
    UNION ALL
    SELECT
        'RejectedTransfer', id, debtor_id, creditor_id,
        CASE WHEN total_locked_amount < 0 OR status_code IN ('', 'OK')
            THEN concat('is rejected with ', quote_literal(status_code)) END
    FROM own_rejected_transfer_signal
    UNION ALL
    SELECT
        'RejectedConfig', id, debtor_id, creditor_id,
        CASE WHEN rejection_code = '' THEN 'is rejected without a reason' END
    FROM own_rejected_config_signal
) AS s
WHERE problem <> ''

-- name: future_date
-- An hour is what clocks may differ.
SELECT debtor_id, creditor_id, concat(name, ' is of ', moment)
FROM (
    SELECT
        'its last change' AS name, debtor_id, creditor_id,
        greatest(last_change_ts, last_heartbeat_ts, last_transfer_committed_at) AS moment
    FROM own_account
    UNION ALL
    SELECT 'its creation', debtor_id, creditor_id, creation_date::timestamp AT TIME ZONE 'UTC'
    FROM own_account
    UNION ALL
    SELECT concat('prepared transfer ', transfer_id), debtor_id, creditor_id, prepared_at
    FROM own_prepared_transfer
    UNION ALL
    SELECT concat('change ', change_id), debtor_id, creditor_id, committed_at
    FROM own_change
    UNION ALL
    SELECT concat('change ', change_id), debtor_id, creditor_id, committed_at
    FROM own_sent_change
) AS m
WHERE moment > current_ts() + interval '1 hour'

-- name: row_id
-- New rows get ids from a sequence; the workers read on from id 0.
SELECT
    NULL::bigint, NULL::bigint,
    CASE
        WHEN first_id < 1
            THEN concat('table ', name, ': the row ', first_id, ' is never read')
        ELSE concat('table ', name, ': the next ids are in use, up to ', last_id)
    END
FROM (
    SELECT 'transfer_request' AS name, min(id) AS first_id, max(id) AS last_id
    FROM transfer_request
    UNION ALL
    SELECT 'unverified_transfer_request', min(id), max(id) FROM unverified_transfer_request
    UNION ALL
    SELECT 'finalization_request', min(id), max(id) FROM finalization_request
    UNION ALL
    SELECT 'pending_balance_change', min(id), max(id) FROM pending_balance_change
    UNION ALL
    SELECT 'handled_batch', min(id), max(id) FROM handled_batch
    UNION ALL
    SELECT 'returned_message', min(id), max(id) FROM returned_message
    UNION ALL
    SELECT 'rejected_config_signal', min(id), max(id) FROM rejected_config_signal
    UNION ALL
    SELECT 'rejected_transfer_signal', min(id), max(id) FROM rejected_transfer_signal
    UNION ALL
    SELECT 'prepared_transfer_signal', min(id), max(id) FROM prepared_transfer_signal
    UNION ALL
    SELECT 'finalized_transfer_signal', min(id), max(id) FROM finalized_transfer_signal
    UNION ALL
    SELECT 'account_transfer_signal', min(id), max(id) FROM account_transfer_signal
    UNION ALL
    SELECT 'account_update_signal', min(id), max(id) FROM account_update_signal
    UNION ALL
    SELECT 'account_purge_signal', min(id), max(id) FROM account_purge_signal
    UNION ALL
    SELECT 'pending_balance_change_signal', min(id), max(id) FROM pending_balance_change_signal
) AS t
WHERE first_id < 1
    OR last_id > coalesce(pg_sequence_last_value(pg_get_serial_sequence(name, 'id')), 0)
