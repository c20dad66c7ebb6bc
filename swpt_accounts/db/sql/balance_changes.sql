-- Takes in a batch of PendingBalanceChange messages from other shards. Each is archived, so
-- that it is applied exactly once however often it arrives; one that is older than
-- `p_threshold_ts` may have left the archive already, and is ignored.
CREATE OR REPLACE FUNCTION receive_balance_changes(
    p_debtor_id bigint[], p_creditor_id bigint[], p_other_creditor_id bigint[],
    p_change_id bigint[], p_principal_delta bigint[], p_coordinator_type text[],
    p_transfer_note text[], p_transfer_note_format text[], p_committed_at timestamptz[],
    p_trace_context text[], p_threshold_ts timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Applies the oldest pending balance changes after the one with id `p_after_id`: the changes
-- of one account together, under one lock, in order. An account that does not exist is opened,
-- a deleted one comes back. The changes `p_left_ids`, which were left before, are tried again.
-- Accounts that somebody else has locked are left for later. Returns how many changes were taken
-- from the queue, how many were seen after `p_after_id`, which were left, and how long ago the oldest
-- of the taken ones was committed.
CREATE OR REPLACE FUNCTION process_balance_changes(
    p_after_id bigint, p_count_max integer, p_left_ids bigint[],
    OUT taken integer, OUT seen integer, OUT last_id bigint, OUT left_ids bigint[],
    OUT waited_seconds double precision
)
LANGUAGE plpgsql AS $$
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

-- Opens the accounts of pending balance changes that do not exist, but for those that somebody
-- else is opening: the changes of these are left for later.
CREATE OR REPLACE FUNCTION open_missing_accounts(p_change_ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Writes accounts, which the caller has locked: an element of each array for each. An
-- AccountUpdate is sent at once for those that are new or come back (`p_are_announced`).
CREATE OR REPLACE FUNCTION credit_accounts(
    p_tids tid[], p_debtor_ids bigint[], p_creditor_ids bigint[], p_principals bigint[],
    p_interests numeric[], p_transfer_numbers bigint[], p_committed_at timestamptz[],
    p_are_overflown boolean[], p_are_announced boolean[]
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Removes pending balance changes, which the caller has locked: an element of each array for
-- each. Writes the reports to the owners of the accounts, and notes in the archive what is applied.
CREATE OR REPLACE FUNCTION conclude_balance_changes(
    p_tids tid[], p_are_reported boolean[], p_creation_dates date[], p_transfer_numbers bigint[],
    p_principals bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
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
