-- Puts aside outgoing messages that the broker did not take. The n-th attempt follows after
-- 2^n seconds, at most 15 minutes.
CREATE OR REPLACE FUNCTION put_aside_messages(
    p_signal_name text[], p_body bytea[], p_reason text[], p_attempts_count integer[]
) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO returned_message (signal_name, body, reason, attempts_count, next_attempt_at)
    SELECT
        signal_name, body, reason, attempts_count,
        current_ts() + least(interval '1 second' * 2 ^ least(attempts_count, 20), '15 minutes')
    FROM unnest(p_signal_name, p_body, p_reason, p_attempts_count)
        AS m (signal_name, body, reason, attempts_count)
$$;

-- Takes the messages that are due to be sent again.
CREATE OR REPLACE FUNCTION take_due_messages(p_signal_names text[], p_count_max integer)
RETURNS TABLE (id bigint, signal_name text, body bytea, attempts_count integer)
LANGUAGE sql AS $$
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
