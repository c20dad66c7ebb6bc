-- What operators have done with dead letters, which stay in their stream. A letter is known by
-- the name of its queue, its offset (-1 where the queue is no stream) and its digest: a stream that
-- was deleted and declared again counts from 0 again.

-- One at a time deals with letters: what is `replaying` then, was interrupted.
CREATE OR REPLACE FUNCTION lock_dead_letters() RETURNS boolean
LANGUAGE sql AS $$
    SELECT pg_try_advisory_lock(hashtextextended('swpt_accounts dead letters', 0))
$$;

CREATE OR REPLACE FUNCTION find_dealt_with(
    p_queue text, p_stream_offset bigint[], p_digest bytea[]
) RETURNS TABLE (stream_offset bigint, digest bytea, state text)
LANGUAGE sql STABLE AS $$
    SELECT d.stream_offset, d.digest, d.state
    FROM unnest(p_stream_offset, p_digest) AS l (stream_offset, digest)
    CROSS JOIN LATERAL (
        SELECT found.stream_offset, found.digest, found.state
        FROM dead_letter_dealt_with found
        WHERE found.queue = p_queue
            AND found.stream_offset = l.stream_offset
            AND found.digest = l.digest
    ) AS d
$$;

CREATE OR REPLACE FUNCTION mark_dealt_with(
    p_queue text, p_stream_offset bigint[], p_digest bytea[], p_state text
) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO dead_letter_dealt_with (queue, stream_offset, digest, state, changed_at)
    SELECT DISTINCT p_queue, l.stream_offset, l.digest, p_state, current_ts()
    FROM unnest(p_stream_offset, p_digest) AS l (stream_offset, digest)
    ON CONFLICT (queue, stream_offset, digest)
    DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at
$$;

CREATE OR REPLACE FUNCTION unmark_dealt_with(
    p_queue text, p_stream_offset bigint[], p_digest bytea[]
) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM dead_letter_dealt_with d
    USING unnest(p_stream_offset, p_digest) AS l (stream_offset, digest)
    WHERE d.queue = p_queue AND d.stream_offset = l.stream_offset AND d.digest = l.digest
$$;

-- Letters that are not in the stream any more.
CREATE OR REPLACE FUNCTION forget_dealt_with(p_queue text, p_first_offset bigint) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM dead_letter_dealt_with
    WHERE queue = p_queue AND stream_offset >= 0 AND stream_offset < p_first_offset
$$;
