-- The schema of the time before stored procedures had versions, as pg_dump writes it.
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
CREATE FUNCTION public.account_id(p_creditor_id bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_creditor_id >= 0 THEN p_creditor_id::text
        ELSE (p_creditor_id + 18446744073709551616)::text
    END
$$;
CREATE FUNCTION public.apply_configuration(p_debtor_id bigint, p_creditor_id bigint, p_ts timestamp with time zone, p_seqnum integer, p_negligible_amount double precision, p_config_flags integer, p_config_data text, p_minimal_balance bigint, p_interest_rate double precision, p_info_iri text, p_info_content_type text, p_info_sha256 bytea) RETURNS void
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
        status_flags = a.status_flags & ~1,
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
        SELECT coalesce(status_flags & 1 = 1 AND interest_rate <> v_rate, false) AS takes_rate
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
CREATE FUNCTION public.balance_at(p_now timestamp with time zone, p_principal bigint, p_interest numeric, p_interest_rate double precision, p_last_change_ts timestamp with time zone) RETURNS numeric
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
CREATE FUNCTION public.capitalize_interest_v1(p_debtor_id bigint, p_creditor_id bigint, p_interval_min interval, p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
    v_interest numeric;
    v_amount bigint;
BEGIN
    SELECT * INTO v_account
    FROM account
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
        AND creditor_id <> 0
        AND status_flags & 1 = 0
        AND last_interest_capitalization_ts <= v_now - p_interval_min
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
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
END
$$;
CREATE FUNCTION public.change_interest_rate_v1(p_debtor_id bigint, p_creditor_id bigint, p_interest_rate double precision, p_ts timestamp with time zone, p_interval_min interval) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_rate double precision := least(greatest(p_interest_rate, -50), 100);
BEGIN
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
        AND status_flags & 1 = 0
        AND interest_rate <> v_rate
        AND p_ts >= v_now - interval '1 day'
        AND last_interest_rate_change_ts <= v_now - p_interval_min;
    IF FOUND THEN
        PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    END IF;
END
$$;
CREATE FUNCTION public.configure_accounts_v1(p_debtor_ids bigint[], p_creditor_ids bigint[], p_ts timestamp with time zone[], p_seqnums integer[], p_negligible_amounts double precision[], p_config_flags integer[], p_config_data text[], p_is_valid boolean[], p_minimal_balances bigint[], p_interest_rates double precision[], p_info_iris text[], p_info_content_types text[], p_info_sha256s bytea[], p_message_max_delay interval) RETURNS void
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
            p_debtor_ids, p_creditor_ids, p_ts, p_seqnums, p_negligible_amounts,
            p_config_flags, p_config_data, p_is_valid, p_minimal_balances,
            p_interest_rates, p_info_iris, p_info_content_types, p_info_sha256s
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
CREATE FUNCTION public.contain_principal(p_amount numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT least(greatest(p_amount, -9223372036854775807), 9223372036854775807)::bigint
$$;
CREATE FUNCTION public.creditors_interest_rate(p_debtor_id bigint, p_creditor_id bigint) RETURNS double precision
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
CREATE FUNCTION public.current_ts() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT coalesce(
        nullif(current_setting('swpt_accounts.now', true), '')::timestamptz,
        transaction_timestamp()
    )
$$;
CREATE FUNCTION public.demurrage_rate() RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT -50::double precision
$$;
CREATE FUNCTION public.drop_parent_accounts_v1(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE sql
    AS $$
    WITH dropped AS (
        SELECT debtor_id, creditor_id
        FROM account
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND NOT in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
            AND in_realm(debtor_id, creditor_id, p_realm_bits >> 1, greatest(p_realm_length - 1, 0))
        FOR UPDATE SKIP LOCKED
    ), freed AS (
        DELETE FROM account_key k USING dropped d
        WHERE k.debtor_id = d.debtor_id AND k.creditor_id = d.creditor_id
    )
    DELETE FROM account a USING dropped d
    WHERE a.debtor_id = d.debtor_id AND a.creditor_id = d.creditor_id
$$;
CREATE FUNCTION public.drop_parent_prepared_transfers_v1(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer) RETURNS void
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
CREATE FUNCTION public.drop_parent_rows_v1(p_table regclass, p_realm_bits integer, p_realm_length integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
DECLARE
    v_count bigint;
BEGIN
    EXECUTE format(
        'DELETE FROM %1$s q'
        ' WHERE NOT in_realm(%2$s, $1, $2) AND in_realm(%2$s, $1 >> 1, greatest($2 - 1, 0))',
        p_table, owner_columns(p_table)
    ) USING p_realm_bits, p_realm_length;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$_$;
CREATE FUNCTION public.drop_unmatched_finalization_requests(p_request_ids bigint[]) RETURNS integer
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
CREATE FUNCTION public.expendable_amount(p_balance numeric, p_total_locked_amount bigint, p_minimal_balance bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT contain_principal(floor(p_balance) - p_total_locked_amount - p_minimal_balance)
$$;
CREATE FUNCTION public.find_account_chores_v1(p_first_page bigint, p_end_page bigint, p_deletion_attempts_interval interval, p_capitalization_interval interval, p_interest_to_principal_ratio_max double precision, p_rate_change_interval interval, p_root_config_age_max interval DEFAULT '02:00:00'::interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS TABLE(chore_type text, debtor_id bigint, creditor_id bigint, interest_rate double precision, debtor_info_iri text, debtor_info_content_type text, debtor_info_sha256 bytea, ts timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    WITH page AS MATERIALIZED (
        SELECT a, a.debtor_id, a.creditor_id
        FROM account a
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND status_flags & 1 = 0
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
    WHERE (a).config_flags & 1 = 1
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
CREATE FUNCTION public.find_book_errors_v1(p_realm_bits integer, p_realm_length integer, p_count_max integer) RETURNS TABLE(debtor_id bigint, creditor_id bigint, error text)
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'on'
    SET enable_hashjoin TO 'on'
    AS $$
    WITH own_account AS (
        SELECT * FROM account
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), own_key AS (
        SELECT * FROM account_key
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), own_change AS (
        SELECT * FROM pending_balance_change
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
    ), own_lock AS (
        SELECT debtor_id, creditor_id, sum(locked_amount) AS amount, count(*) AS transfers_count
        FROM prepared_transfer
        WHERE in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        GROUP BY debtor_id, creditor_id
    ), amount AS (
        SELECT debtor_id, principal::numeric AS amount, status_flags & 2 <> 0 AS is_overflown
        FROM own_account
        WHERE p_realm_length = 0
        UNION ALL
        SELECT debtor_id, principal_delta, false
        FROM own_change
        WHERE p_realm_length = 0
    ), unapplied AS (
        SELECT * FROM registered_balance_change WHERE NOT is_applied
    )
    SELECT * FROM (
        SELECT
            debtor_id, NULL::bigint AS creditor_id,
            format('the principals, and the changes on their way, add up to %s', sum(amount))
        FROM amount
        GROUP BY debtor_id
        HAVING sum(amount) <> 0 AND NOT bool_or(is_overflown)
        UNION ALL
        SELECT
            debtor_id, creditor_id,
            format(
                'it has %s locked in %s transfers, its prepared transfers lock %s in %s',
                coalesce(a.total_locked_amount::text, 'no account, so nothing'),
                coalesce(a.pending_transfers_count, 0),
                coalesce(l.amount, 0), coalesce(l.transfers_count, 0)
            )
        FROM own_account a FULL JOIN own_lock l USING (debtor_id, creditor_id)
        WHERE a.total_locked_amount IS DISTINCT FROM coalesce(l.amount, 0)
            OR a.pending_transfers_count IS DISTINCT FROM coalesce(l.transfers_count, 0)
        UNION ALL
        SELECT
            debtor_id, creditor_id,
            format('it is deleted, and has %s with %s interest', principal, interest)
        FROM own_account
        WHERE status_flags & 1 = 1 AND (principal <> 0 OR interest <> 0)
        UNION ALL
        SELECT
            debtor_id, creditor_id,
            CASE WHEN k IS NULL THEN 'it has no key' ELSE 'it has a key, and is not there' END
        FROM own_account a FULL JOIN own_key k USING (debtor_id, creditor_id)
        WHERE a IS NULL OR k IS NULL
        UNION ALL
        SELECT
            debtor_id, c.creditor_id,
            CASE
                WHEN u IS NULL
                    THEN format('change %s waits, and the archive does not say so', change_id)
                ELSE format('change %s was received, and is lost', change_id)
            END
        FROM (SELECT * FROM own_change WHERE is_registered) AS c
        FULL JOIN unapplied u USING (debtor_id, other_creditor_id, change_id)
        -- both children of a split shard keep the archive, each of them half of what waits
        WHERE u IS NULL OR (c IS NULL AND p_realm_length = 0)
    ) AS e
    LIMIT p_count_max
$$;
CREATE FUNCTION public.find_foreign_row_v1(p_table regclass, p_realm_bits integer, p_realm_length integer) RETURNS TABLE(debtor_id bigint, creditor_id bigint)
    LANGUAGE plpgsql
    AS $_$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %2$s FROM %1$s q WHERE NOT in_realm(%2$s, $1, $2) LIMIT 1',
        p_table, owner_columns(p_table)
    ) USING p_realm_bits, p_realm_length;
END
$_$;
CREATE FUNCTION public.find_handled_v1(p_digests bytea[]) RETURNS bytea[]
    LANGUAGE sql STABLE
    SET enable_hashjoin TO 'on'
    AS $$
    SELECT coalesce(array_agg(d.digest), '{}')
    FROM handled_batch b
    CROSS JOIN unnest(b.digests) AS d (digest)
    JOIN unnest(p_digests) AS p (digest) ON p.digest = d.digest
$$;
CREATE FUNCTION public.find_unknown_debtors(p_debtor_ids bigint[], p_realm_bits integer, p_realm_length integer, p_age_max interval) RETURNS TABLE(debtor_id bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT DISTINCT d.debtor_id
    FROM unnest(p_debtor_ids) AS d (debtor_id)
    WHERE NOT in_realm(d.debtor_id, 0, p_realm_bits, p_realm_length)
        AND NOT EXISTS (
            SELECT FROM root_config c
            WHERE c.debtor_id = d.debtor_id AND c.fetched_at > current_ts() - p_age_max
        )
$$;
CREATE FUNCTION public.find_unknown_debtors_of_new_accounts_v1(p_debtor_ids bigint[], p_creditor_ids bigint[], p_realm_bits integer, p_realm_length integer, p_age_max interval) RETURNS TABLE(debtor_id bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT u.debtor_id
    FROM find_unknown_debtors(
        ARRAY(
            SELECT k.debtor_id
            FROM unnest(p_debtor_ids, p_creditor_ids) AS k (debtor_id, creditor_id)
            WHERE k.creditor_id <> 0 AND NOT EXISTS (
                SELECT FROM account a
                WHERE a.debtor_id = k.debtor_id AND a.creditor_id = k.creditor_id
                    AND a.status_flags & 1 = 0
            )
        ),
        p_realm_bits, p_realm_length, p_age_max
    ) AS u
$$;
CREATE FUNCTION public.find_unknown_debtors_on_pages_v1(p_first_page bigint, p_end_page bigint, p_realm_bits integer, p_realm_length integer, p_age_max interval) RETURNS TABLE(debtor_id bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT u.debtor_id
    FROM find_unknown_debtors(
        ARRAY(
            SELECT DISTINCT a.debtor_id
            FROM account a
            WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
                AND a.creditor_id <> 0 AND a.status_flags & 1 = 0
        ),
        p_realm_bits, p_realm_length, p_age_max
    ) AS u
$$;
CREATE FUNCTION public.forget_balance_changes_v1(p_first_page bigint, p_end_page bigint, p_threshold_ts timestamp with time zone) RETURNS void
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
CREATE FUNCTION public.forget_handled_v1(p_age_max interval) RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM handled_batch
    WHERE id IN (
        SELECT id FROM handled_batch
        WHERE handled_at < current_ts() - p_age_max
        FOR UPDATE SKIP LOCKED
    )
$$;
CREATE FUNCTION public.get_config_data_v1(p_debtor_id bigint, p_creditor_id bigint) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT config_data
    FROM account
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id AND status_flags & 1 = 0
$$;
CREATE FUNCTION public.growth(p_rate double precision, p_seconds numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_rate = 0 OR p_seconds <= 0 THEN 1::numeric
        ELSE exp(round(
            ln((1 + p_rate::text::numeric / 100)::numeric(60, 40)) * p_seconds / 31557600, 40
        ))
    END
$$;
CREATE FUNCTION public.in_realm(p_debtor_id bigint, p_creditor_id bigint, p_bits integer, p_length integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_length = 0 OR p_bits = (
        ('x' || left(md5(int8send(p_debtor_id) || int8send(p_creditor_id)), 6))::bit(24)::integer
        >> (24 - p_length)
    )
$$;
CREATE FUNCTION public.interest_part(p_balance numeric, p_principal bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT round(least(greatest(p_balance - p_principal, -1e36), 1e36), 20)
$$;
CREATE FUNCTION public.is_at_most(p_amount bigint, p_float double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_float >= 9223372036854775808 THEN true
        WHEN p_float < -9223372036854775808 THEN false
        ELSE p_amount <= floor(p_float)::bigint
    END
$$;
CREATE FUNCTION public.is_later_config(p_ts timestamp with time zone, p_seqnum integer, p_other_ts timestamp with time zone, p_other_seqnum integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_ts > p_other_ts OR p_ts = p_other_ts AND is_later_seqnum(p_seqnum, p_other_seqnum)
$$;
CREATE FUNCTION public.is_later_seqnum(p_seqnum integer, p_other integer) RETURNS boolean
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
CREATE FUNCTION public.is_negligible_balance(p_account public.account, p_now timestamp with time zone) RETURNS boolean
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
CREATE FUNCTION public.is_reachable_v1(p_debtor_id bigint, p_creditor_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT p_creditor_id = 0 OR coalesce((
        SELECT status_flags & 1 = 0 AND config_flags & 1 = 0
        FROM account
        WHERE debtor_id = p_debtor_id
            AND creditor_id >= p_creditor_id AND creditor_id <= p_creditor_id
        ORDER BY creditor_id DESC
        LIMIT 1
    ), false)
$$;
CREATE FUNCTION public.is_root_deleted(p_debtor_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT status_flags & 1 = 1 FROM account WHERE debtor_id = p_debtor_id AND creditor_id = 0
    ), false)
$$;
CREATE FUNCTION public.lease_unverified_requests_v1(p_count_max integer, p_lease interval) RETURNS TABLE(id bigint, debtor_id bigint, recipient_creditor_id bigint)
    LANGUAGE sql
    AS $$
    WITH due AS MATERIALIZED (
        SELECT q.ctid AS tid
        FROM unverified_transfer_request q
        WHERE q.next_attempt_at <= current_ts()
        ORDER BY q.next_attempt_at, q.id
        LIMIT p_count_max
        FOR UPDATE SKIP LOCKED
    )
    UPDATE unverified_transfer_request q
    SET next_attempt_at = current_ts() + p_lease, attempts_count = q.attempts_count + 1
    FROM due d
    WHERE q.ctid = d.tid
    RETURNING q.id, q.debtor_id, q.recipient_creditor_id
$$;
CREATE FUNCTION public.message_number(p_body bytea, p_field text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT (convert_from(p_body, 'UTF8')::json ->> p_field)::bigint
$$;
CREATE FUNCTION public.missed_interest(p_now timestamp with time zone, p_amount bigint, p_committed_at timestamp with time zone, p_previous_interest_rate double precision, p_interest_rate double precision, p_last_interest_rate_change_ts timestamp with time zone) RETURNS numeric
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
CREATE FUNCTION public.next_change_id() RETURNS bigint
    LANGUAGE sql
    AS $$
    SELECT (
        (extract(epoch FROM current_ts() - timestamptz '2020-01-01 00:00:00+00') * 1000)::bigint
        << 22
    ) | (nextval('change_id_seq') & 4194303)
$$;
CREATE FUNCTION public.next_seqnum(p_seqnum integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN p_seqnum = 2147483647 THEN -2147483648 ELSE p_seqnum + 1 END
$$;
CREATE FUNCTION public.note_handled_v1(p_digests bytea[]) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO handled_batch (handled_at, digests) VALUES (current_ts(), p_digests)
$$;
CREATE FUNCTION public.note_verifications_v1(p_ids bigint[], p_are_reachable boolean[], p_patience interval) RETURNS integer
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
            a.is_reachable, CASE WHEN q.received_at <= v_now - p_patience THEN false END
        ) AS is_reachable, a.is_reachable IS NULL AS is_unanswered
        FROM unnest(p_ids, p_are_reachable) AS a (id, is_reachable)
        CROSS JOIN LATERAL (
            SELECT ctid AS tid, received_at FROM unverified_transfer_request
            WHERE id = a.id
            FOR UPDATE
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
            final_interest_rate_ts, deadline
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline
        FROM concluded WHERE is_reachable ORDER BY id
        RETURNING 1
    ), rejected AS (
        INSERT INTO rejected_transfer_signal (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            status_code, total_locked_amount, ts
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            'RECIPIENT_IS_UNREACHABLE', 0, v_now
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
CREATE FUNCTION public.open_account(p_debtor_id bigint, p_creditor_id bigint) RETURNS boolean
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
CREATE FUNCTION public.owner_columns(p_table regclass) RETURNS text
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
CREATE FUNCTION public.page_start(p_page bigint) RETURNS tid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT format('(%s,0)', p_page)::tid
$$;
CREATE FUNCTION public.process_balance_changes_v1(p_after_id bigint, p_count_max integer, OUT taken integer, OUT seen integer, OUT last_id bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_candidates bigint[];
    r record;
    n integer := 0;
    v_count integer;
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
    SELECT array_agg(id), max(id) INTO v_candidates, last_id
    FROM (
        SELECT id FROM pending_balance_change WHERE id > p_after_id ORDER BY id LIMIT p_count_max
    ) AS q;
    seen := coalesce(cardinality(v_candidates), 0);
    taken := 0;
    IF seen = 0 THEN
        RETURN;
    END IF;
    PERFORM open_account(m.debtor_id, m.creditor_id)
    FROM (
        SELECT DISTINCT debtor_id, creditor_id
        FROM pending_balance_change q
        WHERE q.id = ANY (v_candidates) AND NOT EXISTS (
            SELECT FROM account_key k
            WHERE k.debtor_id = q.debtor_id AND k.creditor_id = q.creditor_id
            OFFSET 0
        )
        ORDER BY debtor_id, creditor_id
    ) AS m;
    FOR r IN
        SELECT
            q.ctid AS tid, q.debtor_id, q.creditor_id, q.principal_delta, q.coordinator_type,
            q.committed_at, a.creation_date, a.principal, a.interest, a.interest_rate,
            a.previous_interest_rate, a.last_interest_rate_change_ts, a.last_change_ts,
            a.negligible_amount, a.last_transfer_number, a.last_transfer_committed_at,
            a.status_flags & 1 = 1 OR a.last_heartbeat_ts = t0() AS must_announce,
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
    taken := cardinality(v_tids);
    IF taken = 0 THEN
        RETURN;
    END IF;
    UPDATE account a SET
        principal = s.principal,
        interest = s.interest,
        status_flags = (a.status_flags & ~1) | CASE WHEN s.is_overflown THEN 2 ELSE 0 END,
        last_change_seqnum = next_seqnum(a.last_change_seqnum),
        last_change_ts = greatest(a.last_change_ts, v_now),
        last_transfer_number = s.transfer_number,
        last_transfer_committed_at = s.transfer_committed_at,
        pending_account_update = NOT s.is_announced,
        last_heartbeat_ts = CASE WHEN s.is_announced THEN v_now ELSE a.last_heartbeat_ts END
    FROM unnest(
        v_account_tids, v_new_principals, v_new_interests, v_last_numbers,
        v_last_committed_at, v_are_overflown, v_are_announced
    ) AS s (
        tid, principal, interest, transfer_number, transfer_committed_at, is_overflown, is_announced
    )
    WHERE a.ctid = s.tid;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    ASSERT v_count = n, 'a locked account has moved';
    PERFORM record_account_updates(array_agg(s.debtor_id), array_agg(s.creditor_id))
    FROM unnest(v_debtor_ids, v_creditor_ids, v_are_announced)
        AS s (debtor_id, creditor_id, is_announced)
    WHERE s.is_announced;
    WITH applied AS (
        DELETE FROM pending_balance_change q
        USING unnest(
            v_tids, v_are_reported, v_creation_dates, v_transfer_numbers, v_principals
        ) AS o (tid, is_reported, creation_date, transfer_number, principal)
        WHERE q.ctid = o.tid
        RETURNING q.*, o.is_reported, o.creation_date, o.transfer_number, o.principal
    ), reported AS (
        INSERT INTO account_transfer_signal (
            debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
            sender, recipient, acquired_amount, transfer_note, transfer_note_format,
            committed_at, principal, previous_transfer_number, ts
        )
        SELECT
            debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
            account_id(CASE WHEN principal_delta > 0 THEN other_creditor_id ELSE creditor_id END),
            account_id(CASE WHEN principal_delta > 0 THEN creditor_id ELSE other_creditor_id END),
            principal_delta, transfer_note, transfer_note_format,
            committed_at, principal, transfer_number - 1, v_now
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
    ASSERT v_count = taken, 'a locked change has moved';
    IF true = ANY (v_are_reported) THEN
        PERFORM wake('AccountTransferSignal');
    END IF;
    IF false = ANY (v_are_announced) THEN
        PERFORM wake('PendingAccountUpdate');
    END IF;
END
$$;
CREATE FUNCTION public.process_finalization_requests_v1(p_after_id bigint, p_count_max integer, p_realm_bits integer, p_realm_length integer, OUT taken integer, OUT seen integer, OUT last_id bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_candidates bigint[];
    r record;
    n integer := 0;
    v_count integer;
    v_reported bigint;
    v_queued bigint;
    v_posted bigint;
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
    v_finished bigint[];
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
    SELECT array_agg(id), max(id) INTO v_candidates, last_id
    FROM (
        SELECT id FROM finalization_request WHERE id > p_after_id ORDER BY id LIMIT p_count_max
    ) AS q;
    seen := coalesce(cardinality(v_candidates), 0);
    taken := 0;
    IF seen = 0 THEN
        RETURN;
    END IF;
    FOR r IN
        SELECT
            q.ctid AS tid, q.debtor_id, q.creditor_id, q.transfer_id, q.committed_amount,
            p.locked_amount, p.prepared_at, p.final_interest_rate_ts, p.deadline,
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
            v_finished := '{}';
        END IF;
        -- only the first of several requests for one transfer counts
        CONTINUE WHEN r.transfer_id = ANY (v_finished);
        v_finished := v_finished || r.transfer_id;
        v_status := CASE
            WHEN r.committed_amount = 0 THEN 'OK'
            WHEN v_now > r.deadline THEN 'TIMEOUT'
            WHEN r.last_interest_rate_change_ts > r.final_interest_rate_ts
                THEN 'NEWER_INTEREST_RATE'
            WHEN r.committed_amount <= v_expendable + r.locked_amount THEN 'OK'
            WHEN r.committed_amount > r.locked_amount THEN 'INSUFFICIENT_AVAILABLE_AMOUNT'
            WHEN r.creditor_id = 0 OR r.committed_amount <= round(
                r.locked_amount
                * growth(r.demurrage_rate, seconds_between(r.prepared_at, v_now)),
                20
            ) THEN 'OK'
            ELSE 'INSUFFICIENT_AVAILABLE_AMOUNT'
        END;
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
    taken := cardinality(v_tids);
    IF taken > 0 THEN
        UPDATE account a SET
            total_locked_amount = s.total_locked_amount,
            pending_transfers_count = s.pending_transfers_count,
            principal = s.principal,
            interest = CASE WHEN s.is_changed THEN s.interest ELSE a.interest END,
            status_flags = CASE WHEN s.is_overflown THEN a.status_flags | 2 ELSE a.status_flags END,
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
            v_account_tids, v_new_principals, v_new_interests, v_total_lockeds,
            v_transfers_counts, v_seqnums, v_last_numbers, v_are_changed, v_are_overflown
        ) AS s (
            tid, principal, interest, total_locked_amount, pending_transfers_count, seqnum,
            transfer_number, is_changed, is_overflown
        )
        WHERE a.ctid = s.tid;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        ASSERT v_count = n, 'a locked account has moved';
        WITH outcome AS (
            DELETE FROM finalization_request q
            USING unnest(
                v_tids, v_transfer_tids, v_statuses, v_amounts, v_totals, v_creation_dates,
                v_transfer_numbers, v_principals
            ) AS o (
                tid, transfer_tid, status_code, amount, total_locked_amount, creation_date,
                transfer_number, principal
            )
            WHERE q.ctid = o.tid
            RETURNING
                q.id, q.debtor_id, q.creditor_id, q.transfer_id, q.transfer_note,
                q.transfer_note_format, o.*
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
                prepared_at, ts
            )
            SELECT
                debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
                coordinator_request_id, amount, status_code, total_locked_amount,
                prepared_at, greatest(v_now, prepared_at)
            FROM finalized ORDER BY id
        ), reported AS (
            INSERT INTO account_transfer_signal (
                debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
                sender, recipient, acquired_amount, transfer_note, transfer_note_format,
                committed_at, principal, previous_transfer_number, ts
            )
            SELECT
                debtor_id, creditor_id, creation_date, transfer_number, coordinator_type,
                account_id(creditor_id), account_id(recipient_creditor_id), -amount,
                transfer_note, transfer_note_format, v_now, principal,
                transfer_number - 1, v_now
            FROM finalized WHERE amount > 0 AND creditor_id <> 0 ORDER BY id
            RETURNING 1
        ), change AS MATERIALIZED (
            SELECT
                id, debtor_id, recipient_creditor_id AS creditor_id,
                creditor_id AS other_creditor_id, amount AS principal_delta, coordinator_type,
                transfer_note, transfer_note_format,
                in_realm(debtor_id, recipient_creditor_id, p_realm_bits, p_realm_length)
                    AS is_local
            FROM finalized WHERE amount > 0
        ), queued AS (
            INSERT INTO pending_balance_change (
                debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
                coordinator_type, transfer_note, transfer_note_format, committed_at
            )
            SELECT
                debtor_id, creditor_id, other_creditor_id, next_change_id(), principal_delta,
                coordinator_type, transfer_note, transfer_note_format, v_now
            FROM change WHERE is_local ORDER BY id
            RETURNING 1
        ), posted AS (
            INSERT INTO pending_balance_change_signal (
                debtor_id, creditor_id, other_creditor_id, change_id, coordinator_type,
                transfer_note_format, transfer_note, committed_at, principal_delta, ts
            )
            SELECT
                debtor_id, creditor_id, other_creditor_id, next_change_id(), coordinator_type,
                transfer_note_format, transfer_note, v_now, principal_delta, v_now
            FROM change WHERE NOT is_local ORDER BY id
            RETURNING 1
        )
        SELECT
            (SELECT count(*) FROM finalized),
            (SELECT count(*) FROM reported),
            (SELECT count(*) FROM queued),
            (SELECT count(*) FROM posted)
        INTO v_count, v_reported, v_queued, v_posted;
        ASSERT v_count = taken, 'a locked transfer has moved';
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
        IF true = ANY (v_are_changed) THEN
            PERFORM wake('PendingAccountUpdate');
        END IF;
    END IF;
    IF taken < seen THEN
        taken := taken + drop_unmatched_finalization_requests(v_candidates);
    END IF;
END
$$;
CREATE FUNCTION public.process_transfer_requests_v1(p_after_id bigint, p_count_max integer, p_commit_period interval, OUT taken integer, OUT seen integer, OUT last_id bigint) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
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
    v_count integer;
    -- an element for each of the n senders
    v_account_tids tid[] := '{}';
    v_total_lockeds bigint[] := '{}';
    v_transfers_counts integer[] := '{}';
    v_last_transfer_ids bigint[] := '{}';
BEGIN
    SELECT array_agg(id), max(id) INTO v_candidates, last_id
    FROM (
        SELECT id FROM transfer_request WHERE id > p_after_id ORDER BY id LIMIT p_count_max
    ) AS q;
    seen := coalesce(cardinality(v_candidates), 0);
    taken := 0;
    IF seen = 0 THEN
        RETURN;
    END IF;
    FOR r IN
        SELECT
            q.ctid AS tid, q.debtor_id, q.creditor_id, q.coordinator_type, q.recipient_creditor_id,
            q.min_locked_amount, q.max_locked_amount, q.final_interest_rate_ts,
            a.principal, a.interest, a.interest_rate, a.last_change_ts, a.minimal_balance,
            a.last_interest_rate_change_ts, a.total_locked_amount, a.pending_transfers_count,
            a.last_transfer_id, a.tid AS account_tid
        FROM transfer_request q
        CROSS JOIN LATERAL (
            -- backwards, from the newest version of the row: see decision 12
            SELECT ctid AS tid, * FROM account
            WHERE debtor_id = q.debtor_id
                AND creditor_id >= q.creditor_id AND creditor_id <= q.creditor_id
                AND status_flags & 1 = 0
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
    taken := cardinality(v_tids);
    IF taken > 0 THEN
        IF v_prepared > 0 THEN
            UPDATE account a SET
                total_locked_amount = s.total_locked_amount,
                pending_transfers_count = s.pending_transfers_count,
                last_transfer_id = s.last_transfer_id
            FROM unnest(
                v_account_tids, v_total_lockeds, v_transfers_counts, v_last_transfer_ids
            ) AS s (tid, total_locked_amount, pending_transfers_count, last_transfer_id)
            WHERE a.ctid = s.tid
                AND a.last_transfer_id <> s.last_transfer_id;
            GET DIAGNOSTICS v_count = ROW_COUNT;
            ASSERT v_count = v_changed, 'a locked account has moved';
            PERFORM wake('PreparedTransferSignal');
        END IF;
        IF v_prepared < taken THEN
            PERFORM wake('RejectedTransferSignal');
        END IF;
        WITH outcome AS (
            DELETE FROM transfer_request q
            USING unnest(v_tids, v_statuses, v_locks, v_transfer_ids, v_totals)
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
                demurrage_rate, deadline, final_interest_rate_ts, ts
            )
            SELECT
                debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
                coordinator_request_id, locked_amount, account_id(recipient_creditor_id), v_now,
                demurrage_rate(), final_deadline, final_interest_rate_ts, v_now
            FROM outcome WHERE status_code = 'OK'
        ), rejected AS (
            INSERT INTO rejected_transfer_signal (
                debtor_id, creditor_id, coordinator_type, coordinator_id,
                coordinator_request_id, status_code, total_locked_amount, ts
            )
            SELECT
                debtor_id, creditor_id, coordinator_type, coordinator_id,
                coordinator_request_id, status_code, total_locked_amount, v_now
            FROM outcome WHERE status_code <> 'OK'
        )
        SELECT count(*) INTO v_count FROM outcome;
        ASSERT v_count = taken, 'a locked request has moved';
    END IF;
    IF taken < seen THEN
        taken := taken + reject_unreachable_senders(v_candidates);
    END IF;
END
$$;
CREATE FUNCTION public.purge_accounts_v1(p_first_page bigint, p_end_page bigint, p_deleted_for_min interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
    WITH purgeable AS (
        SELECT debtor_id, creditor_id
        FROM account
        WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
            AND status_flags & 1 = 1
            AND last_change_ts < v_now - p_deleted_for_min
            AND creation_date < (v_now AT TIME ZONE 'UTC')::date - 3
            AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
        FOR UPDATE SKIP LOCKED
    ), purged AS (
        DELETE FROM account a USING purgeable p
        WHERE a.debtor_id = p.debtor_id AND a.creditor_id = p.creditor_id
        RETURNING a.debtor_id, a.creditor_id, a.creation_date
    ), freed AS (
        DELETE FROM account_key k USING purged p
        WHERE k.debtor_id = p.debtor_id AND k.creditor_id = p.creditor_id
    ), forgotten AS (
        DELETE FROM root_config c USING purged p
        WHERE c.debtor_id = p.debtor_id AND p.creditor_id = 0
    )
    INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)
    SELECT debtor_id, creditor_id, creation_date, v_now FROM purged;
    IF FOUND THEN
        PERFORM wake('AccountPurgeSignal');
    END IF;
END
$$;
CREATE FUNCTION public.put_aside_messages_v1(p_signal_names text[], p_bodies bytea[], p_reasons text[], p_attempts_counts integer[]) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO returned_message (signal_name, body, reason, attempts_count, next_attempt_at)
    SELECT
        signal_name, body, reason, attempts_count,
        current_ts() + least(interval '1 second' * 2 ^ least(attempts_count, 20), '15 minutes')
    FROM unnest(p_signal_names, p_bodies, p_reasons, p_attempts_counts)
        AS m (signal_name, body, reason, attempts_count)
$$;
CREATE FUNCTION public.receive_balance_changes_v1(p_debtor_ids bigint[], p_creditor_ids bigint[], p_other_creditor_ids bigint[], p_change_ids bigint[], p_principal_deltas bigint[], p_coordinator_types text[], p_transfer_notes text[], p_transfer_note_formats text[], p_committed_at timestamp with time zone[], p_threshold_ts timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH message AS MATERIALIZED (
        SELECT DISTINCT ON (debtor_id, other_creditor_id, change_id) *
        FROM unnest(
            p_debtor_ids, p_creditor_ids, p_other_creditor_ids, p_change_ids,
            p_principal_deltas, p_coordinator_types, p_transfer_notes,
            p_transfer_note_formats, p_committed_at
        ) WITH ORDINALITY AS m (
            debtor_id, creditor_id, other_creditor_id, change_id, principal_delta,
            coordinator_type, transfer_note, transfer_note_format, committed_at, arrival
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
        coordinator_type, transfer_note, transfer_note_format, committed_at, is_registered
    )
    SELECT
        m.debtor_id, m.creditor_id, m.other_creditor_id, m.change_id, m.principal_delta,
        m.coordinator_type, m.transfer_note, m.transfer_note_format, m.committed_at, true
    FROM message m
    JOIN registered r USING (debtor_id, other_creditor_id, change_id)
    ORDER BY m.arrival;
    IF FOUND THEN
        PERFORM wake('PendingBalanceChange');
    END IF;
END
$$;
CREATE FUNCTION public.receive_finalization_requests_v1(p_debtor_ids bigint[], p_creditor_ids bigint[], p_transfer_ids bigint[], p_coordinator_types text[], p_coordinator_ids bigint[], p_coordinator_request_ids bigint[], p_committed_amounts bigint[], p_transfer_notes text[], p_transfer_note_formats text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO finalization_request (
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, committed_amount, transfer_note, transfer_note_format
    )
    SELECT
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, committed_amount, transfer_note, transfer_note_format
    FROM unnest(
        p_debtor_ids, p_creditor_ids, p_transfer_ids, p_coordinator_types, p_coordinator_ids,
        p_coordinator_request_ids, p_committed_amounts, p_transfer_notes,
        p_transfer_note_formats
    ) WITH ORDINALITY AS m (
        debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
        coordinator_request_id, committed_amount, transfer_note, transfer_note_format, arrival
    )
    ORDER BY arrival;
    PERFORM wake('FinalizationRequest');
END
$$;
CREATE FUNCTION public.receive_transfer_requests_v1(p_debtor_ids bigint[], p_creditor_ids bigint[], p_coordinator_types text[], p_coordinator_ids bigint[], p_coordinator_request_ids bigint[], p_min_locked_amounts bigint[], p_max_locked_amounts bigint[], p_recipients bigint[], p_final_interest_rate_ts timestamp with time zone[], p_max_commit_delays integer[], p_ts timestamp with time zone[], p_realm_bits integer, p_realm_length integer) RETURNS void
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
                WHEN is_reachable_v1(debtor_id, recipient) THEN 'reachable'
                ELSE 'unreachable'
            END AS verdict
        FROM unnest(
            p_debtor_ids, p_creditor_ids, p_coordinator_types, p_coordinator_ids,
            p_coordinator_request_ids, p_min_locked_amounts, p_max_locked_amounts,
            p_recipients, p_final_interest_rate_ts, p_max_commit_delays, p_ts
        ) WITH ORDINALITY AS m (
            debtor_id, creditor_id, coordinator_type, coordinator_id,
            coordinator_request_id, min_locked_amount, max_locked_amount,
            recipient, final_interest_rate_ts, max_commit_delay, ts, arrival
        )
    ), queued AS (
        INSERT INTO transfer_request (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient,
            final_interest_rate_ts, ts + make_interval(secs => max_commit_delay)
        FROM request WHERE verdict = 'reachable' ORDER BY arrival
        RETURNING 1
    ), unverified AS (
        INSERT INTO unverified_transfer_request (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient_creditor_id,
            final_interest_rate_ts, deadline, received_at, next_attempt_at
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            min_locked_amount, max_locked_amount, recipient,
            final_interest_rate_ts, ts + make_interval(secs => max_commit_delay), v_now, v_now
        FROM request WHERE verdict = 'unverified' ORDER BY arrival
        RETURNING 1
    ), rejected AS (
        INSERT INTO rejected_transfer_signal (
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            status_code, total_locked_amount, ts
        )
        SELECT
            debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
            'RECIPIENT_IS_UNREACHABLE', 0, v_now
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
CREATE FUNCTION public.record_account_updates(p_debtor_ids bigint[], p_creditor_ids bigint[]) RETURNS void
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
    SELECT u.*
    FROM unnest(p_debtor_ids, p_creditor_ids) AS k (debtor_id, creditor_id)
    JOIN account_update u ON u.debtor_id = k.debtor_id AND u.creditor_id = k.creditor_id;
    IF FOUND THEN
        PERFORM wake('AccountUpdateSignal');
    END IF;
END
$$;
CREATE FUNCTION public.reject_unreachable_senders(p_request_ids bigint[]) RETURNS integer
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
                AND a.status_flags & 1 = 0
            OFFSET 0
        )
        FOR UPDATE SKIP LOCKED
    ), rejected AS (
        DELETE FROM transfer_request q USING unreachable u WHERE q.ctid = u.tid
        RETURNING q.*
    )
    INSERT INTO rejected_transfer_signal (
        debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
        status_code, total_locked_amount, ts
    )
    SELECT
        debtor_id, creditor_id, coordinator_type, coordinator_id, coordinator_request_id,
        'SENDER_IS_UNREACHABLE', 0, current_ts()
    FROM rejected ORDER BY id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count > 0 THEN
        PERFORM wake('RejectedTransferSignal');
    END IF;
    RETURN v_count;
END
$$;
CREATE FUNCTION public.remember_root_configs_v1(p_debtor_ids bigint[], p_interest_rates double precision[], p_info_iris text[], p_info_content_types text[], p_info_sha256s bytea[], p_count_max integer) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO root_config (
        debtor_id, interest_rate, info_iri, info_content_type, info_sha256, fetched_at
    )
    SELECT m.*, current_ts()
    FROM unnest(
        p_debtor_ids, p_interest_rates, p_info_iris, p_info_content_types, p_info_sha256s
    ) AS m
    ORDER BY 1
    ON CONFLICT (debtor_id) DO UPDATE SET
        interest_rate = excluded.interest_rate,
        info_iri = excluded.info_iri,
        info_content_type = excluded.info_content_type,
        info_sha256 = excluded.info_sha256,
        fetched_at = excluded.fetched_at;
    DELETE FROM root_config
    WHERE debtor_id IN (
        SELECT debtor_id
        FROM root_config
        WHERE fetched_at IS NOT NULL
        ORDER BY fetched_at DESC
        OFFSET p_count_max
    )
$$;
CREATE FUNCTION public.remind_of_prepared_transfers_v1(p_first_page bigint, p_end_page bigint, p_reminder_interval interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS void
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
CREATE FUNCTION public.same_agent(p_creditor_id_1 bigint, p_creditor_id_2 bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT p_creditor_id_1 >> 40 = p_creditor_id_2 >> 40 AND p_creditor_id_1 >> 40 <> 0
$$;
CREATE FUNCTION public.seconds_between(p_from timestamp with time zone, p_to timestamp with time zone) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT greatest(extract(epoch FROM p_to - p_from), 0)
$$;
CREATE FUNCTION public.send_due_account_updates_v1(p_first_page bigint, p_end_page bigint, p_heartbeat interval, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS void
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
            AND status_flags & 1 = 0
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
CREATE FUNCTION public.send_prompt_account_updates_v1(p_quiet_min interval, p_count_max integer, p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0) RETURNS integer
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
            AND status_flags & 1 = 0
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
CREATE FUNCTION public.t0() RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00'
$$;
CREATE FUNCTION public.table_pages_v1(p_table regclass) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT pg_relation_size(p_table) / current_setting('block_size')::bigint
$$;
CREATE FUNCTION public.take_due_messages_v1(p_signal_names text[], p_count_max integer) RETURNS TABLE(id bigint, signal_name text, body bytea, attempts_count integer)
    LANGUAGE sql
    AS $$
    DELETE FROM returned_message m
    WHERE m.ctid = ANY (ARRAY(
        SELECT due.ctid
        FROM returned_message due
        WHERE due.next_attempt_at <= current_ts() AND due.signal_name = ANY (p_signal_names)
        ORDER BY due.next_attempt_at
        LIMIT p_count_max
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING m.id, m.signal_name, m.body, m.attempts_count
$$;
CREATE FUNCTION public.transfer_from_root(p_debtor_id bigint, p_creditor_id bigint, p_amount bigint, p_coordinator_type text, p_realm_bits integer, p_realm_length integer) RETURNS void
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
CREATE FUNCTION public.try_to_delete_account_v1(p_debtor_id bigint, p_creditor_id bigint, p_realm_bits integer, p_realm_length integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
    v_account account;
BEGIN
    UPDATE account SET last_deletion_attempt_ts = v_now
    WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id AND status_flags & 1 = 0
    RETURNING * INTO v_account;
    IF NOT FOUND
        OR v_account.config_flags & 1 = 0
        OR v_account.pending_transfers_count > 0
        OR NOT is_negligible_balance(v_account, v_now)
    THEN
        RETURN;
    END IF;
    UPDATE account SET
        principal = 0,
        interest = 0,
        total_locked_amount = 0,
        status_flags = status_flags | 1,
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
END
$$;
CREATE FUNCTION public.update_debtor_info_v1(p_debtor_id bigint, p_creditor_id bigint, p_iri text, p_content_type text, p_sha256 bytea, p_ts timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    v_now timestamptz := current_ts();
BEGIN
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
        AND status_flags & 1 = 0
        AND (debtor_info_iri, debtor_info_content_type, debtor_info_sha256)
            IS DISTINCT FROM (p_iri, p_content_type, p_sha256)
        AND p_ts >= v_now - interval '1 day';
    IF FOUND THEN
        PERFORM record_account_updates(ARRAY[p_debtor_id], ARRAY[p_creditor_id]);
    END IF;
END
$$;
CREATE FUNCTION public.wake(p_topic text) RETURNS void
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
    ts timestamp with time zone NOT NULL
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
CREATE VIEW public.account_update AS
 SELECT account.debtor_id,
    account.creditor_id,
    account.creation_date,
    account.last_change_ts,
    account.last_change_seqnum,
    account.principal,
    (account.interest)::double precision AS interest,
    account.interest_rate,
    account.last_interest_rate_change_ts,
    account.last_config_ts,
    account.last_config_seqnum,
    account.negligible_amount,
    account.config_flags,
    account.config_data,
    public.account_id(account.creditor_id) AS account_id,
    account.debtor_info_iri,
    account.debtor_info_content_type,
    account.debtor_info_sha256,
    account.last_transfer_number,
    account.last_transfer_committed_at,
    GREATEST(public.current_ts(), account.last_change_ts) AS ts
   FROM public.account;
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
    transfer_note_format text NOT NULL
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
    ts timestamp with time zone NOT NULL
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
    is_registered boolean DEFAULT false NOT NULL
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
    ts timestamp with time zone NOT NULL
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
    ts timestamp with time zone NOT NULL
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
CREATE TABLE public.registered_balance_change (
    debtor_id bigint NOT NULL,
    other_creditor_id bigint NOT NULL,
    change_id bigint NOT NULL,
    committed_at timestamp with time zone NOT NULL,
    is_applied boolean DEFAULT false NOT NULL
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
    ts timestamp with time zone NOT NULL
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
CREATE TABLE public.returned_message (
    id bigint NOT NULL,
    signal_name text NOT NULL,
    body bytea NOT NULL,
    reason text NOT NULL,
    attempts_count integer DEFAULT 1 NOT NULL,
    next_attempt_at timestamp with time zone NOT NULL
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
    deadline timestamp with time zone NOT NULL
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
    deadline timestamp with time zone NOT NULL
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
INSERT INTO public.alembic_version (version_num) VALUES ('0001');
SELECT pg_catalog.setval('public.account_purge_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.account_transfer_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.account_update_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.change_id_seq', 1, false);
SELECT pg_catalog.setval('public.finalization_request_id_seq', 1, false);
SELECT pg_catalog.setval('public.finalized_transfer_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.handled_batch_id_seq', 1, false);
SELECT pg_catalog.setval('public.pending_balance_change_id_seq', 1, false);
SELECT pg_catalog.setval('public.pending_balance_change_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.prepared_transfer_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.rejected_config_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.rejected_transfer_signal_id_seq', 1, false);
SELECT pg_catalog.setval('public.returned_message_id_seq', 1, false);
SELECT pg_catalog.setval('public.transfer_request_id_seq', 1, false);
SELECT pg_catalog.setval('public.unverified_transfer_request_id_seq', 1, false);
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
ALTER TABLE ONLY public.finalization_request
    ADD CONSTRAINT finalization_request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.finalized_transfer_signal
    ADD CONSTRAINT finalized_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.handled_batch
    ADD CONSTRAINT handled_batch_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pending_balance_change
    ADD CONSTRAINT pending_balance_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pending_balance_change_signal
    ADD CONSTRAINT pending_balance_change_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.prepared_transfer
    ADD CONSTRAINT prepared_transfer_pkey PRIMARY KEY (debtor_id, creditor_id, transfer_id);
ALTER TABLE ONLY public.prepared_transfer_signal
    ADD CONSTRAINT prepared_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.registered_balance_change
    ADD CONSTRAINT registered_balance_change_pkey PRIMARY KEY (debtor_id, other_creditor_id, change_id);
ALTER TABLE ONLY public.rejected_config_signal
    ADD CONSTRAINT rejected_config_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rejected_transfer_signal
    ADD CONSTRAINT rejected_transfer_signal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.returned_message
    ADD CONSTRAINT returned_message_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.root_config
    ADD CONSTRAINT root_config_pkey PRIMARY KEY (debtor_id);
ALTER TABLE ONLY public.transfer_request
    ADD CONSTRAINT transfer_request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.unverified_transfer_request
    ADD CONSTRAINT unverified_transfer_request_pkey PRIMARY KEY (id);
CREATE INDEX idx_account_key ON public.account USING btree (debtor_id, creditor_id) WITH (deduplicate_items=off);
CREATE INDEX idx_account_pending_update ON public.account USING btree (last_heartbeat_ts) WHERE pending_account_update;
CREATE INDEX idx_returned_message_due ON public.returned_message USING btree (next_attempt_at);
CREATE INDEX idx_unverified_transfer_request_due ON public.unverified_transfer_request USING btree (next_attempt_at);
