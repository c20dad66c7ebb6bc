-- The scans read a range of physical pages at a time: [p_first_page, p_end_page). What does
-- not belong to the realm of this shard they leave alone.

-- The number of pages of a table.
CREATE OR REPLACE FUNCTION table_pages(p_table regclass) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT pg_relation_size(p_table) / current_setting('block_size')::bigint
$$;

-- Notes how far a pass is. It began so many seconds ago, by the clock of its worker.
CREATE OR REPLACE FUNCTION note_scan_pass(
    p_scan text, p_seconds double precision, p_done_count bigint, p_pages_count bigint,
    p_pass_seconds double precision, p_late_seconds double precision
)
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO scan_pass AS s (
        scan, began_at, noted_at, done_count, pages_count, pass_seconds, late_seconds, completed_at
    )
    VALUES (
        p_scan, current_ts() - p_seconds * interval '1 second', current_ts(),
        p_done_count, p_pages_count, p_pass_seconds, p_late_seconds,
        CASE WHEN p_done_count = p_pages_count THEN current_ts() END
    )
    ON CONFLICT (scan) DO UPDATE SET
        began_at = excluded.began_at,
        noted_at = excluded.noted_at,
        done_count = excluded.done_count,
        pages_count = excluded.pages_count,
        pass_seconds = excluded.pass_seconds,
        late_seconds = excluded.late_seconds,
        completed_at = coalesce(excluded.completed_at, s.completed_at)
$$;

CREATE OR REPLACE FUNCTION page_start(p_page bigint) RETURNS tid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT format('(%s,0)', p_page)::tid
$$;

-- Counts the accounts of some pages, and adds up what debtors owe, and what is locked. An account that
-- is deleted and overflown counts as overflown.
CREATE OR REPLACE FUNCTION add_up_accounts(
    p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer,
    OUT normal_count bigint, OUT deleted_count bigint, OUT overflown_count bigint,
    OUT issued numeric, OUT locked numeric, OUT near_limit_count bigint
)
LANGUAGE sql STABLE AS $$
    SELECT
        count(*) FILTER (WHERE NOT is_deleted(status_flags) AND NOT is_overflown(status_flags)),
        count(*) FILTER (WHERE is_deleted(status_flags) AND NOT is_overflown(status_flags)),
        count(*) FILTER (WHERE is_overflown(status_flags)),
        coalesce(sum(-principal::numeric) FILTER (WHERE creditor_id = 0), 0),
        coalesce(sum(total_locked_amount), 0),
        -- 90 % of what the debtor may issue is issued
        count(*) FILTER (
            WHERE creditor_id = 0 AND principal < 0
                AND principal::numeric <= 0.9 * minimal_balance
                AND NOT is_deleted(status_flags)
        )
    FROM account
    WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
        AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
$$;

-- Removes the accounts that have been deleted for long enough, and sends their AccountPurges.
CREATE OR REPLACE FUNCTION purge_accounts(
    p_first_page bigint, p_end_page bigint, p_deleted_for_min interval,
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    WITH purgeable AS MATERIALIZED (
        SELECT ctid AS tid, debtor_id, creditor_id, creation_date
        FROM account
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND is_deleted(status_flags)
            AND last_change_ts < v_now - p_deleted_for_min
            AND creation_date < (v_now AT TIME ZONE 'UTC')::date - 3
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        FOR UPDATE SKIP LOCKED
    ), purge AS MATERIALIZED (
        -- where somebody else has locked one of the rows, all of them are left for the next pass
        SELECT p.*, k.tid AS key_tid, c.tid AS config_tid
        FROM purgeable p
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM account_key
            WHERE debtor_id = p.debtor_id AND creditor_id = p.creditor_id
            FOR UPDATE SKIP LOCKED
        ) AS k
        LEFT JOIN LATERAL (
            SELECT ctid AS tid FROM root_config
            WHERE p.creditor_id = 0 AND debtor_id = p.debtor_id
            FOR UPDATE SKIP LOCKED
        ) AS c ON true
        WHERE p.creditor_id <> 0 OR c.tid IS NOT NULL OR NOT EXISTS (
            SELECT FROM root_config WHERE debtor_id = p.debtor_id
        )
    ), purged AS (
        DELETE FROM account a USING purge p
        WHERE a.ctid = p.tid
        RETURNING a.debtor_id, a.creditor_id, a.creation_date
    ), freed AS (
        DELETE FROM account_key k USING purge p
        WHERE k.ctid = p.key_tid
    ), forgotten AS (
        DELETE FROM root_config c USING purge p
        WHERE c.ctid = p.config_tid
    )
    INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)
    SELECT debtor_id, creditor_id, creation_date, v_now FROM purged;
    IF FOUND THEN
        PERFORM wake('AccountPurgeSignal');
    END IF;
END
$$;

-- Sends the AccountUpdates that are pending, and the heartbeats that are due.
CREATE OR REPLACE FUNCTION send_due_account_updates(
    p_first_page bigint, p_end_page bigint, p_heartbeat interval,
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_debtor_ids bigint[];
    v_creditor_ids bigint[];
BEGIN
    WITH due AS (
        SELECT debtor_id, creditor_id
        FROM account
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT is_deleted(status_flags)
            AND (pending_account_update OR last_heartbeat_ts < v_now - p_heartbeat)
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        FOR UPDATE SKIP LOCKED
    ), noted AS (
        UPDATE account a SET pending_account_update = false, last_heartbeat_ts = v_now
        FROM due d
        WHERE a.debtor_id = d.debtor_id AND a.creditor_id = d.creditor_id
        RETURNING a.debtor_id, a.creditor_id
    )
    SELECT array_agg(debtor_id), array_agg(creditor_id)
    INTO v_debtor_ids, v_creditor_ids
    FROM noted;
    IF v_debtor_ids IS NOT NULL THEN
        PERFORM record_account_updates(v_debtor_ids, v_creditor_ids);
    END IF;
END
$$;

-- Sends the pending AccountUpdates of accounts that have been quiet for `p_quiet_min`, without
-- waiting for the scan. Returns how many.
CREATE OR REPLACE FUNCTION send_prompt_account_updates(
    p_quiet_min interval, p_count_max integer,
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_debtor_ids bigint[];
    v_creditor_ids bigint[];
BEGIN
    WITH due AS (
        SELECT debtor_id, creditor_id
        FROM account
        WHERE pending_account_update
            AND last_heartbeat_ts < v_now - p_quiet_min
            AND NOT is_deleted(status_flags)
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        ORDER BY last_heartbeat_ts
        LIMIT p_count_max
        FOR UPDATE SKIP LOCKED
    ), noted AS (
        UPDATE account a SET pending_account_update = false, last_heartbeat_ts = v_now
        FROM due d
        WHERE a.debtor_id = d.debtor_id AND a.creditor_id = d.creditor_id
        RETURNING a.debtor_id, a.creditor_id
    )
    SELECT array_agg(debtor_id), array_agg(creditor_id)
    INTO v_debtor_ids, v_creditor_ids
    FROM noted;
    IF v_debtor_ids IS NOT NULL THEN
        PERFORM record_account_updates(v_debtor_ids, v_creditor_ids);
    END IF;
    RETURN coalesce(cardinality(v_debtor_ids), 0);
END
$$;

-- The chores that the accounts of these pages call for. The parameters that do not belong to
-- a type of chore are NULL.
CREATE OR REPLACE FUNCTION find_account_chores(
    p_first_page bigint, p_end_page bigint, p_deletion_attempts_interval interval,
    p_capitalization_interval interval, p_interest_to_principal_ratio_max double precision,
    p_rate_change_interval interval, p_root_config_age_max interval DEFAULT '2 hours',
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS TABLE (
    chore_type text, debtor_id bigint, creditor_id bigint, interest_rate double precision,
    debtor_info_iri text, debtor_info_content_type text, debtor_info_sha256 bytea,
    ts timestamptz
)
LANGUAGE sql STABLE AS $$
    WITH page AS MATERIALIZED (
        SELECT a, a.debtor_id, a.creditor_id
        FROM account a
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT is_deleted(status_flags)
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), currency AS NOT MATERIALIZED (
        SELECT *
        FROM root_config
        WHERE fetched_at IS NULL OR fetched_at > current_ts() - p_root_config_age_max
    )
    SELECT
        'TryToDeleteAccount', debtor_id, creditor_id,
        NULL::double precision, NULL::text, NULL::text, NULL::bytea, current_ts()
    FROM page
    WHERE is_scheduled_for_deletion((a).config_flags)
        AND (a).last_deletion_attempt_ts <= current_ts() - p_deletion_attempts_interval
        AND is_negligible_balance(a, current_ts())
    UNION ALL
    SELECT
        'CapitalizeInterest', debtor_id, creditor_id, NULL, NULL, NULL, NULL, current_ts()
    FROM page
    WHERE creditor_id <> 0
        AND (a).last_interest_capitalization_ts <= current_ts() - p_capitalization_interval
        AND abs(floor(balance_at(
            current_ts(), (a).principal, (a).interest, (a).interest_rate, (a).last_change_ts
        ) - (a).principal)) > p_interest_to_principal_ratio_max::numeric
            * (1 + abs((a).principal::numeric))
    UNION ALL
    SELECT
        'ChangeInterestRate', p.debtor_id, p.creditor_id, c.interest_rate,
        NULL, NULL, NULL, current_ts()
    FROM page p JOIN currency c USING (debtor_id)
    WHERE creditor_id <> 0
        AND (a).interest_rate <> c.interest_rate
        AND (a).last_interest_rate_change_ts <= current_ts() - p_rate_change_interval
        AND NOT is_root_deleted(p.debtor_id)
    UNION ALL
    SELECT
        'UpdateDebtorInfo', p.debtor_id, p.creditor_id, NULL,
        coalesce(c.info_iri, ''), coalesce(c.info_content_type, ''),
        coalesce(c.info_sha256, ''), current_ts()
    FROM page p JOIN currency c USING (debtor_id)
    WHERE creditor_id <> 0
        AND ((a).debtor_info_iri, (a).debtor_info_content_type, (a).debtor_info_sha256)
            IS DISTINCT FROM (
                coalesce(c.info_iri, ''), coalesce(c.info_content_type, ''),
                coalesce(c.info_sha256, '')
            )
        AND NOT is_root_deleted(p.debtor_id)
$$;

-- Reminds of the prepared transfers that nobody finalizes.
CREATE OR REPLACE FUNCTION remind_of_prepared_transfers(
    p_first_page bigint, p_end_page bigint, p_reminder_interval interval,
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    WITH due AS (
        SELECT ctid AS tid
        FROM prepared_transfer
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND coalesce(last_reminder_ts, prepared_at) < v_now - p_reminder_interval
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        FOR UPDATE SKIP LOCKED
    ), reminded AS (
        UPDATE prepared_transfer p SET last_reminder_ts = v_now
        FROM due d
        WHERE p.ctid = d.tid
        RETURNING p.*
    )
    INSERT INTO prepared_transfer_signal (
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, locked_amount, recipient, prepared_at,
        demurrage_rate, deadline, final_interest_rate_ts, ts
    )
    SELECT
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, locked_amount, account_id(recipient_creditor_id), prepared_at,
        demurrage_rate, deadline, final_interest_rate_ts, v_now
    FROM reminded;
    IF FOUND THEN
        PERFORM wake('PreparedTransferSignal');
    END IF;
END
$$;

-- Removes from the archive the applied balance changes that are older than the threshold.
CREATE OR REPLACE FUNCTION forget_balance_changes(
    p_first_page bigint, p_end_page bigint, p_threshold_ts timestamptz
) RETURNS void
LANGUAGE sql AS $$
    WITH old AS (
        SELECT debtor_id, other_creditor_id, change_id
        FROM registered_balance_change
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND is_applied AND committed_at < p_threshold_ts
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM registered_balance_change b USING old o
    WHERE b.debtor_id = o.debtor_id
        AND b.other_creditor_id = o.other_creditor_id
        AND b.change_id = o.change_id
$$;
