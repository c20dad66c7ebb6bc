-- PrepareTransfer messages whose recipients are in other shards wait here for the answer of the
-- fetch API.

-- Adds up how long the requests have been due while nobody asked, for whoever begins to ask again.
CREATE OR REPLACE FUNCTION note_unasked() RETURNS void
LANGUAGE sql AS $$
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

-- Takes up to `p_count_max` requests that are due, for a time: if the one who took them does not
-- come back, they are due again after `p_lease`. A request that would be due later than anybody puts
-- one off, or leases it for (130 seconds at most), was written before the clock was set back.
CREATE OR REPLACE FUNCTION lease_unverified_requests(p_count_max integer, p_lease interval)
RETURNS TABLE (id bigint, debtor_id bigint, recipient_creditor_id bigint)
LANGUAGE sql AS $$
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

-- Notes the answers: true lets a request go on to be prepared, false rejects it. Without an
-- answer (NULL) it is asked again after a while that doubles with each attempt; but after
-- `p_patience`, and three attempts, it is rejected; only time in which somebody asked counts. Where
-- the clock was set back meanwhile, the time cannot be told, and the attempts count. What somebody else has locked is left as it is: its lease
-- ends. Returns how many were rejected without an answer.
CREATE OR REPLACE FUNCTION note_verifications(
    p_id bigint[], p_is_reachable boolean[], p_patience interval
) RETURNS integer
LANGUAGE plpgsql AS $$
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
