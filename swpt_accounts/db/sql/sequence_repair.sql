-- After a restore that has lost commits: peers have been told more than the database knows, with
-- numbers that it would give out again. All of them were given out before `p_told_until`.

-- A transfer number above all those that an account has had until a moment: its microseconds.
-- No account has a million transfers in each second of its life.
CREATE OR REPLACE FUNCTION outrunning_transfer_number(p_told_until timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM p_told_until) * 1000000)::bigint
$$;

-- The same for the ids of prepared transfers. They begin at 2^40 times the day on which the
-- account was opened, so this is 2^40 times a day and its part that is over.
CREATE OR REPLACE FUNCTION outrunning_transfer_id(p_told_until timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM p_told_until) * 1099511627776 / 86400)::bigint
$$;

-- Whether an account may know less than what its peers were told. One that was opened on a later
-- day is another account to them.
CREATE OR REPLACE FUNCTION is_outrun(p_account account, p_told_until timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT p_account.creation_date <= (p_told_until AT TIME ZONE 'UTC')::date
        AND (
            p_account.last_change_ts <= p_told_until
            OR p_account.last_transfer_id < outrunning_transfer_id(p_told_until)
            OR p_account.creditor_id <> 0
                AND p_account.last_transfer_number < outrunning_transfer_number(p_told_until)
        )
$$;

-- Counts the accounts of some pages that may know less than their peers.
CREATE OR REPLACE FUNCTION count_outrun_accounts(
    p_first_page bigint, p_end_page bigint, p_told_until timestamptz,
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT count(*)
    FROM account a
    WHERE ctid >= page_start(p_first_page) AND ctid < page_start(p_end_page)
        AND is_outrun(a, p_told_until)
        AND in_realm(debtor_id, creditor_id, p_realm_bits, p_realm_length)
$$;

-- Lets these accounts go on above all that was told, and sends their AccountUpdates, which are later
-- than any before. To their owners, the AccountTransfers between are lost: there is none with
-- the number that the chain goes on from, so its moment is "never". Returns how many they are.
CREATE OR REPLACE FUNCTION mend_outrun_accounts(
    p_first_page bigint, p_end_page bigint, p_told_until timestamptz,
    p_realm_bits integer DEFAULT 0, p_realm_length integer DEFAULT 0
) RETURNS bigint
LANGUAGE plpgsql AS $$
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
