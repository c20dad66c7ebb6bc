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

-- Removes the rows up to an id, those with the lowest ids first. Returns the highest id that there
-- is (none in an empty table), and how many rows were removed.
CREATE OR REPLACE FUNCTION forget_handled(
    p_up_to_id bigint, p_count_max integer, OUT last_id bigint, OUT forgotten integer
)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT max(id) INTO last_id FROM handled_batch;
    DELETE FROM handled_batch
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM handled_batch
        WHERE id <= p_up_to_id
        ORDER BY id
        LIMIT p_count_max
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS forgotten = ROW_COUNT;
END
$$;
