-- ConfigureAccount, a batch of them, in the order of arrival for each account.
--
-- `p_is_valid` says whether the config_data was found valid; for root accounts the fields of
-- the valid RootConfigData follow (NULL for creditors' accounts). Messages that would create
-- an account, but are older than `p_message_max_delay`, are ignored.
CREATE OR REPLACE FUNCTION configure_accounts(
    p_debtor_id bigint[], p_creditor_id bigint[], p_ts timestamptz[], p_seqnum integer[],
    p_negligible_amount double precision[], p_config_flags integer[], p_config_data text[],
    p_is_valid boolean[], p_minimal_balance bigint[],
    p_interest_rate double precision[], p_info_iri text[], p_info_content_type text[],
    p_info_sha256 bytea[], p_message_max_delay interval
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Applies one valid configuration: opens the account if there is none, undeletes it if it is
-- deleted, and sends an AccountUpdate.
CREATE OR REPLACE FUNCTION apply_configuration(
    p_debtor_id bigint, p_creditor_id bigint, p_ts timestamptz, p_seqnum integer,
    p_negligible_amount double precision, p_config_flags integer, p_config_data text,
    p_minimal_balance bigint, p_interest_rate double precision,
    p_info_iri text, p_info_content_type text, p_info_sha256 bytea
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Whether a configuration comes after another one: its moment, then its seqnum.
CREATE OR REPLACE FUNCTION is_later_config(
    p_ts timestamptz, p_seqnum integer, p_other_ts timestamptz, p_other_seqnum integer
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_ts > p_other_ts OR p_ts = p_other_ts AND is_later_seqnum(p_seqnum, p_other_seqnum)
$$;

-- Those of these accounts that another session has locked, or is removing.
CREATE OR REPLACE FUNCTION find_locked_accounts(p_debtor_id bigint[], p_creditor_id bigint[])
RETURNS TABLE (debtor_id bigint, creditor_id bigint)
LANGUAGE plpgsql AS $$
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
