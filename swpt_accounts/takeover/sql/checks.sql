-- What cannot be in a database of the reference, unless it is damaged. Each query returns the table, the
-- row, and what is wrong with it. In braces: the schema. The functions of `sql/ids.sql` and
-- `db/sql/reference_values.sql` are in `pg_temp`: ours are not installed yet.

-- name: accounts
SELECT
    'account', format('debtor %%s, creditor %%s', a.debtor_id, a.creditor_id),
    concat_ws(
        '; ',
        CASE WHEN principal = -9223372036854775808 THEN 'its principal is -2^63' END,
        CASE WHEN interest BETWEEN -1e36 AND 1e36 THEN NULL
            ELSE concat('its interest is ', interest) END,
        CASE WHEN creation_date BETWEEN '1969-12-31' AND '9999-12-31' THEN NULL
            ELSE concat('it was created on ', creation_date) END,
        CASE WHEN interest_rate BETWEEN -50 AND 100 AND previous_interest_rate BETWEEN -50 AND 100
            THEN NULL
            ELSE concat('its interest rates are ', interest_rate, ', ', previous_interest_rate) END,
        CASE WHEN negligible_amount >= 0 AND negligible_amount < 'Infinity' THEN NULL
            ELSE concat('its negligible amount is ', negligible_amount) END,
        CASE WHEN octet_length(config_data) > 2000
            THEN concat('its config_data has ', octet_length(config_data), ' bytes') END,
        CASE WHEN octet_length(debtor_info_sha256) <> 32 OR length(debtor_info_iri) > 200
                OR octet_length(debtor_info_content_type) > 100
            THEN 'its debtor info is invalid' END,
        CASE WHEN status_flags NOT BETWEEN 0 AND 3
            THEN concat('its status flags are ', status_flags) END,
        CASE WHEN last_transfer_number < 0
            THEN concat('its last transfer number is ', last_transfer_number) END,
        CASE WHEN last_transfer_id < coalesce(p.last_id, 0)
            THEN concat(
                'its last transfer id is ', last_transfer_id, ', its prepared transfers go up to ',
                p.last_id
            ) END,
        CASE WHEN total_locked_amount <> least(coalesce(p.amount, 0), 9223372036854775807)
                OR pending_transfers_count <> coalesce(p.transfers_count, 0)
            THEN concat(
                'it has ', total_locked_amount, ' locked in ', pending_transfers_count,
                ' transfers, its prepared transfers lock ', coalesce(p.amount, 0), ' in ',
                coalesce(p.transfers_count, 0)
            ) END,
        CASE WHEN a.creditor_id = 0
                AND (interest <> 0 OR interest_rate <> 0 OR previous_interest_rate <> 0)
            THEN 'it is a root account, and bears interest' END,
        CASE WHEN status_flags & 1 = 1 AND (principal <> 0 OR interest <> 0 OR config_flags & 1 = 0)
            THEN 'it is deleted, and has a balance, or was not scheduled for deletion' END
    )
FROM {reference}.account AS a
LEFT JOIN (
    SELECT
        debtor_id, sender_creditor_id, sum(locked_amount) AS amount, count(*) AS transfers_count,
        max(transfer_id) AS last_id
    FROM {reference}.prepared_transfer
    GROUP BY debtor_id, sender_creditor_id
) AS p ON p.debtor_id = a.debtor_id AND p.sender_creditor_id = a.creditor_id

-- name: prepared_transfers
SELECT
    'prepared_transfer',
    format('debtor %%s, creditor %%s, transfer %%s', debtor_id, sender_creditor_id, transfer_id),
    concat_ws(
        '; ',
        CASE WHEN NOT EXISTS (
            SELECT FROM {reference}.account AS a
            WHERE a.debtor_id = p.debtor_id AND a.creditor_id = p.sender_creditor_id
        ) THEN 'it has no account' END,
        CASE WHEN locked_amount < 0 THEN concat('it locks ', locked_amount) END,
        CASE WHEN transfer_id <= 0 THEN 'its id is not positive' END,
        CASE WHEN demurrage_rate <> -50 THEN concat('its demurrage rate is ', demurrage_rate) END,
        CASE WHEN length(coordinator_type) NOT BETWEEN 1 AND 30 THEN 'it has no coordinator' END
    )
FROM {reference}.prepared_transfer AS p

-- name: balance_changes
SELECT
    'pending_balance_change',
    format('debtor %%s, sender %%s, change %%s', debtor_id, other_creditor_id, change_id),
    concat_ws(
        '; ',
        CASE WHEN principal_delta = 0 THEN 'it changes nothing' END,
        CASE WHEN r.is_applied THEN 'the archive says that it is applied' END,
        CASE WHEN r.is_applied IS NULL THEN 'it is not in the archive' END,
        CASE WHEN octet_length(transfer_note) > 500 THEN 'its note is too long' END,
        CASE WHEN transfer_note_format !~ '^[0-9A-Za-z.-]{{0,8}}\n?$'
            THEN 'its note has an invalid format' END,
        CASE WHEN length(coordinator_type) NOT BETWEEN 1 AND 30 THEN 'it has no coordinator' END
    )
FROM {reference}.pending_balance_change
LEFT JOIN LATERAL (
    SELECT is_applied
    FROM {reference}.registered_balance_change AS r
    WHERE r.debtor_id = pending_balance_change.debtor_id
        AND r.other_creditor_id = pending_balance_change.other_creditor_id
        AND r.change_id = pending_balance_change.change_id
) AS r ON true

-- name: archive
SELECT
    'registered_balance_change',
    format('debtor %%s, sender %%s, change %%s', debtor_id, other_creditor_id, change_id),
    'it is not applied, and nowhere pending'
FROM {reference}.registered_balance_change AS r
WHERE NOT is_applied AND NOT EXISTS (
    SELECT FROM {reference}.pending_balance_change AS c
    WHERE c.debtor_id = r.debtor_id
        AND c.other_creditor_id = r.other_creditor_id
        AND c.change_id = r.change_id
)

-- name: requests
SELECT
    'transfer_request',
    format('debtor %%s, creditor %%s, request %%s', debtor_id, sender_creditor_id, transfer_request_id),
    concat_ws(
        '; ',
        CASE WHEN min_locked_amount < 0 OR max_locked_amount < min_locked_amount
            THEN concat('it wants ', min_locked_amount, ' to ', max_locked_amount) END,
        CASE WHEN length(coordinator_type) NOT BETWEEN 1 AND 30 THEN 'it has no coordinator' END
    )
FROM {reference}.transfer_request
UNION ALL
SELECT
    'finalization_request',
    format('debtor %%s, creditor %%s, transfer %%s', debtor_id, sender_creditor_id, transfer_id),
    concat_ws(
        '; ',
        CASE WHEN committed_amount < 0 THEN concat('it commits ', committed_amount) END,
        CASE WHEN octet_length(transfer_note) > 500 THEN 'its note is too long' END,
        CASE WHEN transfer_note_format !~ '^[0-9A-Za-z.-]{{0,8}}\n?$'
            THEN 'its note has an invalid format' END
    )
FROM {reference}.finalization_request

-- name: outboxes
SELECT
    'account_update_signal',
    format('debtor %%s, creditor %%s, signal %%s', debtor_id, creditor_id, signal_id),
    concat_ws(
        '; ',
        CASE WHEN interest IN ('NaN', 'Infinity', '-Infinity')
            THEN concat('its interest is ', interest) END,
        CASE WHEN negligible_amount >= 0 AND negligible_amount < 'Infinity' THEN NULL
            ELSE concat('its negligible amount is ', negligible_amount) END,
        CASE WHEN octet_length(debtor_info_sha256) <> 32 THEN 'its debtor info is invalid' END
    )
FROM {reference}.account_update_signal
UNION ALL
SELECT
    'account_transfer_signal',
    format('debtor %%s, creditor %%s, transfer %%s', s.debtor_id, s.creditor_id, s.transfer_number),
    concat('the last transfer of its account is ', a.last_transfer_number)
FROM {reference}.account_transfer_signal AS s
JOIN {reference}.account AS a USING (debtor_id, creditor_id, creation_date)
WHERE s.transfer_number > a.last_transfer_number
UNION ALL
SELECT
    'rejected_config_signal',
    format('debtor %%s, creditor %%s, signal %%s', debtor_id, creditor_id, signal_id),
    concat('its negligible amount is ', negligible_amount)
FROM {reference}.rejected_config_signal
WHERE NOT (negligible_amount >= 0 AND negligible_amount < 'Infinity')
UNION ALL
SELECT
    'pending_balance_change_signal',
    format('debtor %%s, sender %%s, change %%s', debtor_id, other_creditor_id, change_id),
    'it changes nothing'
FROM {reference}.pending_balance_change_signal
WHERE principal_delta = 0

-- name: foreign_rows
-- How many rows do not belong to the realm, and one of them. Both parts of a split shard keep the whole
-- archive; a change on its way belongs to its sender.
SELECT table_name, count(*) AS rows_count, min(owner) AS example
FROM (
    SELECT 'account' AS table_name, debtor_id, creditor_id FROM {reference}.account
    UNION ALL
    SELECT 'prepared_transfer', debtor_id, sender_creditor_id FROM {reference}.prepared_transfer
    UNION ALL
    SELECT 'transfer_request', debtor_id, sender_creditor_id FROM {reference}.transfer_request
    UNION ALL
    SELECT 'finalization_request', debtor_id, sender_creditor_id
    FROM {reference}.finalization_request
    UNION ALL
    SELECT 'pending_balance_change', debtor_id, creditor_id FROM {reference}.pending_balance_change
    UNION ALL
    SELECT 'rejected_config_signal', debtor_id, creditor_id FROM {reference}.rejected_config_signal
    UNION ALL
    SELECT 'rejected_transfer_signal', debtor_id, sender_creditor_id
    FROM {reference}.rejected_transfer_signal
    UNION ALL
    SELECT 'prepared_transfer_signal', debtor_id, sender_creditor_id
    FROM {reference}.prepared_transfer_signal
    UNION ALL
    SELECT 'finalized_transfer_signal', debtor_id, sender_creditor_id
    FROM {reference}.finalized_transfer_signal
    UNION ALL
    SELECT 'account_transfer_signal', debtor_id, creditor_id FROM {reference}.account_transfer_signal
    UNION ALL
    SELECT 'account_update_signal', debtor_id, creditor_id FROM {reference}.account_update_signal
    UNION ALL
    SELECT 'account_purge_signal', debtor_id, creditor_id FROM {reference}.account_purge_signal
    UNION ALL
    SELECT 'pending_balance_change_signal', debtor_id, other_creditor_id
    FROM {reference}.pending_balance_change_signal
) AS r
CROSS JOIN LATERAL (SELECT format('debtor %%s, creditor %%s', debtor_id, creditor_id) AS owner) AS o
WHERE NOT pg_temp.in_realm(debtor_id, creditor_id, %(realm_bits)s, %(realm_length)s)
GROUP BY table_name
ORDER BY table_name

-- name: differences
-- How many accounts will not be quite as they were. `root_reading` is filled.
SELECT
    count(*) FILTER (WHERE abs(interest) < 1e-20 AND interest <> 0) AS rounded_interest,
    count(*) FILTER (WHERE status_flags & 1 = 1 AND creditor_id = 0) AS deleted_root,
    count(*) FILTER (
        WHERE creditor_id = 0 AND principal < r.minimal_balance
    ) AS root_below_limit,
    count(*) FILTER (
        WHERE creditor_id <> 0 AND status_flags & 1 = 0 AND a.interest_rate = r.interest_rate::real
            AND a.interest_rate::text::double precision <> r.interest_rate
    ) AS rounded_rate,
    count(*) FILTER (
        WHERE creditor_id <> 0 AND status_flags & 1 = 0 AND config_flags & 1 = 1
            AND principal <= 2 AND principal > negligible_amount
    ) AS small_balance
FROM {reference}.account AS a
LEFT JOIN root_reading AS r USING (debtor_id)
