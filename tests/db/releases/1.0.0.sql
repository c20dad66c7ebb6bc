-- A database of 1.0.0, as pg_dump writes it, stopped in the middle of its work.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA swpt_accounts_354f61a04998;
CREATE FUNCTION swpt_accounts_354f61a04998.account_id(p_creditor_id bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_creditor_id >= 0 THEN p_creditor_id::text
        ELSE (p_creditor_id + 18446744073709551616)::text
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.add_up_accounts(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer, OUT normal_count bigint, OUT deleted_count bigint, OUT overflown_count bigint, OUT issued numeric, OUT locked numeric, OUT near_limit_count bigint) RETURNS record
    LANGUAGE sql STABLE
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.answer_transfer_requests(p_tids tid[], p_statuses text[], p_locks bigint[], p_transfer_ids bigint[], p_totals bigint[], p_commit_period interval) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_count bigint;
    v_prepared bigint;
BEGIN
    WITH outcome AS (
        DELETE FROM transfer_request q
        USING unnest(p_tids, p_statuses, p_locks, p_transfer_ids, p_totals)
            AS o (tid, status_code, locked_amount, transfer_id, total_locked_amount)
        WHERE q.ctid = o.tid
        RETURNING
            q.*, o.status_code, o.locked_amount, o.transfer_id, o.total_locked_amount,
            least(q.deadline, v_now + p_commit_period) AS final_deadline
    ), prepared AS (
        INSERT INTO prepared_transfer (
            debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
            coordinator_request_id, locked_amount, recipient_creditor_id, prepared_at,
            demurrage_rate, deadline, final_interest_rate_ts
        )
        SELECT
            debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
            coordinator_request_id, locked_amount, recipient_creditor_id, v_now,
            demurrage_rate(), final_deadline, final_interest_rate_ts
        FROM outcome WHERE status_code = 'OK'
    ), answered AS (
        INSERT INTO prepared_transfer_signal (
            debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
            coordinator_request_id, locked_amount, recipient, prepared_at,
            demurrage_rate, deadline, final_interest_rate_ts, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
            coordinator_request_id, locked_amount, account_id(recipient_creditor_id), v_now,
            demurrage_rate(), final_deadline, final_interest_rate_ts, v_now,
            note_step(trace_context, 'p')
        FROM outcome WHERE status_code = 'OK'
    ), rejected AS (
        INSERT INTO rejected_transfer_signal (
            debtor_id, creditor_id, coordinator_type, coordinator_id,
            coordinator_request_id, status_code, total_locked_amount, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id,
            coordinator_request_id, status_code, total_locked_amount, v_now,
            note_step(trace_context, 'p')
        FROM outcome WHERE status_code <> 'OK'
    )
    SELECT count(*), count(*) FILTER (WHERE status_code = 'OK') INTO v_count, v_prepared
    FROM outcome;
    ASSERT v_count = cardinality(p_tids), 'a locked request has moved';
    IF v_prepared > 0 THEN
        PERFORM wake('PreparedTransferSignal');
    END IF;
    IF v_prepared < v_count THEN
        PERFORM wake('RejectedTransferSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.apply_configuration(p_debtor_id bigint, p_creditor_id bigint, p_ts timestamp with time zone, p_seqnum integer, p_negligible_amount double precision, p_config_flags integer, p_config_data text, p_minimal_balance bigint, p_interest_rate double precision, p_info_iri text, p_info_content_type text, p_info_sha256 bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_is_new boolean := open_account(p_debtor_id, p_creditor_id);
    v_rate double precision;
BEGIN
    IF NOT v_is_new THEN
        v_rate := creditors_interest_rate(p_debtor_id, p_creditor_id);
    END IF;
    UPDATE account a SET
        last_config_ts = p_ts,
        last_config_seqnum = p_seqnum,
        negligible_amount = p_negligible_amount,
        config_flags = p_config_flags,
        config_data = p_config_data,
        minimal_balance = p_minimal_balance,
        status_flags = make_status_flags(false, is_overflown(a.status_flags)),
        interest = interest_part(
            balance_at(v_now, a.principal, a.interest, a.interest_rate, a.last_change_ts),
            a.principal
        ),
        interest_rate = CASE WHEN o.takes_rate THEN v_rate ELSE a.interest_rate END,
        previous_interest_rate =
            CASE WHEN o.takes_rate THEN a.interest_rate ELSE a.previous_interest_rate END,
        last_interest_rate_change_ts =
            CASE WHEN o.takes_rate THEN v_now ELSE a.last_interest_rate_change_ts END,
        last_change_seqnum =
            CASE WHEN v_is_new THEN a.last_change_seqnum ELSE next_seqnum(a.last_change_seqnum) END,
        last_change_ts = greatest(a.last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    FROM (
        -- an undeleted account starts with the interest rate of its currency, if that is known
        SELECT coalesce(is_deleted(status_flags) AND interest_rate <> v_rate, false) AS takes_rate
        FROM account
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
    ) AS o
    WHERE a.debtor_id = p_debtor_id AND a.creditor_id = p_creditor_id
        -- somebody else may have opened the account, and configured it, in this very moment
        AND is_later_config(p_ts, p_seqnum, a.last_config_ts, a.last_config_seqnum);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF p_creditor_id = 0 THEN
        INSERT INTO root_config (
            debtor_id, interest_rate, info_iri, info_content_type, info_sha256
        )
        VALUES (p_debtor_id, p_interest_rate, p_info_iri, p_info_content_type, p_info_sha256)
        ON CONFLICT (debtor_id) DO UPDATE SET
            interest_rate = excluded.interest_rate,
            info_iri = excluded.info_iri,
            info_content_type = excluded.info_content_type,
            info_sha256 = excluded.info_sha256,
            fetched_at = NULL;
    END IF;
    PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.balance_at(p_now timestamp with time zone, p_principal bigint, p_interest numeric, p_interest_rate double precision, p_last_change_ts timestamp with time zone) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_interest_rate = 0 OR p_principal + p_interest <= 0 THEN p_principal + p_interest
        ELSE round(
            (p_principal + p_interest)
            * growth(p_interest_rate, seconds_between(p_last_change_ts, p_now)),
            20
        )
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.capitalize_interest(p_debtor_id bigint, p_creditor_id bigint, p_interval_min interval, p_realm_bits integer, p_realm_length integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
    v_interest numeric;
    v_amount bigint;
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;
    SELECT * INTO v_account
    FROM account
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND NOT is_deleted(status_flags)
        AND last_interest_capitalization_ts <= v_now - p_interval_min;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    v_interest := interest_part(
        balance_at(
            v_now, v_account.principal, v_account.interest, v_account.interest_rate,
            v_account.last_change_ts
        ),
        v_account.principal
    );
    v_amount := contain_principal(
        contain_principal(v_account.principal + floor(v_interest))::numeric - v_account.principal
    );
    IF v_amount <> 0 THEN
        UPDATE account SET
            principal = principal + v_amount,
            interest = v_interest - v_amount,
            last_interest_capitalization_ts = v_now,
            last_change_seqnum = next_seqnum(last_change_seqnum),
            last_change_ts = greatest(last_change_ts, v_now),
            pending_account_update = true
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id;
        PERFORM transfer_from_root(
            p_debtor_id, p_creditor_id, v_amount, 'interest', p_realm_bits, p_realm_length
        );
        PERFORM wake('PendingAccountUpdate');
    END IF;
    RETURN true;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.change_interest_rate(p_debtor_id bigint, p_creditor_id bigint, p_interest_rate double precision, p_ts timestamp with time zone, p_interval_min interval) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_rate double precision := least(greatest(p_interest_rate, -50), 100);
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;
    UPDATE account SET
        interest = interest_part(
            balance_at(v_now, principal, interest, interest_rate, last_change_ts), principal
        ),
        previous_interest_rate = interest_rate,
        interest_rate = v_rate,
        last_interest_rate_change_ts = v_now,
        last_change_seqnum = next_seqnum(last_change_seqnum),
        last_change_ts = greatest(last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND NOT is_deleted(status_flags)
        AND interest_rate <> v_rate
        AND p_ts >= v_now - interval '1 day'
        AND last_interest_rate_change_ts <= v_now - p_interval_min;
    IF FOUND THEN
        PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    END IF;
    RETURN true;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.claim_realm(p_realm text, p_realm_bits integer, p_realm_length integer, p_is_heir boolean) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_known text;
    v_foreign text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('swpt_accounts realm', 0));
    SELECT realm INTO v_known FROM shard;
    IF v_known = p_realm THEN
        RETURN NULL;
    ELSIF NOT starts_with(p_realm, rtrim(v_known, '#')) THEN
        RETURN 'it is the database of the shard ' || v_known;
    ELSIF v_known IS NULL OR NOT p_is_heir THEN
        v_foreign := foreign_account(p_realm_bits, p_realm_length, p_is_heir);
        IF v_foreign IS NOT NULL THEN
            RETURN concat(
                'it has the account ', v_foreign, ', which belongs to another shard',
                CASE WHEN NOT p_is_heir
                    THEN '; if this one was split by hand, set DELETE_PARENT_SHARD_RECORDS to true'
                END
            );
        END IF;
    END IF;
    DELETE FROM shard;
    INSERT INTO shard (realm, noted_at) VALUES (p_realm, current_ts());
    IF p_is_heir THEN
        -- what the parent has handled is kept for a while, however long it took to copy
        WITH old AS (DELETE FROM handled_batch RETURNING id, digests)
        INSERT INTO handled_batch (handled_at, digests)
        SELECT current_ts(), digests FROM old ORDER BY id;
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.conclude_balance_changes(p_tids tid[], p_are_reported boolean[], p_creation_dates date[], p_transfer_numbers bigint[], p_principals bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_count bigint;
BEGIN
    WITH applied AS (
        DELETE FROM pending_balance_change q
        USING unnest(
            p_tids, p_are_reported, p_creation_dates, p_transfer_numbers, p_principals
        ) AS o (tid, is_reported, creation_date, transfer_number, principal)
        WHERE q.ctid = o.tid
        RETURNING q.*, o.is_reported, o.creation_date, o.transfer_number, o.principal
    ), reported AS (
        INSERT INTO account_transfer_signal (
            debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
            sender, recipient, acquired_amount, transfer_note, transfer_note_format,
            committed_at, principal, previous_transfer_number, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
            account_id(CASE WHEN principal_delta > 0 THEN other_creditor_id ELSE creditor_id END),
            account_id(CASE WHEN principal_delta > 0 THEN creditor_id ELSE other_creditor_id END),
            principal_delta, transfer_note, transfer_note_format,
            committed_at, principal, transfer_number - 1, v_now, note_step(trace_context, 'b')
        FROM applied WHERE is_reported ORDER BY id
    ), archived AS (
        UPDATE registered_balance_change b SET is_applied = true
        FROM applied c
        WHERE c.is_registered
            AND b.debtor_id = c.debtor_id
            AND b.other_creditor_id = c.other_creditor_id
            AND b.change_id = c.change_id
    )
    SELECT count(*) INTO v_count FROM applied;
    ASSERT v_count = cardinality(p_tids), 'a locked change has moved';
    IF true = ANY (p_are_reported) THEN
        PERFORM wake('AccountTransferSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.conclude_transfers(p_tids tid[], p_transfer_tids tid[], p_statuses text[], p_amounts bigint[], p_totals bigint[], p_creation_dates date[], p_transfer_numbers bigint[], p_principals bigint[], p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_count bigint;
    v_reported bigint;
    v_queued bigint;
    v_posted bigint;
BEGIN
    WITH outcome AS (
        DELETE FROM finalization_request q
        USING unnest(
            p_tids, p_transfer_tids, p_statuses, p_amounts, p_totals, p_creation_dates,
            p_transfer_numbers, p_principals
        ) AS o (
            tid, transfer_tid, status_code, amount, total_locked_amount, creation_date,
            transfer_number, principal
        )
        WHERE q.ctid = o.tid
        RETURNING
            q.id, q.debtor_id, q.creditor_id, q.transfer_id, q.transfer_note,
            q.transfer_note_format, note_step(q.trace_context, 'f') AS trace_context, o.*
    ), finalized AS (
        DELETE FROM prepared_transfer p
        USING outcome o
        WHERE p.ctid = o.transfer_tid
        RETURNING
            p.coordinator_type, p.coordinator_id, p.coordinator_request_id,
            p.recipient_creditor_id, p.prepared_at, o.*
    ), answered AS (
        INSERT INTO finalized_transfer_signal (
            debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
            coordinator_request_id, committed_amount, status_code, total_locked_amount,
            prepared_at, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
            coordinator_request_id, amount, status_code, total_locked_amount,
            prepared_at, greatest(v_now, prepared_at), trace_context
        FROM finalized ORDER BY id
    ), reported AS (
        INSERT INTO account_transfer_signal (
            debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
            sender, recipient, acquired_amount, transfer_note, transfer_note_format,
            committed_at, principal, previous_transfer_number, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
            account_id(creditor_id), account_id(recipient_creditor_id), -amount,
            transfer_note, transfer_note_format, v_now, principal,
            transfer_number - 1, v_now, trace_context
        FROM finalized WHERE amount > 0 AND creditor_id <> 0 ORDER BY id
        RETURNING 1
    ), change AS MATERIALIZED (
        SELECT
            id, debtor_id, recipient_creditor_id AS creditor_id,
            creditor_id AS other_creditor_id, amount AS principal_delta, coordinator_type,
            transfer_note, transfer_note_format, trace_context,
            in_realm(debtor_id, recipient_creditor_id, p_realm_bits, p_realm_length)
                AS is_local
        FROM finalized WHERE amount > 0
    ), queued AS (
        INSERT INTO pending_balance_change (
            debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
            coordinator_type, transfer_note, transfer_note_format, committed_at, trace_context
        )
        SELECT
            debtor_id, creditor_id, other_creditor_id, next_change_id(), principal_delta,
            coordinator_type, transfer_note, transfer_note_format, v_now, trace_context
        FROM change WHERE is_local ORDER BY id
        RETURNING 1
    ), posted AS (
        INSERT INTO pending_balance_change_signal (
            debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type,
            transfer_note_format, transfer_note, committed_at, principal_delta, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, other_creditor_id, next_change_id(), coordinator_type,
            transfer_note_format, transfer_note, v_now, principal_delta, v_now, trace_context
        FROM change WHERE NOT is_local ORDER BY id
        RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM finalized),
        (SELECT count(*) FROM reported),
        (SELECT count(*) FROM queued),
        (SELECT count(*) FROM posted)
    INTO v_count, v_reported, v_queued, v_posted;
    ASSERT v_count = cardinality(p_tids), 'a locked transfer has moved';
    PERFORM wake('FinalizedTransferSignal');
    IF v_reported > 0 THEN
        PERFORM wake('AccountTransferSignal');
    END IF;
    IF v_queued > 0 THEN
        PERFORM wake('PendingBalanceChange');
    END IF;
    IF v_posted > 0 THEN
        PERFORM wake('PendingBalanceChangeSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.configure_accounts(p_debtor_id bigint[], p_creditor_id bigint[], p_ts timestamp with time zone[], p_seqnum integer[], p_negligible_amount double precision[], p_config_flags integer[], p_config_data text[], p_is_valid boolean[], p_minimal_balance bigint[], p_interest_rate double precision[], p_info_iri text[], p_info_content_type text[], p_info_sha256 bytea[], p_message_max_delay interval) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
    v_rejections boolean := false;
    m record;
BEGIN
    FOR m IN
        SELECT *
        FROM unnest(
            p_debtor_id, p_creditor_id, p_ts, p_seqnum, p_negligible_amount,
            p_config_flags, p_config_data, p_is_valid, p_minimal_balance,
            p_interest_rate, p_info_iri, p_info_content_type, p_info_sha256
        ) WITH ORDINALITY AS m (
            debtor_id, creditor_id, ts, seqnum, negligible_amount,
            config_flags, config_data, is_valid, minimal_balance,
            interest_rate, info_iri, info_content_type, info_sha256, arrival
        )
        ORDER BY debtor_id, creditor_id, arrival
    LOOP
        SELECT * INTO v_account
        FROM account a
        WHERE a.debtor_id = m.debtor_id AND a.creditor_id = m.creditor_id
        FOR UPDATE;
        IF FOUND THEN
            CONTINUE WHEN NOT is_later_config(
                m.ts, m.seqnum, v_account.last_config_ts, v_account.last_config_seqnum
            );
            -- What answers each AccountUpdate in the name of a dead agent, always with these values,
            -- would get one for it, again and again, and would bring deleted accounts back.
            CONTINUE WHEN (
                m.seqnum, m.config_flags, m.config_data, m.negligible_amount
            ) = (0, 1, '', 1e30) AND (
                v_account.last_config_seqnum, v_account.config_flags, v_account.config_data,
                v_account.negligible_amount
            ) = (0, 1, '', 1e30);
        ELSE
            CONTINUE WHEN m.ts < v_now - p_message_max_delay;
        END IF;
        IF m.is_valid THEN
            PERFORM apply_configuration(
                m.debtor_id, m.creditor_id, m.ts, m.seqnum, m.negligible_amount,
                m.config_flags, m.config_data, m.minimal_balance,
                m.interest_rate, m.info_iri, m.info_content_type, m.info_sha256
            );
        ELSE
            INSERT INTO rejected_config_signal (
                debtor_id, creditor_id, config_ts, config_seqnum, config_flags, config_data,
                negligible_amount, rejection_code, ts
            )
            VALUES (
                m.debtor_id, m.creditor_id, m.ts, m.seqnum, m.config_flags, m.config_data,
                m.negligible_amount, 'INVALID_CONFIGURATION', v_now
            );
            v_rejections := true;
        END IF;
    END LOOP;
    IF v_rejections THEN
        PERFORM wake('RejectedConfigSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.contain_interest(p_interest numeric) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT greatest(least(p_interest, 5e23), -5e23)::double precision
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.contain_moment(p_ts timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_ts < timestamptz '0001-01-01 00:00:00+00' THEN timestamptz '0001-01-01 00:00:00+00'
        WHEN p_ts > timestamptz '9999-12-31 23:59:59.999999+00'
            THEN timestamptz '9999-12-31 23:59:59.999999+00'
        ELSE p_ts
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.contain_principal(p_amount numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT least(greatest(p_amount, -9223372036854775807), 9223372036854775807)::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.contain_real(p_number double precision) RETURNS real
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN abs(p_number) < 7.1e-46 THEN (p_number * 0)::real
        WHEN abs(p_number) > 3.4028234e38 THEN (sign(p_number) * 3.4028234663852886e38)::real
        ELSE p_number::text::real
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.copy_older_balance_changes(p_pages_max bigint, OUT pages_copied bigint, OUT pages_count bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_move move;
    v_end_page bigint;
BEGIN
    SELECT * INTO v_move FROM move WHERE NOT is_copied ORDER BY id DESC LIMIT 1;
    IF NOT FOUND THEN
        pages_copied := 0;
        pages_count := 0;
        RETURN;
    END IF;
    pages_copied := v_move.pages_copied;
    pages_count := v_move.pages_count;
    SELECT * INTO v_move
    FROM move
    WHERE id = v_move.id AND NOT is_copied
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_end_page := least(v_move.pages_copied + p_pages_max, v_move.pages_count);
    INSERT INTO registered_balance_change (
        debtor_id, other_creditor_id, change_id, committed_at, is_applied
    )
    SELECT debtor_id, other_creditor_id, change_id, contain_moment(committed_at), is_applied
    FROM older_balance_change
    WHERE tid >= page_start(v_move.pages_copied) AND tid < page_start(v_end_page)
        -- the others came with the move, and may have been forgotten since
        AND is_applied
    ON CONFLICT DO NOTHING;
    UPDATE move m
    SET pages_copied = v_end_page, is_copied = (v_end_page = m.pages_count)
    WHERE m.id = v_move.id;
    pages_copied := v_end_page;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.count_outrun_accounts(p_first_page bigint, p_end_page bigint, p_told_until timestamp with time zone, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT count(*)
    FROM account a
    WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
        AND is_outrun(a, p_told_until)
        AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.credit_accounts(p_tids tid[], p_debtor_ids bigint[], p_creditor_ids bigint[], p_principals bigint[], p_interests numeric[], p_transfer_numbers bigint[], p_committed_at timestamp with time zone[], p_are_overflown boolean[], p_are_announced boolean[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_count integer;
BEGIN
    UPDATE account a SET
        principal = s.principal,
        interest = s.interest,
        status_flags = make_status_flags(
            false, is_overflown(a.status_flags) OR s.is_overflown
        ),
        last_change_seqnum = next_seqnum(a.last_change_seqnum),
        last_change_ts = greatest(a.last_change_ts, v_now),
        last_transfer_number = s.transfer_number,
        last_transfer_committed_at = s.transfer_committed_at,
        pending_account_update = NOT s.is_announced,
        last_heartbeat_ts = CASE WHEN s.is_announced THEN v_now ELSE a.last_heartbeat_ts END
    FROM unnest(
        p_tids, p_principals, p_interests, p_transfer_numbers, p_committed_at,
        p_are_overflown, p_are_announced
    ) AS s (
        tid, principal, interest, transfer_number, transfer_committed_at, is_overflown, is_announced
    )
    WHERE a.ctid = s.tid;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    ASSERT v_count = cardinality(p_tids), 'a locked account has moved';
    PERFORM record_account_updates(array_agg(s.debtor_id), array_agg(s.creditor_id))
    FROM unnest(p_debtor_ids, p_creditor_ids, p_are_announced)
        AS s (debtor_id, creditor_id, is_announced)
    WHERE s.is_announced;
    IF false = ANY (p_are_announced) THEN
        PERFORM wake('PendingAccountUpdate');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.creditor_of(p_account_id text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_account_id::numeric > 9223372036854775807
            THEN p_account_id::numeric - 18446744073709551616
        ELSE p_account_id::numeric
    END::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.creditors_interest_rate(p_debtor_id bigint, p_creditor_id bigint) RETURNS double precision
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
        WHEN p_creditor_id = 0 THEN 0
        ELSE (
            SELECT interest_rate FROM root_config
            WHERE debtor_id = p_debtor_id AND NOT is_root_deleted(p_debtor_id)
        )
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.current_ts() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT coalesce(
        nullif(current_setting('swpt_accounts.now', true), '')::timestamptz,
        transaction_timestamp()
    )
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.debit_senders(p_tids tid[], p_principals bigint[], p_interests numeric[], p_total_locked_amounts bigint[], p_transfers_counts integer[], p_seqnums integer[], p_transfer_numbers bigint[], p_are_changed boolean[], p_are_overflown boolean[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_count integer;
BEGIN
    UPDATE account a SET
        total_locked_amount = s.total_locked_amount,
        pending_transfers_count = s.pending_transfers_count,
        principal = s.principal,
        interest = CASE WHEN s.is_changed THEN s.interest ELSE a.interest END,
        status_flags = make_status_flags(
            is_deleted(a.status_flags), is_overflown(a.status_flags) OR s.is_overflown
        ),
        last_change_seqnum = s.seqnum,
        last_change_ts =
            CASE WHEN s.is_changed THEN greatest(a.last_change_ts, v_now) ELSE a.last_change_ts END,
        last_transfer_number = s.transfer_number,
        last_transfer_committed_at = CASE
            WHEN s.transfer_number > a.last_transfer_number THEN v_now
            ELSE a.last_transfer_committed_at
        END,
        pending_account_update = a.pending_account_update OR s.is_changed
    FROM unnest(
        p_tids, p_principals, p_interests, p_total_locked_amounts, p_transfers_counts,
        p_seqnums, p_transfer_numbers, p_are_changed, p_are_overflown
    ) AS s (
        tid, principal, interest, total_locked_amount, pending_transfers_count, seqnum,
        transfer_number, is_changed, is_overflown
    )
    WHERE a.ctid = s.tid;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    ASSERT v_count = cardinality(p_tids), 'a locked account has moved';
    IF true = ANY (p_are_changed) THEN
        PERFORM wake('PendingAccountUpdate');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.demurrage_rate() RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT -50::double precision
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.drop_parent_accounts(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE sql
    AS $$
    WITH foreign_account AS MATERIALIZED (
        SELECT ctid AS tid, debtor_id, creditor_id
        FROM account
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0))
        FOR UPDATE SKIP LOCKED
    ), dropped AS MATERIALIZED (
        SELECT f.tid, k.tid AS key_tid
        FROM foreign_account f
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM account_key
            WHERE debtor_id = f.debtor_id AND creditor_id = f.creditor_id
            FOR UPDATE SKIP LOCKED
        ) AS k
    ), freed AS (
        DELETE FROM account_key k USING dropped d
        WHERE k.ctid = d.key_tid
    )
    DELETE FROM account a USING dropped d
    WHERE a.ctid = d.tid
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.drop_parent_prepared_transfers(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM prepared_transfer
    WHERE ctid = ANY (ARRAY(
        SELECT ctid
        FROM prepared_transfer
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0))
        FOR UPDATE SKIP LOCKED
    ))
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.drop_parent_rows(p_table regclass, p_after_id bigint, p_last_id bigint, p_realm_bits integer, p_realm_length integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
DECLARE
    v_count bigint;
BEGIN
    IF p_table = 'pending_balance_change'::regclass THEN
        UPDATE registered_balance_change b SET is_applied = true
        FROM pending_balance_change q
        WHERE q.id > p_after_id AND q.id <= p_last_id AND q.is_registered
            AND NOT in_realm(q.debtor_id, q.creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(
                q.debtor_id, q.creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0)
            )
            AND b.debtor_id = q.debtor_id
            AND b.other_creditor_id = q.other_creditor_id
            AND b.change_id = q.change_id;
    END IF;
    EXECUTE format(
        'DELETE FROM %1$s q WHERE id > $3 AND id <= $4'
        ' AND NOT in_realm(%2$s, $1, $2) AND in_realm(%2$s, $1 >> 1, greatest($2 - 1, 0))',
        p_table, owner_columns(p_table)
    ) USING p_realm_bits, p_realm_length, p_after_id, p_last_id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$_$;
CREATE FUNCTION swpt_accounts_354f61a04998.drop_unmatched_finalization_requests(p_request_ids bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_count integer;
BEGIN
    WITH unmatched AS MATERIALIZED (
        SELECT ctid AS tid
        FROM finalization_request q
        WHERE id = ANY (p_request_ids) AND NOT EXISTS (
            SELECT FROM prepared_transfer p
            WHERE p.debtor_id = q.debtor_id
                AND p.creditor_id = q.creditor_id
                AND p.transfer_id = q.transfer_id
                AND p.coordinator_type = q.coordinator_type
                AND p.coordinator_id = q.coordinator_id
                AND p.coordinator_request_id = q.coordinator_request_id
            OFFSET 0
        )
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM finalization_request q USING unmatched u WHERE q.ctid = u.tid;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.due_lines(p_signal_names text[], p_count_max integer) RETURNS TABLE(id bigint, turn bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT due.id, row_number() OVER (PARTITION BY s.name, p.pause_seconds)
    FROM unnest(p_signal_names) AS s (name)
    CROSS JOIN unnest(returned_pauses()) AS p (pause_seconds)
    CROSS JOIN LATERAL (
        (
            SELECT e.id
            FROM returned_line e
            WHERE e.pause_seconds = p.pause_seconds AND e.signal_name = s.name
                AND e.next_attempt_at <= current_ts()
            ORDER BY e.next_attempt_at
            LIMIT p_count_max
        )
        UNION ALL
        (
            SELECT e.id
            FROM returned_line e
            WHERE e.pause_seconds = p.pause_seconds AND e.signal_name = s.name
                AND e.next_attempt_at > returned_latest()
            ORDER BY e.next_attempt_at
            LIMIT p_count_max
        )
    ) AS due
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.end_returned_lines(p_signal_names text[], p_count_max integer) RETURNS TABLE(signal_name text, destination text, sent_count bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM returned_line)
        OR NOT pg_try_advisory_xact_lock(returned_lock())
    THEN
        RETURN;
    END IF;
    RETURN QUERY
    DELETE FROM returned_line l
    WHERE l.ctid = ANY (ARRAY(
        SELECT e.ctid
        FROM unnest(p_signal_names) AS s (name)
        CROSS JOIN unnest(returned_pauses()) AS p (pause_seconds)
        CROSS JOIN LATERAL (
            SELECT c.ctid, c.destination, c.signal_name
            FROM returned_line c
            WHERE c.pause_seconds = p.pause_seconds AND c.signal_name = s.name
                AND c.next_attempt_at <= t0()
            ORDER BY c.next_attempt_at
            LIMIT p_count_max
            FOR UPDATE SKIP LOCKED
        ) AS e
        WHERE first_returned_message(e.destination, e.signal_name) IS NULL
    ))
    RETURNING l.signal_name, l.destination, l.sent_count;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.expendable_amount(p_balance numeric, p_total_locked_amount bigint, p_minimal_balance bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT contain_principal(floor(p_balance) - p_total_locked_amount - p_minimal_balance)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.finalization_status(p_now timestamp with time zone, p_creditor_id bigint, p_committed_amount bigint, p_expendable numeric, p_locked_amount bigint, p_demurrage_rate double precision, p_prepared_at timestamp with time zone, p_deadline timestamp with time zone, p_last_interest_rate_change_ts timestamp with time zone, p_final_interest_rate_ts timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_committed_amount = 0 THEN 'OK'
        WHEN p_now > p_deadline THEN 'TIMEOUT'
        WHEN p_last_interest_rate_change_ts > p_final_interest_rate_ts THEN 'NEWER_INTEREST_RATE'
        WHEN p_committed_amount <= p_expendable + p_locked_amount THEN 'OK'
        WHEN p_committed_amount > p_locked_amount THEN 'INSUFFICIENT_AVAILABLE_AMOUNT'
        WHEN p_creditor_id = 0 OR p_committed_amount <= round(
            p_locked_amount * growth(p_demurrage_rate, seconds_between(p_prepared_at, p_now)), 20
        ) THEN 'OK'
        ELSE 'INSUFFICIENT_AVAILABLE_AMOUNT'
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_account_chores(p_first_page bigint, p_end_page bigint, p_deletion_attempts_interval interval, p_capitalization_interval interval, p_interest_to_principal_ratio_max double precision, p_rate_change_interval interval, p_root_config_age_max interval DEFAULT '02:00:00'::interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS TABLE(chore_type text, debtor_id bigint, creditor_id bigint, interest_rate double precision, debtor_info_iri text, debtor_info_content_type text, debtor_info_sha256 bytea, ts timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.find_dealt_with(p_queue text, p_stream_offset bigint[], p_digest bytea[]) RETURNS TABLE(stream_offset bigint, digest bytea, state text)
    LANGUAGE sql STABLE
    AS $$
    SELECT d.stream_offset, d.digest, d.state
    FROM unnest(p_stream_offset, p_digest) AS l (stream_offset, digest)
    CROSS JOIN LATERAL (
        SELECT found.stream_offset, found.digest, found.state
        FROM dead_letter_dealt_with found
        WHERE found.queue = p_queue
            AND found.stream_offset = l.stream_offset
            AND found.digest = l.digest
    ) AS d
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_foreign_row(p_table regclass, p_after_id bigint, p_last_id bigint, p_realm_bits integer, p_realm_length integer) RETURNS TABLE(debtor_id bigint, creditor_id bigint)
    LANGUAGE plpgsql
    AS $_$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %2$s FROM %1$s q WHERE id > $3 AND id <= $4'
        ' AND NOT in_realm(%2$s, $1, $2) LIMIT 1',
        p_table, owner_columns(p_table)
    ) USING p_realm_bits, p_realm_length, p_after_id, p_last_id;
END
$_$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_handled(p_digests bytea[]) RETURNS bytea[]
    LANGUAGE sql STABLE
    SET enable_hashjoin TO 'on'
    AS $$
    SELECT coalesce(array_agg(d.digest), '{}')
    FROM handled_batch b
    CROSS JOIN unnest(b.digests) AS d (digest)
    JOIN unnest(p_digests) AS p (digest) ON p.digest = d.digest
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_locked_accounts(p_debtor_id bigint[], p_creditor_id bigint[]) RETURNS TABLE(debtor_id bigint, creditor_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    SELECT w.debtor_id, w.creditor_id
    FROM unnest(p_debtor_id, p_creditor_id) AS w (debtor_id, creditor_id)
    LEFT JOIN LATERAL (
        -- backwards, from the newest version of the row: see decision 12
        SELECT true AS is_free
        FROM account a
        WHERE a.debtor_id = w.debtor_id
            AND a.creditor_id >= w.creditor_id AND a.creditor_id <= w.creditor_id
        ORDER BY a.creditor_id DESC
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS f ON true
    WHERE f.is_free IS NULL AND EXISTS (
        SELECT FROM account_key k
        WHERE k.debtor_id = w.debtor_id AND k.creditor_id = w.creditor_id
        OFFSET 0
    );
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_unknown_debtors(p_debtor_id bigint[], p_realm_bits integer, p_realm_length integer, p_age_max interval) RETURNS TABLE(debtor_id bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT DISTINCT d.debtor_id
    FROM unnest(p_debtor_id) AS d (debtor_id)
    WHERE NOT in_realm(d.debtor_id, 0, p_realm_bits, p_realm_length)
        AND NOT EXISTS (
            SELECT FROM root_config c
            WHERE c.debtor_id = d.debtor_id
                AND c.fetched_at > current_ts() - p_age_max
                AND c.fetched_at <= current_ts() + interval '1 minute'
        )
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_unknown_debtors_of_new_accounts(p_debtor_id bigint[], p_creditor_id bigint[], p_realm_bits integer, p_realm_length integer, p_age_max interval) RETURNS TABLE(debtor_id bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT u.debtor_id
    FROM find_unknown_debtors(
        ARRAY(
            SELECT k.debtor_id
            FROM unnest(p_debtor_id, p_creditor_id) AS k (debtor_id, creditor_id)
            WHERE k.creditor_id <> 0 AND NOT EXISTS (
                SELECT FROM account a
                WHERE a.debtor_id = k.debtor_id AND a.creditor_id = k.creditor_id
                    AND NOT is_deleted(a.status_flags)
            )
        ),
        p_realm_bits, p_realm_length, p_age_max
    ) AS u
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.find_unknown_debtors_on_pages(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer, p_age_max interval) RETURNS TABLE(debtor_id bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT u.debtor_id
    FROM find_unknown_debtors(
        ARRAY(
            SELECT DISTINCT a.debtor_id
            FROM account a
            WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
                AND a.creditor_id <> 0 AND NOT is_deleted(a.status_flags)
        ),
        p_realm_bits, p_realm_length, p_age_max
    ) AS u
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.first_returned_message(p_destination text, p_signal_name text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT m.id
    FROM returned_message m
    WHERE m.destination IS NOT NULL
        AND (m.destination, m.signal_name, m.id) >= (p_destination, p_signal_name, 0)
        AND (m.destination, m.signal_name) <= (p_destination, p_signal_name)
    ORDER BY m.destination, m.signal_name, m.id
    LIMIT 1
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.foreign_account(p_realm_bits integer, p_realm_length integer, p_is_heir boolean) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT format('(%s, %s)', debtor_id, creditor_id)
    FROM account_key
    WHERE p_realm_length > 0
        AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        AND NOT (
            p_is_heir
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, p_realm_length - 1)
            AND EXISTS (
                SELECT FROM account_key
                WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            )
        )
    LIMIT 1
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.forget_balance_changes(p_first_page bigint, p_end_page bigint, p_threshold_ts timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.forget_dealt_with(p_queue text, p_first_offset bigint) RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM dead_letter_dealt_with
    WHERE queue = p_queue AND stream_offset >= 0 AND stream_offset < p_first_offset
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.forget_handled(p_age interval, p_count_max integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_forgotten integer;
BEGIN
    DELETE FROM handled_batch
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM handled_batch
        WHERE handled_at < current_ts() - p_age AND id <= (
            SELECT max(id)
            FROM (SELECT id FROM handled_batch ORDER BY id LIMIT p_count_max) AS first
        )
        ORDER BY id
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS v_forgotten = ROW_COUNT;
    RETURN v_forgotten;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.get_config_data(p_debtor_id bigint, p_creditor_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (
        SELECT config_data
        FROM account
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
            AND NOT is_deleted(status_flags)
    );
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.growth(p_rate double precision, p_seconds numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_rate = 0 OR p_seconds <= 0 THEN 1::numeric
        ELSE exp(round(
            ln((1 + p_rate::text::numeric / 100)::numeric(60, 40)) * p_seconds / 31557600, 40
        ))
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.has_due_messages(p_signal_names text[]) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT
        EXISTS (SELECT FROM returned_line) AND EXISTS (SELECT FROM due_lines(p_signal_names, 1))
        OR EXISTS (
            SELECT FROM returned_message m
            WHERE m.destination IS NULL
                AND m.next_attempt_at <= current_ts() AND m.signal_name = ANY (p_signal_names)
            ORDER BY m.next_attempt_at
            LIMIT 1
        )
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.in_realm(p_debtor_id bigint, p_creditor_id bigint, p_bits integer, p_length integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_length = 0 OR p_bits = (
        ('x' || left(md5(int8send(p_debtor_id) || int8send(p_creditor_id)), 6))::bit(24)::integer
        >> (24 - p_length)
    )
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.interest_part(p_balance numeric, p_principal bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT round(least(greatest(p_balance - p_principal, -1e36), 1e36), 20)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_at_most(p_amount bigint, p_float double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_float >= 9223372036854775808 THEN true
        WHEN p_float < -9223372036854775808 THEN false
        ELSE p_amount <= floor(p_float)::bigint
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_deleted(p_status_flags integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_status_flags & 1 <> 0
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_later_config(p_ts timestamp with time zone, p_seqnum integer, p_other_ts timestamp with time zone, p_other_seqnum integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_ts > p_other_ts OR p_ts = p_other_ts AND is_later_seqnum(p_seqnum, p_other_seqnum)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_later_seqnum(p_seqnum integer, p_other integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT mod(p_seqnum::bigint - p_other + 4294967296, 4294967296) BETWEEN 1 AND 2147483647
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    creation_date date NOT NULL,
    last_change_ts timestamp with time zone NOT NULL,
    last_change_seqnum integer DEFAULT 0 NOT NULL,
    principal bigint DEFAULT 0 NOT NULL,
    interest numeric DEFAULT 0 NOT NULL,
    interest_rate double precision DEFAULT 0 NOT NULL,
    previous_interest_rate double precision DEFAULT 0 NOT NULL,
    last_interest_rate_change_ts timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    last_interest_capitalization_ts timestamp with time zone NOT NULL,
    last_config_ts timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    last_config_seqnum integer DEFAULT 0 NOT NULL,
    negligible_amount double precision DEFAULT 0 NOT NULL,
    config_flags integer DEFAULT 0 NOT NULL,
    status_flags integer DEFAULT 0 NOT NULL,
    minimal_balance bigint DEFAULT 0 NOT NULL,
    total_locked_amount bigint DEFAULT 0 NOT NULL,
    pending_transfers_count integer DEFAULT 0 NOT NULL,
    last_transfer_id bigint NOT NULL,
    last_transfer_number bigint DEFAULT 0 NOT NULL,
    last_transfer_committed_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    pending_account_update boolean DEFAULT false NOT NULL,
    last_heartbeat_ts timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    last_deletion_attempt_ts timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    config_data text DEFAULT ''::text NOT NULL,
    debtor_info_iri text DEFAULT ''::text NOT NULL,
    debtor_info_content_type text DEFAULT ''::text NOT NULL,
    debtor_info_sha256 bytea DEFAULT '\x'::bytea NOT NULL,
    CONSTRAINT account_interest_rate_check CHECK (((interest_rate >= ('-50'::integer)::double precision) AND (interest_rate <= (100)::double precision))),
    CONSTRAINT account_last_transfer_number_check CHECK ((last_transfer_number >= 0)),
    CONSTRAINT account_minimal_balance_check CHECK ((minimal_balance <= 0)),
    CONSTRAINT account_negligible_amount_check CHECK ((negligible_amount >= (0)::double precision)),
    CONSTRAINT account_pending_transfers_count_check CHECK ((pending_transfers_count >= 0)),
    CONSTRAINT account_previous_interest_rate_check CHECK (((previous_interest_rate >= ('-50'::integer)::double precision) AND (previous_interest_rate <= (100)::double precision))),
    CONSTRAINT account_principal_check CHECK ((principal > '-9223372036854775808'::bigint)),
    CONSTRAINT account_total_locked_amount_check CHECK ((total_locked_amount >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_cost_delay='0');
CREATE FUNCTION swpt_accounts_354f61a04998.is_negligible_balance(p_account public.account, p_now timestamp with time zone) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE p_account.creditor_id
        WHEN 0 THEN p_account.principal = 0
        ELSE is_at_most(
            contain_principal(floor(balance_at(
                p_now, p_account.principal, p_account.interest, p_account.interest_rate,
                p_account.last_change_ts
            ))),
            p_account.negligible_amount
        )
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_outrun(p_account public.account, p_told_until timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT p_account.creation_date <= (p_told_until AT TIME ZONE 'UTC')::date
        AND (
            p_account.last_change_ts <= p_told_until
            OR p_account.last_transfer_id < outrunning_transfer_id(p_told_until)
            OR p_account.creditor_id <> 0
                AND p_account.last_transfer_number < outrunning_transfer_number(p_told_until)
        )
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_over_in_journal(p_table regclass, p_days integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_newest timestamptz;
BEGIN
    IF p_table IS NOT NULL THEN
        EXECUTE format('SELECT recorded_at FROM %s ORDER BY slot DESC, id DESC LIMIT 1', p_table)
            INTO v_newest;
    END IF;
    RETURN coalesce(journal_day(v_newest) < journal_day(current_ts()) - p_days, false);
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_overflown(p_status_flags integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_status_flags & 2 <> 0
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_reachable(p_debtor_id bigint, p_creditor_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    -- (a function in SQL would be planned anew with each call)
    RETURN p_creditor_id = 0 OR coalesce((
        SELECT NOT is_deleted(status_flags) AND NOT is_scheduled_for_deletion(config_flags)
        FROM account
        WHERE debtor_id = p_debtor_id
            AND creditor_id >= p_creditor_id AND creditor_id <= p_creditor_id
        ORDER BY creditor_id DESC
        LIMIT 1
    ), false);
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_root_deleted(p_debtor_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT is_deleted(status_flags) FROM account WHERE debtor_id = p_debtor_id AND creditor_id = 0
    ), false)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.is_scheduled_for_deletion(p_config_flags integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_config_flags & 1 <> 0
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.journal_day(p_ts timestamp with time zone) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT floor(extract(epoch FROM p_ts) / 86400)::integer
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.journal_slot(p_day integer) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT (((p_day % 32) + 32) % 32)::smallint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.last_row(p_table regclass, p_after_id bigint, p_count_max bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
DECLARE
    v_last_id bigint;
BEGIN
    IF p_count_max IS NULL THEN
        EXECUTE format('SELECT max(id) FROM %s', p_table) INTO v_last_id;
    ELSE
        EXECUTE format(
            'SELECT max(id) FROM (SELECT id FROM %s WHERE id > $1 ORDER BY id LIMIT $2) AS q',
            p_table
        ) INTO v_last_id USING p_after_id, p_count_max;
    END IF;
    RETURN v_last_id;
END
$_$;
CREATE FUNCTION swpt_accounts_354f61a04998.lease_unverified_requests(p_count_max integer, p_lease interval) RETURNS TABLE(id bigint, debtor_id bigint, recipient_creditor_id bigint)
    LANGUAGE sql
    AS $$
    WITH due AS MATERIALIZED (
        SELECT q.ctid AS tid
        FROM unverified_transfer_request q
        WHERE q.next_attempt_at <= current_ts()
        ORDER BY q.next_attempt_at, q.id
        LIMIT p_count_max
        FOR UPDATE SKIP LOCKED
    ), ahead AS MATERIALIZED (
        SELECT q.ctid AS tid
        FROM unverified_transfer_request q
        WHERE q.next_attempt_at > current_ts() + interval '150 seconds'
        ORDER BY q.next_attempt_at DESC
        LIMIT greatest(p_count_max - (SELECT count(*) FROM due), 0)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE unverified_transfer_request q
    SET next_attempt_at = current_ts() + p_lease, attempts_count = q.attempts_count + 1
    FROM (SELECT tid FROM due UNION ALL SELECT tid FROM ahead) AS d
    WHERE q.ctid = d.tid
    RETURNING q.id, q.debtor_id, q.recipient_creditor_id
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.lock_account(p_debtor_id bigint, p_creditor_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM account
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
    FOR UPDATE SKIP LOCKED;
    RETURN FOUND OR NOT EXISTS (
        SELECT FROM account WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
    );
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.lock_amounts(p_tids tid[], p_total_locked_amounts bigint[], p_transfers_counts integer[], p_last_transfer_ids bigint[], p_changed_count integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_count integer;
BEGIN
    UPDATE account a SET
        total_locked_amount = s.total_locked_amount,
        pending_transfers_count = s.pending_transfers_count,
        last_transfer_id = s.last_transfer_id
    FROM unnest(
        p_tids, p_total_locked_amounts, p_transfers_counts, p_last_transfer_ids
    ) AS s (tid, total_locked_amount, pending_transfers_count, last_transfer_id)
    WHERE a.ctid = s.tid
        AND a.last_transfer_id <> s.last_transfer_id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    ASSERT v_count = p_changed_count, 'a locked account has moved';
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.lock_dead_letters() RETURNS boolean
    LANGUAGE sql
    AS $$
    SELECT pg_try_advisory_lock(hashtextextended('swpt_accounts dead letters', 0))
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.make_status_flags(p_is_deleted boolean, p_is_overflown boolean) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p_is_deleted THEN 1 ELSE 0 END | CASE WHEN p_is_overflown THEN 2 ELSE 0 END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.mark_dealt_with(p_queue text, p_stream_offset bigint[], p_digest bytea[], p_state text) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO dead_letter_dealt_with (queue, stream_offset, digest, state, changed_at)
    SELECT DISTINCT p_queue, l.stream_offset, l.digest, p_state, current_ts()
    FROM unnest(p_stream_offset, p_digest) AS l (stream_offset, digest)
    ON CONFLICT (queue, stream_offset, digest)
    DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.mend_outrun_accounts(p_first_page bigint, p_end_page bigint, p_told_until timestamp with time zone, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_number bigint := outrunning_transfer_number(p_told_until);
    v_debtor_ids bigint[];
    v_creditor_ids bigint[];
BEGIN
    ASSERT v_now > p_told_until;
    WITH outrun AS MATERIALIZED (
        SELECT
            debtor_id, creditor_id, creditor_id <> 0 AND last_transfer_number < v_number AS jumps
        FROM account a
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND is_outrun(a, p_told_until)
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        FOR UPDATE
    ), mended AS (
        UPDATE account a SET
            interest = interest_part(
                balance_at(v_now, a.principal, a.interest, a.interest_rate, a.last_change_ts),
                a.principal
            ),
            last_change_seqnum = next_seqnum(a.last_change_seqnum),
            last_change_ts = greatest(a.last_change_ts, v_now),
            last_transfer_id = greatest(a.last_transfer_id, outrunning_transfer_id(p_told_until)),
            last_transfer_number = CASE WHEN o.jumps THEN v_number ELSE a.last_transfer_number END,
            last_transfer_committed_at =
                CASE WHEN o.jumps THEN t0() ELSE a.last_transfer_committed_at END,
            pending_account_update = false,
            last_heartbeat_ts = v_now
        FROM outrun o
        WHERE a.debtor_id = o.debtor_id AND a.creditor_id = o.creditor_id
        RETURNING a.debtor_id, a.creditor_id
    )
    SELECT array_agg(debtor_id), array_agg(creditor_id)
    INTO v_debtor_ids, v_creditor_ids
    FROM mended;
    PERFORM record_account_updates(v_debtor_ids, v_creditor_ids);
    RETURN coalesce(cardinality(v_debtor_ids), 0);
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.message_number(p_body bytea, p_field text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT (convert_from(p_body, 'UTF8')::json ->> p_field)::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.missed_interest(p_now timestamp with time zone, p_amount bigint, p_committed_at timestamp with time zone, p_previous_interest_rate double precision, p_interest_rate double precision, p_last_interest_rate_change_ts timestamp with time zone) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_previous_interest_rate = 0 AND p_interest_rate = 0 OR p_committed_at >= p_now
        THEN 0
        ELSE p_amount * (
            growth(
                p_previous_interest_rate,
                seconds_between(p_committed_at, least(p_last_interest_rate_change_ts, p_now))
            ) * growth(
                p_interest_rate,
                seconds_between(greatest(p_committed_at, p_last_interest_rate_change_ts), p_now)
            ) - 1
        )
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.next_change_id() RETURNS bigint
    LANGUAGE sql
    AS $$
    SELECT (
        floor(extract(epoch FROM current_ts() - timestamptz '2020-01-01 00:00:00+00'))::bigint
        << 32
    ) | (nextval('change_id_seq') & 4294967295)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.next_seqnum(p_seqnum integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p_seqnum = 2147483647 THEN -2147483648 ELSE p_seqnum + 1 END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.note_handled(p_digests bytea[]) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO handled_batch (handled_at, digests) VALUES (current_ts(), p_digests)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.note_returned_lines(p_signal_name text[], p_destination text[], p_is_open boolean[], p_sent_count integer[]) RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE returned_line l
    SET
        attempts_count = t.attempts_count,
        pause_seconds = returned_pause(t.attempts_count),
        next_attempt_at = CASE
            WHEN t.attempts_count = 0 THEN t0()
            ELSE current_ts() + returned_pause(t.attempts_count) * interval '1 second'
        END,
        sent_count = t.sent_count
    FROM (
        SELECT
            e.ctid AS place,
            CASE WHEN n.is_open THEN 0 ELSE e.attempts_count + 1 END AS attempts_count,
            e.sent_count + n.sent_count AS sent_count
        FROM unnest(p_signal_name, p_destination, p_is_open, p_sent_count)
            AS n (signal_name, destination, is_open, sent_count)
        CROSS JOIN LATERAL (
            SELECT r.ctid, r.attempts_count, r.sent_count
            FROM returned_line r
            WHERE (r.destination, r.signal_name) >= (n.destination, n.signal_name)
                AND (r.destination, r.signal_name) <= (n.destination, n.signal_name)
            ORDER BY r.destination, r.signal_name
            LIMIT 1
        ) AS e
    ) AS t
    WHERE l.ctid = t.place;
    UPDATE returned_line l SET next_attempt_at = current_ts()
    WHERE l.ctid = ANY (ARRAY(
        SELECT other.ctid
        FROM unnest(p_destination, p_is_open) AS n (destination, is_open)
        CROSS JOIN LATERAL (
            SELECT r.ctid
            FROM returned_line r
            WHERE (r.destination, r.signal_name) >= (n.destination, '')
                AND r.destination <= n.destination
                AND r.attempts_count > 0 AND r.next_attempt_at > current_ts()
            ORDER BY r.destination, r.signal_name
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS other
        WHERE n.is_open
    ))
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.note_scan_pass(p_scan text, p_seconds double precision, p_done_count bigint, p_pages_count bigint, p_pass_seconds double precision, p_late_seconds double precision) RETURNS void
    LANGUAGE sql
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.note_step(p_context text, p_step text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p_context IS NOT NULL THEN
        p_context || ' ' || p_step || (extract(epoch FROM current_ts()) * 1000000)::bigint
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.note_unasked() RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE unverified_transfer_request q
    SET next_attempt_at = current_ts(),
        unasked_seconds = q.unasked_seconds
            + extract(epoch FROM current_ts() - q.next_attempt_at)
    WHERE q.ctid = ANY (ARRAY(
        SELECT ctid FROM unverified_transfer_request
        WHERE next_attempt_at < current_ts()
        FOR UPDATE SKIP LOCKED
    ))
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.note_verifications(p_id bigint[], p_is_reachable boolean[], p_patience interval) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_accepted bigint;
    v_rejected bigint;
    v_given_up integer;
BEGIN
    WITH answer AS (
        SELECT q.tid, coalesce(
            a.is_reachable,
            CASE
                WHEN q.attempts_count < 3 THEN NULL
                WHEN q.received_at + make_interval(secs => q.unasked_seconds)
                    <= v_now - p_patience THEN false
                WHEN q.received_at > v_now AND q.attempts_count >= 20 THEN false
            END
        ) AS is_reachable, a.is_reachable IS NULL AS is_unanswered
        FROM unnest(p_id, p_is_reachable) AS a (id, is_reachable)
        CROSS JOIN LATERAL (
            SELECT ctid AS tid, received_at, attempts_count, unasked_seconds
            FROM unverified_transfer_request
            WHERE id = a.id
            FOR UPDATE SKIP LOCKED
        ) AS q
    ), postponed AS (
        UPDATE unverified_transfer_request q
        SET next_attempt_at =
            v_now + least(interval '0.1 second' * 2 ^ least(q.attempts_count, 20), '10 seconds')
        FROM answer a
        WHERE q.ctid = a.tid AND a.is_reachable IS NULL
    ), concluded AS (
        DELETE FROM unverified_transfer_request q
        USING answer a
        WHERE q.ctid = a.tid AND a.is_reachable IS NOT NULL
        RETURNING q.*, a.is_reachable, a.is_unanswered
    ), accepted AS (
        INSERT INTO transfer_request (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline, trace_context, received_at
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline, note_step(trace_context, 'v'), received_at
        FROM concluded WHERE is_reachable ORDER BY id
        RETURNING 1
    ), rejected AS (
        INSERT INTO rejected_transfer_signal (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            status_code, total_locked_amount, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            'RECIPIENT_IS_UNREACHABLE', 0, v_now, note_step(trace_context, 'v')
        FROM concluded WHERE NOT is_reachable ORDER BY id
        RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM accepted),
        (SELECT count(*) FROM rejected),
        (SELECT count(*) FROM concluded WHERE is_unanswered)
    INTO v_accepted, v_rejected, v_given_up;
    IF v_accepted > 0 THEN
        PERFORM wake('TransferRequest');
    END IF;
    IF v_rejected > 0 THEN
        PERFORM wake('RejectedTransferSignal');
    END IF;
    RETURN v_given_up;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.open_account(p_debtor_id bigint, p_creditor_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_rate double precision := coalesce(creditors_interest_rate(p_debtor_id, p_creditor_id), 0);
BEGIN
    INSERT INTO account_key (debtor_id, creditor_id) VALUES (p_debtor_id, p_creditor_id)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO account (
        debtor_id, creditor_id, creation_date, last_change_ts,
        last_interest_capitalization_ts, last_transfer_id,
        interest_rate, last_interest_rate_change_ts
    )
    VALUES (
        p_debtor_id, p_creditor_id, (v_now AT TIME ZONE 'UTC')::date, v_now,
        v_now, ((v_now AT TIME ZONE 'UTC')::date - date '1970-01-01')::bigint << 40,
        v_rate, CASE WHEN v_rate = 0 THEN t0() ELSE v_now END
    );
    IF p_creditor_id = 0 THEN
        -- what an empty config_data means
        INSERT INTO root_config (debtor_id, interest_rate) VALUES (p_debtor_id, 0)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN true;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.open_missing_accounts(p_change_ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_debtor_ids bigint[];
    v_creditor_ids bigint[];
BEGIN
    SELECT array_agg(m.debtor_id), array_agg(m.creditor_id) INTO v_debtor_ids, v_creditor_ids
    FROM (
        SELECT DISTINCT debtor_id, creditor_id
        FROM pending_balance_change q
        WHERE q.id = ANY (p_change_ids) AND NOT EXISTS (
            SELECT FROM account_key k
            WHERE k.debtor_id = q.debtor_id AND k.creditor_id = q.creditor_id
            OFFSET 0
        )
        ORDER BY debtor_id, creditor_id
    ) AS m;
    IF v_debtor_ids IS NULL THEN
        RETURN;
    END IF;
    -- until the end of the transaction, in which nothing else waits
    PERFORM set_config('lock_timeout', '50ms', true);
    BEGIN
        PERFORM open_account(m.debtor_id, m.creditor_id)
        FROM unnest(v_debtor_ids, v_creditor_ids) AS m (debtor_id, creditor_id);
    EXCEPTION WHEN lock_not_available THEN
        FOR i IN 1 .. cardinality(v_debtor_ids) LOOP
            BEGIN
                PERFORM open_account(v_debtor_ids[i], v_creditor_ids[i]);
            EXCEPTION WHEN lock_not_available THEN
                CONTINUE;
            END;
        END LOOP;
    END;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.outrunning_transfer_id(p_told_until timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT floor(extract(epoch FROM p_told_until) * 1099511627776 / 86400)::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.outrunning_transfer_number(p_told_until timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT floor(extract(epoch FROM p_told_until) * 1000000)::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.owner_columns(p_table regclass) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE p_table
        WHEN 'pending_balance_change_signal'::regclass THEN 'q.debtor_id, q.other_creditor_id'
        WHEN 'returned_message'::regclass THEN
            'message_number(q.body, ''debtor_id''),'
            ' coalesce('
            'message_number(q.body, ''other_creditor_id''), message_number(q.body, ''creditor_id'')'
            ')'
        ELSE 'q.debtor_id, q.creditor_id'
    END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.page_start(p_page bigint) RETURNS tid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT format('(%s,0)', p_page)::tid
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.process_balance_changes(p_after_id bigint, p_count_max integer, p_left_ids bigint[], OUT taken integer, OUT seen integer, OUT last_id bigint, OUT left_ids bigint[], OUT waited_seconds double precision) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_oldest timestamptz := v_now;
    v_candidates bigint[];
    r record;
    n integer := 0;
    -- the account in hand
    v_debtor_id bigint;
    v_creditor_id bigint;
    v_principal numeric;
    v_interest numeric;
    v_transfer_number bigint;
    v_transfer_committed_at timestamptz;
    -- an element for each change
    v_tids tid[] := '{}';
    v_are_reported boolean[] := '{}';
    v_creation_dates date[] := '{}';
    v_transfer_numbers bigint[] := '{}';
    v_principals bigint[] := '{}';
    -- an element for each of the n accounts
    v_account_tids tid[] := '{}';
    v_debtor_ids bigint[] := '{}';
    v_creditor_ids bigint[] := '{}';
    v_new_principals bigint[] := '{}';
    v_new_interests numeric[] := '{}';
    v_last_numbers bigint[] := '{}';
    v_last_committed_at timestamptz[] := '{}';
    v_are_overflown boolean[] := '{}';
    v_are_announced boolean[] := '{}';
BEGIN
    SELECT coalesce(array_agg(id), '{}'), max(id) INTO v_candidates, last_id
    FROM (
        SELECT id FROM pending_balance_change WHERE id > p_after_id ORDER BY id LIMIT p_count_max
    ) AS q;
    seen := cardinality(v_candidates);
    v_candidates := v_candidates || p_left_ids;
    taken := 0;
    left_ids := '{}';
    IF cardinality(v_candidates) = 0 THEN
        RETURN;
    END IF;
    PERFORM open_missing_accounts(v_candidates);
    FOR r IN
        SELECT
            q.ctid AS tid, q.debtor_id, q.creditor_id, q.principal_delta, q.coordinator_type,
            q.committed_at, a.creation_date, a.principal, a.interest, a.interest_rate,
            a.previous_interest_rate, a.last_interest_rate_change_ts, a.last_change_ts,
            a.negligible_amount, a.last_transfer_number, a.last_transfer_committed_at,
            is_deleted(a.status_flags) OR a.last_heartbeat_ts = t0() AS must_announce,
            a.tid AS account_tid
        FROM pending_balance_change q
        CROSS JOIN LATERAL (
            -- backwards, from the newest version of the row: see decision 12
            SELECT ctid AS tid, * FROM account
            WHERE debtor_id = q.debtor_id
                AND creditor_id >= q.creditor_id AND creditor_id <= q.creditor_id
            ORDER BY creditor_id DESC
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS a
        WHERE q.id = ANY (v_candidates)
        ORDER BY q.debtor_id, q.creditor_id, q.id
        FOR UPDATE OF q SKIP LOCKED
    LOOP
        IF v_debtor_id IS DISTINCT FROM r.debtor_id
            OR v_creditor_id IS DISTINCT FROM r.creditor_id
        THEN
            v_debtor_id := r.debtor_id;
            v_creditor_id := r.creditor_id;
            n := n + 1;
            v_account_tids[n] := r.account_tid;
            v_debtor_ids[n] := r.debtor_id;
            v_creditor_ids[n] := r.creditor_id;
            v_are_announced[n] := r.must_announce;
            v_principal := r.principal;
            v_interest := balance_at(
                v_now, r.principal, r.interest, r.interest_rate, r.last_change_ts
            ) - r.principal;
            v_transfer_number := r.last_transfer_number;
            v_transfer_committed_at := r.last_transfer_committed_at;
        END IF;
        v_principal := v_principal + r.principal_delta;
        IF r.creditor_id <> 0 THEN
            v_interest := v_interest + missed_interest(
                v_now, r.principal_delta, r.committed_at,
                r.previous_interest_rate, r.interest_rate, r.last_interest_rate_change_ts
            );
        END IF;
        v_oldest := least(v_oldest, r.committed_at);
        v_tids := v_tids || r.tid;
        v_creation_dates := v_creation_dates || r.creation_date;
        v_principals := v_principals || contain_principal(v_principal);
        v_are_reported := v_are_reported || (
            r.creditor_id <> 0 AND (
                r.principal_delta < 0
                OR r.coordinator_type = 'agent'
                OR NOT is_at_most(r.principal_delta, r.negligible_amount)
            )
        );
        IF v_are_reported[cardinality(v_tids)] THEN
            v_transfer_number := v_transfer_number + 1;
            v_transfer_committed_at := r.committed_at;
        END IF;
        v_transfer_numbers := v_transfer_numbers || v_transfer_number;
        v_new_principals[n] := contain_principal(v_principal);
        v_new_interests[n] := interest_part(v_interest, 0);
        v_last_numbers[n] := v_transfer_number;
        v_last_committed_at[n] := v_transfer_committed_at;
        v_are_overflown[n] := v_principal <> contain_principal(v_principal);
    END LOOP;
    waited_seconds := extract(epoch FROM v_now - v_oldest);
    taken := cardinality(v_tids);
    IF taken > 0 THEN
        PERFORM credit_accounts(
            v_account_tids, v_debtor_ids, v_creditor_ids, v_new_principals, v_new_interests,
            v_last_numbers, v_last_committed_at, v_are_overflown, v_are_announced
        );
        PERFORM conclude_balance_changes(
            v_tids, v_are_reported, v_creation_dates, v_transfer_numbers, v_principals
        );
    END IF;
    IF taken < cardinality(v_candidates) THEN
        left_ids := ARRAY(
            SELECT id FROM pending_balance_change WHERE id = ANY (v_candidates) ORDER BY id
        );
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.process_finalization_requests(p_after_id bigint, p_count_max integer, p_left_ids bigint[], p_realm_bits integer, p_realm_length integer, OUT taken integer, OUT seen integer, OUT last_id bigint, OUT left_ids bigint[], OUT waited_seconds double precision) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_oldest timestamptz := v_now;
    v_candidates bigint[];
    v_firsts bigint[];
    v_are_firsts boolean;
    r record;
    n integer := 0;
    v_status text;
    v_amount bigint;
    v_balance numeric;
    -- the sender in hand
    v_debtor_id bigint;
    v_creditor_id bigint;
    v_principal bigint;
    v_interest numeric;
    v_expendable numeric;
    v_total_locked bigint;
    v_transfers_count integer;
    v_seqnum integer;
    v_transfer_number bigint;
    v_is_changed boolean;
    v_is_overflown boolean;
    -- an element for each request
    v_tids tid[] := '{}';
    v_transfer_tids tid[] := '{}';
    v_statuses text[] := '{}';
    v_amounts bigint[] := '{}';
    v_totals bigint[] := '{}';
    v_creation_dates date[] := '{}';
    v_transfer_numbers bigint[] := '{}';
    v_principals bigint[] := '{}';
    -- an element for each of the n senders
    v_account_tids tid[] := '{}';
    v_new_principals bigint[] := '{}';
    v_new_interests numeric[] := '{}';
    v_total_lockeds bigint[] := '{}';
    v_transfers_counts integer[] := '{}';
    v_seqnums integer[] := '{}';
    v_last_numbers bigint[] := '{}';
    v_are_changed boolean[] := '{}';
    v_are_overflown boolean[] := '{}';
BEGIN
    SELECT coalesce(array_agg(id), '{}'), max(id) INTO v_candidates, last_id
    FROM (
        SELECT id FROM finalization_request WHERE id > p_after_id ORDER BY id LIMIT p_count_max
    ) AS q;
    seen := cardinality(v_candidates);
    v_candidates := v_candidates || p_left_ids;
    taken := 0;
    left_ids := '{}';
    IF cardinality(v_candidates) = 0 THEN
        RETURN;
    END IF;
    -- Of several requests for one transfer only the first counts, wherever in the queue it is.
    SELECT array_agg(DISTINCT first_id), bool_and(first_id = id) INTO v_firsts, v_are_firsts
    FROM (
        SELECT q.id, (
            -- (`+ 0`: else the planner may look for the least id along the primary key)
            SELECT min(e.id + 0)
            FROM finalization_request e
            WHERE e.debtor_id = q.debtor_id
                AND e.creditor_id = q.creditor_id
                AND e.transfer_id = q.transfer_id
                AND e.coordinator_type = q.coordinator_type
                AND e.coordinator_id = q.coordinator_id
                AND e.coordinator_request_id = q.coordinator_request_id
        ) AS first_id
        FROM finalization_request q
        WHERE q.id = ANY (v_candidates)
        OFFSET 0
    ) AS f;
    FOR r IN
        SELECT
            q.ctid AS tid, q.debtor_id, q.creditor_id, q.transfer_id, q.committed_amount,
            q.received_at, p.locked_amount, p.prepared_at, p.final_interest_rate_ts, p.deadline,
            p.demurrage_rate, a.creation_date, a.principal, a.interest, a.interest_rate,
            a.last_change_ts, a.last_change_seqnum, a.minimal_balance,
            a.last_interest_rate_change_ts, a.total_locked_amount, a.pending_transfers_count,
            a.last_transfer_number, a.tid AS account_tid, p.tid AS transfer_tid
        FROM finalization_request q
        CROSS JOIN LATERAL (
            -- backwards, from the newest version of the row: see decision 12
            SELECT ctid AS tid, * FROM account
            WHERE debtor_id = q.debtor_id
                AND creditor_id >= q.creditor_id AND creditor_id <= q.creditor_id
            ORDER BY creditor_id DESC
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS a
        CROSS JOIN LATERAL (
            SELECT ctid AS tid, * FROM prepared_transfer
            WHERE debtor_id = q.debtor_id
                AND creditor_id = q.creditor_id
                AND transfer_id = q.transfer_id
                AND coordinator_type = q.coordinator_type
                AND coordinator_id = q.coordinator_id
                AND coordinator_request_id = q.coordinator_request_id
            FOR UPDATE SKIP LOCKED
        ) AS p
        WHERE q.id = ANY (v_firsts)
        ORDER BY q.debtor_id, q.creditor_id, q.id
        FOR UPDATE OF q SKIP LOCKED
    LOOP
        IF v_debtor_id IS DISTINCT FROM r.debtor_id
            OR v_creditor_id IS DISTINCT FROM r.creditor_id
        THEN
            v_debtor_id := r.debtor_id;
            v_creditor_id := r.creditor_id;
            n := n + 1;
            v_account_tids[n] := r.account_tid;
            v_principal := r.principal;
            v_balance := balance_at(
                v_now, r.principal, r.interest, r.interest_rate, r.last_change_ts
            );
            v_interest := interest_part(v_balance, r.principal);
            v_expendable := floor(v_balance) - r.total_locked_amount - r.minimal_balance;
            v_total_locked := r.total_locked_amount;
            v_transfers_count := r.pending_transfers_count;
            v_seqnum := r.last_change_seqnum;
            v_transfer_number := r.last_transfer_number;
            v_is_changed := false;
            v_is_overflown := false;
        END IF;
        v_status := finalization_status(
            v_now, r.creditor_id, r.committed_amount, v_expendable, r.locked_amount,
            r.demurrage_rate, r.prepared_at, r.deadline,
            r.last_interest_rate_change_ts, r.final_interest_rate_ts
        );
        v_amount := CASE v_status WHEN 'OK' THEN r.committed_amount ELSE 0 END;
        v_total_locked := v_total_locked - r.locked_amount;
        v_transfers_count := v_transfers_count - 1;
        v_expendable := v_expendable + r.locked_amount - v_amount;
        IF v_amount > 0 THEN
            v_is_changed := true;
            v_is_overflown := v_is_overflown OR v_principal < -9223372036854775807 + v_amount;
            v_principal := contain_principal(v_principal::numeric - v_amount);
            v_seqnum := next_seqnum(v_seqnum);
            IF r.creditor_id <> 0 THEN
                v_transfer_number := v_transfer_number + 1;
            END IF;
        END IF;
        v_oldest := least(v_oldest, r.received_at);
        v_tids := v_tids || r.tid;
        v_transfer_tids := v_transfer_tids || r.transfer_tid;
        v_statuses := v_statuses || v_status;
        v_amounts := v_amounts || v_amount;
        v_totals := v_totals || v_total_locked;
        v_creation_dates := v_creation_dates || r.creation_date;
        v_transfer_numbers := v_transfer_numbers || v_transfer_number;
        v_principals := v_principals || v_principal;
        v_new_principals[n] := v_principal;
        v_new_interests[n] := v_interest;
        v_total_lockeds[n] := v_total_locked;
        v_transfers_counts[n] := v_transfers_count;
        v_seqnums[n] := v_seqnum;
        v_last_numbers[n] := v_transfer_number;
        v_are_changed[n] := v_is_changed;
        v_are_overflown[n] := v_is_overflown;
    END LOOP;
    waited_seconds := extract(epoch FROM v_now - v_oldest);
    taken := cardinality(v_tids);
    IF taken > 0 THEN
        PERFORM debit_senders(
            v_account_tids, v_new_principals, v_new_interests, v_total_lockeds,
            v_transfers_counts, v_seqnums, v_last_numbers, v_are_changed, v_are_overflown
        );
        PERFORM conclude_transfers(
            v_tids, v_transfer_tids, v_statuses, v_amounts, v_totals, v_creation_dates,
            v_transfer_numbers, v_principals, p_realm_bits, p_realm_length
        );
    END IF;
    IF taken < cardinality(v_candidates) OR NOT v_are_firsts THEN
        taken := taken + drop_unmatched_finalization_requests(v_candidates);
        left_ids := ARRAY(
            SELECT id FROM finalization_request WHERE id = ANY (v_candidates) ORDER BY id
        );
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.process_transfer_requests(p_after_id bigint, p_count_max integer, p_left_ids bigint[], p_commit_period interval, OUT taken integer, OUT seen integer, OUT last_id bigint, OUT left_ids bigint[], OUT waited_seconds double precision) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_oldest timestamptz := v_now;
    v_candidates bigint[];
    r record;
    n integer := 0;
    v_lock bigint;
    v_status text;
    -- the sender in hand
    v_debtor_id bigint;
    v_creditor_id bigint;
    v_expendable bigint;
    v_total_locked bigint;
    v_transfers_count integer;
    v_last_transfer_id bigint;
    -- an element for each request
    v_tids tid[] := '{}';
    v_statuses text[] := '{}';
    v_locks bigint[] := '{}';
    v_transfer_ids bigint[] := '{}';
    v_totals bigint[] := '{}';
    v_prepared integer := 0;
    -- of the n senders, how many have a new transfer
    v_changed integer := 0;
    -- an element for each of the n senders
    v_account_tids tid[] := '{}';
    v_total_lockeds bigint[] := '{}';
    v_transfers_counts integer[] := '{}';
    v_last_transfer_ids bigint[] := '{}';
BEGIN
    SELECT coalesce(array_agg(id), '{}'), max(id) INTO v_candidates, last_id
    FROM (
        SELECT id FROM transfer_request WHERE id > p_after_id ORDER BY id LIMIT p_count_max
    ) AS q;
    seen := cardinality(v_candidates);
    v_candidates := v_candidates || p_left_ids;
    taken := 0;
    left_ids := '{}';
    IF cardinality(v_candidates) = 0 THEN
        RETURN;
    END IF;
    FOR r IN
        SELECT
            q.ctid AS tid, q.debtor_id, q.creditor_id, q.coordinator_type, q.recipient_creditor_id,
            q.min_locked_amount, q.max_locked_amount, q.final_interest_rate_ts, q.received_at,
            a.principal, a.interest, a.interest_rate, a.last_change_ts, a.minimal_balance,
            a.last_interest_rate_change_ts, a.total_locked_amount, a.pending_transfers_count,
            a.last_transfer_id, a.tid AS account_tid
        FROM transfer_request q
        CROSS JOIN LATERAL (
            -- backwards, from the newest version of the row: see decision 12
            SELECT ctid AS tid, * FROM account
            WHERE debtor_id = q.debtor_id
                AND creditor_id >= q.creditor_id AND creditor_id <= q.creditor_id
                AND NOT is_deleted(status_flags)
            ORDER BY creditor_id DESC
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        ) AS a
        WHERE q.id = ANY (v_candidates)
        ORDER BY q.debtor_id, q.creditor_id, q.id
        FOR UPDATE OF q SKIP LOCKED
    LOOP
        IF v_debtor_id IS DISTINCT FROM r.debtor_id
            OR v_creditor_id IS DISTINCT FROM r.creditor_id
        THEN
            v_debtor_id := r.debtor_id;
            v_creditor_id := r.creditor_id;
            n := n + 1;
            v_account_tids[n] := r.account_tid;
            v_total_locked := r.total_locked_amount;
            v_transfers_count := r.pending_transfers_count;
            v_last_transfer_id := r.last_transfer_id;
            v_expendable := expendable_amount(
                balance_at(v_now, r.principal, r.interest, r.interest_rate, r.last_change_ts),
                r.total_locked_amount, r.minimal_balance
            );
        END IF;
        v_lock := least(
            greatest(v_expendable, 0), r.max_locked_amount, 9223372036854775807 - v_total_locked
        );
        v_status := CASE
            WHEN r.coordinator_type = 'agent'
                AND NOT same_agent(r.creditor_id, r.recipient_creditor_id)
                THEN 'RECIPIENT_IS_UNREACHABLE'
            WHEN v_transfers_count >= 2147483647 THEN 'TOO_MANY_TRANSFERS'
            WHEN r.creditor_id = r.recipient_creditor_id THEN 'RECIPIENT_SAME_AS_SENDER'
            WHEN r.last_interest_rate_change_ts > r.final_interest_rate_ts
                THEN 'NEWER_INTEREST_RATE'
            WHEN v_lock < r.min_locked_amount THEN 'INSUFFICIENT_AVAILABLE_AMOUNT'
            ELSE 'OK'
        END;
        IF v_status = 'OK' THEN
            v_prepared := v_prepared + 1;
            IF v_last_transfer_id = r.last_transfer_id THEN
                v_changed := v_changed + 1;
            END IF;
            v_total_locked := v_total_locked + v_lock;
            v_expendable := v_expendable - v_lock;
            v_transfers_count := v_transfers_count + 1;
            v_last_transfer_id := v_last_transfer_id + 1;
        END IF;
        v_oldest := least(v_oldest, r.received_at);
        v_tids := v_tids || r.tid;
        v_statuses := v_statuses || v_status;
        v_locks := v_locks || v_lock;
        v_transfer_ids := v_transfer_ids || v_last_transfer_id;
        v_totals := v_totals
            || CASE WHEN v_status = 'RECIPIENT_IS_UNREACHABLE' THEN 0 ELSE v_total_locked END;
        v_total_lockeds[n] := v_total_locked;
        v_transfers_counts[n] := v_transfers_count;
        v_last_transfer_ids[n] := v_last_transfer_id;
    END LOOP;
    waited_seconds := extract(epoch FROM v_now - v_oldest);
    taken := cardinality(v_tids);
    IF v_prepared > 0 THEN
        PERFORM lock_amounts(
            v_account_tids, v_total_lockeds, v_transfers_counts, v_last_transfer_ids, v_changed
        );
    END IF;
    IF taken > 0 THEN
        PERFORM answer_transfer_requests(
            v_tids, v_statuses, v_locks, v_transfer_ids, v_totals, p_commit_period
        );
    END IF;
    IF taken < cardinality(v_candidates) THEN
        taken := taken + reject_unreachable_senders(v_candidates);
    END IF;
    IF taken < cardinality(v_candidates) THEN
        left_ids := ARRAY(
            SELECT id FROM transfer_request WHERE id = ANY (v_candidates) ORDER BY id
        );
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.purge_accounts(p_first_page bigint, p_end_page bigint, p_deleted_for_min interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.put_aside_messages(p_id bigint[], p_signal_name text[], p_destination text[], p_body bytea[], p_reason text[], p_attempts_count integer[], p_put_aside_at timestamp with time zone[], p_trace_context text[]) RETURNS TABLE(signal_name text, destination text)
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(returned_lock());
    RETURN QUERY
    INSERT INTO returned_line AS l
        (signal_name, destination, attempts_count, pause_seconds, next_attempt_at)
    SELECT
        m.signal_name, m.destination, max(m.attempts_count),
        returned_pause(max(m.attempts_count)),
        current_ts() + returned_pause(max(m.attempts_count)) * interval '1 second'
    FROM unnest(p_signal_name, p_destination, p_attempts_count)
        AS m (signal_name, destination, attempts_count)
    GROUP BY m.signal_name, m.destination
    -- in one order, so that two flushers never wait for each other
    ORDER BY m.destination, m.signal_name
    ON CONFLICT DO NOTHING
    RETURNING l.signal_name, l.destination;
    INSERT INTO returned_message (
        id, signal_name, destination, body, reason, attempts_count, put_aside_at, next_attempt_at,
        trace_context
    )
    OVERRIDING SYSTEM VALUE
    SELECT
        coalesce(m.id, nextval('returned_message_id_seq')),
        m.signal_name, l.destination, m.body, m.reason, m.attempts_count,
        coalesce(m.put_aside_at, current_ts()),
        greatest(l.next_attempt_at, current_ts()), m.trace_context
    FROM unnest(
        p_id, p_signal_name, p_destination, p_body, p_reason, p_attempts_count, p_put_aside_at,
        p_trace_context
    ) WITH ORDINALITY AS m (
        id, signal_name, destination, body, reason, attempts_count, put_aside_at, trace_context,
        position
    )
    LEFT JOIN LATERAL (
        SELECT e.destination, e.next_attempt_at
        FROM returned_line e
        WHERE (e.destination, e.signal_name) >= (m.destination, m.signal_name)
            AND (e.destination, e.signal_name) <= (m.destination, m.signal_name)
        ORDER BY e.destination, e.signal_name
        LIMIT 1
    ) AS l ON true
    ORDER BY m.position;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.receive_balance_changes(p_debtor_id bigint[], p_creditor_id bigint[], p_other_creditor_id bigint[], p_change_id bigint[], p_principal_delta bigint[], p_coordinator_type text[], p_transfer_note text[], p_transfer_note_format text[], p_committed_at timestamp with time zone[], p_trace_context text[], p_threshold_ts timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Where the database was the reference's, and its archive is not wholly copied yet. (What was
    -- not applied there came with the move: if it is no more, it has been applied, and forgotten.)
    INSERT INTO registered_balance_change (
        debtor_id, other_creditor_id, change_id, committed_at, is_applied
    )
    SELECT o.debtor_id, o.other_creditor_id, o.change_id, contain_moment(o.committed_at), true
    FROM unnest(p_debtor_id, p_other_creditor_id, p_change_id)
        AS m (debtor_id, other_creditor_id, change_id)
    JOIN older_balance_change o USING (debtor_id, other_creditor_id, change_id)
    ON CONFLICT DO NOTHING;
    WITH message AS MATERIALIZED (
        SELECT DISTINCT ON (debtor_id, other_creditor_id, change_id) *
        FROM unnest(
            p_debtor_id, p_creditor_id, p_other_creditor_id, p_change_id,
            p_principal_delta, p_coordinator_type, p_transfer_note,
            p_transfer_note_format, p_committed_at, p_trace_context
        ) WITH ORDINALITY AS m (
            debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
            coordinator_type, transfer_note, transfer_note_format, committed_at, trace_context,
            arrival
        )
        WHERE committed_at >= p_threshold_ts
        ORDER BY debtor_id, other_creditor_id, change_id, arrival
    ), registered AS (
        INSERT INTO registered_balance_change (
            debtor_id, other_creditor_id, change_id, committed_at
        )
        SELECT debtor_id, other_creditor_id, change_id, committed_at FROM message
        ON CONFLICT DO NOTHING
        RETURNING debtor_id, other_creditor_id, change_id
    )
    INSERT INTO pending_balance_change (
        debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
        coordinator_type, transfer_note, transfer_note_format, committed_at, is_registered,
        trace_context
    )
    SELECT
        m.debtor_id, m.creditor_id, m.other_creditor_id, m.change_id, m.principal_delta,
        m.coordinator_type, m.transfer_note, m.transfer_note_format, m.committed_at, true,
        note_step(m.trace_context, 'r')
    FROM message m
    JOIN registered r USING (debtor_id, other_creditor_id, change_id)
    ORDER BY m.arrival;
    IF FOUND THEN
        PERFORM wake('PendingBalanceChange');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.receive_finalization_requests(p_debtor_id bigint[], p_creditor_id bigint[], p_transfer_id bigint[], p_coordinator_type text[], p_coordinator_id bigint[], p_coordinator_request_id bigint[], p_committed_amount bigint[], p_transfer_note text[], p_transfer_note_format text[], p_trace_context text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO finalization_request (
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, committed_amount, transfer_note, transfer_note_format,
        trace_context, received_at
    )
    SELECT
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, committed_amount, transfer_note, transfer_note_format,
        note_step(trace_context, 'r'), current_ts()
    FROM unnest(
        p_debtor_id, p_creditor_id, p_transfer_id, p_coordinator_type, p_coordinator_id,
        p_coordinator_request_id, p_committed_amount, p_transfer_note,
        p_transfer_note_format, p_trace_context
    ) WITH ORDINALITY AS m (
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, committed_amount, transfer_note, transfer_note_format,
        trace_context, arrival
    )
    ORDER BY arrival;
    PERFORM wake('FinalizationRequest');
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.receive_transfer_requests(p_debtor_id bigint[], p_creditor_id bigint[], p_coordinator_type text[], p_coordinator_id bigint[], p_coordinator_request_id bigint[], p_min_locked_amount bigint[], p_max_locked_amount bigint[], p_recipient bigint[], p_final_interest_rate_ts timestamp with time zone[], p_max_commit_delay integer[], p_ts timestamp with time zone[], p_trace_context text[], p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_queued bigint;
    v_unverified bigint;
    v_rejected bigint;
BEGIN
    WITH request AS MATERIALIZED (
        SELECT
            m.*,
            CASE
                WHEN recipient IS NULL THEN 'unreachable'
                WHEN coordinator_type = 'agent' OR recipient = 0 THEN 'reachable'
                WHEN NOT in_realm(debtor_id, recipient, p_realm_bits, p_realm_length)
                    THEN 'unverified'
                WHEN is_reachable(debtor_id, recipient) THEN 'reachable'
                ELSE 'unreachable'
            END AS verdict
        FROM unnest(
            p_debtor_id, p_creditor_id, p_coordinator_type, p_coordinator_id,
            p_coordinator_request_id, p_min_locked_amount, p_max_locked_amount,
            p_recipient, p_final_interest_rate_ts, p_max_commit_delay, p_ts, p_trace_context
        ) WITH ORDINALITY AS m (
            debtor_id, creditor_id, coordinator_type, coordinator_id,
            coordinator_request_id, min_locked_amount, max_locked_amount,
            recipient, final_interest_rate_ts, max_commit_delay, ts, trace_context, arrival
        )
    ), queued AS (
        INSERT INTO transfer_request (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline, trace_context, received_at
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient,
            final_interest_rate_ts, ts + make_interval(secs => max_commit_delay),
            note_step(trace_context, 'r'), v_now
        FROM request WHERE verdict = 'reachable' ORDER BY arrival
        RETURNING 1
    ), unverified AS (
        INSERT INTO unverified_transfer_request (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline, trace_context, received_at, next_attempt_at
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient,
            final_interest_rate_ts, ts + make_interval(secs => max_commit_delay),
            note_step(trace_context, 'r'), v_now, v_now
        FROM request WHERE verdict = 'unverified' ORDER BY arrival
        RETURNING 1
    ), rejected AS (
        INSERT INTO rejected_transfer_signal (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            status_code, total_locked_amount, ts, trace_context
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            'RECIPIENT_IS_UNREACHABLE', 0, v_now, note_step(trace_context, 'r')
        FROM request WHERE verdict = 'unreachable' ORDER BY arrival
        RETURNING 1
    )
    SELECT
        (SELECT count(*) FROM queued),
        (SELECT count(*) FROM unverified),
        (SELECT count(*) FROM rejected)
    INTO v_queued, v_unverified, v_rejected;
    IF v_queued > 0 THEN
        PERFORM wake('TransferRequest');
    END IF;
    IF v_unverified > 0 THEN
        PERFORM wake('UnverifiedTransferRequest');
    END IF;
    IF v_rejected > 0 THEN
        PERFORM wake('RejectedTransferSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.record_account_updates(p_debtor_ids bigint[], p_creditor_ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO account_update_signal (
        debtor_id, creditor_id, creation_date, last_change_ts, last_change_seqnum, principal,
        interest, interest_rate, last_interest_rate_change_ts, last_config_ts,
        last_config_seqnum, negligible_amount, config_flags, config_data, account_id,
        debtor_info_iri, debtor_info_content_type, debtor_info_sha256, last_transfer_number,
        last_transfer_committed_at, ts
    )
    SELECT
        a.debtor_id, a.creditor_id, a.creation_date, a.last_change_ts, a.last_change_seqnum,
        a.principal, a.interest::double precision, a.interest_rate,
        a.last_interest_rate_change_ts, a.last_config_ts, a.last_config_seqnum,
        a.negligible_amount, a.config_flags, a.config_data, account_id(a.creditor_id),
        a.debtor_info_iri, a.debtor_info_content_type, a.debtor_info_sha256,
        a.last_transfer_number, a.last_transfer_committed_at,
        greatest(current_ts(), a.last_change_ts)
    FROM unnest(p_debtor_ids, p_creditor_ids) AS k (debtor_id, creditor_id)
    JOIN account a ON a.debtor_id = k.debtor_id AND a.creditor_id = k.creditor_id;
    IF FOUND THEN
        PERFORM wake('AccountUpdateSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.record_messages(p_message_type text[], p_debtor_id bigint[], p_creditor_id bigint[], p_coordinator_type text[], p_coordinator_id bigint[], p_coordinator_request_id bigint[], p_transfer_id bigint[], p_body bytea[], p_is_sent boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO journal (
        slot, recorded_at, is_sent, message_type, debtor_id, creditor_id,
        coordinator_type, coordinator_id, coordinator_request_id, transfer_id, body
    )
    SELECT
        journal_slot(journal_day(current_ts())), current_ts(), p_is_sent,
        m.message_type, m.debtor_id, m.creditor_id,
        m.coordinator_type, m.coordinator_id, m.coordinator_request_id, m.transfer_id, m.body
    FROM unnest(
        p_message_type, p_debtor_id, p_creditor_id, p_coordinator_type, p_coordinator_id,
        p_coordinator_request_id, p_transfer_id, p_body
    ) WITH ORDINALITY AS m (
        message_type, debtor_id, creditor_id, coordinator_type, coordinator_id,
        coordinator_request_id, transfer_id, body, position
    )
    ORDER BY m.position;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING USING
        ERRCODE = 'SJ001',
        MESSAGE = format('%s messages are missing in the journal: %s', cardinality(p_body), SQLERRM);
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.reject_unreachable_senders(p_request_ids bigint[]) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_count integer;
BEGIN
    WITH unreachable AS MATERIALIZED (
        SELECT ctid AS tid
        FROM transfer_request q
        WHERE id = ANY (p_request_ids) AND NOT EXISTS (
            SELECT FROM account a
            WHERE a.debtor_id = q.debtor_id AND a.creditor_id = q.creditor_id
                AND NOT is_deleted(a.status_flags)
            OFFSET 0
        )
        FOR UPDATE SKIP LOCKED
    ), rejected AS (
        DELETE FROM transfer_request q USING unreachable u WHERE q.ctid = u.tid
        RETURNING q.*
    )
    INSERT INTO rejected_transfer_signal (
        debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
        status_code, total_locked_amount, ts, trace_context
    )
    SELECT
        debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
        'SENDER_IS_UNREACHABLE', 0, current_ts(), note_step(trace_context, 'p')
    FROM rejected ORDER BY id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count > 0 THEN
        PERFORM wake('RejectedTransferSignal');
    END IF;
    RETURN v_count;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.remember_root_configs(p_debtor_id bigint[], p_interest_rate double precision[], p_info_iri text[], p_info_content_type text[], p_info_sha256 bytea[], p_count_max integer) RETURNS void
    LANGUAGE sql
    AS $$
    WITH answer AS MATERIALIZED (
        SELECT *
        FROM unnest(
            p_debtor_id, p_interest_rate, p_info_iri, p_info_content_type, p_info_sha256
        ) AS m (debtor_id, interest_rate, info_iri, info_content_type, info_sha256)
    ), known AS MATERIALIZED (
        SELECT a.*, c.tid
        FROM answer a
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM root_config
            WHERE debtor_id = a.debtor_id
            FOR UPDATE SKIP LOCKED
        ) AS c
    ), renewed AS (
        UPDATE root_config c SET
            interest_rate = k.interest_rate,
            info_iri = k.info_iri,
            info_content_type = k.info_content_type,
            info_sha256 = k.info_sha256,
            fetched_at = current_ts()
        FROM known k
        WHERE c.ctid = k.tid
    )
    INSERT INTO root_config (
        debtor_id, interest_rate, info_iri, info_content_type, info_sha256, fetched_at
    )
    SELECT a.*, current_ts()
    FROM answer a
    WHERE NOT EXISTS (SELECT FROM root_config c WHERE c.debtor_id = a.debtor_id)
    ORDER BY a.debtor_id
    ON CONFLICT DO NOTHING;
    DELETE FROM root_config
    WHERE ctid = ANY (ARRAY(
        SELECT c.tid
        FROM (
            SELECT debtor_id
            FROM root_config
            WHERE fetched_at IS NOT NULL
            ORDER BY fetched_at DESC
            OFFSET p_count_max
        ) AS old
        CROSS JOIN LATERAL (
            SELECT ctid AS tid FROM root_config
            WHERE debtor_id = old.debtor_id
            FOR UPDATE SKIP LOCKED
        ) AS c
    ))
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.remind_of_prepared_transfers(p_first_page bigint, p_end_page bigint, p_reminder_interval interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.returned_latest() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT current_ts() + interval '15 minutes'
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.returned_lock() RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT 'returned_line'::regclass::oid::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.returned_pause(p_attempts_count integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p_attempts_count = 0 THEN 0
        ELSE least(2 ^ least(p_attempts_count, 10), 900)::integer END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.returned_pauses() RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT ARRAY(SELECT returned_pause(n) FROM generate_series(0, 10) AS n)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.same_agent(p_creditor_id_1 bigint, p_creditor_id_2 bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_creditor_id_1 >> 40 = p_creditor_id_2 >> 40 AND p_creditor_id_1 >> 40 <> 0
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.seconds_between(p_from timestamp with time zone, p_to timestamp with time zone) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT greatest(extract(epoch FROM p_to - p_from), 0)
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.send_due_account_updates(p_first_page bigint, p_end_page bigint, p_heartbeat interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.send_prompt_account_updates(p_quiet_min interval, p_count_max integer, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION swpt_accounts_354f61a04998.starts_of_handled(p_count_max integer, OUT starts bytea, OUT is_incomplete boolean) RETURNS record
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(string_agg(substring(digest FOR 8), '' ORDER BY digest), ''),
           pg_is_in_recovery()
    FROM (
        SELECT d.digest
        FROM handled_batch b
        CROSS JOIN unnest(b.digests) AS d (digest)
        ORDER BY b.id DESC
        LIMIT p_count_max
    ) AS latest
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.sweep_journal(p_days integer) RETURNS smallint
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_slot smallint;
    v_table regclass;
BEGIN
    PERFORM set_config('lock_timeout', '200ms', true);
    FOR v_slot, v_table IN
        SELECT s.slot, to_regclass('journal_' || to_char(s.slot, 'FM00'))
        FROM generate_series(0, 31) AS s (slot)
    LOOP
        IF is_over_in_journal(v_table, p_days) THEN
            BEGIN
                EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_table);
                -- somebody may have written there in the meantime: the first message of a day
                IF is_over_in_journal(v_table, p_days) THEN
                    EXECUTE format('TRUNCATE %s', v_table);
                    RETURN v_slot;
                END IF;
            EXCEPTION WHEN lock_not_available THEN
                CONTINUE;
            END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.t0() RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00'
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.table_pages(p_table regclass) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT pg_relation_size(p_table) / current_setting('block_size')::bigint
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.take_due_messages(p_signal_names text[], p_count_max integer) RETURNS TABLE(id bigint, signal_name text, destination text, body bytea, attempts_count integer, put_aside_at timestamp with time zone, trace_context text)
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_line_ids bigint[];
    v_destinations text[];
    v_signal_names text[];
    v_limits integer[];
    v_count integer;
BEGIN
    -- What the version before has put aside is in no line.
    RETURN QUERY
    DELETE FROM returned_message m
    WHERE m.ctid = ANY (ARRAY(
        SELECT due.ctid
        FROM returned_message due
        WHERE due.destination IS NULL
            AND due.next_attempt_at <= current_ts() AND due.signal_name = ANY (p_signal_names)
        ORDER BY due.next_attempt_at
        LIMIT (p_count_max + 1) / 2
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING m.id, m.signal_name, m.destination, m.body, m.attempts_count, m.put_aside_at,
        m.trace_context;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count >= p_count_max OR NOT EXISTS (SELECT FROM returned_line) THEN
        RETURN;
    END IF;
    v_count := p_count_max - v_count;
    SELECT
        array_agg(mine.id), array_agg(mine.destination), array_agg(mine.signal_name),
        array_agg(CASE WHEN mine.attempts_count = 0 THEN v_count ELSE 3 END)
    INTO v_line_ids, v_destinations, v_signal_names, v_limits
    FROM (
        SELECT l.id, l.destination, l.signal_name, l.attempts_count
        FROM returned_line l
        WHERE l.id = ANY (ARRAY(
            SELECT due.id FROM due_lines(p_signal_names, v_count) AS due
            ORDER BY due.turn
            LIMIT v_count
        ))
        -- unless another flusher has just tried it
        AND (l.next_attempt_at <= current_ts() OR l.next_attempt_at > returned_latest())
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS mine;
    v_count := v_count / greatest(cardinality(v_line_ids), 1);
    RETURN QUERY
    DELETE FROM returned_message m
    WHERE m.ctid = ANY (ARRAY(
        SELECT mine.ctid
        FROM unnest(v_destinations, v_signal_names, v_limits)
            AS l (destination, signal_name, count_max)
        CROSS JOIN LATERAL (
            SELECT r.ctid
            FROM returned_message r
            WHERE r.destination IS NOT NULL
                AND (r.destination, r.signal_name, r.id) >= (l.destination, l.signal_name, 0)
                AND (r.destination, r.signal_name) <= (l.destination, l.signal_name)
            ORDER BY r.destination, r.signal_name, r.id
            LIMIT least(l.count_max, v_count)
            FOR UPDATE SKIP LOCKED
        ) AS mine
    ))
    RETURNING m.id, m.signal_name, m.destination, m.body, m.attempts_count, m.put_aside_at,
        m.trace_context;
    UPDATE returned_line l SET next_attempt_at = t0()
    WHERE l.id = ANY (v_line_ids)
        AND first_returned_message(l.destination, l.signal_name) IS NULL;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.told_number(p_number real) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_number::text::double precision
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.transfer_from_root(p_debtor_id bigint, p_creditor_id bigint, p_amount bigint, p_coordinator_type text, p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    IF in_realm(p_debtor_id, 0, p_realm_bits, p_realm_length) THEN
        INSERT INTO pending_balance_change (
            debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
            coordinator_type, transfer_note, transfer_note_format, committed_at
        )
        VALUES (
            p_debtor_id, 0, p_creditor_id, next_change_id(), -p_amount,
            p_coordinator_type, '', '', v_now
        );
        PERFORM wake('PendingBalanceChange');
    ELSE
        INSERT INTO pending_balance_change_signal (
            debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type,
            transfer_note_format, transfer_note, committed_at, principal_delta, ts
        )
        VALUES (
            p_debtor_id, 0, p_creditor_id, next_change_id(), p_coordinator_type,
            '', '', v_now, -p_amount, v_now
        );
        PERFORM wake('PendingBalanceChangeSignal');
    END IF;
    WITH numbered AS (
        UPDATE account SET
            last_transfer_number = last_transfer_number + 1,
            last_transfer_committed_at = v_now
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
            AND creditor_id <> 0
            AND (p_amount < 0 OR NOT is_at_most(p_amount, negligible_amount))
        RETURNING creation_date, last_transfer_number, principal
    )
    INSERT INTO account_transfer_signal (
        debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
        sender, recipient, acquired_amount, transfer_note, transfer_note_format,
        committed_at, principal, previous_transfer_number, ts
    )
    SELECT
        p_debtor_id, p_creditor_id, creation_date, last_transfer_number, p_coordinator_type,
        account_id(CASE WHEN p_amount > 0 THEN 0 ELSE p_creditor_id END),
        account_id(CASE WHEN p_amount > 0 THEN p_creditor_id ELSE 0 END),
        p_amount, '', '', v_now, principal, last_transfer_number - 1, v_now
    FROM numbered;
    IF FOUND THEN
        PERFORM wake('AccountTransferSignal');
    END IF;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.try_to_delete_account(p_debtor_id bigint, p_creditor_id bigint, p_realm_bits integer, p_realm_length integer) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;
    UPDATE account SET last_deletion_attempt_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id AND NOT is_deleted(status_flags)
    RETURNING * INTO v_account;
    IF NOT FOUND
        OR NOT is_scheduled_for_deletion(v_account.config_flags)
        OR v_account.pending_transfers_count > 0
        OR NOT is_negligible_balance(v_account, v_now)
    THEN
        RETURN true;
    END IF;
    UPDATE account SET
        principal = 0,
        interest = 0,
        total_locked_amount = 0,
        status_flags = make_status_flags(true, is_overflown(status_flags)),
        last_change_seqnum = next_seqnum(last_change_seqnum),
        last_change_ts = greatest(last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id;
    IF v_account.principal <> 0 THEN
        PERFORM transfer_from_root(
            p_debtor_id, p_creditor_id, -v_account.principal, 'delete',
            p_realm_bits, p_realm_length
        );
    END IF;
    PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    RETURN true;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.unmark_dealt_with(p_queue text, p_stream_offset bigint[], p_digest bytea[]) RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM dead_letter_dealt_with d
    USING unnest(p_stream_offset, p_digest) AS l (stream_offset, digest)
    WHERE d.queue = p_queue AND d.stream_offset = l.stream_offset AND d.digest = l.digest
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.update_debtor_info(p_debtor_id bigint, p_creditor_id bigint, p_iri text, p_content_type text, p_sha256 bytea, p_ts timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    IF NOT lock_account(p_debtor_id, p_creditor_id) THEN
        RETURN false;
    END IF;
    UPDATE account SET
        interest = interest_part(
            balance_at(v_now, principal, interest, interest_rate, last_change_ts), principal
        ),
        debtor_info_iri = p_iri,
        debtor_info_content_type = p_content_type,
        debtor_info_sha256 = p_sha256,
        last_change_seqnum = next_seqnum(last_change_seqnum),
        last_change_ts = greatest(last_change_ts, v_now),
        pending_account_update = false,
        last_heartbeat_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND NOT is_deleted(status_flags)
        AND (debtor_info_iri, debtor_info_content_type, debtor_info_sha256)
            IS DISTINCT FROM (p_iri, p_content_type, p_sha256)
        AND p_ts >= v_now - interval '1 day';
    IF FOUND THEN
        PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    END IF;
    RETURN true;
END
$$;
CREATE FUNCTION swpt_accounts_354f61a04998.wake(p_topic text) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT pg_notify(p_topic, '')
$$;
CREATE TABLE public.account_key (
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL
);
CREATE TABLE public.account_purge_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    creation_date date NOT NULL,
    ts timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.account_purge_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_purge_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.account_transfer_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    creation_date date NOT NULL,
    transfer_number bigint NOT NULL,
    coordinator_type text NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    acquired_amount bigint NOT NULL,
    transfer_note text NOT NULL,
    transfer_note_format text NOT NULL,
    committed_at timestamp with time zone NOT NULL,
    principal bigint NOT NULL,
    previous_transfer_number bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.account_transfer_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_transfer_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.account_update_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    creation_date date NOT NULL,
    last_change_ts timestamp with time zone NOT NULL,
    last_change_seqnum integer NOT NULL,
    principal bigint NOT NULL,
    interest double precision NOT NULL,
    interest_rate double precision NOT NULL,
    last_interest_rate_change_ts timestamp with time zone NOT NULL,
    last_config_ts timestamp with time zone NOT NULL,
    last_config_seqnum integer NOT NULL,
    negligible_amount double precision NOT NULL,
    config_flags integer NOT NULL,
    config_data text NOT NULL,
    account_id text NOT NULL,
    debtor_info_iri text NOT NULL,
    debtor_info_content_type text NOT NULL,
    debtor_info_sha256 bytea NOT NULL,
    last_transfer_number bigint NOT NULL,
    last_transfer_committed_at timestamp with time zone NOT NULL,
    ts timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.account_update_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_update_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE SEQUENCE public.change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.dead_letter_dealt_with (
    queue text NOT NULL,
    stream_offset bigint NOT NULL,
    digest bytea NOT NULL,
    state text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT dead_letter_dealt_with_state_check CHECK ((state = ANY (ARRAY['replaying'::text, 'replayed'::text, 'discarded'::text])))
);
CREATE TABLE public.finalization_request (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    transfer_id bigint NOT NULL,
    committed_amount bigint NOT NULL,
    transfer_note text NOT NULL,
    transfer_note_format text NOT NULL,
    trace_context text,
    received_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.finalization_request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.finalization_request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.finalized_transfer_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    transfer_id bigint NOT NULL,
    committed_amount bigint NOT NULL,
    status_code text NOT NULL,
    total_locked_amount bigint NOT NULL,
    prepared_at timestamp with time zone NOT NULL,
    ts timestamp with time zone NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.finalized_transfer_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.finalized_transfer_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.handled_batch (
    id bigint NOT NULL,
    handled_at timestamp with time zone NOT NULL,
    digests bytea[] NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.handled_batch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.handled_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.journal (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
PARTITION BY LIST (slot);
CREATE TABLE public.journal_00 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_01 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_02 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_03 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_04 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_05 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_06 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_07 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_08 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_09 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_10 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_11 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_12 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_13 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_14 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_15 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_16 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_17 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_18 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_19 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_20 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_21 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_22 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_23 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_24 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_25 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_26 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_27 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_28 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_29 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_30 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.journal_31 (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    is_sent boolean NOT NULL,
    message_type text NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text,
    coordinator_id bigint,
    coordinator_request_id bigint,
    transfer_id bigint,
    body bytea NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
ALTER TABLE public.journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.move (
    id bigint NOT NULL,
    direction text NOT NULL,
    moved_at timestamp with time zone NOT NULL,
    reference_schema text NOT NULL,
    pages_count bigint NOT NULL,
    pages_copied bigint DEFAULT 0 NOT NULL,
    is_copied boolean DEFAULT false NOT NULL,
    CONSTRAINT move_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text])))
);
ALTER TABLE public.move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.move_proof (
    id bigint NOT NULL,
    move_id bigint NOT NULL,
    subject text NOT NULL,
    debtor_id bigint,
    before_amount numeric,
    after_amount numeric
);
ALTER TABLE public.move_proof ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.move_proof_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.registered_balance_change (
    debtor_id bigint NOT NULL,
    other_creditor_id bigint NOT NULL,
    change_id bigint NOT NULL,
    committed_at timestamp with time zone NOT NULL,
    is_applied boolean DEFAULT false NOT NULL
);
CREATE VIEW public.older_balance_change AS
 SELECT registered_balance_change.ctid AS tid,
    registered_balance_change.debtor_id,
    registered_balance_change.other_creditor_id,
    registered_balance_change.change_id,
    registered_balance_change.committed_at,
    registered_balance_change.is_applied
   FROM public.registered_balance_change
  WHERE false;
CREATE TABLE public.older_senders (
    cause text NOT NULL,
    taken_until timestamp with time zone NOT NULL,
    CONSTRAINT older_senders_cause_check CHECK ((cause = ANY (ARRAY['upgrade'::text, 'move'::text])))
);
CREATE TABLE public.pending_balance_change (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    other_creditor_id bigint NOT NULL,
    change_id bigint NOT NULL,
    principal_delta bigint NOT NULL,
    coordinator_type text NOT NULL,
    transfer_note text NOT NULL,
    transfer_note_format text NOT NULL,
    committed_at timestamp with time zone NOT NULL,
    is_registered boolean DEFAULT false NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.pending_balance_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.pending_balance_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.pending_balance_change_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    other_creditor_id bigint NOT NULL,
    change_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    transfer_note_format text NOT NULL,
    transfer_note text NOT NULL,
    committed_at timestamp with time zone NOT NULL,
    principal_delta bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.pending_balance_change_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.pending_balance_change_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.prepared_transfer (
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    transfer_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    locked_amount bigint NOT NULL,
    recipient_creditor_id bigint NOT NULL,
    prepared_at timestamp with time zone NOT NULL,
    demurrage_rate double precision NOT NULL,
    deadline timestamp with time zone NOT NULL,
    final_interest_rate_ts timestamp with time zone NOT NULL,
    last_reminder_ts timestamp with time zone,
    CONSTRAINT prepared_transfer_locked_amount_check CHECK ((locked_amount >= 0))
)
WITH (autovacuum_vacuum_cost_delay='0');
CREATE TABLE public.prepared_transfer_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    transfer_id bigint NOT NULL,
    locked_amount bigint NOT NULL,
    recipient text NOT NULL,
    prepared_at timestamp with time zone NOT NULL,
    demurrage_rate double precision NOT NULL,
    deadline timestamp with time zone NOT NULL,
    final_interest_rate_ts timestamp with time zone NOT NULL,
    ts timestamp with time zone NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.prepared_transfer_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.prepared_transfer_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.procedures_version (
    version text NOT NULL,
    revision text NOT NULL,
    installed_at timestamp with time zone NOT NULL,
    oldest_revision text
);
CREATE TABLE public.rejected_config_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    config_ts timestamp with time zone NOT NULL,
    config_seqnum integer NOT NULL,
    config_flags integer NOT NULL,
    config_data text NOT NULL,
    negligible_amount double precision NOT NULL,
    rejection_code text NOT NULL,
    ts timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.rejected_config_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rejected_config_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.rejected_transfer_signal (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    status_code text NOT NULL,
    total_locked_amount bigint NOT NULL,
    ts timestamp with time zone NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.rejected_transfer_signal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rejected_transfer_signal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.returned_line (
    id bigint NOT NULL,
    signal_name text NOT NULL,
    destination text NOT NULL,
    attempts_count integer NOT NULL,
    pause_seconds integer NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    sent_count bigint DEFAULT 0 NOT NULL
);
ALTER TABLE public.returned_line ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.returned_line_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.returned_message (
    id bigint NOT NULL,
    signal_name text NOT NULL,
    body bytea NOT NULL,
    reason text NOT NULL,
    attempts_count integer DEFAULT 1 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    destination text,
    put_aside_at timestamp with time zone DEFAULT now() NOT NULL,
    trace_context text
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.returned_message ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.returned_message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.root_config (
    debtor_id bigint NOT NULL,
    interest_rate double precision NOT NULL,
    info_iri text,
    info_content_type text,
    info_sha256 bytea,
    fetched_at timestamp with time zone
);
CREATE TABLE public.scan_pass (
    scan text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    noted_at timestamp with time zone NOT NULL,
    done_count bigint NOT NULL,
    pages_count bigint NOT NULL,
    pass_seconds double precision NOT NULL,
    late_seconds double precision NOT NULL,
    completed_at timestamp with time zone
);
CREATE TABLE public.shard (
    realm text NOT NULL,
    noted_at timestamp with time zone NOT NULL
);
CREATE TABLE public.transfer_request (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    min_locked_amount bigint NOT NULL,
    max_locked_amount bigint NOT NULL,
    recipient_creditor_id bigint NOT NULL,
    final_interest_rate_ts timestamp with time zone NOT NULL,
    deadline timestamp with time zone NOT NULL,
    trace_context text,
    received_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.transfer_request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.transfer_request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.unverified_transfer_request (
    id bigint NOT NULL,
    debtor_id bigint NOT NULL,
    creditor_id bigint NOT NULL,
    coordinator_type text NOT NULL,
    coordinator_id bigint NOT NULL,
    coordinator_request_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL,
    attempts_count integer DEFAULT 0 NOT NULL,
    min_locked_amount bigint NOT NULL,
    max_locked_amount bigint NOT NULL,
    recipient_creditor_id bigint NOT NULL,
    final_interest_rate_ts timestamp with time zone NOT NULL,
    deadline timestamp with time zone NOT NULL,
    trace_context text,
    unasked_seconds double precision DEFAULT 0 NOT NULL
)
WITH (autovacuum_vacuum_threshold='20000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');
ALTER TABLE public.unverified_transfer_request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.unverified_transfer_request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_00 FOR VALUES IN ('0');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_01 FOR VALUES IN ('1');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_02 FOR VALUES IN ('2');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_03 FOR VALUES IN ('3');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_04 FOR VALUES IN ('4');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_05 FOR VALUES IN ('5');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_06 FOR VALUES IN ('6');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_07 FOR VALUES IN ('7');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_08 FOR VALUES IN ('8');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_09 FOR VALUES IN ('9');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_10 FOR VALUES IN ('10');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_11 FOR VALUES IN ('11');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_12 FOR VALUES IN ('12');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_13 FOR VALUES IN ('13');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_14 FOR VALUES IN ('14');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_15 FOR VALUES IN ('15');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_16 FOR VALUES IN ('16');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_17 FOR VALUES IN ('17');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_18 FOR VALUES IN ('18');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_19 FOR VALUES IN ('19');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_20 FOR VALUES IN ('20');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_21 FOR VALUES IN ('21');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_22 FOR VALUES IN ('22');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_23 FOR VALUES IN ('23');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_24 FOR VALUES IN ('24');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_25 FOR VALUES IN ('25');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_26 FOR VALUES IN ('26');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_27 FOR VALUES IN ('27');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_28 FOR VALUES IN ('28');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_29 FOR VALUES IN ('29');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_30 FOR VALUES IN ('30');
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_31 FOR VALUES IN ('31');
INSERT INTO public.account VALUES (4726, 0, '2026-12-02', '2026-12-02 16:20:25.034304+00', 1, -100000, 0.00000000000000000000, 0, 0, '1970-01-01 00:00:00+00', '2026-12-02 16:20:24.930291+00', '2026-12-02 16:20:24.908656+00', 1, 1e+30, 0, 0, -9223372036854775807, 0, 0, 22857747229835265, 0, '1970-01-01 00:00:00+00', true, '2026-12-02 16:20:24.930291+00', '1970-01-01 00:00:00+00', '', '', '', '\x');
INSERT INTO public.account VALUES (4726, 23, '2026-12-02', '2026-12-02 16:20:25.338008+00', 0, 0, 0.00000000000000000000, 0, 0, '1970-01-01 00:00:00+00', '2026-12-02 16:20:25.338008+00', '2026-12-02 16:20:25.329594+00', 4, 0, 0, 0, 0, 0, 0, 22857747229835264, 0, '1970-01-01 00:00:00+00', false, '2026-12-02 16:20:25.338008+00', '1970-01-01 00:00:00+00', '', '', '', '\x');
INSERT INTO public.account VALUES (4726, 22, '2026-12-02', '2026-12-02 16:20:25.349435+00', 4, 4000, 0.00000000000000000000, 0, 0, '1970-01-01 00:00:00+00', '2026-12-02 16:20:25.116987+00', '2026-12-02 16:20:25.098577+00', 3, 0, 0, 0, 0, 0, 0, 22857747229835264, 4, '2024-05-20 13:15:09+00', true, '2026-12-02 16:20:25.116987+00', '1970-01-01 00:00:00+00', '', '', '', '\x');
INSERT INTO public.account VALUES (4726, 21, '2026-12-02', '2026-12-02 16:20:26.507592+00', 9, 93000, 0.00000000000000000000, 0, 0, '1970-01-01 00:00:00+00', '2026-12-02 16:20:24.96045+00', '2026-12-02 16:20:26.495363+00', 6, 0, 0, 0, 0, 6000, 6, 22857747229835277, 8, '2026-12-02 16:20:26.284802+00', false, '2026-12-02 16:20:26.507592+00', '1970-01-01 00:00:00+00', '', '', '', '\x');
INSERT INTO public.account_key VALUES (4726, 0);
INSERT INTO public.account_key VALUES (4726, 21);
INSERT INTO public.account_key VALUES (4726, 22);
INSERT INTO public.account_key VALUES (4726, 23);
INSERT INTO public.account_transfer_signal OVERRIDING SYSTEM VALUE VALUES (11, 4726, 21, '2026-12-02', 7, 'direct', '21', '22', -1000, '', '', '2026-12-02 16:20:26.274847+00', 94000, 6, '2026-12-02 16:20:26.274847+00', NULL);
INSERT INTO public.account_transfer_signal OVERRIDING SYSTEM VALUE VALUES (12, 4726, 21, '2026-12-02', 8, 'direct', '21', '31', -1000, '', '', '2026-12-02 16:20:26.284802+00', 93000, 7, '2026-12-02 16:20:26.284802+00', NULL);
INSERT INTO public.account_update_signal OVERRIDING SYSTEM VALUE VALUES (5, 4726, 21, '2026-12-02', '2026-12-02 16:20:26.507592+00', 9, 93000, 0, 0, '1970-01-01 00:00:00+00', '2026-12-02 16:20:26.495363+00', 6, 0, 0, '', '21', '', '', '\x', 8, '2026-12-02 16:20:26.284802+00', '2026-12-02 16:20:26.507592+00');
INSERT INTO public.alembic_version VALUES ('0011');
INSERT INTO public.finalization_request OVERRIDING SYSTEM VALUE VALUES (9, 4726, 21, 'direct', 21, 10, 22857747229835273, 1000, '', '', NULL, '2026-12-02 16:20:26.745708+00');
INSERT INTO public.finalized_transfer_signal OVERRIDING SYSTEM VALUE VALUES (7, 4726, 21, 'direct', 21, 11, 22857747229835274, 1000, 'OK', 6000, '2026-12-02 16:20:25.791932+00', '2026-12-02 16:20:26.274847+00', NULL);
INSERT INTO public.finalized_transfer_signal OVERRIDING SYSTEM VALUE VALUES (8, 4726, 21, 'direct', 21, 5, 22857747229835268, 1000, 'OK', 5000, '2026-12-02 16:20:25.692997+00', '2026-12-02 16:20:26.284802+00', NULL);
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (1, '2026-12-02 16:20:24.930291+00', '{"\\x3c62b76beebf66d7daca5dfe25bb513d"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (2, '2026-12-02 16:20:24.96045+00', '{"\\xfd33f05070c8280c416e43e96ad4ab26"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (3, '2026-12-02 16:20:24.992346+00', '{"\\xd7f9db4b33f82fd30511632c5e2e51b4"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (4, '2026-12-02 16:20:25.028236+00', '{"\\x6e90bfa6abe6caea2d95d3ab1fb4bb6c"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (5, '2026-12-02 16:20:25.116987+00', '{"\\x182380984c9d07bde96469d93bdaf34a"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (6, '2026-12-02 16:20:25.156246+00', '{"\\x543cb8f8a85c03c9b84399deff3d3c35"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (7, '2026-12-02 16:20:25.178234+00', '{"\\x45c4977859ab46409bf68d946eb8efd4"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (8, '2026-12-02 16:20:25.226376+00', '{"\\xc6ffef4e0c6bae45c075939060f52694"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (9, '2026-12-02 16:20:25.240558+00', '{"\\xed94551d3e81ea5da8741ffdbac64fa2"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (10, '2026-12-02 16:20:25.287998+00', '{"\\x02fc77ea7253a310b6a302ba2f57d1aa"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (11, '2026-12-02 16:20:25.305063+00', '{"\\x5e76f1fc895bfa9ca63a53de175f991d"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (12, '2026-12-02 16:20:25.338008+00', '{"\\x38c41e67c539de7806cccc3f9d8ed64a","\\x26ad4bc01f065c6feb65b3e2e5eb5468"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (13, '2026-12-02 16:20:25.415851+00', '{"\\x26141b185156497a2e57bc3bda6135bf"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (14, '2026-12-02 16:20:25.714989+00', '{"\\x7756c23b9dbdd716488728c9d0983149"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (15, '2026-12-02 16:20:25.732378+00', '{"\\x9cad9bd97ba3bfc31fe9f18e15b5ba59"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (16, '2026-12-02 16:20:25.748622+00', '{"\\x924e7a28fc76e07714ed2f0645703256"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (17, '2026-12-02 16:20:25.757903+00', '{"\\xcc4885af4d3e6e917402db4b8bd7b2e7"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (18, '2026-12-02 16:20:25.769865+00', '{"\\xc53bc0b1c537285bc053ca269a53fbfa"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (19, '2026-12-02 16:20:25.786871+00', '{"\\x3a5376847194d8cb80bd888bdc423726"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (20, '2026-12-02 16:20:25.79944+00', '{"\\x58017c6f64b125e9a288d5816c41ea85"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (21, '2026-12-02 16:20:25.817471+00', '{"\\x123d007801426e9f0a3ae828ab2c55ae"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (22, '2026-12-02 16:20:25.997496+00', '{"\\x6d7d959adf36835758c60ff5cc70e793"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (23, '2026-12-02 16:20:26.015308+00', '{"\\x5e3373712fdcb9f761d64b93a8975fdd"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (24, '2026-12-02 16:20:26.265747+00', '{"\\x16298f00adf36c972969578fa0927616"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (25, '2026-12-02 16:20:26.27627+00', '{"\\x4e05c2b276d81ac22d1b2c681827187b"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (26, '2026-12-02 16:20:26.309384+00', '{"\\x007acd4d53b0eca6ae8c26c942eb64ce"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (27, '2026-12-02 16:20:26.33182+00', '{"\\x4e82293c33ffe38e14e22de80c6b362f","\\x4c8d180858472a660f7852aeb838810b","\\x41c35ad40ded5eb3e777fa4d51ade829"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (28, '2026-12-02 16:20:26.507592+00', '{"\\x11e8ae51509735e6312c89092da6b368"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (29, '2026-12-02 16:20:26.745708+00', '{"\\xe84ca8bdce9230b0818c1bf5ac495a06"}');
INSERT INTO public.handled_batch OVERRIDING SYSTEM VALUE VALUES (30, '2026-12-02 16:20:26.940492+00', '{"\\xe173ae18b558be6c2df83732e26dd45d"}');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 1, '2026-12-02 16:20:24.930291+00', false, 'ConfigureAccount', 4726, 0, NULL, NULL, NULL, NULL, '\x7b2274797065223a22436f6e6669677572654163636f756e74222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c226e65676c696769626c655f616d6f756e74223a316533302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c227473223a22323032362d31322d30325431363a32303a32342e3930383635362b30303a3030222c227365716e756d223a317d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 2, '2026-12-02 16:20:24.950285+00', true, 'AccountUpdate', 4726, 0, NULL, NULL, NULL, NULL, '\x7b2274797065223a224163636f756e74557064617465222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c226372656174696f6e5f64617465223a22323032362d31322d3032222c226c6173745f6368616e67655f7473223a22323032362d31322d30325431363a32303a32342e3933303239312b30303a3030222c226c6173745f6368616e67655f7365716e756d223a302c227072696e636970616c223a302c22696e746572657374223a302e302c22696e7465726573745f72617465223a302e302c226c6173745f696e7465726573745f726174655f6368616e67655f7473223a22313937302d30312d30315430303a30303a30302b30303a3030222c226c6173745f636f6e6669675f7473223a22323032362d31322d30325431363a32303a32342e3930383635362b30303a3030222c226c6173745f636f6e6669675f7365716e756d223a312c226e65676c696769626c655f616d6f756e74223a316533302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c226163636f756e745f6964223a2230222c22646562746f725f696e666f5f697269223a22222c22646562746f725f696e666f5f636f6e74656e745f74797065223a22222c22646562746f725f696e666f5f736861323536223a22222c226c6173745f7472616e736665725f6e756d626572223a302c226c6173745f7472616e736665725f636f6d6d69747465645f6174223a22313937302d30312d30315430303a30303a30302b30303a3030222c227473223a22323032362d31322d30325431363a32303a32342e3933303239312b30303a3030222c22636f6d6d69745f706572696f64223a3836343030303030302c2274746c223a3630343830302c2264656d7572726167655f72617465223a2d35302e302c227472616e736665725f6e6f74655f6d61785f6279746573223a3530307d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 3, '2026-12-02 16:20:24.96045+00', false, 'ConfigureAccount', 4726, 21, NULL, NULL, NULL, NULL, '\x7b2274797065223a22436f6e6669677572654163636f756e74222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c227473223a22323032362d31322d30325431363a32303a32342e3935363935332b30303a3030222c227365716e756d223a327d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 4, '2026-12-02 16:20:24.97162+00', true, 'AccountUpdate', 4726, 21, NULL, NULL, NULL, NULL, '\x7b2274797065223a224163636f756e74557064617465222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c226c6173745f6368616e67655f7473223a22323032362d31322d30325431363a32303a32342e3936303435302b30303a3030222c226c6173745f6368616e67655f7365716e756d223a302c227072696e636970616c223a302c22696e746572657374223a302e302c22696e7465726573745f72617465223a302e302c226c6173745f696e7465726573745f726174655f6368616e67655f7473223a22313937302d30312d30315430303a30303a30302b30303a3030222c226c6173745f636f6e6669675f7473223a22323032362d31322d30325431363a32303a32342e3935363935332b30303a3030222c226c6173745f636f6e6669675f7365716e756d223a322c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c226163636f756e745f6964223a223231222c22646562746f725f696e666f5f697269223a22222c22646562746f725f696e666f5f636f6e74656e745f74797065223a22222c22646562746f725f696e666f5f736861323536223a22222c226c6173745f7472616e736665725f6e756d626572223a302c226c6173745f7472616e736665725f636f6d6d69747465645f6174223a22313937302d30312d30315430303a30303a30302b30303a3030222c227473223a22323032362d31322d30325431363a32303a32342e3936303435302b30303a3030222c22636f6d6d69745f706572696f64223a3836343030303030302c2274746c223a3630343830302c2264656d7572726167655f72617465223a2d35302e302c227472616e736665725f6e6f74655f6d61785f6279746573223a3530307d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 5, '2026-12-02 16:20:24.992346+00', false, 'PrepareTransfer', 4726, 0, 'issuing', 4726, 1, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c22636f6f7264696e61746f725f74797065223a2269737375696e67222c22636f6f7264696e61746f725f6964223a343732362c22636f6f7264696e61746f725f726571756573745f6964223a312c226d696e5f6c6f636b65645f616d6f756e74223a3130303030302c226d61785f6c6f636b65645f616d6f756e74223a3130303030302c22726563697069656e74223a223231222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32342e3938363832322b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 6, '2026-12-02 16:20:25.020417+00', true, 'PreparedTransfer', 4726, 0, 'issuing', 4726, 1, 22857747229835265, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c227472616e736665725f6964223a32323835373734373232393833353236352c22636f6f7264696e61746f725f74797065223a2269737375696e67222c22636f6f7264696e61746f725f6964223a343732362c22636f6f7264696e61746f725f726571756573745f6964223a312c226c6f636b65645f616d6f756e74223a3130303030302c22726563697069656e74223a223231222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3030313733302b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3030313733302b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3030313733302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 7, '2026-12-02 16:20:25.028236+00', false, 'FinalizeTransfer', 4726, 0, 'issuing', 4726, 1, 22857747229835265, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c227472616e736665725f6964223a32323835373734373232393833353236352c22636f6f7264696e61746f725f74797065223a2269737375696e67222c22636f6f7264696e61746f725f6964223a343732362c22636f6f7264696e61746f725f726571756573745f6964223a312c22636f6d6d69747465645f616d6f756e74223a3130303030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32352e3032343938352b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 8, '2026-12-02 16:20:25.048082+00', true, 'FinalizedTransfer', 4726, 0, 'issuing', 4726, 1, 22857747229835265, '\x7b2274797065223a2246696e616c697a65645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c227472616e736665725f6964223a32323835373734373232393833353236352c22636f6f7264696e61746f725f74797065223a2269737375696e67222c22636f6f7264696e61746f725f6964223a343732362c22636f6f7264696e61746f725f726571756573745f6964223a312c22636f6d6d69747465645f616d6f756e74223a3130303030302c227374617475735f636f6465223a224f4b222c22746f74616c5f6c6f636b65645f616d6f756e74223a302c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3030313733302b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3033343330342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 9, '2026-12-02 16:20:25.07053+00', true, 'AccountTransfer', 4726, 21, 'issuing', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a312c22636f6f7264696e61746f725f74797065223a2269737375696e67222c2273656e646572223a2230222c22726563697069656e74223a223231222c2261637175697265645f616d6f756e74223a3130303030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3033343330342b30303a3030222c227072696e636970616c223a3130303030302c2270726576696f75735f7472616e736665725f6e756d626572223a302c227473223a22323032362d31322d30325431363a32303a32352e3034363238392b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 10, '2026-12-02 16:20:25.116987+00', false, 'ConfigureAccount', 4726, 22, NULL, NULL, NULL, NULL, '\x7b2274797065223a22436f6e6669677572654163636f756e74222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c227473223a22323032362d31322d30325431363a32303a32352e3039383537372b30303a3030222c227365716e756d223a337d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 11, '2026-12-02 16:20:25.122997+00', true, 'AccountUpdate', 4726, 22, NULL, NULL, NULL, NULL, '\x7b2274797065223a224163636f756e74557064617465222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226372656174696f6e5f64617465223a22323032362d31322d3032222c226c6173745f6368616e67655f7473223a22323032362d31322d30325431363a32303a32352e3131363938372b30303a3030222c226c6173745f6368616e67655f7365716e756d223a302c227072696e636970616c223a302c22696e746572657374223a302e302c22696e7465726573745f72617465223a302e302c226c6173745f696e7465726573745f726174655f6368616e67655f7473223a22313937302d30312d30315430303a30303a30302b30303a3030222c226c6173745f636f6e6669675f7473223a22323032362d31322d30325431363a32303a32352e3039383537372b30303a3030222c226c6173745f636f6e6669675f7365716e756d223a332c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c226163636f756e745f6964223a223232222c22646562746f725f696e666f5f697269223a22222c22646562746f725f696e666f5f636f6e74656e745f74797065223a22222c22646562746f725f696e666f5f736861323536223a22222c226c6173745f7472616e736665725f6e756d626572223a302c226c6173745f7472616e736665725f636f6d6d69747465645f6174223a22313937302d30312d30315430303a30303a30302b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3131363938372b30303a3030222c22636f6d6d69745f706572696f64223a3836343030303030302c2274746c223a3630343830302c2264656d7572726167655f72617465223a2d35302e302c227472616e736665725f6e6f74655f6d61785f6279746573223a3530307d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 12, '2026-12-02 16:20:25.156246+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 2, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a322c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3135323137382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 13, '2026-12-02 16:20:25.171642+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 2, 22857747229835265, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236352c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a322c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3136303939392b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3136303939392b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3136303939392b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 14, '2026-12-02 16:20:25.178234+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 2, 22857747229835265, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236352c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a322c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32352e3137333930372b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 15, '2026-12-02 16:20:25.189419+00', true, 'FinalizedTransfer', 4726, 21, 'direct', 21, 2, 22857747229835265, '\x7b2274797065223a2246696e616c697a65645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236352c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a322c22636f6d6d69747465645f616d6f756e74223a313030302c227374617475735f636f6465223a224f4b222c22746f74616c5f6c6f636b65645f616d6f756e74223a302c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3136303939392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3138323334382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 16, '2026-12-02 16:20:25.189419+00', true, 'AccountTransfer', 4726, 21, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a322c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a2d313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3138323334382b30303a3030222c227072696e636970616c223a39393030302c2270726576696f75735f7472616e736665725f6e756d626572223a312c227473223a22323032362d31322d30325431363a32303a32352e3138323334382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 17, '2026-12-02 16:20:25.189419+00', true, 'AccountTransfer', 4726, 22, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a312c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3138323334382b30303a3030222c227072696e636970616c223a313030302c2270726576696f75735f7472616e736665725f6e756d626572223a302c227473223a22323032362d31322d30325431363a32303a32352e3138383530322b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 19, '2026-12-02 16:20:25.235571+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 3, 22857747229835266, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236362c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a332c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3233323336382b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3233323336382b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3233323336382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 21, '2026-12-02 16:20:25.245375+00', true, 'FinalizedTransfer', 4726, 21, 'direct', 21, 3, 22857747229835266, '\x7b2274797065223a2246696e616c697a65645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236362c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a332c22636f6d6d69747465645f616d6f756e74223a313030302c227374617475735f636f6465223a224f4b222c22746f74616c5f6c6f636b65645f616d6f756e74223a302c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3233323336382b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3234333933332b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 22, '2026-12-02 16:20:25.245375+00', true, 'AccountTransfer', 4726, 21, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a332c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a2d313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3234333933332b30303a3030222c227072696e636970616c223a39383030302c2270726576696f75735f7472616e736665725f6e756d626572223a322c227473223a22323032362d31322d30325431363a32303a32352e3234333933332b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 23, '2026-12-02 16:20:25.256671+00', true, 'AccountTransfer', 4726, 22, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a322c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3234333933332b30303a3030222c227072696e636970616c223a323030302c2270726576696f75735f7472616e736665725f6e756d626572223a312c227473223a22323032362d31322d30325431363a32303a32352e3234373434302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 25, '2026-12-02 16:20:25.296924+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 4, 22857747229835267, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236372c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a342c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3239353334352b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3239353334352b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3239353334352b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 27, '2026-12-02 16:20:25.311222+00', true, 'FinalizedTransfer', 4726, 21, 'direct', 21, 4, 22857747229835267, '\x7b2274797065223a2246696e616c697a65645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236372c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a342c22636f6d6d69747465645f616d6f756e74223a313030302c227374617475735f636f6465223a224f4b222c22746f74616c5f6c6f636b65645f616d6f756e74223a302c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3239353334352b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3330383537372b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 28, '2026-12-02 16:20:25.311222+00', true, 'AccountTransfer', 4726, 21, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a342c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a2d313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3330383537372b30303a3030222c227072696e636970616c223a39373030302c2270726576696f75735f7472616e736665725f6e756d626572223a332c227473223a22323032362d31322d30325431363a32303a32352e3330383537372b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 29, '2026-12-02 16:20:25.311222+00', true, 'AccountTransfer', 4726, 22, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a332c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32352e3330383537372b30303a3030222c227072696e636970616c223a333030302c2270726576696f75735f7472616e736665725f6e756d626572223a322c227473223a22323032362d31322d30325431363a32303a32352e3331303131322b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 32, '2026-12-02 16:20:25.358026+00', true, 'AccountTransfer', 4726, 22, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a342c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223331222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032342d30352d32305431333a31353a30392b30303a3030222c227072696e636970616c223a343030302c2270726576696f75735f7472616e736665725f6e756d626572223a332c227473223a22323032362d31322d30325431363a32303a32352e3334393433352b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 35, '2026-12-02 16:20:25.698445+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 5, 22857747229835268, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236382c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a352c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223331222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3639323939372b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3639323939372b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3639323939372b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 36, '2026-12-02 16:20:25.726611+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 6, 22857747229835269, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236392c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a362c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3732303936382b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3732303936382b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3732303936382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 38, '2026-12-02 16:20:25.743567+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 7, 22857747229835270, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237302c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a372c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3733343734302b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3733343734302b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3733343734302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 40, '2026-12-02 16:20:25.754881+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 8, 22857747229835271, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a382c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3735313539382b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3735313539382b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3735313539382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 42, '2026-12-02 16:20:25.761135+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 9, 22857747229835272, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237322c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a392c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3736303134372b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3736303134372b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3736303134372b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 59, '2026-12-02 16:20:26.309384+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 14, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31342c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32362e3330343032312b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 18, '2026-12-02 16:20:25.226376+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 3, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a332c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3232313739342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 20, '2026-12-02 16:20:25.240558+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 3, 22857747229835266, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236362c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a332c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32352e3233373637332b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 24, '2026-12-02 16:20:25.287998+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 4, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a342c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3238343730302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 26, '2026-12-02 16:20:25.305063+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 4, 22857747229835267, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236372c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a342c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32352e3330313737312b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 30, '2026-12-02 16:20:25.338008+00', false, 'PendingBalanceChange', 4726, 22, 'direct', NULL, NULL, NULL, '\x7b2274797065223a2250656e64696e6742616c616e63654368616e6765222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32322c226f746865725f6372656469746f725f6964223a33312c226368616e67655f6964223a312c227072696e636970616c5f64656c7461223a313030302c22636f6f7264696e61746f725f74797065223a22646972656374222c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032342d30352d32305431333a31353a30392b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 31, '2026-12-02 16:20:25.338008+00', false, 'ConfigureAccount', 4726, 23, NULL, NULL, NULL, NULL, '\x7b2274797065223a22436f6e6669677572654163636f756e74222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32332c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c227473223a22323032362d31322d30325431363a32303a32352e3332393539342b30303a3030222c227365716e756d223a347d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 33, '2026-12-02 16:20:25.415851+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 5, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a352c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223331222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3431313937352b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 34, '2026-12-02 16:20:25.714989+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 6, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a362c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3731323034342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 37, '2026-12-02 16:20:25.732378+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 7, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a372c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3733303733302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 39, '2026-12-02 16:20:25.748622+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 8, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a382c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3734373334362b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 41, '2026-12-02 16:20:25.757903+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 9, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a392c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3735363439392b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 43, '2026-12-02 16:20:25.769865+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 10, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31302c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3736383632352b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 45, '2026-12-02 16:20:25.786871+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 11, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31312c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3737393330322b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 47, '2026-12-02 16:20:25.79944+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 12, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31322c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3739363130392b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 49, '2026-12-02 16:20:25.817471+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 13, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31332c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32352e3831353431342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 51, '2026-12-02 16:20:25.997496+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 13, 22857747229835276, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237362c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31332c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32352e3939343734342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 54, '2026-12-02 16:20:26.015308+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 12, 22857747229835275, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237352c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31322c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32362e3030383632342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 57, '2026-12-02 16:20:26.265747+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 11, 22857747229835274, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237342c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31312c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32362e3236313633312b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 58, '2026-12-02 16:20:26.27627+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 5, 22857747229835268, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353236382c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a352c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32362e3236343032382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 44, '2026-12-02 16:20:25.773766+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 10, 22857747229835273, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237332c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31302c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3737313831382b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3737313831382b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3737313831382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 46, '2026-12-02 16:20:25.793263+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 11, 22857747229835274, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237342c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31312c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3739313933322b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3739313933322b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3739313933322b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 48, '2026-12-02 16:20:25.810594+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 12, 22857747229835275, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237352c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31322c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3830373931312b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3830373931312b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3830373931312b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 50, '2026-12-02 16:20:25.826514+00', true, 'PreparedTransfer', 4726, 21, 'direct', 21, 13, 22857747229835276, '\x7b2274797065223a2250726570617265645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237362c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31332c226c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3832333237342b30303a3030222c2264656d7572726167655f72617465223a2d35302e302c22646561646c696e65223a22323035342d30342d31395431363a32303a32352e3832333237342b30303a3030222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3832333237342b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 52, '2026-12-02 16:20:26.004752+00', true, 'FinalizedTransfer', 4726, 21, 'direct', 21, 13, 22857747229835276, '\x7b2274797065223a2246696e616c697a65645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237362c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31332c22636f6d6d69747465645f616d6f756e74223a313030302c227374617475735f636f6465223a224f4b222c22746f74616c5f6c6f636b65645f616d6f756e74223a383030302c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3832333237342b30303a3030222c227473223a22323032362d31322d30325431363a32303a32362e3030323736302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 53, '2026-12-02 16:20:26.004752+00', true, 'AccountTransfer', 4726, 21, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a352c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a2d313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32362e3030323736302b30303a3030222c227072696e636970616c223a39363030302c2270726576696f75735f7472616e736665725f6e756d626572223a342c227473223a22323032362d31322d30325431363a32303a32362e3030323736302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 55, '2026-12-02 16:20:26.022902+00', true, 'FinalizedTransfer', 4726, 21, 'direct', 21, 12, 22857747229835275, '\x7b2274797065223a2246696e616c697a65645472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237352c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31322c22636f6d6d69747465645f616d6f756e74223a313030302c227374617475735f636f6465223a224f4b222c22746f74616c5f6c6f636b65645f616d6f756e74223a373030302c2270726570617265645f6174223a22323032362d31322d30325431363a32303a32352e3830373931312b30303a3030222c227473223a22323032362d31322d30325431363a32303a32362e3032313033302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 56, '2026-12-02 16:20:26.022902+00', true, 'AccountTransfer', 4726, 21, 'direct', NULL, NULL, NULL, '\x7b2274797065223a224163636f756e745472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226372656174696f6e5f64617465223a22323032362d31322d3032222c227472616e736665725f6e756d626572223a362c22636f6f7264696e61746f725f74797065223a22646972656374222c2273656e646572223a223231222c22726563697069656e74223a223232222c2261637175697265645f616d6f756e74223a2d313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c22636f6d6d69747465645f6174223a22323032362d31322d30325431363a32303a32362e3032313033302b30303a3030222c227072696e636970616c223a39353030302c2270726576696f75735f7472616e736665725f6e756d626572223a352c227473223a22323032362d31322d30325431363a32303a32362e3032313033302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 60, '2026-12-02 16:20:26.33182+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 15, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31352c226d696e5f6c6f636b65645f616d6f756e74223a3230303030302c226d61785f6c6f636b65645f616d6f756e74223a3230303030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32362e3330373632302b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 61, '2026-12-02 16:20:26.33182+00', false, 'ConfigureAccount', 4726, 0, NULL, NULL, NULL, NULL, '\x7b2274797065223a22436f6e6669677572654163636f756e74222c22646562746f725f6964223a343732362c226372656469746f725f6964223a302c226e65676c696769626c655f616d6f756e74223a316533302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a226e6f742061636365707461626c65222c227473223a22323032362d31322d30325431363a32303a32362e3331313430362b30303a3030222c227365716e756d223a357d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 62, '2026-12-02 16:20:26.33182+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 16, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31362c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223332222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32362e3331333036372b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 63, '2026-12-02 16:20:26.507592+00', false, 'ConfigureAccount', 4726, 21, NULL, NULL, NULL, NULL, '\x7b2274797065223a22436f6e6669677572654163636f756e74222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c227473223a22323032362d31322d30325431363a32303a32362e3439353336332b30303a3030222c227365716e756d223a367d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 64, '2026-12-02 16:20:26.745708+00', false, 'FinalizeTransfer', 4726, 21, 'direct', 21, 10, 22857747229835273, '\x7b2274797065223a2246696e616c697a655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c227472616e736665725f6964223a32323835373734373232393833353237332c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31302c22636f6d6d69747465645f616d6f756e74223a313030302c227472616e736665725f6e6f7465223a22222c227472616e736665725f6e6f74655f666f726d6174223a22222c227473223a22323032362d31322d30325431363a32303a32362e3734323634382b30303a3030227d');
INSERT INTO public.journal OVERRIDING SYSTEM VALUE VALUES (21, 65, '2026-12-02 16:20:26.940492+00', false, 'PrepareTransfer', 4726, 21, 'direct', 21, 17, NULL, '\x7b2274797065223a22507265706172655472616e73666572222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32312c22636f6f7264696e61746f725f74797065223a22646972656374222c22636f6f7264696e61746f725f6964223a32312c22636f6f7264696e61746f725f726571756573745f6964223a31372c226d696e5f6c6f636b65645f616d6f756e74223a313030302c226d61785f6c6f636b65645f616d6f756e74223a313030302c22726563697069656e74223a223232222c2266696e616c5f696e7465726573745f726174655f7473223a22393939392d31322d33315432333a35393a35392b30303a3030222c226d61785f636f6d6d69745f64656c6179223a323134373438333634372c227473223a22323032362d31322d30325431363a32303a32362e3933363531352b30303a3030227d');
INSERT INTO public.pending_balance_change OVERRIDING SYSTEM VALUE VALUES (6, 4726, 22, 21, 937984891390263301, 1000, 'direct', '', '', '2026-12-02 16:20:26.00276+00', false, NULL);
INSERT INTO public.pending_balance_change OVERRIDING SYSTEM VALUE VALUES (7, 4726, 22, 21, 937984891390263302, 1000, 'direct', '', '', '2026-12-02 16:20:26.02103+00', false, NULL);
INSERT INTO public.pending_balance_change OVERRIDING SYSTEM VALUE VALUES (8, 4726, 22, 21, 937984891390263303, 1000, 'direct', '', '', '2026-12-02 16:20:26.274847+00', false, NULL);
INSERT INTO public.pending_balance_change_signal OVERRIDING SYSTEM VALUE VALUES (1, 4726, 31, 21, 937984891390263304, 'direct', '', '', '2026-12-02 16:20:26.284802+00', 1000, '2026-12-02 16:20:26.284802+00', NULL);
INSERT INTO public.prepared_transfer VALUES (4726, 21, 22857747229835269, 'direct', 21, 6, 1000, 22, '2026-12-02 16:20:25.720968+00', -50, '2054-04-19 16:20:25.720968+00', '9999-12-31 23:59:59+00', NULL);
INSERT INTO public.prepared_transfer VALUES (4726, 21, 22857747229835270, 'direct', 21, 7, 1000, 22, '2026-12-02 16:20:25.73474+00', -50, '2054-04-19 16:20:25.73474+00', '9999-12-31 23:59:59+00', NULL);
INSERT INTO public.prepared_transfer VALUES (4726, 21, 22857747229835271, 'direct', 21, 8, 1000, 22, '2026-12-02 16:20:25.751598+00', -50, '2054-04-19 16:20:25.751598+00', '9999-12-31 23:59:59+00', NULL);
INSERT INTO public.prepared_transfer VALUES (4726, 21, 22857747229835272, 'direct', 21, 9, 1000, 22, '2026-12-02 16:20:25.760147+00', -50, '2054-04-19 16:20:25.760147+00', '9999-12-31 23:59:59+00', NULL);
INSERT INTO public.prepared_transfer VALUES (4726, 21, 22857747229835273, 'direct', 21, 10, 1000, 22, '2026-12-02 16:20:25.771818+00', -50, '2054-04-19 16:20:25.771818+00', '9999-12-31 23:59:59+00', NULL);
INSERT INTO public.prepared_transfer VALUES (4726, 21, 22857747229835277, 'direct', 21, 14, 1000, 22, '2026-12-02 16:20:26.317141+00', -50, '2054-04-19 16:20:26.317141+00', '9999-12-31 23:59:59+00', NULL);
INSERT INTO public.prepared_transfer_signal OVERRIDING SYSTEM VALUE VALUES (14, 4726, 21, 'direct', 21, 14, 22857747229835277, 1000, '22', '2026-12-02 16:20:26.317141+00', -50, '2054-04-19 16:20:26.317141+00', '9999-12-31 23:59:59+00', '2026-12-02 16:20:26.317141+00', NULL);
INSERT INTO public.procedures_version VALUES ('354f61a04998', '0011', '2026-12-02 16:20:21.974638+00', '0001');
INSERT INTO public.registered_balance_change VALUES (4726, 31, 1, '2024-05-20 13:15:09+00', true);
INSERT INTO public.rejected_config_signal OVERRIDING SYSTEM VALUE VALUES (1, 4726, 0, '2026-12-02 16:20:26.311406+00', 5, 0, 'not acceptable', 1e+30, 'INVALID_CONFIGURATION', '2026-12-02 16:20:26.33182+00');
INSERT INTO public.rejected_transfer_signal OVERRIDING SYSTEM VALUE VALUES (1, 4726, 21, 'direct', 21, 15, 'INSUFFICIENT_AVAILABLE_AMOUNT', 6000, '2026-12-02 16:20:26.346396+00', NULL);
INSERT INTO public.returned_line OVERRIDING SYSTEM VALUE VALUES (1, 'AccountUpdateSignal', 'to_creditors 00.00.00.00.00.00.00.17', 1, 2, '2026-12-02 16:20:27.348133+00', 0);
INSERT INTO public.returned_message OVERRIDING SYSTEM VALUE VALUES (1, 'AccountUpdateSignal', '\x7b2274797065223a224163636f756e74557064617465222c22646562746f725f6964223a343732362c226372656469746f725f6964223a32332c226372656174696f6e5f64617465223a22323032362d31322d3032222c226c6173745f6368616e67655f7473223a22323032362d31322d30325431363a32303a32352e3333383030382b30303a3030222c226c6173745f6368616e67655f7365716e756d223a302c227072696e636970616c223a302c22696e746572657374223a302e302c22696e7465726573745f72617465223a302e302c226c6173745f696e7465726573745f726174655f6368616e67655f7473223a22313937302d30312d30315430303a30303a30302b30303a3030222c226c6173745f636f6e6669675f7473223a22323032362d31322d30325431363a32303a32352e3332393539342b30303a3030222c226c6173745f636f6e6669675f7365716e756d223a342c226e65676c696769626c655f616d6f756e74223a302e302c22636f6e6669675f666c616773223a302c22636f6e6669675f64617461223a22222c226163636f756e745f6964223a223233222c22646562746f725f696e666f5f697269223a22222c22646562746f725f696e666f5f636f6e74656e745f74797065223a22222c22646562746f725f696e666f5f736861323536223a22222c226c6173745f7472616e736665725f6e756d626572223a302c226c6173745f7472616e736665725f636f6d6d69747465645f6174223a22313937302d30312d30315430303a30303a30302b30303a3030222c227473223a22323032362d31322d30325431363a32303a32352e3333383030382b30303a3030222c22636f6d6d69745f706572696f64223a3836343030303030302c2274746c223a3630343830302c2264656d7572726167655f72617465223a2d35302e302c227472616e736665725f6e6f74655f6d61785f6279746573223a3530307d', '312 NO_ROUTE', 1, '2026-12-02 16:20:27.348133+00', 'to_creditors 00.00.00.00.00.00.00.17', '2026-12-02 16:20:25.348133+00', NULL);
INSERT INTO public.root_config VALUES (4726, 0, NULL, NULL, NULL, NULL);
INSERT INTO public.scan_pass VALUES ('scan_prepared_transfers', '2026-12-02 16:20:24.455584+00', '2026-12-02 16:20:24.455601+00', 0, 0, 86400, 0, '2026-12-02 16:20:24.455601+00');
INSERT INTO public.scan_pass VALUES ('scan_accounts', '2026-12-02 16:20:24.689119+00', '2026-12-02 16:20:24.689156+00', 0, 0, 28800, 0, '2026-12-02 16:20:24.689156+00');
INSERT INTO public.scan_pass VALUES ('scan_registered_balance_changes', '2026-12-02 16:20:24.697932+00', '2026-12-02 16:20:24.697948+00', 0, 0, 604800, 0, '2026-12-02 16:20:24.697948+00');
INSERT INTO public.shard VALUES ('1.#', '2026-12-02 16:20:24.444399+00');
INSERT INTO public.transfer_request OVERRIDING SYSTEM VALUE VALUES (16, 4726, 21, 'direct', 21, 17, 1000, 1000, 22, '9999-12-31 23:59:59+00', '2094-12-20 19:34:33.936515+00', NULL, '2026-12-02 16:20:26.940492+00');
INSERT INTO public.unverified_transfer_request OVERRIDING SYSTEM VALUE VALUES (2, 4726, 21, 'direct', 21, 16, '2026-12-02 16:20:26.33182+00', '2026-12-02 16:20:26.972038+00', 1, 1000, 1000, 32, '9999-12-31 23:59:59+00', '2094-12-20 19:34:33.313067+00', NULL, 0);
SELECT pg_catalog.setval('public.account_purge_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.account_transfer_signal_id_seq', 12, true);
SELECT pg_catalog.setval('public.account_update_signal_id_seq', 5, true);
SELECT pg_catalog.setval('public.change_id_seq', 8, true);
SELECT pg_catalog.setval('public.finalization_request_id_seq', 9, true);
SELECT pg_catalog.setval('public.finalized_transfer_signal_id_seq', 8, true);
SELECT pg_catalog.setval('public.handled_batch_id_seq', 30, true);
SELECT pg_catalog.setval('public.journal_id_seq', 65, true);
SELECT pg_catalog.setval('public.move_id_seq', 1, false);
SELECT pg_catalog.setval('public.move_proof_id_seq', 1, false);
SELECT pg_catalog.setval('public.pending_balance_change_id_seq', 8, true);
SELECT pg_catalog.setval('public.pending_balance_change_signal_id_seq', 1, true);
SELECT pg_catalog.setval('public.prepared_transfer_signal_id_seq', 14, true);
SELECT pg_catalog.setval('public.rejected_config_signal_id_seq', 1, true);
SELECT pg_catalog.setval('public.rejected_transfer_signal_id_seq', 1, true);
SELECT pg_catalog.setval('public.returned_line_id_seq', 1, true);
SELECT pg_catalog.setval('public.returned_message_id_seq', 1, true);
SELECT pg_catalog.setval('public.transfer_request_id_seq', 16, true);
SELECT pg_catalog.setval('public.unverified_transfer_request_id_seq', 2, true);
ALTER TABLE ONLY public.account_key
    ADD CONSTRAINT account_key_pkey PRIMARY KEY (debtor_id, creditor_id);
ALTER TABLE ONLY public.account_purge_signal
    ADD CONSTRAINT account_purge_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account_transfer_signal
    ADD CONSTRAINT account_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account_update_signal
    ADD CONSTRAINT account_update_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.dead_letter_dealt_with
    ADD CONSTRAINT dead_letter_dealt_with_pkey PRIMARY KEY (queue, stream_offset, digest);
ALTER TABLE ONLY public.finalization_request
    ADD CONSTRAINT finalization_request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.finalized_transfer_signal
    ADD CONSTRAINT finalized_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.handled_batch
    ADD CONSTRAINT handled_batch_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_00
    ADD CONSTRAINT journal_00_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_01
    ADD CONSTRAINT journal_01_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_02
    ADD CONSTRAINT journal_02_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_03
    ADD CONSTRAINT journal_03_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_04
    ADD CONSTRAINT journal_04_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_05
    ADD CONSTRAINT journal_05_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_06
    ADD CONSTRAINT journal_06_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_07
    ADD CONSTRAINT journal_07_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_08
    ADD CONSTRAINT journal_08_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_09
    ADD CONSTRAINT journal_09_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_10
    ADD CONSTRAINT journal_10_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_11
    ADD CONSTRAINT journal_11_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_12
    ADD CONSTRAINT journal_12_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_13
    ADD CONSTRAINT journal_13_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_14
    ADD CONSTRAINT journal_14_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_15
    ADD CONSTRAINT journal_15_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_16
    ADD CONSTRAINT journal_16_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_17
    ADD CONSTRAINT journal_17_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_18
    ADD CONSTRAINT journal_18_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_19
    ADD CONSTRAINT journal_19_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_20
    ADD CONSTRAINT journal_20_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_21
    ADD CONSTRAINT journal_21_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_22
    ADD CONSTRAINT journal_22_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_23
    ADD CONSTRAINT journal_23_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_24
    ADD CONSTRAINT journal_24_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_25
    ADD CONSTRAINT journal_25_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_26
    ADD CONSTRAINT journal_26_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_27
    ADD CONSTRAINT journal_27_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_28
    ADD CONSTRAINT journal_28_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_29
    ADD CONSTRAINT journal_29_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_30
    ADD CONSTRAINT journal_30_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.journal_31
    ADD CONSTRAINT journal_31_pkey PRIMARY KEY (slot, id);
ALTER TABLE ONLY public.move
    ADD CONSTRAINT move_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.move_proof
    ADD CONSTRAINT move_proof_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.older_senders
    ADD CONSTRAINT older_senders_pkey PRIMARY KEY (cause);
ALTER TABLE ONLY public.pending_balance_change
    ADD CONSTRAINT pending_balance_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pending_balance_change_signal
    ADD CONSTRAINT pending_balance_change_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.prepared_transfer
    ADD CONSTRAINT prepared_transfer_pkey PRIMARY KEY (debtor_id, creditor_id, transfer_id);
ALTER TABLE ONLY public.prepared_transfer_signal
    ADD CONSTRAINT prepared_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procedures_version
    ADD CONSTRAINT procedures_version_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.registered_balance_change
    ADD CONSTRAINT registered_balance_change_pkey PRIMARY KEY (debtor_id, other_creditor_id, change_id);
ALTER TABLE ONLY public.rejected_config_signal
    ADD CONSTRAINT rejected_config_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rejected_transfer_signal
    ADD CONSTRAINT rejected_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.returned_line
    ADD CONSTRAINT returned_line_destination_signal_name_key UNIQUE (destination, signal_name);
ALTER TABLE ONLY public.returned_line
    ADD CONSTRAINT returned_line_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.returned_message
    ADD CONSTRAINT returned_message_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.root_config
    ADD CONSTRAINT root_config_pkey PRIMARY KEY (debtor_id);
ALTER TABLE ONLY public.scan_pass
    ADD CONSTRAINT scan_pass_pkey PRIMARY KEY (scan);
ALTER TABLE ONLY public.shard
    ADD CONSTRAINT shard_pkey PRIMARY KEY (realm);
ALTER TABLE ONLY public.transfer_request
    ADD CONSTRAINT transfer_request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.unverified_transfer_request
    ADD CONSTRAINT unverified_transfer_request_pkey PRIMARY KEY (id);
CREATE INDEX idx_account_key ON public.account USING btree (debtor_id, creditor_id) WITH (deduplicate_items=off);
CREATE INDEX idx_account_pending_update ON public.account USING btree (last_heartbeat_ts) WHERE pending_account_update;
CREATE INDEX idx_finalization_request_transfer ON public.finalization_request USING btree (creditor_id, debtor_id, transfer_id);
CREATE INDEX idx_journal_account ON ONLY public.journal USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX idx_journal_coordinator ON ONLY public.journal USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX idx_journal_transfer ON ONLY public.journal USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX idx_returned_line_due ON public.returned_line USING btree (pause_seconds, signal_name, next_attempt_at);
CREATE INDEX idx_returned_message_due ON public.returned_message USING btree (next_attempt_at) WHERE (destination IS NULL);
CREATE INDEX idx_returned_message_line ON public.returned_message USING btree (destination, signal_name, id) WHERE (destination IS NOT NULL);
CREATE INDEX idx_unverified_transfer_request_due ON public.unverified_transfer_request USING btree (next_attempt_at);
CREATE INDEX journal_00_coordinator_id_coordinator_request_id_idx ON public.journal_00 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_00_creditor_id_transfer_id_debtor_id_idx ON public.journal_00 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_00_debtor_id_creditor_id_recorded_at_idx ON public.journal_00 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_01_coordinator_id_coordinator_request_id_idx ON public.journal_01 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_01_creditor_id_transfer_id_debtor_id_idx ON public.journal_01 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_01_debtor_id_creditor_id_recorded_at_idx ON public.journal_01 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_02_coordinator_id_coordinator_request_id_idx ON public.journal_02 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_02_creditor_id_transfer_id_debtor_id_idx ON public.journal_02 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_02_debtor_id_creditor_id_recorded_at_idx ON public.journal_02 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_03_coordinator_id_coordinator_request_id_idx ON public.journal_03 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_03_creditor_id_transfer_id_debtor_id_idx ON public.journal_03 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_03_debtor_id_creditor_id_recorded_at_idx ON public.journal_03 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_04_coordinator_id_coordinator_request_id_idx ON public.journal_04 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_04_creditor_id_transfer_id_debtor_id_idx ON public.journal_04 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_04_debtor_id_creditor_id_recorded_at_idx ON public.journal_04 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_05_coordinator_id_coordinator_request_id_idx ON public.journal_05 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_05_creditor_id_transfer_id_debtor_id_idx ON public.journal_05 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_05_debtor_id_creditor_id_recorded_at_idx ON public.journal_05 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_06_coordinator_id_coordinator_request_id_idx ON public.journal_06 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_06_creditor_id_transfer_id_debtor_id_idx ON public.journal_06 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_06_debtor_id_creditor_id_recorded_at_idx ON public.journal_06 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_07_coordinator_id_coordinator_request_id_idx ON public.journal_07 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_07_creditor_id_transfer_id_debtor_id_idx ON public.journal_07 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_07_debtor_id_creditor_id_recorded_at_idx ON public.journal_07 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_08_coordinator_id_coordinator_request_id_idx ON public.journal_08 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_08_creditor_id_transfer_id_debtor_id_idx ON public.journal_08 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_08_debtor_id_creditor_id_recorded_at_idx ON public.journal_08 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_09_coordinator_id_coordinator_request_id_idx ON public.journal_09 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_09_creditor_id_transfer_id_debtor_id_idx ON public.journal_09 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_09_debtor_id_creditor_id_recorded_at_idx ON public.journal_09 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_10_coordinator_id_coordinator_request_id_idx ON public.journal_10 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_10_creditor_id_transfer_id_debtor_id_idx ON public.journal_10 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_10_debtor_id_creditor_id_recorded_at_idx ON public.journal_10 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_11_coordinator_id_coordinator_request_id_idx ON public.journal_11 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_11_creditor_id_transfer_id_debtor_id_idx ON public.journal_11 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_11_debtor_id_creditor_id_recorded_at_idx ON public.journal_11 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_12_coordinator_id_coordinator_request_id_idx ON public.journal_12 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_12_creditor_id_transfer_id_debtor_id_idx ON public.journal_12 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_12_debtor_id_creditor_id_recorded_at_idx ON public.journal_12 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_13_coordinator_id_coordinator_request_id_idx ON public.journal_13 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_13_creditor_id_transfer_id_debtor_id_idx ON public.journal_13 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_13_debtor_id_creditor_id_recorded_at_idx ON public.journal_13 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_14_coordinator_id_coordinator_request_id_idx ON public.journal_14 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_14_creditor_id_transfer_id_debtor_id_idx ON public.journal_14 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_14_debtor_id_creditor_id_recorded_at_idx ON public.journal_14 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_15_coordinator_id_coordinator_request_id_idx ON public.journal_15 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_15_creditor_id_transfer_id_debtor_id_idx ON public.journal_15 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_15_debtor_id_creditor_id_recorded_at_idx ON public.journal_15 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_16_coordinator_id_coordinator_request_id_idx ON public.journal_16 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_16_creditor_id_transfer_id_debtor_id_idx ON public.journal_16 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_16_debtor_id_creditor_id_recorded_at_idx ON public.journal_16 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_17_coordinator_id_coordinator_request_id_idx ON public.journal_17 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_17_creditor_id_transfer_id_debtor_id_idx ON public.journal_17 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_17_debtor_id_creditor_id_recorded_at_idx ON public.journal_17 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_18_coordinator_id_coordinator_request_id_idx ON public.journal_18 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_18_creditor_id_transfer_id_debtor_id_idx ON public.journal_18 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_18_debtor_id_creditor_id_recorded_at_idx ON public.journal_18 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_19_coordinator_id_coordinator_request_id_idx ON public.journal_19 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_19_creditor_id_transfer_id_debtor_id_idx ON public.journal_19 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_19_debtor_id_creditor_id_recorded_at_idx ON public.journal_19 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_20_coordinator_id_coordinator_request_id_idx ON public.journal_20 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_20_creditor_id_transfer_id_debtor_id_idx ON public.journal_20 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_20_debtor_id_creditor_id_recorded_at_idx ON public.journal_20 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_21_coordinator_id_coordinator_request_id_idx ON public.journal_21 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_21_creditor_id_transfer_id_debtor_id_idx ON public.journal_21 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_21_debtor_id_creditor_id_recorded_at_idx ON public.journal_21 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_22_coordinator_id_coordinator_request_id_idx ON public.journal_22 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_22_creditor_id_transfer_id_debtor_id_idx ON public.journal_22 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_22_debtor_id_creditor_id_recorded_at_idx ON public.journal_22 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_23_coordinator_id_coordinator_request_id_idx ON public.journal_23 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_23_creditor_id_transfer_id_debtor_id_idx ON public.journal_23 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_23_debtor_id_creditor_id_recorded_at_idx ON public.journal_23 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_24_coordinator_id_coordinator_request_id_idx ON public.journal_24 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_24_creditor_id_transfer_id_debtor_id_idx ON public.journal_24 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_24_debtor_id_creditor_id_recorded_at_idx ON public.journal_24 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_25_coordinator_id_coordinator_request_id_idx ON public.journal_25 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_25_creditor_id_transfer_id_debtor_id_idx ON public.journal_25 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_25_debtor_id_creditor_id_recorded_at_idx ON public.journal_25 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_26_coordinator_id_coordinator_request_id_idx ON public.journal_26 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_26_creditor_id_transfer_id_debtor_id_idx ON public.journal_26 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_26_debtor_id_creditor_id_recorded_at_idx ON public.journal_26 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_27_coordinator_id_coordinator_request_id_idx ON public.journal_27 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_27_creditor_id_transfer_id_debtor_id_idx ON public.journal_27 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_27_debtor_id_creditor_id_recorded_at_idx ON public.journal_27 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_28_coordinator_id_coordinator_request_id_idx ON public.journal_28 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_28_creditor_id_transfer_id_debtor_id_idx ON public.journal_28 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_28_debtor_id_creditor_id_recorded_at_idx ON public.journal_28 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_29_coordinator_id_coordinator_request_id_idx ON public.journal_29 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_29_creditor_id_transfer_id_debtor_id_idx ON public.journal_29 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_29_debtor_id_creditor_id_recorded_at_idx ON public.journal_29 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_30_coordinator_id_coordinator_request_id_idx ON public.journal_30 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_30_creditor_id_transfer_id_debtor_id_idx ON public.journal_30 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_30_debtor_id_creditor_id_recorded_at_idx ON public.journal_30 USING btree (debtor_id, creditor_id, recorded_at);
CREATE INDEX journal_31_coordinator_id_coordinator_request_id_idx ON public.journal_31 USING btree (coordinator_id, coordinator_request_id) WHERE (coordinator_request_id IS NOT NULL);
CREATE INDEX journal_31_creditor_id_transfer_id_debtor_id_idx ON public.journal_31 USING btree (creditor_id, transfer_id, debtor_id) WHERE (transfer_id IS NOT NULL);
CREATE INDEX journal_31_debtor_id_creditor_id_recorded_at_idx ON public.journal_31 USING btree (debtor_id, creditor_id, recorded_at);
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_00_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_00_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_00_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_00_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_01_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_01_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_01_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_01_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_02_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_02_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_02_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_02_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_03_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_03_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_03_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_03_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_04_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_04_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_04_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_04_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_05_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_05_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_05_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_05_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_06_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_06_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_06_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_06_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_07_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_07_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_07_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_07_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_08_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_08_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_08_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_08_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_09_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_09_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_09_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_09_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_10_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_10_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_10_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_10_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_11_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_11_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_11_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_11_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_12_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_12_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_12_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_12_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_13_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_13_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_13_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_13_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_14_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_14_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_14_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_14_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_15_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_15_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_15_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_15_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_16_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_16_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_16_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_16_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_17_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_17_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_17_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_17_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_18_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_18_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_18_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_18_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_19_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_19_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_19_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_19_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_20_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_20_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_20_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_20_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_21_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_21_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_21_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_21_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_22_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_22_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_22_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_22_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_23_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_23_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_23_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_23_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_24_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_24_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_24_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_24_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_25_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_25_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_25_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_25_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_26_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_26_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_26_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_26_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_27_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_27_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_27_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_27_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_28_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_28_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_28_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_28_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_29_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_29_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_29_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_29_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_30_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_30_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_30_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_30_pkey;
ALTER INDEX public.idx_journal_coordinator ATTACH PARTITION public.journal_31_coordinator_id_coordinator_request_id_idx;
ALTER INDEX public.idx_journal_transfer ATTACH PARTITION public.journal_31_creditor_id_transfer_id_debtor_id_idx;
ALTER INDEX public.idx_journal_account ATTACH PARTITION public.journal_31_debtor_id_creditor_id_recorded_at_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_31_pkey;
