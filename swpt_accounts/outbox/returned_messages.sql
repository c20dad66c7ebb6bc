-- The statements with which operators look at returned messages, and end them.
-- In braces: the condition `chosen`, which is the first of them.

-- name: chosen
(%(signal_names)s::text[] IS NULL OR m.signal_name = ANY (%(signal_names)s::text[]))
AND (
    %(destinations)s::text[] IS NULL
    OR coalesce(m.destination, '-') = ANY (%(destinations)s::text[])
)
AND (%(reason)s::text IS NULL OR position(%(reason)s::text IN m.reason) > 0)
AND (%(since)s::timestamptz IS NULL OR m.put_aside_at >= %(since)s::timestamptz)
AND (%(until)s::timestamptz IS NULL OR m.put_aside_at < %(until)s::timestamptz)
AND (
    %(debtor_id)s::bigint IS NULL
    OR (
        message_number(m.body, 'debtor_id') = %(debtor_id)s::bigint
        AND %(creditor_id)s::bigint IN (
            message_number(m.body, 'creditor_id'), message_number(m.body, 'other_creditor_id')
        )
    )
)

-- name: open_session
-- Of these questions, some are about all rows.
SET statement_timeout = 0;
SET enable_seqscan = on;
SET enable_hashjoin = on

-- name: only_read
SET default_transaction_read_only = on

-- name: list
-- The destinations, those with the most messages first.
SELECT
    coalesce(g.destination, '-') AS destination,
    sum(g.count)::bigint AS count,
    min(g.oldest) AS oldest,
    array_agg(g.signal_name ORDER BY g.signal_name) AS signal_names,
    max(g.reason) AS reason,
    max(coalesce(l.attempts_count, g.attempts_count)) AS attempts_count,
    min(coalesce(l.next_attempt_at, g.next_attempt_at)) AS next_attempt_at,
    min(coalesce(l.next_attempt_at, g.next_attempt_at)) <= current_ts() AS is_due
FROM (
    SELECT
        m.destination, m.signal_name, count(*) AS count, min(m.put_aside_at) AS oldest,
        max(m.reason) AS reason, max(m.attempts_count) AS attempts_count,
        min(m.next_attempt_at) AS next_attempt_at
    FROM returned_message m
    WHERE {chosen}
    GROUP BY m.destination, m.signal_name
) AS g
LEFT JOIN returned_line l ON l.destination = g.destination AND l.signal_name = g.signal_name
GROUP BY g.destination
ORDER BY count DESC, g.destination

-- name: page
-- Messages with a greater id, the oldest first.
SELECT
    m.id, m.signal_name, coalesce(m.destination, '-') AS destination, m.put_aside_at, m.reason,
    m.attempts_count, m.body
FROM returned_message m
WHERE m.id > %(after_id)s AND {chosen}
ORDER BY m.id
LIMIT %(count_max)s

-- name: count
SELECT m.signal_name, count(*) AS count FROM returned_message m WHERE {chosen}
GROUP BY m.signal_name

-- name: lines
SELECT DISTINCT m.destination, m.signal_name
FROM returned_message m
WHERE m.destination IS NOT NULL AND {chosen}
ORDER BY m.destination, m.signal_name

-- name: retry
-- Makes lines due. Those that are locked are tried at this moment.
UPDATE returned_line l SET next_attempt_at = current_ts()
WHERE l.ctid = ANY (ARRAY(
    SELECT mine.ctid
    FROM unnest(%(line_destinations)s::text[], %(line_names)s::text[])
        AS n (destination, signal_name)
    JOIN returned_line mine
        ON mine.destination = n.destination AND mine.signal_name = n.signal_name
    WHERE mine.next_attempt_at > current_ts()
    FOR NO KEY UPDATE OF mine SKIP LOCKED
))

-- name: retry_without_line
UPDATE returned_message m SET next_attempt_at = current_ts()
WHERE m.ctid = ANY (ARRAY(
    SELECT m.ctid
    FROM returned_message m
    WHERE m.destination IS NULL AND m.next_attempt_at > current_ts() AND {chosen}
    LIMIT %(count_max)s
    FOR UPDATE SKIP LOCKED
))

-- name: discard
-- Deletes messages with a greater id. Those that are locked are sent at this moment.
DELETE FROM returned_message d
WHERE d.ctid = ANY (ARRAY(
    SELECT m.ctid
    FROM returned_message m
    WHERE m.id > %(after_id)s AND {chosen} AND m.signal_name <> ALL (%(kept_names)s::text[])
    ORDER BY m.id
    LIMIT %(count_max)s
    FOR UPDATE SKIP LOCKED
))
RETURNING
    d.id, d.signal_name, coalesce(d.destination, '-') AS destination, d.put_aside_at, d.reason,
    d.attempts_count, d.body

-- name: end_empty_lines
-- Lines of these destinations that have no messages any more are due, so that a flusher ends them.
UPDATE returned_line l SET next_attempt_at = t0()
WHERE l.ctid = ANY (ARRAY(
    SELECT mine.ctid
    FROM returned_line mine
    WHERE mine.destination = ANY (%(line_destinations)s::text[])
        AND first_returned_message(mine.destination, mine.signal_name) IS NULL
    FOR NO KEY UPDATE SKIP LOCKED
))
