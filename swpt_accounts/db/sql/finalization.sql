-- Takes in a batch of FinalizeTransfer messages.
CREATE OR REPLACE FUNCTION receive_finalization_requests(
    p_debtor_id bigint[], p_creditor_id bigint[], p_transfer_id bigint[],
    p_coordinator_type text[], p_coordinator_id bigint[], p_coordinator_request_id bigint[],
    p_committed_amount bigint[], p_transfer_note text[], p_transfer_note_format text[],
    p_trace_context text[]
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Finalizes the transfers of the oldest requests after the one with id `p_after_id`: the
-- requests of one sender together, under one lock of its account, in order. The requests
-- `p_left_ids`, which were left before, are tried again. Senders that somebody else has locked are
-- left for later; a request that matches no prepared transfer is dropped. Returns how many requests
-- were taken from the queue, how many were seen after `p_after_id`, which were left, and how long ago
-- the oldest of those with a prepared transfer was received.
CREATE OR REPLACE FUNCTION process_finalization_requests(
    p_after_id bigint, p_count_max integer, p_left_ids bigint[],
    p_realm_bits integer, p_realm_length integer,
    OUT taken integer, OUT seen integer, OUT last_id bigint, OUT left_ids bigint[],
    OUT waited_seconds double precision
)
LANGUAGE plpgsql AS $$
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

-- Drops those of the given requests that match no prepared transfer. Returns how many.
CREATE OR REPLACE FUNCTION drop_unmatched_finalization_requests(p_request_ids bigint[])
RETURNS integer
LANGUAGE plpgsql AS $$
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

-- What becomes of a request to commit or dismiss a prepared transfer. `p_expendable` is the
-- sender's, after what was committed before.
CREATE OR REPLACE FUNCTION finalization_status(
    p_now timestamptz, p_creditor_id bigint, p_committed_amount bigint, p_expendable numeric,
    p_locked_amount bigint, p_demurrage_rate double precision, p_prepared_at timestamptz,
    p_deadline timestamptz, p_last_interest_rate_change_ts timestamptz,
    p_final_interest_rate_ts timestamptz
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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

-- Writes the accounts of senders, which the caller has locked: an element of each array for
-- each. Those of which nothing was committed (`p_are_changed`) only get their locks released.
CREATE OR REPLACE FUNCTION debit_senders(
    p_tids tid[], p_principals bigint[], p_interests numeric[], p_total_locked_amounts bigint[],
    p_transfers_counts integer[], p_seqnums integer[], p_transfer_numbers bigint[],
    p_are_changed boolean[], p_are_overflown boolean[]
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Removes finalization requests and the transfers that they finalize, both of which the caller
-- has locked: an element of each array for each. Writes the answers to the coordinators, the
-- reports to the senders, and the changes of the recipients' balances.
CREATE OR REPLACE FUNCTION conclude_transfers(
    p_tids tid[], p_transfer_tids tid[], p_statuses text[], p_amounts bigint[],
    p_totals bigint[], p_creation_dates date[], p_transfer_numbers bigint[],
    p_principals bigint[], p_realm_bits integer, p_realm_length integer
) RETURNS void
LANGUAGE plpgsql AS $$
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
