-- The bits of `account.status_flags`, and of `account.config_flags`, by their names.
CREATE OR REPLACE FUNCTION make_status_flags(p_is_deleted boolean, p_is_overflown boolean)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_is_deleted THEN 1 ELSE 0 END | CASE WHEN p_is_overflown THEN 2 ELSE 0 END
$$;

CREATE OR REPLACE FUNCTION is_deleted(p_status_flags integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_status_flags & 1 <> 0
$$;

CREATE OR REPLACE FUNCTION is_overflown(p_status_flags integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_status_flags & 2 <> 0
$$;

CREATE OR REPLACE FUNCTION is_scheduled_for_deletion(p_config_flags integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_config_flags & 1 <> 0
$$;

-- Puts the AccountUpdates of the given accounts in the outbox. The caller holds the locks of the
-- accounts, and has noted in each that its update is sent.
CREATE OR REPLACE FUNCTION record_account_updates(
    p_debtor_ids bigint[], p_creditor_ids bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Opens an account, if there is none. It starts with the interest rate of its currency,
-- as far as that is known. Returns whether it was opened now: then the caller sends an
-- AccountUpdate in the same transaction; until it does, the last heartbeat is "never".
CREATE OR REPLACE FUNCTION open_account(p_debtor_id bigint, p_creditor_id bigint)
RETURNS boolean
LANGUAGE plpgsql AS $$
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

-- Whether the debtor's own account is in this shard, and deleted: its configuration, which the
-- fetch API does not return any more, does not count.
CREATE OR REPLACE FUNCTION is_root_deleted(p_debtor_id bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT is_deleted(status_flags) FROM account WHERE debtor_id = p_debtor_id AND creditor_id = 0
    ), false)
$$;

-- The interest rate that the debtor pays on a creditor's account; 0 for the debtor's own
-- account, NULL where no RootConfigData is known.
CREATE OR REPLACE FUNCTION creditors_interest_rate(p_debtor_id bigint, p_creditor_id bigint)
RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_creditor_id = 0 THEN 0
        ELSE (
            SELECT interest_rate FROM root_config
            WHERE debtor_id = p_debtor_id AND NOT is_root_deleted(p_debtor_id)
        )
    END
$$;

-- Whether an account of this shard accepts incoming transfers.
CREATE OR REPLACE FUNCTION is_reachable(p_debtor_id bigint, p_creditor_id bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
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

-- The configuration of an account; NULL if there is no such account.
CREATE OR REPLACE FUNCTION get_config_data(p_debtor_id bigint, p_creditor_id bigint)
RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT config_data
        FROM account
        WHERE debtor_id = p_debtor_id AND creditor_id = p_creditor_id
            AND NOT is_deleted(status_flags)
    );
END
$$;
