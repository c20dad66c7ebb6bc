-- Takes in a batch of PrepareTransfer messages. A request whose recipient is known to accept
-- transfers is queued; one whose recipient is in another shard waits for the answer of the
-- fetch API; the others are rejected. `p_recipient` is NULL where the recipient is no account id.
CREATE OR REPLACE FUNCTION receive_transfer_requests(
    p_debtor_id bigint[], p_creditor_id bigint[],
    p_coordinator_type text[], p_coordinator_id bigint[], p_coordinator_request_id bigint[],
    p_min_locked_amount bigint[], p_max_locked_amount bigint[], p_recipient bigint[],
    p_final_interest_rate_ts timestamptz[], p_max_commit_delay integer[], p_ts timestamptz[],
    p_trace_context text[], p_realm_bits integer, p_realm_length integer
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Prepares the oldest requests after the one with id `p_after_id`: the requests of one sender
-- together, under one lock of its account, in order. The requests `p_left_ids`, which were left
-- before, are tried again. Senders that somebody else has locked are left for later. Returns how many
-- requests were taken from the queue, how many were seen after `p_after_id`, which were left, and how
-- long ago the oldest of those with a sender was received.
CREATE OR REPLACE FUNCTION process_transfer_requests(
    p_after_id bigint, p_count_max integer, p_left_ids bigint[], p_commit_period interval,
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

-- The yearly rate (percent) at which a locked amount may shrink until it is committed.
CREATE OR REPLACE FUNCTION demurrage_rate() RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT -50::double precision
$$;

-- Rejects those of the given requests whose sender does not exist, or is deleted.
CREATE OR REPLACE FUNCTION reject_unreachable_senders(p_request_ids bigint[])
RETURNS integer
LANGUAGE plpgsql AS $$
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

-- Writes the accounts of senders, which the caller has locked: an element of each array for
-- each. Of these, `p_changed_count` have new transfers; the others stay as they are.
CREATE OR REPLACE FUNCTION lock_amounts(
    p_tids tid[], p_total_locked_amounts bigint[], p_transfers_counts integer[],
    p_last_transfer_ids bigint[], p_changed_count integer
) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Removes transfer requests, which the caller has locked: an element of each array for each.
-- Writes the prepared transfers, and the answers to the coordinators.
CREATE OR REPLACE FUNCTION answer_transfer_requests(
    p_tids tid[], p_statuses text[], p_locks bigint[], p_transfer_ids bigint[], p_totals bigint[],
    p_commit_period interval
) RETURNS void
LANGUAGE plpgsql AS $$
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
