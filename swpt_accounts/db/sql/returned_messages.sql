-- Outgoing messages that the broker did not take wait in lines, one for each type and destination.
-- A line that is due is probed with a few messages. If the destination takes them, the others
-- follow at once; if not, the pause of the line doubles. A line ends when it has no messages.
--
-- Whoever puts messages aside holds a shared advisory lock until the end of its transaction, so
-- that no line ends before its new messages are seen.

-- The pause after so many attempts in a row that have failed, in seconds.
CREATE OR REPLACE FUNCTION returned_pause(p_attempts_count integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_attempts_count = 0 THEN 0
        ELSE least(2 ^ least(p_attempts_count, 10), 900)::integer END
$$;

-- All pauses that there are. With them, indexes of lines find what is due: a pause that a version has
-- stored has to stay here, or its lines are never found again. The longest is also in returned_latest().
CREATE OR REPLACE FUNCTION returned_pauses() RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT returned_pause(n) FROM generate_series(0, 10) AS n)
$$;

-- After this moment, no attempt is planned: it was planned when the clock was ahead, and is due.
CREATE OR REPLACE FUNCTION returned_latest() RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT current_ts() + interval '15 minutes'
$$;

CREATE OR REPLACE FUNCTION returned_lock() RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT 'returned_line'::regclass::oid::bigint
$$;

-- Puts messages aside. Those that had been taken from a line keep their `id`, and so their place.
-- Returns the lines that begin.
CREATE OR REPLACE FUNCTION put_aside_messages(
    p_id bigint[], p_signal_name text[], p_destination text[], p_body bytea[], p_reason text[],
    p_attempts_count integer[], p_put_aside_at timestamptz[], p_trace_context text[]
) RETURNS TABLE (signal_name text, destination text)
LANGUAGE plpgsql AS $$
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

-- The lines that are due, of each type and pause at most so many, and their turns: the first of
-- each have the first turn. So no type, and no destination that is away for long, keeps the others
-- waiting.
CREATE OR REPLACE FUNCTION due_lines(p_signal_names text[], p_count_max integer)
RETURNS TABLE (id bigint, turn bigint)
LANGUAGE sql STABLE AS $$
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

-- The first message of a line; NULL if it has none.
CREATE OR REPLACE FUNCTION first_returned_message(p_destination text, p_signal_name text)
RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT m.id
    FROM returned_message m
    WHERE m.destination IS NOT NULL
        AND (m.destination, m.signal_name, m.id) >= (p_destination, p_signal_name, 0)
        AND (m.destination, m.signal_name) <= (p_destination, p_signal_name)
    ORDER BY m.destination, m.signal_name, m.id
    LIMIT 1
$$;

-- Takes messages that are due to be sent again: of each line that is due its share, or a few to
-- probe it. The lines stay locked.
CREATE OR REPLACE FUNCTION take_due_messages(p_signal_names text[], p_count_max integer)
RETURNS TABLE (
    id bigint, signal_name text, destination text, body bytea, attempts_count integer,
    put_aside_at timestamptz, trace_context text
)
LANGUAGE plpgsql AS $$
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

-- Notes for lines that were due whether the destination has taken all of the messages that were
-- tried, and how many of them. Other lines of a destination that takes messages are due, too.
CREATE OR REPLACE FUNCTION note_returned_lines(
    p_signal_name text[], p_destination text[], p_is_open boolean[], p_sent_count integer[]
) RETURNS void
LANGUAGE sql AS $$
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

-- Ends lines that have no messages any more. Returns how many were sent since they began.
CREATE OR REPLACE FUNCTION end_returned_lines(p_signal_names text[], p_count_max integer)
RETURNS TABLE (signal_name text, destination text, sent_count bigint)
LANGUAGE plpgsql AS $$
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

-- Whether there are messages to be sent again now.
CREATE OR REPLACE FUNCTION has_due_messages(p_signal_names text[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
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
