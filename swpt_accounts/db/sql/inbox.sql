-- A message that the broker delivers again may have been handled already: the acknowledgement
-- is sent after the commit, and can get lost. Most messages do no harm the second time. For
-- PrepareTransfer, which would lock a second amount, the digests of what was handled are kept
-- for as long as a redelivery is likely.

CREATE OR REPLACE FUNCTION note_handled(p_digests bytea[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO handled_batch (handled_at, digests) VALUES (current_ts(), p_digests)
$$;

-- Which of these digests have been noted.
CREATE OR REPLACE FUNCTION find_handled(p_digests bytea[]) RETURNS bytea[]
LANGUAGE sql STABLE
SET enable_hashjoin = on
AS $$
    SELECT coalesce(array_agg(d.digest), '{}')
    FROM handled_batch b
    CROSS JOIN unnest(b.digests) AS d (digest)
    JOIN unnest(p_digests) AS p (digest) ON p.digest = d.digest
$$;

-- The first eight bytes of the digests that were noted last, in ascending order, joined; and whether
-- more of them may come from the server that this one follows.
CREATE OR REPLACE FUNCTION starts_of_handled(
    p_count_max integer, OUT starts bytea, OUT is_incomplete boolean
)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(string_agg(substring(digest FOR 8), '' ORDER BY digest), ''),
           pg_is_in_recovery()
    FROM (
        SELECT d.digest
        FROM handled_batch b
        CROSS JOIN unnest(b.digests) AS d (digest)
        ORDER BY b.id DESC
        LIMIT p_count_max
    ) AS latest
$$;

-- Removes those of the first rows that are older than this. Returns how many. (Where the clock was
-- set back, they stay until they are old by the new time.)
CREATE OR REPLACE FUNCTION forget_handled(p_age interval, p_count_max integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_forgotten integer;
BEGIN
    DELETE FROM handled_batch
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM handled_batch
        WHERE handled_at < current_ts() - p_age AND id <= (
            SELECT max(id)
            FROM (SELECT id FROM handled_batch ORDER BY id LIMIT p_count_max) AS first
        )
        ORDER BY id
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS v_forgotten = ROW_COUNT;
    RETURN v_forgotten;
END
$$;
